package tunnel

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

const (
	nic      = 1
	inFlight = 2048 // TCP connections whose target is being dialled
	dnsPort  = 53
)

// network is one ingress's stack with its leases.
type network struct {
	stack *stack.Stack
	link  *link
	spec  ingress.LeaseSpec // of the first lease: what is the same for all
	ctx   context.Context
	end   context.CancelFunc
	wg    sync.WaitGroup
	last  func() // called once, without locks, when the last lease is gone

	mu     sync.RWMutex
	leases map[netip.Addr]*lease
	count  int
	shutUp bool // no leases any more

	udpMu sync.Mutex
	udp   map[udpKey]*association
}

func newNetwork(spec ingress.LeaseSpec) (*network, error) {
	n := &network{
		spec: spec, leases: map[netip.Addr]*lease{}, udp: map[udpKey]*association{},
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
		}),
	}
	n.link = newLink(spec.MTU, n.deliver)
	n.ctx, n.end = context.WithCancel(context.Background()) // a network lives as long as its leases, whoever came first
	if err := n.configure(); err != nil {
		n.end()
		n.stack.Close()
		return nil, err
	}
	return n, nil
}

func (n *network) configure() error {
	sack, reno, moderate := tcpip.TCPSACKEnabled(true), tcpip.CongestionControlOption("reno"), tcpip.TCPModerateReceiveBufferOption(true)
	for _, opt := range []tcpip.SettableTransportProtocolOption{
		&sack, &reno, &moderate, // Reno beat gVisor's Cubic here by a quarter (libraries.md §3)
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 256 << 10, Max: 4 << 20},
		&tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 256 << 10, Max: 4 << 20},
	} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, opt); err != nil {
			return fmt.Errorf("TCP option %T: %s", opt, err)
		}
	}
	if err := n.stack.CreateNIC(nic, n.link); err != nil {
		return fmt.Errorf("create interface: %s", err)
	}
	if err := n.stack.SetPromiscuousMode(nic, true); err != nil {
		return fmt.Errorf("take every packet: %s", err)
	}
	if err := n.stack.SetSpoofing(nic, true); err != nil {
		return fmt.Errorf("answer in every name: %s", err)
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(n.stack, 0, inFlight, n.tcp).HandlePacket)
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, n.datagram)
	return nil
}

// add lists a lease; false when the network is going away.
func (n *network) add(l *lease) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shutUp {
		return false
	}
	for _, a := range l.spec.Addrs {
		n.leases[a] = l
	}
	n.count++
	return true
}

func (n *network) remove(l *lease) {
	n.mu.Lock()
	for _, a := range l.spec.Addrs {
		if n.leases[a] == l {
			delete(n.leases, a)
		}
	}
	n.count--
	gone := n.count == 0 && !n.shutUp
	n.shutUp = n.shutUp || gone
	n.mu.Unlock()
	n.endAssociations(l)
	if gone {
		n.last()
	}
}

// shut lets nobody in any more.
func (n *network) shut() {
	n.mu.Lock()
	n.shutUp = true
	n.mu.Unlock()
}

// close ends the stack and waits for everything that ran on it.
func (n *network) close() {
	n.mu.Lock()
	n.end() // under the lock: nobody enters afterwards
	n.mu.Unlock()
	n.endAssociations(nil)
	n.stack.Close()
	n.wg.Wait()
	n.stack.Wait()
}

// enter counts a goroutine that the stack started; false when the network is closing.
func (n *network) enter() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.wg.Add(1)
	return true
}

func (n *network) lease(a netip.Addr) *lease {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.leases[a]
}

func address(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr
}

// wanted drops what the stack would answer in a name that is not ours: ICMP to anyone but the resolver.
func (n *network) wanted(packet []byte) bool {
	switch {
	case packet[0]>>4 == 4 && len(packet) >= header.IPv4MinimumSize && packet[9] == uint8(header.ICMPv4ProtocolNumber):
		return slices.Contains(n.spec.Resolver, netip.AddrFrom4([4]byte(packet[16:20])))
	case packet[0]>>4 == 6 && len(packet) >= header.IPv6MinimumSize && packet[6] == uint8(header.ICMPv6ProtocolNumber):
		return slices.Contains(n.spec.Resolver, netip.AddrFrom16([16]byte(packet[24:40])))
	}
	return true
}

// deliver hands a packet of the stack to the lease of its destination.
func (n *network) deliver(packet []byte) {
	var to netip.Addr
	switch {
	case len(packet) >= header.IPv4MinimumSize && packet[0]>>4 == 4:
		to = netip.AddrFrom4([4]byte(packet[16:20]))
	case len(packet) >= header.IPv6MinimumSize && packet[0]>>4 == 6:
		to = netip.AddrFrom16([16]byte(packet[24:40]))
	}
	if l := n.lease(to); l != nil {
		l.spec.Deliver(packet)
	}
}

// route says where a client's packet to dest goes: the resolver's addresses lead to the real one; the rest of the network's
// own addresses, other clients among them, lead nowhere.
func (n *network) route(dest netip.AddrPort) (flow.Dest, bool) {
	if slices.Contains(n.spec.Resolver, dest.Addr()) {
		if dest.Port() != dnsPort || !n.spec.Upstream.IsValid() {
			return flow.Dest{}, false
		}
		dest = n.spec.Upstream
	} else if slices.ContainsFunc(n.spec.Inner, func(p netip.Prefix) bool { return p.Contains(dest.Addr()) }) {
		return flow.Dest{}, false
	}
	return flow.Dest{Addr: dest.Addr().Unmap(), Port: dest.Port()}, dest.Port() != 0
}
