package ingress

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// stranger is a connection that knows whether it was closed.
type stranger struct {
	net.Conn
	closed bool
}

func (s *stranger) Close() error { s.closed = true; return nil }

func newGate() *Gate { return NewGate(slog.New(slog.DiscardHandler)) }

// crowd lets n connections in; from tells their sources.
func crowd(g *Gate, n int, from func(i int) netip.Addr) (conns []*stranger, entrants []*Entrant) {
	for i := range n {
		c := &stranger{}
		conns, entrants = append(conns, c), append(entrants, g.Enter(c, from(i)))
	}
	return conns, entrants
}

func always(a string) func(int) netip.Addr {
	return func(int) netip.Addr { return netip.MustParseAddr(a) }
}

// spread is n different IPv4 sources.
func spread(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0a000000+uint32(i))
	return netip.AddrFrom4(b)
}

func closedOf(conns []*stranger) (n int) {
	for _, c := range conns {
		if c.closed {
			n++
		}
	}
	return n
}

func TestGateBoundsASource(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]string{
		"IPv4":         {"192.0.2.1", "192.0.2.1"},
		"mapped":       {"192.0.2.1", "::ffff:192.0.2.1"},
		"IPv6 network": {"2001:db8::1", "2001:db8::ffff:1"},
		"unknown":      {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			others, _ := crowd(g, 2, func(i int) netip.Addr {
				return netip.MustParseAddr([]string{"192.0.2.2", "2001:db8:0:1::1"}[i])
			})
			from := func(i int) netip.Addr { a, _ := netip.ParseAddr(pair[i%2]); return a }
			conns, entrants := crowd(g, gatePerSource, from)
			if n := closedOf(conns); n != 0 {
				t.Fatalf("%d were closed below the bound", n)
			}
			more, _ := crowd(g, 3, from)
			if n := closedOf(conns); n != 3 || !conns[0].closed || !conns[2].closed || closedOf(more) != 0 {
				t.Errorf("%d were closed for three newcomers", n)
			}
			if closedOf(others) != 0 {
				t.Error("others suffer for a crowd")
			}
			entrants[10].Leave()
			entrants[10].Leave()
			_, _ = crowd(g, 2, from)
			if n := closedOf(conns); n != 4 || conns[10].closed {
				t.Errorf("%d were closed; whoever left made one place", n)
			}
		})
	}
}

// A few sources that fill the gate make their own room; nobody else is touched.
func TestGateCrowdPaysForItself(t *testing.T) {
	t.Parallel()
	g := newGate()
	guests, _ := crowd(g, gateShare, always("192.0.2.1"))
	const attackers = gateTotal/gatePerSource + 1
	from := func(i int) netip.Addr { return spread(i % attackers) }
	conns, _ := crowd(g, 3*gateTotal, from)
	if n := closedOf(guests); n != 0 {
		t.Errorf("%d guests were closed for the crowd", n)
	}
	if n, want := len(conns)-closedOf(conns), gateTotal-gateShare; n != want {
		t.Errorf("%d of the crowd are left, want %d", n, want)
	}
	late, _ := crowd(g, gateShare, always("192.0.2.9"))
	if n := closedOf(late) + closedOf(guests); n != gateShare {
		t.Errorf("%d were closed for newcomers of a small source, want the %d who waited longest", n, gateShare)
	}
}

// Without a crowd among them, the oldest of all goes.
func TestGateBoundsAll(t *testing.T) {
	t.Parallel()
	g := newGate()
	conns, entrants := crowd(g, gateTotal+7, spread)
	if n := closedOf(conns); n != 7 || !conns[0].closed || !conns[6].closed {
		t.Errorf("%d were closed, want the first 7", n)
	}
	for _, e := range entrants {
		e.Leave()
	}
	if g.waiting.Len() != 0 || len(g.sources) != 0 {
		t.Errorf("%d connections of %d sources are left", g.waiting.Len(), len(g.sources))
	}
}

func TestGateClosesTheSocketUnderTLS(t *testing.T) {
	t.Parallel()
	c := &stranger{}
	if bare(tls.Server(c, &tls.Config{})) != net.Conn(c) {
		t.Error("a farewell of TLS could block the newcomer")
	}
}

func TestGateWarnsSeldom(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	g := NewGate(slog.New(slog.NewTextHandler(&out, nil)))
	_, _ = crowd(g, gatePerSource+50, always("192.0.2.1"))
	if n := strings.Count(out.String(), "\n"); n != 1 || strings.Contains(out.String(), "192.0.2.1") {
		t.Errorf("%d lines: %s", n, out.String())
	}
}
