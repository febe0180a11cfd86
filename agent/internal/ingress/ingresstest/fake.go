package ingresstest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/shared/id"
)

// FakeHost is ingress.Host without an engine, for what a test must see or provoke from inside: sessions, flows, refusals.
// It counts and copies as the engine does, only simpler. Whether an ingress bills right is for Run to show.
type FakeHost struct {
	ingress.Host // nil: its Lease is for packet VPNs, which need the real one

	// Admit names whoever presents a credential, or refuses.
	Admit func(ingress.Credential) (name string, err error)
	// DialTo is where TCP flows go; nil goes there for real.
	DialTo func(context.Context, flow.Flow) (net.Conn, error)

	Up, Down atomic.Int64 // of TCP

	mu       sync.Mutex
	sessions []*FakeSession
	flows    []flow.Flow
	deny     error // of Authenticate
	refuse   error // of Dial and Associate
}

// FakeSession is a session of a FakeHost.
type FakeSession struct {
	P     flow.Principal
	Ended chan struct{} // closed when the ingress has ended it

	endOne  sync.Once
	done    chan struct{}
	doneOne sync.Once
	mu      sync.Mutex
	open    map[io.Closer]bool
}

// Authenticate implements ingress.Host.
func (h *FakeHost) Authenticate(_ context.Context, c ingress.Credential, _ netip.AddrPort) (ingress.Session, error) {
	name, err := h.Admit(c)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deny != nil {
		return nil, h.deny
	}
	s := &FakeSession{
		P:    flow.Principal{Class: flow.Subscriber, ID: name, Generation: 1, Session: id.New(id.Session)},
		done: make(chan struct{}), Ended: make(chan struct{}), open: map[io.Closer]bool{},
	}
	h.sessions = append(h.sessions, s)
	return s, nil
}

// Fail makes every sign-in fail with deny and every flow with refuse; nil lets them pass.
func (h *FakeHost) Fail(deny, refuse error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deny, h.refuse = deny, refuse
}

// Sessions returns all so far, oldest first.
func (h *FakeHost) Sessions() []*FakeSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sessions)
}

// Session returns the newest session of user.
func (h *FakeHost) Session(t testing.TB, user string) *FakeSession {
	t.Helper()
	for _, s := range slices.Backward(h.Sessions()) {
		if s.P.ID == user {
			return s
		}
	}
	t.Fatalf("%s has no session", user)
	return nil
}

// Flows returns what was asked for so far, also what was refused.
func (h *FakeHost) Flows() []flow.Flow {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.flows)
}

// admit notes f. A flow of nobody, or of somebody who has left, is cut.
func (h *FakeHost) admit(f flow.Flow) (*FakeSession, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flows = append(h.flows, f)
	if h.refuse != nil {
		return nil, h.refuse
	}
	for _, s := range slices.Backward(h.sessions) {
		if s.P == f.Principal && !s.over() {
			return s, nil
		}
	}
	return nil, flow.ErrCut
}

// Dial implements ingress.Host.
func (h *FakeHost) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	s, err := h.admit(f)
	if err != nil {
		return nil, err
	}
	var c net.Conn
	if h.DialTo != nil {
		c, err = h.DialTo(ctx, f)
	} else {
		c, err = (&net.Dialer{}).DialContext(ctx, "tcp", f.Dest.String())
	}
	if err != nil {
		return nil, errors.Join(flow.ErrUnreachable, err)
	}
	s.track(c)
	return &fakeConn{Conn: c, s: s, h: h}, nil
}

// Associate implements ingress.Host.
func (h *FakeHost) Associate(_ context.Context, f flow.Flow) (ingress.PacketConn, error) {
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

// Principal implements ingress.Session.
func (s *FakeSession) Principal() flow.Principal { return s.P }

// Done implements ingress.Session.
func (s *FakeSession) Done() <-chan struct{} { return s.done }

// End implements ingress.Session.
func (s *FakeSession) End() {
	s.endOne.Do(func() { close(s.Ended) })
	s.Cut()
}

// Cut is what the engine does on a kick.
func (s *FakeSession) Cut() {
	s.doneOne.Do(func() { close(s.done) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
	s.open = nil
}

func (s *FakeSession) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *FakeSession) track(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		_ = c.Close()
		return
	}
	s.open[c] = true
}

func (s *FakeSession) err(err error) error {
	if err != nil && s.over() {
		return flow.ErrCut
	}
	return err
}

type fakeConn struct {
	net.Conn
	s *FakeSession
	h *FakeHost
}

func (c *fakeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.h.Down.Add(int64(n))
	return n, c.s.err(err)
}

func (c *fakeConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.h.Up.Add(int64(n))
	return n, c.s.err(err)
}

func (c *fakeConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Close()
}

func (c *fakeConn) Relay(client net.Conn, early []byte) error {
	defer client.Close()
	defer c.Close()
	if _, err := c.Write(early); err != nil {
		return err
	}
	up := make(chan error, 1)
	go func() {
		_, err := io.Copy(struct{ io.Writer }{c}, client)
		_ = c.CloseWrite()
		up <- err
	}()
	_, err := io.Copy(client, struct{ io.Reader }{c})
	if w, ok := client.(interface{ CloseWrite() error }); ok && err == nil {
		_ = w.CloseWrite()
	} else {
		_ = client.Close()
	}
	return errors.Join(err, <-up)
}

type fakePackets struct {
	*net.UDPConn
	s *FakeSession
}

func (c *fakePackets) ReadFrom(b []byte) (int, flow.Dest, error) {
	n, ap, err := c.ReadFromUDPAddrPort(b)
	return n, flow.Dest{Addr: ap.Addr().Unmap(), Port: ap.Port()}, c.s.err(err)
}

func (c *fakePackets) WriteTo(b []byte, to flow.Dest) (int, error) {
	n, err := c.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr, to.Port))
	return n, c.s.err(err)
}

// FakeName is the name in FakeCertificate.
const FakeName = "node.test"

// FakeCertificate makes a certificate that trusts itself.
func FakeCertificate(t testing.TB) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{FakeName}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
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
