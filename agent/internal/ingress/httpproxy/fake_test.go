package httpproxy

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
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeHost lets everyone in whose password is "secret". It dials for real, unless refuse says otherwise.
type fakeHost struct {
	mu       sync.Mutex
	sessions []*fakeSession
	flows    []flow.Flow
	deny     error // of Authenticate
	refuse   error // of Dial
	up, down atomic.Int64
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
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.Password != "secret" || c.Kind != "http" || c.Ingress != "ing_test" {
		return nil, flow.ErrCredential
	}
	if h.deny != nil {
		return nil, h.deny
	}
	s := &fakeSession{
		p:    flow.Principal{Class: flow.Subscriber, ID: c.Name, Generation: 1, Session: id.New(id.Session)},
		done: make(chan struct{}), ended: make(chan struct{}), open: map[io.Closer]bool{},
	}
	h.sessions = append(h.sessions, s)
	return s, nil
}

// set makes every sign-in and every dial fail.
func (h *fakeHost) set(deny, refuse error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deny, h.refuse = deny, refuse
}

// opened returns the sessions so far.
func (h *fakeHost) opened() []*fakeSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*fakeSession(nil), h.sessions...)
}

func (h *fakeHost) dialled() []flow.Flow {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]flow.Flow(nil), h.flows...)
}

func (h *fakeHost) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	h.mu.Lock()
	h.flows = append(h.flows, f)
	refuse := h.refuse
	var s *fakeSession
	for _, o := range h.sessions {
		if o.p == f.Principal {
			s = o
		}
	}
	h.mu.Unlock()
	if refuse != nil {
		return nil, refuse
	}
	if s == nil || s.over() {
		return nil, flow.ErrCut
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", f.Dest.String())
	if err != nil {
		return nil, errors.Join(flow.ErrUnreachable, err)
	}
	s.track(c)
	return &fakeConn{TCPConn: c.(*net.TCPConn), s: s, h: h}, nil
}

func (h *fakeHost) Associate(context.Context, flow.Flow) (ingress.PacketConn, error) {
	return nil, errors.ErrUnsupported
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

// fakeConn counts and copies as the engine does, only simpler.
type fakeConn struct {
	*net.TCPConn
	s *fakeSession
	h *fakeHost
}

func (c *fakeConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.h.down.Add(int64(n))
	if err != nil && c.s.over() {
		err = flow.ErrCut
	}
	return n, err
}

func (c *fakeConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	c.h.up.Add(int64(n))
	return n, err
}

func (c *fakeConn) Relay(client net.Conn, early []byte) error {
	defer client.Close()
	defer c.Close()
	if _, err := c.Write(early); err != nil {
		return err
	}
	up := make(chan error, 1)
	go func() {
		_, err := io.Copy(onlyWriter{c}, client)
		_ = c.CloseWrite()
		up <- err
	}()
	_, err := io.Copy(client, onlyReader{c})
	if w, ok := client.(interface{ CloseWrite() error }); ok && err == nil {
		_ = w.CloseWrite()
	} else {
		client.Close()
	}
	if err != nil {
		client.Close()
	}
	return errors.Join(err, <-up)
}

type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

type fakeSockets struct{ addr chan string }

func (s fakeSockets) Listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err == nil {
		s.addr <- l.Addr().String()
	}
	return l, err
}

func (fakeSockets) ListenPacket(string, string) (net.PacketConn, error) {
	return nil, errors.ErrUnsupported
}

// rig is a running ingress.
type rig struct {
	in    *Ingress
	host  *fakeHost
	addr  string
	roots *x509.CertPool
}

func newRig(t testing.TB, options string) *rig {
	t.Helper()
	cert, roots := selfSigned(t)
	sockets := fakeSockets{make(chan string, 1)}
	r := &rig{host: &fakeHost{}, roots: roots}
	in, err := New(ingress.Spec{
		Ingress: nodeapi.Ingress{ID: "ing_test", Kind: "http", Listen: "127.0.0.1:0", Options: json.RawMessage(options)},
		Sockets: sockets,
		TLS:     func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		Log:     slog.New(slog.DiscardHandler),
	}, r.host)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.in, r.addr = in.(*Ingress), <-sockets.addr
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nothing is waited for
		if err := in.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		for _, s := range r.host.opened() {
			select {
			case <-s.ended:
			default:
				t.Errorf("session of %s was never ended", s.p.ID)
			}
		}
		if n := len(r.in.conns); n != 0 {
			t.Errorf("%d connections are still listed", n)
		}
	})
	return r
}

func selfSigned(t testing.TB) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node.test"}, DNSNames: []string{"node.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
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
