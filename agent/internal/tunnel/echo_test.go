package tunnel

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// counting is a host that counts what is answered, up to a limit.
type counting struct {
	ingress.Host
	who      flow.Principal
	up, down int
	left     int
}

func (c *counting) Answer(p flow.Principal, up, down int) error {
	if up+down > c.left {
		return errors.New("spent")
	}
	c.who, c.left = p, c.left-up-down
	c.up, c.down = c.up+up, c.down+down
	return nil
}

// ping is an echo request with data.
func ping(from, to netip.Addr, data []byte) []byte {
	if from.Is4() {
		b := make([]byte, header.IPv4MinimumSize+header.ICMPv4MinimumSize+len(data))
		ip := header.IPv4(b)
		ip.Encode(&header.IPv4Fields{
			TotalLength: uint16(len(b)), TTL: 64, Protocol: uint8(header.ICMPv4ProtocolNumber),
			SrcAddr: tcpip.AddrFrom4(from.As4()), DstAddr: tcpip.AddrFrom4(to.As4()),
		})
		ip.SetChecksum(^ip.CalculateChecksum())
		m := header.ICMPv4(ip.Payload())
		m.SetType(header.ICMPv4Echo)
		copy(m.Payload(), data)
		m.SetChecksum(header.ICMPv4Checksum(m[:header.ICMPv4MinimumSize], checksum.Checksum(data, 0)))
		return b
	}
	b := make([]byte, header.IPv6MinimumSize+header.ICMPv6EchoMinimumSize+len(data))
	src, dst := tcpip.AddrFrom16(from.As16()), tcpip.AddrFrom16(to.As16())
	header.IPv6(b).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(b) - header.IPv6MinimumSize), TransportProtocol: header.ICMPv6ProtocolNumber, HopLimit: 64, SrcAddr: src, DstAddr: dst,
	})
	m := header.ICMPv6(b[header.IPv6MinimumSize:])
	m.SetType(header.ICMPv6EchoRequest)
	copy(m[header.ICMPv6EchoMinimumSize:], data)
	m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: m, Src: src, Dst: dst}))
	return b
}

// TestPing: the network's own addresses answer, at the subscriber's expense; nobody else's do.
func TestPing(t *testing.T) {
	t.Parallel()
	const size = 8 + 56
	for name, c := range map[string]struct{ client, gateway, elsewhere netip.Addr }{
		"IPv4": {netip.MustParseAddr("10.64.0.2"), netip.MustParseAddr("10.64.0.1"), netip.MustParseAddr("198.51.100.1")},
		"IPv6": {netip.MustParseAddr("fd64::2"), netip.MustParseAddr("fd64::1"), netip.MustParseAddr("2001:db8::1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tun := &Tunnel{}
			defer tun.Close()
			h := &counting{left: 3 * 2 * size}
			answers := make(chan []byte, 10)
			who := flow.Principal{ID: "sub_1", Session: "ses_1"}
			l, err := tun.Lease(t.Context(), h, who, ingress.LeaseSpec{
				Addrs: []netip.Addr{c.client}, Resolver: []netip.Addr{c.gateway}, MTU: 1420,
				Deliver: func(b []byte) { answers <- bytes.Clone(b) },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			for i := range 5 { // three are paid for
				data := bytes.Repeat([]byte{byte(i)}, 56)
				for _, to := range []netip.Addr{c.elsewhere, c.gateway} {
					if err := l.Inject(ping(c.client, to, data)); err != nil {
						t.Fatal(err)
					}
				}
				if i >= 3 {
					continue
				}
				select {
				case b := <-answers:
					if !bytes.HasSuffix(b, data) || destination(b) != c.client {
						t.Fatalf("answer %d: %x", i, b)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("the gateway does not answer")
				}
			}
			if h.up != 3*size || h.down != 3*size || h.who != who {
				t.Errorf("counted %d up, %d down for %+v", h.up, h.down, h.who)
			}
			tun.Close() // nothing is on its way any more
			if n := len(answers); n != 0 {
				t.Errorf("%d answers too many", n)
			}
		})
	}
}

// TestFragmentsOfPings are told from what others send.
func TestFragmentsOfPings(t *testing.T) {
	t.Parallel()
	client, gateway, elsewhere := netip.MustParseAddr("fd64::2"), netip.MustParseAddr("fd64::1"), netip.MustParseAddr("2001:db8::1")
	h := &counting{left: 1 << 20}
	n := &network{spec: ingress.LeaseSpec{Resolver: []netip.Addr{gateway}}}
	fragment := func(to netip.Addr, next uint8, offset byte) []byte {
		b := ping(client, to, make([]byte, 32))
		b = append(b[:40:40], append([]byte{next, 0, 0, offset, 0, 0, 0, 1}, b[40:]...)...)
		b[6] = header.IPv6FragmentHeader
		return b
	}
	for what, c := range map[string]struct {
		packet []byte
		want   bool
		bytes  int
	}{
		"the first to us":             {fragment(gateway, 58, 1), true, 40},
		"a later one to us":           {fragment(gateway, 58, 8), true, 40},
		"to the internet":             {fragment(elsewhere, 58, 1), false, 0},
		"a later one to the internet": {fragment(elsewhere, 58, 8), false, 0},
		"a datagram's":                {fragment(elsewhere, 17, 1), true, 0},
	} {
		h.up = 0
		if got := n.wanted(&lease{host: h}, c.packet); got != c.want || h.up != c.bytes {
			t.Errorf("%s: %v, %d bytes counted; want %v, %d", what, got, h.up, c.want, c.bytes)
		}
	}
}
