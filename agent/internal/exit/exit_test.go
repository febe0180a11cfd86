package exit

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func refuseLoopback(a netip.AddrPort) error {
	if a.Addr().IsLoopback() {
		return flow.ErrBlocked
	}
	return nil
}

func TestDialJudgesTheResolvedAddress(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	for _, c := range []struct {
		name  string
		dest  flow.Dest
		allow Allow
		want  error
	}{
		{"open", flow.Dest{Addr: netip.MustParseAddr("127.0.0.1"), Port: port}, nil, nil},
		{"by name", flow.Dest{Domain: "localhost", Port: port}, nil, nil},
		{"blocked", flow.Dest{Addr: netip.MustParseAddr("127.0.0.1"), Port: port}, refuseLoopback, flow.ErrBlocked},
		{"blocked behind a name", flow.Dest{Domain: "localhost", Port: port}, refuseLoopback, flow.ErrBlocked},
		{"nobody there", flow.Dest{Addr: netip.MustParseAddr("127.0.0.1"), Port: 1}, nil, flow.ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := (&Direct{}).DialTCP(t.Context(), c.dest, c.allow)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if conn != nil {
				if _, ok := conn.(*net.TCPConn); !ok {
					t.Errorf("%T cannot be spliced", conn)
				}
				conn.Close()
			}
		})
	}
}

func TestUDPIsFullCone(t *testing.T) {
	t.Parallel()
	p, err := (&Direct{}).ListenUDP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	to := netip.MustParseAddrPort(a.LocalAddr().String())
	buf := make([]byte, 64)
	for _, d := range []flow.Dest{{Addr: to.Addr(), Port: to.Port()}, {Domain: "localhost", Port: to.Port()}} {
		if _, err := p.WriteTo([]byte("hi"), d, nil); err != nil {
			t.Fatal(err)
		}
		if err := a.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, from, err := a.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		// Someone who was never written to answers on the same port.
		other, err := net.Dial("udp", from.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Write([]byte("answer")); err != nil {
			t.Fatal(err)
		}
		n, src, err := p.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "answer" || src.String() != other.LocalAddr().String() {
			t.Errorf("%q from %s, %v", buf[:n], src, err)
		}
		other.Close()
	}
	if _, err := p.WriteTo(nil, flow.Dest{Domain: "localhost", Port: 9}, refuseLoopback); !errors.Is(err, flow.ErrBlocked) {
		t.Errorf("a name hid a loopback address: %v", err)
	}
	if _, err := p.WriteTo(make([]byte, 70_000), flow.Dest{Addr: to.Addr(), Port: to.Port()}, nil); !errors.Is(err, flow.ErrUnreachable) {
		t.Errorf("too large: %v", err)
	}
	ended := make(chan error, 1)
	go func() { _, _, err := p.ReadFrom(buf); ended <- err }()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		t.Errorf("read after Close: %v", err)
	}
}
