package ingresstest

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"culvert/agent/internal/flow"
)

// Serve is a TCP service on loopback; each connection is handed to serve and closed after it.
func Serve(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				serve(c.(*net.TCPConn))
				_ = c.Close()
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// Echo sends back what it gets, and its end.
func Echo(t testing.TB) string {
	return Serve(t, func(c *net.TCPConn) {
		_, _ = io.Copy(c, c)
		_ = c.CloseWrite()
	})
}

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// udpEcho answers every datagram from each of two sockets: the one that was written to, and one that never was.
func udpEcho(t testing.TB) (addr, stranger flow.Dest) {
	t.Helper()
	var socks [2]*net.UDPConn
	var dests [2]flow.Dest
	for i := range socks {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		socks[i] = c
		ap := netip.MustParseAddrPort(c.LocalAddr().String())
		dests[i] = flow.Dest{Addr: ap.Addr(), Port: ap.Port()}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 65_536)
		for {
			n, from, err := socks[0].ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			out := socks[0]
			if n > 0 && buf[0] == '!' { // asked to let the stranger answer
				out = socks[1]
			}
			_, _ = out.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	t.Cleanup(func() {
		_ = socks[0].Close()
		_ = socks[1].Close()
		wg.Wait()
	})
	return dests[0], dests[1]
}

// EchoUDP answers every datagram with itself.
func EchoUDP(t testing.TB) string {
	to, _ := udpEcho(t)
	return to.String()
}
