package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// Bounds of associations.
const (
	udpIdle    = 2 * time.Minute  // RFC 4787, REQ-5
	dnsIdle    = 15 * time.Second // a resolver answers at once, and each question comes from a port of its own
	udpQueue   = 64               // datagrams that wait for the engine
	udpPerHost = 1024             // associations of one lease
	maxPayload = 65507
	dnsPayload = 8 << 10 // more than any resolver sends over UDP
)

// udpKey is a client's port. Questions to the resolver have an association of their own: their answers come back in the
// resolver's name.
type udpKey struct {
	client   netip.AddrPort
	resolver netip.AddrPort // zero for everything else
}

// association is one client port's datagrams to wherever it sends them.
type association struct {
	key   udpKey
	lease *lease
	queue chan datagram
	done  chan struct{}
	once  sync.Once
	used  atomic.Int64 // Unix seconds of the last datagram, either way
}

type datagram struct {
	to      flow.Dest
	payload []byte
}

func (a *association) end() { a.once.Do(func() { close(a.done) }) }

// datagram takes one of a client's. The stack waits for it, so it does not.
func (n *network) datagram(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	client := netip.AddrPortFrom(address(id.RemoteAddress), id.RemotePort)
	asked := netip.AddrPortFrom(address(id.LocalAddress), id.LocalPort)
	dest, ok := n.route(asked)
	if !ok || client.Port() == 0 {
		return true
	}
	key := udpKey{client: client}
	if dest.Addr != asked.Addr().Unmap() {
		key.resolver = asked
	}
	a := n.associate(key)
	if a == nil {
		return true
	}
	a.used.Store(time.Now().Unix())
	select {
	case a.queue <- datagram{dest, pkt.Data().AsRange().ToSlice()}:
	default: // the engine paces or waits for an allowance: datagrams are lost, as on any full link
	}
	return true
}

// associate finds a client port's association or begins one; nil when it may not have one more.
func (n *network) associate(key udpKey) *association {
	l := n.lease(key.client.Addr())
	if l == nil {
		return nil
	}
	n.udpMu.Lock()
	defer n.udpMu.Unlock()
	a := n.udp[key]
	if a != nil && a.lease == l {
		return a
	}
	if n.ctx.Err() != nil || !l.mayOpen() {
		return nil
	}
	a = &association{key: key, lease: l, queue: make(chan datagram, udpQueue), done: make(chan struct{})}
	n.udp[key] = a
	n.wg.Go(func() {
		n.serve(a)
		n.udpMu.Lock()
		if n.udp[key] == a {
			delete(n.udp, key)
		}
		n.udpMu.Unlock()
		l.ports.Add(-1)
	})
	return a
}

// mayOpen takes one of the lease's associations.
func (l *lease) mayOpen() bool {
	if l.ports.Add(1) <= udpPerHost {
		return true
	}
	l.ports.Add(-1)
	return false
}

// endAssociations ends those of one lease, or all.
func (n *network) endAssociations(l *lease) {
	n.udpMu.Lock()
	defer n.udpMu.Unlock()
	for _, a := range n.udp {
		if l == nil || a.lease == l {
			a.end()
		}
	}
}

// serve carries an association's datagrams out until it is silent, ended or cut.
func (n *network) serve(a *association) {
	defer a.end()
	ctx, cancel := context.WithTimeout(n.ctx, dialWithin)
	out, err := a.lease.host.Associate(ctx, flow.Flow{Principal: a.lease.principal, Source: a.key.client, Network: flow.UDP})
	cancel()
	if err != nil {
		return
	}
	n.wg.Go(func() {
		defer a.end()
		n.answers(a, out)
	})
	defer func() { _ = out.Close() }() // ends answers
	quiet := udpIdle
	if a.key.resolver.IsValid() {
		quiet = dnsIdle
	}
	idle := time.NewTicker(quiet / 4)
	defer idle.Stop()
	for {
		select {
		case d := <-a.queue:
			if _, err := out.WriteTo(d.payload, d.to); err != nil && fatal(err) {
				return
			}
		case <-idle.C:
			if time.Since(time.Unix(a.used.Load(), 0)) > quiet {
				return
			}
		case <-a.done:
			return
		}
	}
}

// answers carries datagrams back to the client's port.
func (n *network) answers(a *association, out ingress.PacketConn) {
	most := maxPayload
	if a.key.resolver.IsValid() {
		most = dnsPayload
	}
	buf := make([]byte, most)
	for {
		size, from, err := out.ReadFrom(buf)
		if err != nil {
			return
		}
		a.used.Store(time.Now().Unix())
		source := netip.AddrPortFrom(from.Addr, from.Port)
		if a.key.resolver.IsValid() {
			source = a.key.resolver
		}
		n.send(source, a.key.client, buf[:size])
	}
}

// fatal tells what ends an association from what concerns one datagram.
func fatal(err error) bool {
	return !errors.Is(err, flow.ErrBlocked) && !errors.Is(err, flow.ErrUnreachable)
}

// send puts a datagram of ours on its way to a client; the stack fragments what is too long. An address of the other family
// has no way to the client.
func (n *network) send(from, to netip.AddrPort, payload []byte) {
	if from.Addr().Is4() != to.Addr().Is4() || from.Addr().Is6() != to.Addr().Is6() {
		return
	}
	proto := ipv4.ProtocolNumber
	if to.Addr().Is6() {
		proto = ipv6.ProtocolNumber
	}
	r, err := n.stack.FindRoute(nic, tcpip.AddrFromSlice(from.Addr().AsSlice()), tcpip.AddrFromSlice(to.Addr().AsSlice()), proto, false)
	if err != nil {
		return
	}
	defer r.Release()
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: header.UDPMinimumSize + int(r.MaxHeaderLength()), Payload: buffer.MakeWithData(payload),
	})
	defer pkt.DecRef()
	length := uint16(header.UDPMinimumSize + len(payload))
	h := header.UDP(pkt.TransportHeader().Push(header.UDPMinimumSize))
	pkt.TransportProtocolNumber = header.UDPProtocolNumber
	h.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: length})
	sum := r.PseudoHeaderChecksum(header.UDPProtocolNumber, length)
	sum = checksum.Checksum(payload, sum)
	h.SetChecksum(^h.CalculateChecksum(sum))
	_ = r.WritePacket(stack.NetworkHeaderParams{Protocol: header.UDPProtocolNumber, TTL: r.DefaultTTL()}, pkt)
}
