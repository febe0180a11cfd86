package exit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"culvert/agent/internal/flow"
)

// Timing and bounds of the direct exit.
const (
	dialTimeout   = 15 * time.Second
	lookupTimeout = 5 * time.Second
	nameTTL       = time.Minute // how long an association keeps a name's address
	maxNames      = 64          // names an association keeps
	udpBuffer     = 1 << 20
)

// Direct leaves by this machine's own addresses.
type Direct struct {
	// Resolver looks names up; nil means the system's.
	Resolver *net.Resolver
}

// DialTCP implements Exit. Addresses of both families race (RFC 8305), and each is judged before its SYN.
func (d *Direct) DialTCP(ctx context.Context, to flow.Dest, allow Allow) (net.Conn, error) {
	nd := net.Dialer{Timeout: dialTimeout, Resolver: d.Resolver}
	if allow != nil {
		nd.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %s", flow.ErrBlocked, address)
			}
			return allow(unmap(ap))
		}
	}
	c, err := nd.DialContext(ctx, "tcp", to.String())
	if err != nil {
		if errors.Is(err, flow.ErrBlocked) {
			return nil, flow.ErrBlocked
		}
		return nil, fmt.Errorf("%w: %w", flow.ErrUnreachable, err)
	}
	return c, nil
}

// ListenUDP implements Exit: one socket for both families, where the machine has both.
func (d *Direct) ListenUDP(context.Context) (Packets, error) {
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", flow.ErrNoRoute, err)
	}
	// The system may hold these lower; what it gives is good enough.
	_ = c.SetReadBuffer(udpBuffer)
	_ = c.SetWriteBuffer(udpBuffer)
	return &directPackets{c: c, resolver: d.Resolver, names: map[string]name{}}, nil
}

type directPackets struct {
	c        *net.UDPConn
	resolver *net.Resolver

	mu    sync.Mutex
	names map[string]name
}

type name struct {
	addr  netip.Addr
	until time.Time
}

func (p *directPackets) ReadFrom(b []byte) (int, flow.Dest, error) {
	n, from, err := p.c.ReadFromUDPAddrPort(b)
	return n, flow.Dest{Addr: from.Addr().Unmap(), Port: from.Port()}, err
}

func (p *directPackets) WriteTo(b []byte, to flow.Dest, allow Allow) (int, error) {
	addr := to.Addr
	if to.Domain != "" {
		var err error
		if addr, err = p.lookup(to.Domain); err != nil {
			return 0, fmt.Errorf("%w: %w", flow.ErrUnreachable, err)
		}
	}
	ap := netip.AddrPortFrom(addr, to.Port)
	if allow != nil {
		if err := allow(ap); err != nil {
			return 0, err
		}
	}
	n, err := p.c.WriteToUDPAddrPort(b, ap)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return n, fmt.Errorf("%w: %w", flow.ErrUnreachable, err)
	}
	return n, err
}

func (p *directPackets) Close() error { return p.c.Close() }

// lookup resolves a name, IPv4 first: one socket speaks both, and more of the internet answers there.
func (p *directPackets) lookup(host string) (netip.Addr, error) {
	now := time.Now()
	p.mu.Lock()
	n, ok := p.names[host]
	p.mu.Unlock()
	if ok && now.Before(n.until) {
		return n.addr, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout) // a datagram has no caller to wait for
	defer cancel()
	r := p.resolver
	if r == nil {
		r = net.DefaultResolver
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	best := netip.Addr{}
	for _, a := range addrs {
		if a = a.Unmap(); !best.IsValid() || a.Is4() && !best.Is4() {
			best = a
		}
	}
	if !best.IsValid() {
		return netip.Addr{}, fmt.Errorf("%.80q has no address", host)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.names) >= maxNames {
		clear(p.names)
	}
	p.names[host] = name{best, now.Add(nameTTL)}
	return best, nil
}

func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
