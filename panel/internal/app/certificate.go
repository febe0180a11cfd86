package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"culvert/panel/internal/cert"
	"culvert/panel/internal/pg"
)

// PanelCertificate is the name under which the operator stores the certificate of the panel's own listeners.
const PanelCertificate = "panel"

const everyCertificate = 30 * time.Second

// presenter holds the certificate that the panel's listeners present: the operator's certificate named "panel", else a
// self-signed one that the installation made for itself and that all replicas share.
type presenter struct {
	s       *Services
	log     *slog.Logger
	host    string
	current atomic.Pointer[tls.Certificate]
	self    *tls.Certificate
}

type pemPair struct{ Chain, Key string }

func newPresenter(ctx context.Context, s *Services, host string, log *slog.Logger) (*presenter, error) {
	p := &presenter{s: s, log: log, host: host}
	raw, err := s.Vault.Installation(ctx, "panel_certificate", func() ([]byte, error) {
		names := []string{"localhost", "127.0.0.1", "::1"}
		if host != "" && host != "localhost" && net.ParseIP(host) == nil || net.ParseIP(host) != nil && !net.ParseIP(host).IsLoopback() {
			names = append([]string{host}, names...)
		}
		chain, key, err := cert.NewSelfSigned(names, 3650)
		if err != nil {
			return nil, err
		}
		return json.Marshal(pemPair{chain, key})
	})
	if err != nil {
		return nil, err
	}
	var pair pemPair
	if err := json.Unmarshal(raw, &pair); err != nil {
		return nil, fmt.Errorf("panel certificate: %w", err)
	}
	c, err := tls.X509KeyPair([]byte(pair.Chain), []byte(pair.Key))
	if err != nil {
		return nil, fmt.Errorf("panel certificate: %w", err)
	}
	p.self = &c
	p.current.Store(&c)
	p.refresh(ctx)
	return p, nil
}

func (p *presenter) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current.Load(), nil }

func (p *presenter) run(ctx context.Context) error {
	t := time.NewTicker(everyCertificate)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			p.refresh(ctx)
		}
	}
}

func (p *presenter) refresh(ctx context.Context) {
	c, err := p.operators(ctx)
	switch {
	case err != nil:
		p.log.WarnContext(ctx, "panel certificate: keeping the one in use", "error", err)
	case c != nil:
		p.current.Store(c)
	default:
		p.current.Store(p.self)
	}
}

// operators returns the operator's own certificate, nil when there is none.
func (p *presenter) operators(ctx context.Context) (*tls.Certificate, error) {
	var cid, chain string
	var sealed []byte
	found := false
	err := p.s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		found, err = tx.One(ctx, "SELECT id, chain, key FROM certificate WHERE tenant_id = $1 AND name = $2",
			[]any{p.s.Root, PanelCertificate}, &cid, &chain, &sealed)
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	key, err := p.s.Certs.OpenKey(ctx, cid, sealed)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		return nil, errors.Join(errors.New("certificate named panel does not load"), err)
	}
	return &c, nil
}
