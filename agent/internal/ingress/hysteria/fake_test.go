package hysteria

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library's own client, which only tests use, forgets this one when the server refuses its sign-in.
		goleak.IgnoreTopFunction("github.com/apernet/quic-go/http3.(*ClientConn).roundTrip.func1"))
}

func newHost() *ingresstest.FakeHost { return &ingresstest.FakeHost{Admit: byPrefix} }

// byPrefix lets in whoever presents a secret that starts with "user-".
func byPrefix(c ingress.Credential) (string, error) {
	if !strings.HasPrefix(c.Secret, "user-") {
		return "", flow.ErrCredential
	}
	return c.Secret, nil
}

// fakeSockets hands out plain sockets.
type fakeSockets struct{}

func (fakeSockets) Listen(network, address string) (net.Listener, error) {
	return net.Listen(network, address)
}

func (fakeSockets) ListenPacket(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}

// memory is a Keeper that lives as long as the test.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (m *memory) Get(name string, fresh func() ([]byte, error)) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.values[name]; ok {
		return v, nil
	}
	v, err := fresh()
	if err != nil {
		return nil, err
	}
	if m.values == nil {
		m.values = map[string][]byte{}
	}
	m.values[name] = v
	return v, nil
}

// rig is a running ingress and what its clients need to know.
type rig struct {
	in      *Ingress
	host    *ingresstest.FakeHost
	serving ingress.Host
	addr    *net.UDPAddr
	roots   *x509.CertPool
	spec    ingress.Spec
}

func newRig(t testing.TB, options string) *rig {
	t.Helper()
	host := newHost()
	return newRigOn(t, options, host, host)
}

// newRigOn runs on serving, which wraps host.
func newRigOn(t testing.TB, options string, host *ingresstest.FakeHost, serving ingress.Host) *rig {
	t.Helper()
	cert, roots := ingresstest.FakeCertificate(t)
	spec := ingress.Spec{
		Ingress: nodeapi.Ingress{ID: "ing_test", Kind: "hysteria2", Options: json.RawMessage(options)},
		Sockets: fakeSockets{},
		TLS:     func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		Keep:    &memory{},
		Log:     slog.New(slog.DiscardHandler),
	}
	r := &rig{host: host, serving: serving, roots: roots, spec: spec}
	r.addr = freeUDP(t)
	r.spec.Listen = r.addr.String()
	r.start(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.in.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := r.in.handoff.len(); n != 0 {
			t.Errorf("%d tickets were never taken", n)
		}
	})
	return r
}

// start builds and starts an ingress of r's spec in r.in.
func (r *rig) start(t testing.TB) {
	t.Helper()
	in, err := New(r.spec, r.serving)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.in = in.(*Ingress)
}

func freeUDP(t testing.TB) *net.UDPAddr {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr)
}

// connect signs in with the library's own client.
func (r *rig) connect(t testing.TB, user string, change ...func(*hyclient.Config)) hyclient.Client {
	t.Helper()
	c, err := r.tryConnect(user, change...)
	if err != nil {
		t.Fatalf("connect as %s: %v", user, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (r *rig) tryConnect(user string, change ...func(*hyclient.Config)) (hyclient.Client, error) {
	conf := &hyclient.Config{
		ServerAddr: r.addr,
		Auth:       user,
		TLSConfig:  hyclient.TLSConfig{ServerName: "node.test", RootCAs: r.roots},
	}
	for _, f := range change {
		f(conf)
	}
	c, _, err := hyclient.NewClient(conf)
	return c, err
}
