package wireguard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/agent/internal/ingress/ingresstest"
)

func connected(t *testing.T, w *ingresstest.World, u *ingresstest.User) *client {
	t.Helper()
	c, ok := w.Connect(u).(*client)
	if !ok {
		t.Fatal("the client is another kind's")
	}
	return c
}

// TestClientsAreIsolated: one client cannot reach another, nor the network's own addresses, while both reach the internet.
func TestClientsAreIsolated(t *testing.T) {
	t.Parallel()
	alice, bob := ingresstest.NewUser("alice"), ingresstest.NewUser("bob")
	w := ingresstest.NewWorld(t, harness(t), alice, bob)
	a, b := connected(t, w, alice), connected(t, w, bob)
	l, err := b.net.ListenTCPAddrPort(netip.AddrPortFrom(b.addr, 8080))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dest := ingresstest.Echo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, c := range []*client{a, b} { // both are signed in now
		conn, err := c.Dial(ctx, dest)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	for what, to := range map[string]netip.AddrPort{
		"another client":           netip.AddrPortFrom(b.addr, 8080),
		"the node's inner address": netip.MustParseAddrPort("10.64.0.1:22"),
		"an unused inner address":  netip.MustParseAddrPort("10.79.1.1:80"),
	} {
		begin := time.Now()
		if conn, err := a.net.DialContextTCPAddrPort(ctx, to); err == nil {
			_ = conn.Close()
			t.Errorf("%s is reached", what)
		} else if time.Since(begin) > 10*time.Second {
			t.Errorf("%s: silence instead of a refusal", what)
		}
	}
	// A stranger's source address has no place: what is sent in another's name goes nowhere.
	w.Expect(alice, 0, 0)
}

// TestResolverInside: what is asked of the node's inner address goes to the upstream resolver as the subscriber's own
// datagram, and is answered in the name that was asked.
func TestResolverInside(t *testing.T) {
	t.Parallel()
	upstream, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := upstream.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = upstream.WriteTo(append([]byte("re:"), buf[:n]...), from)
		}
	}()
	_, port, err := net.SplitHostPort(upstream.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	h := harness(t)
	h.Options = json.RawMessage(fmt.Sprintf(`{"private_key":%q,"upstream":"%s:%s"}`, serverKey(), ingresstest.Alias(), port))
	u := ingresstest.NewUser("alice")
	w := ingresstest.NewWorld(t, h, u)
	c := connected(t, w, u)
	for _, gateway := range []string{"10.64.0.1:53", "[fd64:6376::1]:53"} {
		conn, err := c.net.DialUDPAddrPort(netip.AddrPort{}, netip.MustParseAddrPort(gateway))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf) // a connected socket takes nothing from another address
		if err != nil || string(buf[:n]) != "re:question" {
			t.Errorf("%s: %q, %v", gateway, buf[:n], err)
		}
		_ = conn.Close()
	}
	w.Expect(u, 2*8, 2*11)
}

// TestGatewayAnswersPings, of both versions.
func TestGatewayAnswersPings(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("alice")
	w := ingresstest.NewWorld(t, harness(t), u)
	c := connected(t, w, u)
	for _, gateway := range []string{"10.64.0.1", "fd64:6376::1"} {
		conn, err := c.net.DialPingAddr(netip.Addr{}, netip.MustParseAddr(gateway))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		kind, size := byte(8), 300 // echo request
		if strings.Contains(gateway, ":") {
			kind = 128
		}
		sent := append([]byte{kind, 0, 0, 0, 0, 1, 0, 1}, bytes.Repeat([]byte("x"), size)...)
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1500)
		n, err := conn.Read(got)
		if err != nil || !bytes.HasSuffix(got[:n], sent[8:]) {
			t.Errorf("%s: %d bytes, %v", gateway, n, err)
		}
		_ = conn.Close()
	}
}

// TestLargeDatagrams are fragmented inside, both ways.
func TestLargeDatagrams(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("alice")
	w := ingresstest.NewWorld(t, harness(t), u)
	c := connected(t, w, u)
	to, err := netip.ParseAddrPort(alias(ingresstest.EchoUDP(t)))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.net.DialUDPAddrPort(netip.AddrPort{}, to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := bytes.Repeat([]byte("0123456789"), 800)
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	if n, err := conn.Read(buf); err != nil || !bytes.Equal(buf[:n], sent) {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	w.Expect(u, int64(len(sent)), int64(len(sent)))
}

// TestSixthVersion reaches the internet over IPv6 inside.
func TestSixthVersion(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("alice")
	w := ingresstest.NewWorld(t, harness(t), u)
	c := connected(t, w, u)
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("six"))
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := c.net.DialContext(ctx, "tcp", net.JoinHostPort(ingresstest.Alias6().String(), port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(conn); err != nil || got.String() != "six" {
		t.Errorf("%q, %v", got.String(), err)
	}
	w.Expect(u, 0, 3)
}
