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
