package httpproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signInAnyone lets everyone in whose password is "secret".
func signInAnyone(c ingress.Credential) (string, error) {
	if c.Password != "secret" || c.Kind != "http" || c.Ingress != "ing_test" {
		return "", flow.ErrCredential
	}
	return c.Name, nil
}

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

// noPanic fails the test when net/http has caught a panic: it would only be a line of a log.
type noPanic struct {
	slog.Handler
	t testing.TB
}

func (noPanic) Enabled(context.Context, slog.Level) bool { return true }

func (h noPanic) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "panic") {
		h.t.Error(r.Message)
	}
	return nil
}

// rig is a running ingress.
type rig struct {
	in    *Ingress
	host  *ingresstest.FakeHost
	addr  string
	roots *x509.CertPool
}

func newRig(t testing.TB, options string) *rig {
	t.Helper()
	cert, roots := ingresstest.FakeCertificate(t)
	sockets := fakeSockets{make(chan string, 1)}
	r := &rig{host: &ingresstest.FakeHost{Admit: signInAnyone}, roots: roots}
	in, err := New(ingress.Spec{
		Ingress: nodeapi.Ingress{ID: "ing_test", Kind: "http", Listen: "127.0.0.1:0", Options: json.RawMessage(options)},
		Sockets: sockets,
		TLS:     func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		Log:     slog.New(noPanic{slog.DiscardHandler, t}),
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
		for _, s := range r.host.Sessions() {
			select {
			case <-s.Ended:
			default:
				t.Errorf("session of %s was never ended", s.P.ID)
			}
		}
		if n := len(r.in.conns); n != 0 {
			t.Errorf("%d connections are still listed", n)
		}
	})
	return r
}
