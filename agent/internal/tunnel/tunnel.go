// Package tunnel makes flows of a packet VPN's IP packets. Each ingress has a network of its own: one gVisor stack that
// ends every TCP connection and takes every UDP datagram its clients send, whatever the destination, and asks the engine
// for a flow on behalf of the lease that the inner source address belongs to. So packets are routed, counted, paced and
// cut like any other protocol's flows.
//
//	Inject -> stack -> TCP: dial first, then finish the handshake, then relay  (a refused target is a reset)
//	                -> UDP: one association a client port, whatever its destinations (full cone)
//	stack, association -> Deliver, or Receive
//
// Clients cannot reach each other, nor the network's own addresses but the resolver. ICMP echo is answered for the
// resolver's addresses only: an answer in the name of the internet would be made up. Question and answer count as the
// subscriber's traffic, where the host is an Answerer.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// Tunnel is the node's packet side. The zero Tunnel is ready to use; it implements engine.Tunnel.
type Tunnel struct {
	mu       sync.Mutex
	networks map[ingress.Host]*network
	closed   bool
}

// errClosed is returned for a lease of a tunnel that is closed.
var errClosed = errors.New("tunnel is closed")

// Lease implements engine.Tunnel: it puts spec's addresses into the network of host's ingress. An address that another
// lease holds moves to the new one; the old lease is void from then on.
func (t *Tunnel) Lease(ctx context.Context, host ingress.Host, p flow.Principal, spec ingress.LeaseSpec) (ingress.Lease, error) {
	if len(spec.Addrs) == 0 {
		return nil, errors.New("lease: addresses must be given")
	}
	for {
		n, err := t.network(host, spec)
		if err != nil {
			return nil, err
		}
		l := &lease{network: n, host: host, principal: p, spec: spec}
		if n.add(l) {
			return l, nil
		}
		if err := ctx.Err(); err != nil { // the network went away in between: try the next one
			return nil, err
		}
	}
}

// network returns the network of an ingress, made with the first of its leases.
func (t *Tunnel) network(host ingress.Host, spec ingress.LeaseSpec) (*network, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errClosed
	}
	if n := t.networks[host]; n != nil {
		return n, nil
	}
	n, err := newNetwork(spec)
	if err != nil {
		return nil, fmt.Errorf("network of packets: %w", err)
	}
	n.last = func() { t.drop(host, n) }
	if t.networks == nil {
		t.networks = map[ingress.Host]*network{}
	}
	t.networks[host] = n
	return n, nil
}

// drop forgets a network whose last lease is gone.
func (t *Tunnel) drop(host ingress.Host, n *network) {
	t.mu.Lock()
	if t.networks[host] == n {
		delete(t.networks, host)
	}
	t.mu.Unlock()
	n.close()
}

// Close ends every network and waits for its goroutines. The engine has cut the flows before.
func (t *Tunnel) Close() {
	t.mu.Lock()
	t.closed = true
	all := t.networks
	t.networks = nil
	t.mu.Unlock()
	for _, n := range all {
		n.shut()
		n.close()
	}
}

// lease is one client's place in a network (ingress.Lease).
type lease struct {
	network   *network
	host      ingress.Host
	principal flow.Principal
	spec      ingress.LeaseSpec
	ports     atomic.Int64 // open associations
	once      sync.Once
}

// Addrs implements ingress.Lease.
func (l *lease) Addrs() []netip.Addr { return l.spec.Addrs }

// Inject implements ingress.Lease.
func (l *lease) Inject(packet []byte) error {
	l.injectAll([][]byte{packet}, 0)
	return nil
}

// InjectAll is Inject for packets that came together, each behind offset bytes of something else. An ingress that finds it
// spares the stack most of the work for a bulk stream.
func (l *lease) InjectAll(packets [][]byte, offset int) { l.injectAll(packets, offset) }

// Receive fills bufs with packets to clients of the lease's whole network, each behind offset bytes of room, and their
// lengths into sizes. It waits for the first, and fails when ctx ends or the network does, with its last lease. It is for an
// ingress whose leases have no Deliver: packets are made in its own memory, as many at a time as there are. One goroutine
// may call it at a time.
func (l *lease) Receive(ctx context.Context, bufs [][]byte, sizes []int, offset int) (int, error) {
	return l.network.link.receive(ctx, bufs, sizes, offset)
}

// Release implements ingress.Lease.
func (l *lease) Release() { l.once.Do(func() { l.network.remove(l) }) }
