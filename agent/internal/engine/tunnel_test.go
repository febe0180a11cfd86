package engine

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// protoTunnel makes flows of packets with one gVisor stack.
type protoTunnel struct {
	stack *stack.Stack
	link  *channel.Endpoint
	ctx   context.Context
	wg    sync.WaitGroup

	mu     sync.Mutex
	leases map[netip.Addr]*protoLease
}

type protoLease struct {
	t       *protoTunnel
	host    ingress.Host
	p       flow.Principal
	addr    netip.Addr
	deliver func([]byte) error
}

func newProtoTunnel(t *testing.T) *protoTunnel {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	pt := &protoTunnel{stack: s, link: channel.New(512, 1420, ""), ctx: ctx, leases: map[netip.Addr]*protoLease{}}
	if err := s.CreateNIC(1, pt.link); err != nil {
		t.Fatal(err)
	}
	s.SetPromiscuousMode(1, true)
	s.SetSpoofing(1, true)
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}})
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(s, 0, 128, func(r *tcp.ForwarderRequest) { pt.tcp(r) }).HandlePacket)
	s.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(s, func(r *udp.ForwarderRequest) { pt.udp(r) }).HandlePacket)
	pt.wg.Go(pt.outbound)
	t.Cleanup(func() {
		cancel()
		pt.wg.Wait()
		s.Close()
		s.Wait()
	})
	return pt
}

func address(a tcpip.Address) netip.Addr { return netip.AddrFrom4(a.As4()) }

func (pt *protoTunnel) lease(a netip.Addr) *protoLease {
	pt.mu.Lock()
	defer pt.mu.Unlock()
	return pt.leases[a]
}

// flow names the flow behind a packet: identity is the inner source address.
func (pt *protoTunnel) flow(id stack.TransportEndpointID) (*protoLease, flow.Flow) {
	l := pt.lease(address(id.RemoteAddress))
	if l == nil {
		return nil, flow.Flow{}
	}
	return l, flow.Flow{
		Principal: l.p, Source: netip.AddrPortFrom(l.addr, id.RemotePort),
		Dest: flow.Dest{Addr: address(id.LocalAddress), Port: id.LocalPort},
	}
}

func (pt *protoTunnel) tcp(r *tcp.ForwarderRequest) {
	l, f := pt.flow(r.ID())
	if l == nil {
		r.Complete(true)
		return
	}
	out, err := l.host.Dial(pt.ctx, f) // before the handshake: a refused target is a reset to the client
	if err != nil {
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
	pt.wg.Go(func() { _ = out.Relay(gonet.NewTCPConn(&wq, ep), nil) })
}

func (pt *protoTunnel) udp(r *udp.ForwarderRequest) {
	l, f := pt.flow(r.ID())
	if l == nil {
		return
	}
	var wq waiter.Queue
	ep, terr := r.CreateEndpoint(&wq)
	if terr != nil {
		return
	}
	client := gonet.NewUDPConn(&wq, ep)
	pt.wg.Go(func() { // never inline: the stack waits for this handler
		defer client.Close()
		out, err := l.host.Associate(pt.ctx, f)
		if err != nil {
			return
		}
		stop := context.AfterFunc(pt.ctx, func() { _ = client.Close() })
		defer stop()
		pt.wg.Go(func() {
			defer client.Close()
			buf := make([]byte, 2048)
			for {
				n, _, err := out.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = client.Write(buf[:n])
			}
		})
		defer out.Close()
		buf := make([]byte, 2048)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if _, err := out.WriteTo(buf[:n], f.Dest); err != nil {
				return
			}
		}
	})
}

// outbound hands packets of the stack to the lease of their destination.
func (pt *protoTunnel) outbound() {
	for {
		p := pt.link.ReadContext(pt.ctx)
		if p == nil {
			return
		}
		view := p.ToView()
		p.DecRef()
		b := view.AsSlice()
		if l := pt.lease(netip.AddrFrom4([4]byte(b[16:20]))); l != nil {
			_ = l.deliver(append([]byte(nil), b...))
		}
		view.Release()
	}
}

// Lease implements Tunnel.
func (pt *protoTunnel) Lease(_ context.Context, h ingress.Host, p flow.Principal, _ string, want ...netip.Addr) (ingress.Lease, error) {
	if len(want) != 1 {
		return nil, errors.New("the prototype leases fixed addresses only")
	}
	l := &protoLease{t: pt, host: h, p: p, addr: want[0]}
	pt.mu.Lock()
	defer pt.mu.Unlock()
	pt.leases[l.addr] = l
	return l, nil
}

func (l *protoLease) Addrs() []netip.Addr            { return []netip.Addr{l.addr} }
func (l *protoLease) Deliver(f func(b []byte) error) { l.deliver = f }

func (l *protoLease) Inject(packet []byte) error {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(packet)})
	l.t.link.InjectInbound(ipv4.ProtocolNumber, p)
	p.DecRef()
	return nil
}

func (l *protoLease) Release() {
	l.t.mu.Lock()
	defer l.t.mu.Unlock()
	if l.t.leases[l.addr] == l {
		delete(l.t.leases, l.addr)
	}
}
