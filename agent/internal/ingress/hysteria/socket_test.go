package hysteria

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/apernet/quic-go"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// What quic-go looks for before it uses GSO, ECN and recvmmsg; a wrapper that loses a method costs a factor of two.
var (
	_ quic.OOBCapablePacketConn = (*socket)(nil)
	_ quic.OOBCapablePacketConn = (*obfsSocket)(nil)
	_ interface {
		ReadBatch([]ipv4.Message, int) (int, error)
	} = (*obfsSocket)(nil)
	_ interface{ SetWriteBuffer(int) error } = (*socket)(nil)
	_ net.Conn                               = (*socket)(nil) // x/net's batch reader needs it
)

func loopback(t testing.TB) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return c
}

// gso is the control message that asks the kernel to cut a write into segments of size bytes.
func gso(size uint16) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(b[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], size)
	return b
}

func TestSegmentedWriteKeepsItsShape(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"plain": "", "salamander": "secret"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := loopback(t), loopback(t)
			s, err := newSocket(from, &cutSet{})
			if err != nil {
				t.Fatal(err)
			}
			var out quic.OOBCapablePacketConn = s
			in := readBatcher(ipv4.NewPacketConn(to))
			if key != "" {
				out = newObfsSocket(s, key)
				r, err := newSocket(to, &cutSet{})
				if err != nil {
					t.Fatal(err)
				}
				in = newObfsSocket(r, key)
			}
			payload := make([]byte, 4*1200+77)
			for i := range payload {
				payload[i] = byte(i / 1200)
			}
			oob := gso(1200)
			if _, _, err := out.WriteMsgUDP(payload, oob, to.LocalAddr().(*net.UDPAddr)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(oob, gso(1200)) {
				t.Error("the caller's control message was changed")
			}
			for want := payload; len(want) > 0; {
				ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 1452)}, OOB: make([]byte, 128)}}
				if n, err := in.ReadBatch(ms, 0); err != nil || n != 1 {
					t.Fatalf("read %d, %v", n, err)
				}
				size := min(1200, len(want))
				if got := ms[0].Buffers[0][:ms[0].N]; !bytes.Equal(got, want[:size]) {
					t.Fatalf("segment of %d bytes, want %d", len(got), size)
				}
				want = want[size:]
			}
		})
	}
}

type readBatcher interface {
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
}

func TestCutAddressOnly(t *testing.T) {
	t.Parallel()
	from, victim, other := loopback(t), loopback(t), loopback(t)
	var cut cutSet
	s, err := newSocket(from, &cut)
	if err != nil {
		t.Fatal(err)
	}
	addr := victim.LocalAddr().(*net.UDPAddr)
	ap := addr.AddrPort()
	mapped := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(ap.Addr().As16()), ap.Port()))
	cut.add(ap)
	cut.add(ap) // two connections of one address
	for _, to := range []*net.UDPAddr{addr, mapped} {
		if _, _, err := s.WriteMsgUDP([]byte("x"), nil, to); !errors.Is(err, errCutAddress) {
			t.Errorf("write to %v: %v", to, err)
		}
	}
	if _, _, err := s.WriteMsgUDP([]byte("x"), nil, other.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Errorf("write to another client: %v", err)
	}
	cut.remove(ap)
	if _, _, err := s.WriteMsgUDP([]byte("x"), nil, addr); !errors.Is(err, errCutAddress) {
		t.Errorf("one of two connections left: %v", err)
	}
	cut.remove(ap)
	if _, _, err := s.WriteMsgUDP([]byte("x"), nil, addr); err != nil || cut.size.Load() != 0 {
		t.Errorf("nobody is cut: %v", err)
	}
}

func TestRoamingClientStaysCut(t *testing.T) {
	t.Parallel()
	var cut cutSet
	at, next := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("192.0.2.1:2000")
	c := newClient(nil, at)
	c.seen(next, &cut)
	if cut.size.Load() != 0 {
		t.Fatal("a client that is not cut was muted for moving")
	}
	c.mute(&cut)
	c.seen(at, &cut)
	for _, ap := range []netip.AddrPort{at, next} {
		if !cut.has(net.UDPAddrFromAddrPort(ap)) {
			t.Errorf("%v is not cut", ap)
		}
	}
	c.leave(&cut)
	c.mute(&cut)
	if cut.size.Load() != 0 {
		t.Error("addresses stay cut after the client has gone")
	}
}

func TestNewSocketNeedsUDP(t *testing.T) {
	t.Parallel()
	type lesser struct{ net.PacketConn }
	if _, err := newSocket(lesser{loopback(t)}, &cutSet{}); err == nil {
		t.Error("a socket without the methods of *net.UDPConn was taken")
	}
}
