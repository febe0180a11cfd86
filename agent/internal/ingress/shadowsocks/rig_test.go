package shadowsocks

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
	options "culvert/shared/protocol/shadowsocks"
)

const soon = 10 * time.Second

func allMethods() []string {
	return []string{"2022-blake3-aes-128-gcm", "2022-blake3-aes-256-gcm", "aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305"}
}

func bothEditions() []string { return []string{"2022-blake3-aes-128-gcm", "aes-128-gcm"} }

// plainSockets are the system's own.
type plainSockets struct{}

func (plainSockets) Listen(network, address string) (net.Listener, error) {
	return net.Listen(network, address)
}

func (plainSockets) ListenPacket(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}

// rig is a running server with subscribers whose secrets are their names.
type rig struct {
	*Server
	host *ingresstest.FakeHost
	addr netip.AddrPort
	opts options.Options
}

func rowOf(name string) *nodeapi.Subscriber {
	return &nodeapi.Subscriber{
		ID: name, Name: name, Enabled: true, Generation: 1, Protocols: []string{options.Name},
		Secrets: []nodeapi.Secret{{Family: options.Name, Clear: name}},
	}
}

func rows(names ...string) []*nodeapi.Subscriber {
	var all []*nodeapi.Subscriber
	for _, n := range names {
		all = append(all, rowOf(n))
	}
	return all
}

func newServer(t testing.TB, o options.Options, names ...string) *Server {
	t.Helper()
	host := &ingresstest.FakeHost{Admit: func(c ingress.Credential) (string, error) {
		if c.Kind != options.Name || c.Ingress != "ing_test" || c.Proven.Subscriber == "" || c.Name != "" || c.Secret != "" {
			return "", flow.ErrCredential
		}
		return c.Proven.Subscriber, nil
	}}
	in, err := New(ingress.Spec{
		Ingress: nodeapi.Ingress{ID: "ing_test", Kind: options.Name, Listen: freeAddress(t), Options: encode(t, o)}, Sockets: plainSockets{},
	}, host)
	if err != nil {
		t.Fatal(err)
	}
	s := in.(*Server)
	if err := s.KeysChanged(t.Context(), ingress.KeyChange{Full: true, Rows: rows(names...)}); err != nil {
		t.Fatal(err)
	}
	return s
}

func newRig(t testing.TB, o options.Options, names ...string) *rig {
	t.Helper()
	s := newServer(t, o, names...)
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Close(ended); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &rig{Server: s, host: s.host.(*ingresstest.FakeHost), addr: netip.MustParseAddrPort(s.spec.Listen), opts: o}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *rig) client(name string) *tester { return newTester(r.opts, r.addr, name) }

func (r *rig) dial(t testing.TB, name, dest string) net.Conn {
	t.Helper()
	c, err := r.client(name).Dial(t.Context(), dest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) associate(t testing.TB, name string) *testPackets {
	t.Helper()
	p, err := r.client(name).Associate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p.(*testPackets)
}

// ping sends a datagram and waits for its echo.
func (p *testPackets) ping(t testing.TB, dest, text string) {
	t.Helper()
	if err := p.Send([]byte(text), must(flow.ParseDest(dest))); err != nil {
		t.Fatal(err)
	}
	p.hears(t, text)
}

func (p *testPackets) hears(t testing.TB, text string) {
	t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65_536)
	if n, _, err := p.Receive(buf); err != nil || string(buf[:n]) != text {
		t.Fatalf("%q came back, %v; want %q", buf[:n], err, text)
	}
}

// silent checks that nothing more comes.
func (p *testPackets) silent(t testing.TB) {
	t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(150 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Read(make([]byte, 65_536)); err == nil {
		t.Errorf("%d bytes came", n)
	}
}

func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(soon); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never", what)
		}
	}
}

// drained waits for the end of a refused connection: not a byte, no reset, and not before its time.
func drained(t *testing.T, c net.Conn, begin time.Time, limit time.Duration) {
	t.Helper()
	if err := c.SetReadDeadline(begin.Add(limit + soon)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(make([]byte, 1))
	took := time.Since(begin)
	if n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if took < limit*9/10 || took > limit+3*time.Second {
		t.Errorf("closed after %v, its time is %v", took, limit)
	}
}

// echoes is a UDP service that counts what it gets.
func echoes(t testing.TB) (dest string, got *atomic.Int64) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65_536)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			got.Add(1)
			_, _ = c.WriteTo(buf[:n], from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().String(), got
}
