package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"

	"culvert/agent/internal/ingress"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
)

// service is one running ingress.
type service struct {
	serial int64
	spec   nodeapi.Ingress // options normalized
	ing    ingress.Ingress
	cert   atomic.Pointer[tls.Certificate]
}

// keyPair is a certificate with the text it was read from.
type keyPair struct {
	chain, key string
	cert       *tls.Certificate
}

// same reports whether a running service can go on as spec: what differs is only a name or which certificate.
func (s *service) same(spec *nodeapi.Ingress) bool {
	return s.spec.Kind == spec.Kind && s.spec.Listen == spec.Listen && string(s.spec.Options) == string(spec.Options) &&
		(s.spec.Certificate == "") == (spec.Certificate == "")
}

// keeper binds a store to one ingress.
type keeper struct {
	store   Store
	ingress string
}

// Get implements ingress.Keeper.
func (k keeper) Get(name string, fresh func() ([]byte, error)) ([]byte, error) {
	return k.store.Keep(k.ingress, name, fresh)
}

// build makes and starts a service. at is its path in the document.
func (e *Engine) build(ctx context.Context, at string, spec nodeapi.Ingress, cert *tls.Certificate, keys ingress.KeyChange) (*service, error) {
	s := &service{serial: e.serial.Add(1), spec: spec}
	is := ingress.Spec{
		Ingress: spec, Sockets: e.cfg.Sockets, Keep: keeper{e.cfg.Store, spec.ID},
		Log: e.log.With("ingress", spec.ID, "kind", spec.Kind),
	}
	if cert != nil {
		s.cert.Store(cert)
		is.TLS = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil }
	}
	var err error
	if s.ing, err = e.cfg.Factories[spec.Kind](is, &host{Engine: e, service: s}); err != nil {
		return nil, within(at+".options", err)
	}
	if kc, ok := s.ing.(ingress.KeysChanged); ok {
		if err := kc.KeysChanged(ctx, keys); err != nil {
			return nil, errors.Join(nodeapi.Fault(at, "cannot take its keys: %v", err), s.ing.Close(ctx))
		}
	}
	if err := s.ing.Start(e.life); err != nil { //nolint:contextcheck // it outlives the update that starts it
		return nil, within(at+".listen", err)
	}
	return s, nil
}

// within gives err a path in the document: below at, if it names a field itself.
func within(at string, err error) error {
	path, rule := nodeapi.AsField(err)
	if path != "" {
		at += "." + path
	}
	return nodeapi.Fault(at, "%s", rule)
}

// retire closes a replaced or removed service in the background. What was replaced may drain; what was removed may not.
func (e *Engine) retire(s *service, drain bool) {
	e.retired.Go(func() {
		ctx, cancel := context.WithTimeout(e.life, e.cfg.Drain)
		if !drain {
			cancel()
		}
		defer cancel()
		if err := e.close(ctx, s); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			e.log.Warn("ingress did not close cleanly", "ingress", s.spec.ID, "error", err)
		}
	})
}

// close closes a service; when ctx ends, its sessions are ended, so that nothing holds it up.
func (e *Engine) close(ctx context.Context, s *service) error {
	stop := context.AfterFunc(ctx, func() { endService(e.sessions, s) })
	err := s.ing.Close(ctx)
	stop()
	endService(e.sessions, s)
	if err != nil {
		return fmt.Errorf("close ingress %s: %w", s.spec.ID, err)
	}
	return nil
}

func endService(sessions *session.Table, s *service) {
	for _, ss := range sessions.All(func(x *session.Session) bool { return x.Service() == s.serial }) {
		sessions.End(ss, session.Drained)
	}
}
