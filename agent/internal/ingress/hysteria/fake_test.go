package hysteria

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library's own client, which only tests use, forgets this one when the server refuses its sign-in.
		goleak.IgnoreTopFunction("github.com/apernet/quic-go/http3.(*ClientConn).roundTrip.func1"))
}

// fakeHost lets in whoever presents a secret that starts with "user-". It dials for real, unless refuse says otherwise.
type fakeHost struct {
	mu       sync.Mutex
	sessions []*fakeSession
	flows    []flow.Flow
	refuse   error
}

type fakeSession struct {
	p       flow.Principal
	done    chan struct{}
	doneOne sync.Once
	ended   chan struct{}
	endOne  sync.Once
	mu      sync.Mutex
	open    map[io.Closer]bool
}

func (h *fakeHost) Authenticate(_ context.Context, c ingress.Credential, _ netip.AddrPort) (ingress.Session, error) {
	if len(c.Secret) < 5 || c.Secret[:5] != "user-" {
		return nil, flow.ErrCredential
	}
	s := &fakeSession{
		p:     flow.Principal{Class: flow.Subscriber, ID: c.Secret, Generation: 1, Session: id.New(id.Session)},
		done:  make(chan struct{}),
		ended: make(chan struct{}),
		open:  map[io.Closer]bool{},
	}
	h.mu.Lock()
	h.sessions = append(h.sessions, s)
	h.mu.Unlock()
	return s, nil
}

// deny makes every dial fail with err.
func (h *fakeHost) deny(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = err
}

// session returns the newest session of user.
func (h *fakeHost) session(t *testing.T, user string) *fakeSession {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.sessions) - 1; i >= 0; i-- {
		if h.sessions[i].p.ID == user {
			return h.sessions[i]
		}
	}
	t.Fatalf("%s has no session", user)
	return nil
}

func (h *fakeHost) find(session string) *fakeSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s.p.Session == session {
			return s
		}
	}
	return nil
}

func (h *fakeHost) admit(f flow.Flow) (*fakeSession, error) {
	h.mu.Lock()
	h.flows = append(h.flows, f)
	refuse := h.refuse
	h.mu.Unlock()
	if refuse != nil {
		return nil, refuse
	}
	s := h.find(f.Principal.Session)
	if s == nil || s.over() {
		return nil, flow.ErrCut
	}
	return s, nil
}

func (h *fakeHost) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	s, err := h.admit(f)
	if err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.Dest.String())
	if err != nil {
		return nil, errors.Join(flow.ErrUnreachable, err)
	}
	s.track(c)
	return &fakeConn{TCPConn: c.(*net.TCPConn), s: s}, nil
}

func (h *fakeHost) Associate(_ context.Context, f flow.Flow) (ingress.PacketConn, error) {
	s, err := h.admit(f)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	s.track(c)
	return &fakePackets{UDPConn: c, s: s}, nil
}

func (h *fakeHost) Lease(context.Context, flow.Principal, string, ...netip.Addr) (ingress.Lease, error) {
	return nil, errors.ErrUnsupported
}

func (s *fakeSession) Principal() flow.Principal { return s.p }
func (s *fakeSession) Done() <-chan struct{}     { return s.done }

func (s *fakeSession) End() {
	s.endOne.Do(func() { close(s.ended) })
	s.cut()
}

// cut is what the engine does on a kick.
func (s *fakeSession) cut() {
	s.doneOne.Do(func() { close(s.done) })
	s.cutFlows()
}

func (s *fakeSession) cutFlows() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
	s.open = nil
}

func (s *fakeSession) over() bool {
	select {
	case <-s.done:
		return true
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *fakeSession) track(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		c.Close()
		return
	}
	s.open[c] = true
}

func (s *fakeSession) err(err error) error {
	if err != nil && s.over() {
		return flow.ErrCut
	}
	return err
}

type fakeConn struct {
	*net.TCPConn
	s *fakeSession
}

func (c *fakeConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, c.s.err(err)
}

func (c *fakeConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, c.s.err(err)
}

func (c *fakeConn) Relay(net.Conn, []byte) error { return errors.ErrUnsupported }

type fakePackets struct {
	*net.UDPConn
	s *fakeSession
}

func (c *fakePackets) ReadFrom(b []byte) (int, flow.Dest, error) {
	n, ap, err := c.UDPConn.ReadFromUDPAddrPort(b)
	return n, flow.Dest{Addr: ap.Addr().Unmap(), Port: ap.Port()}, c.s.err(err)
}

func (c *fakePackets) WriteTo(b []byte, to flow.Dest) (int, error) {
	n, err := c.UDPConn.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr, to.Port))
	return n, c.s.err(err)
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
	host    *fakeHost
	serving ingress.Host
	addr    *net.UDPAddr
	roots   *x509.CertPool
	spec    ingress.Spec
}

func newRig(t testing.TB, options string) *rig {
	t.Helper()
	host := &fakeHost{}
	return newRigOn(t, options, host, host)
}

// newRigOn runs on serving, which wraps host.
func newRigOn(t testing.TB, options string, host *fakeHost, serving ingress.Host) *rig {
	t.Helper()
	cert, roots := selfSigned(t)
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

func selfSigned(t testing.TB) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "node.test"},
		DNSNames:     []string{"node.test"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

// echoTCP answers every connection with what it sends; echoUDP every datagram.
func echoTCP(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

func echoUDP(t testing.TB) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(b[:n], from)
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c.LocalAddr().String()
}
