package app

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// crowd is a listener whose connections come from where the test says.
type crowd chan net.Conn

func (l crowd) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (crowd) Close() error   { return nil }
func (crowd) Addr() net.Addr { return &net.TCPAddr{} }

type peer struct {
	net.Conn
	addr   string
	closed chan struct{}
}

func (p *peer) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(p.addr)) }

func (p *peer) Close() error {
	close(p.closed)
	return nil
}

func TestOneNetworkDoesNotTakeEveryConnection(t *testing.T) {
	t.Parallel()
	calls := make(crowd)
	ln := share(calls, 2, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	taken := make(chan net.Conn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	try := func(addr string) (accepted net.Conn) {
		t.Helper()
		p := &peer{addr: addr, closed: make(chan struct{})}
		calls <- p
		select {
		case accepted = <-taken:
		case <-p.closed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is neither taken nor closed", addr)
		}
		return accepted
	}
	var first net.Conn
	for _, c := range []struct {
		addr string
		want bool
	}{
		{"203.0.113.1:1", true},
		{"203.0.113.1:2", true},
		{"203.0.113.1:3", false},
		{"203.0.113.2:1", true},
		{"[2001:db8::1]:1", true},
		{"[2001:db8::2]:1", true},
		{"[2001:db8::3]:1", false},
		{"[2001:db8:0:1::1]:1", true},
		{"127.0.0.1:1", true},
		{"127.0.0.1:2", true},
		{"127.0.0.1:3", true},
		{"192.0.2.1:1", true},
		{"192.0.2.1:2", true},
		{"[::ffff:192.0.2.1]:3", true},
	} {
		got := try(c.addr)
		if (got != nil) != c.want {
			t.Errorf("%s: taken is %v", c.addr, got != nil)
		}
		if first == nil {
			first = got
		}
	}
	_ = first.Close()
	if try("203.0.113.1:4") == nil || try("203.0.113.1:5") != nil {
		t.Error("a connection that ended does not give its place to one other")
	}
	close(calls)
	<-done
}
