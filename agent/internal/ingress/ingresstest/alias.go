package ingresstest

import (
	"context"
	"net"
	"net/netip"

	"culvert/agent/internal/exit"
	"culvert/agent/internal/flow"
)

// aliasExit leads flows to Alias to this machine, and lets datagrams from this machine come from Alias.
type aliasExit struct{ exit.Exit }

func unalias(d flow.Dest) flow.Dest {
	switch d.Addr {
	case Alias():
		d.Addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case Alias6():
		d.Addr = netip.IPv6Loopback()
	}
	return d
}

// DialTCP implements exit.Exit.
func (x aliasExit) DialTCP(ctx context.Context, d flow.Dest, allow exit.Allow) (net.Conn, error) {
	return x.Exit.DialTCP(ctx, unalias(d), allow)
}

// ListenUDP implements exit.Exit.
func (x aliasExit) ListenUDP(ctx context.Context) (exit.Packets, error) {
	p, err := x.Exit.ListenUDP(ctx)
	return aliasPackets{p}, err
}

type aliasPackets struct{ exit.Packets }

func (p aliasPackets) WriteTo(b []byte, to flow.Dest, allow exit.Allow) (int, error) {
	return p.Packets.WriteTo(b, unalias(to), allow)
}

func (p aliasPackets) ReadFrom(b []byte) (int, flow.Dest, error) {
	n, from, err := p.Packets.ReadFrom(b)
	if from.Addr.IsLoopback() {
		from.Addr = Alias()
	}
	return n, from, err
}
