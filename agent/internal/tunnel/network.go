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
	dialling = 2048 // TCP connections whose target is being dialled
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
	n.link = newLink(spec.MTU, func(to netip.Addr) bool { return n.lease(to) != nil })
	n.ctx, n.end = context.WithCancel(context.Background()) // a network lives as long as its leases, whoever came first
	if err := n.configure(); err != nil {
		n.end()
		n.stack.Close()
		return nil, err
	}
	if spec.Deliver != nil {
		n.wg.Go(n.deliver)
	}
	return n, nil
}

func (n *network) configure() error {
	sack, reno, moderate := tcpip.TCPSACKEnabled(true), tcpip.CongestionControlOption("reno"), tcpip.TCPModerateReceiveBufferOption(true)
	// Not RACK: gVisor's sends probes after twice a round trip, however short, and takes the first acknowledgement after one
	// for a loss, so that a busy node halves its windows without one.
	classic := tcpip.TCPRecovery(0)
	for _, opt := range []tcpip.SettableTransportProtocolOption{
		&sack, &reno, &moderate, &classic, // Reno beat gVisor's Cubic here by a quarter (libraries.md §3)
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 256 << 10, Max: 4 << 20},
		&tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: sendDefault, Max: sendMost},
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
	for _, a := range n.spec.Resolver { // the stack answers echo requests over IPv4 for addresses of its own only
		if !a.Is4() {
			continue
		}
		own := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(a.As4()).WithPrefix()}
		if err := n.stack.AddProtocolAddress(nic, own, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("take address %s: %s", a, err)
		}
	}
	n.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}, {Destination: header.IPv6EmptySubnet, NIC: nic}})
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(n.stack, 0, dialling, n.tcp).HandlePacket)
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
	n.link.Close() // before the stack, whose last resets would wait for room that nobody makes any more
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

// deliver hands packets of the stack to the leases of their destinations, for an ingress that wants them handed.
func (n *network) deliver() {
	buf := make([]byte, n.spec.MTU)
	var size [1]int
	for {
		if _, err := n.link.receive(n.ctx, [][]byte{buf}, size[:], 0); err != nil {
			return
		}
		if l := n.lease(destination(buf[:size[0]])); l != nil {
			l.spec.Deliver(buf[:size[0]])
		}
	}
}

// destination is where a packet of the stack goes.
func destination(packet []byte) netip.Addr {
	if packet[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(packet[16:20]))
	}
	return netip.AddrFrom16([16]byte(packet[24:40]))
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
