package tunnel

import (
	"context"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"culvert/agent/internal/flow"
)

// Bounds of a client's TCP connection.
const (
	dialWithin    = 15 * time.Second
	keepAliveIdle = 2 * time.Minute
	keepAliveStep = 30 * time.Second
	goneAfter     = 3 * time.Minute // unacknowledged bytes or keep-alives: the client has gone
)

// tcp opens the flow behind a client's SYN. It runs in a goroutine of its own.
func (n *network) tcp(r *tcp.ForwarderRequest) {
	if !n.enter() {
		r.Complete(true)
		return
	}
	defer n.wg.Done()
	id := r.ID()
	source := netip.AddrPortFrom(address(id.RemoteAddress), id.RemotePort)
	l := n.lease(source.Addr())
	dest, ok := n.route(netip.AddrPortFrom(address(id.LocalAddress), id.LocalPort))
	if l == nil || !ok {
		r.Complete(true)
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, dialWithin)
	defer cancel()
	out, err := l.host.Dial(ctx, flow.Flow{Principal: l.principal, Source: source, Network: flow.TCP, Dest: dest})
	if err != nil { // told before the handshake: a refused target is a reset to the client
		r.Complete(true)
		return
	}
	var wq waiter.Queue
	ep, terr := r.CreateEndpoint(&wq)
	r.Complete(terr != nil)
	if terr != nil {
		_ = out.Close()
		return
	}
	keepAlive(ep)
	bound(ep)
	// Relay's outcome is the flow's own affair: the engine counts it and the client sees it.
	_ = out.Relay(&client{TCPConn: gonet.NewTCPConn(&wq, ep), ep: ep}, nil)
}

func keepAlive(ep tcpip.Endpoint) {
	ep.SocketOptions().SetKeepAlive(true)
	idle, step, gone := tcpip.KeepaliveIdleOption(keepAliveIdle), tcpip.KeepaliveIntervalOption(keepAliveStep), tcpip.TCPUserTimeoutOption(goneAfter)
	for _, o := range []tcpip.SettableSocketOption{&idle, &step, &gone} {
		_ = ep.SetSockOpt(o) // an endpoint that just closed refuses: Relay finds out
	}
}

// Send buffers. What is in them is on its way: the stack's window opens until something is lost.
const (
	sendDefault = 256 << 10
	sendNear    = 2 << 20
	sendMost    = 4 << 20
	fullRate    = 125_000 // bytes a millisecond, 1 Gbit/s: as much as one connection shall reach
)

// bound gives a connection to a client that is near as much of a send buffer as the way there can hold. With the stack's own,
// which grows with the window, some near clients' connections overflow a socket on the way between them, for nothing; and
// what is lost costs the stack more than what is sent.
func bound(ep tcpip.Endpoint) {
	var i tcpip.TCPInfoOption
	if err := ep.GetSockOpt(&i); err != nil || i.RTT == 0 {
		return
	}
	if size := inFlight(i.RTT); size < sendMost {
		ep.SocketOptions().SetSendBufferSize(size, true)
	}
}

// inFlight is how many bytes a connection may have on a way of that round trip.
func inFlight(rtt time.Duration) int64 {
	return min(max(rtt.Microseconds()*fullRate/1000, sendNear), sendMost)
}

// client is the connection to a client inside the tunnel.
type client struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// Abort resets the connection.
func (c *client) Abort() {
	c.ep.Abort()
	_ = c.Close() // wakes who reads or writes
}
