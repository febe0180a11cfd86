package listen

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func mustListen(t *testing.T, p *Pool, addr string) net.Listener {
	t.Helper()
	l, err := p.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTakeOverLosesNothing(t *testing.T) {
	t.Parallel()
	var p Pool
	addr := freePort(t)
	old := mustListen(t, &p, addr)

	// The old handle never accepts: what waits in the kernel must reach its successor.
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	next := mustListen(t, &p, addr)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if _, ok := got.(*net.TCPConn); !ok {
		t.Errorf("accepted a %T, splice needs *net.TCPConn", got)
	}
	if got.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("accepted %s, dialled %s", got.RemoteAddr(), c.LocalAddr())
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the socket outlived its last handle")
	}
}

func TestCloseEndsOnlyItsOwnAccept(t *testing.T) {
	t.Parallel()
	var p Pool
	addr := freePort(t)
	a, b := mustListen(t, &p, addr), mustListen(t, &p, addr)
	ended := make(chan error, 1)
	go func() { _, err := a.Accept(); ended <- err }()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept on the closed handle: %v", err)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got.Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil {
		t.Error("a second Close succeeded: the reference could be given back twice")
	}
}

func TestPacketHandles(t *testing.T) {
	t.Parallel()
	var p Pool
	addr := freePort(t)
	a, err := p.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.(interface {
		ReadMsgUDPAddrPort(b, oob []byte) (int, int, int, netip.AddrPort, error)
		SyscallConn() (syscall.RawConn, error)
		SetReadBuffer(int) error
	}); !ok {
		t.Error("the handle lacks methods of *net.UDPConn that QUIC needs")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := b.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, _, err := b.ReadFrom(make([]byte, 8)); err != nil || n != 1 {
		t.Fatalf("read %d, %v", n, err)
	}
	b.Close()
}

func TestForeignSocketIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var p Pool
	if _, err := p.Listen("tcp", l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a taken port gave %v", err)
	}
	for _, bad := range []string{"", "1080", "127.0.0.1:0", "name:80"} {
		if _, err := p.Listen("tcp", bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestOwnWiderAddressIsShared(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			var p Pool
			narrow := freePort(t)
			wide := ":" + netip.MustParseAddrPort(narrow).String()[len("127.0.0.1:"):]
			free1, err := p.Reserve(network, wide)
			if err != nil {
				t.Fatal(err)
			}
			free2, err := p.Reserve(network, narrow)
			if err != nil {
				t.Fatalf("moving from %s to %s: %v", wide, narrow, err)
			}
			var other Pool
			if _, err := other.Reserve(network, narrow); err == nil {
				t.Error("sharing was left on for strangers")
			}
			free1()
			free2()
			if len(p.sockets) != 0 {
				t.Errorf("%d sockets left", len(p.sockets))
			}
		})
	}
}
