// Package cert keeps the certificates that ingresses present: self-signed ones made here and imported PEM. Private keys
// are sealed; they leave the panel only inside the mutual TLS of the node gateway.
package cert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// Certificate is a stored key pair, without its key.
type Certificate struct {
	TenantID  string     `json:"tenant_id"`
	ID        string     `gorm:"primaryKey" json:"id"`
	Name      string     `json:"name"`
	Source    string     `json:"source"` // self_signed or import
	Names     pg.Strings `gorm:"type:text[]" json:"names"`
	Chain     string     `json:"chain"` // PEM, leaf first
	Key       []byte     `json:"-"`     // sealed PEM
	SHA256    []byte     `gorm:"column:sha256" json:"sha256"`
	NotBefore time.Time  `json:"not_before"`
	NotAfter  time.Time  `json:"not_after"`
	Version   int64      `json:"version"`
	CreatedAt time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt time.Time  `gorm:"autoUpdateTime:false" json:"updated_at"`
}

// TableName implements gorm's Tabler.
func (Certificate) TableName() string { return "certificate" }

// Changed tells that a certificate has another key pair; the nodes that use it get it.
type Changed struct {
	Certificate string `json:"certificate"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "certificate.changed" }

const sealKey = "certificate.key"

var nameRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant

// Service is the certificate service.
type Service struct {
	DB    *pg.DB
	Vault *vault.Vault
}

// SelfSign makes an ECDSA P-256 certificate for names (domains or addresses), valid for days.
func (s *Service) SelfSign(ctx context.Context, a actor.Actor, name string, names []string, days int) (*Certificate, error) {
	var f errs.Faults
	f.Check(len(names) > 0 && len(names) <= 50, "names", "must have 1 to 50 domains or addresses")
	f.Check(days >= 1 && days <= 3650, "days", "must be between 1 and 3650")
	for _, n := range names {
		f.Check(validName(n), "names", "%q is neither a domain nor an address", n)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	chain, key, err := NewSelfSigned(names, days)
	if err != nil {
		return nil, err
	}
	return s.store(ctx, a, name, "self_signed", chain, key)
}

func validName(n string) bool {
	if net.ParseIP(n) != nil {
		return true
	}
	n = strings.TrimPrefix(n, "*.")
	if n == "" || len(n) > 253 {
		return false
	}
	for _, label := range strings.Split(n, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// NewSelfSigned makes an ECDSA P-256 key pair in PEM for names, valid for days.
func NewSelfSigned(names []string, days int) (chain, key string, err error) {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", fmt.Errorf("make serial: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, days),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &priv.PublicKey, priv)
	if err != nil {
		return "", "", fmt.Errorf("sign certificate: %w", err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return "", "", fmt.Errorf("encode key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder})), nil
}

// Import stores a PEM chain (leaf first) and its key. They must belong together and be valid now.
func (s *Service) Import(ctx context.Context, a actor.Actor, name, chain string, key secret.String) (*Certificate, error) {
	return s.store(ctx, a, name, "import", chain, key.Reveal())
}

func (s *Service) store(ctx context.Context, a actor.Actor, name, source, chain, key string) (*Certificate, error) {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return nil, err
	}
	c := &Certificate{TenantID: a.Tenant, ID: id.New(id.Cert), Name: name, Source: source, Version: 1}
	if !nameRule.MatchString(name) {
		return nil, errs.Bad("name", "must have 1 to 64 characters of A-Z, a-z, 0-9, dot, hyphen and underscore, alphanumeric at both ends")
	}
	if err := s.fill(c, chain, key); err != nil {
		return nil, err
	}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		c.CreatedAt, c.UpdatedAt = tx.Now, tx.Now
		if err := insert(tx, c); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "certificate.create", "certificate/"+c.ID, audit.Diff{"name": name, "names": c.Names})
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// fill parses and checks the pair and sets what is derived from it.
func (s *Service) fill(c *Certificate, chain, key string) error {
	if len(chain) > 64<<10 || len(key) > 16<<10 {
		return errs.Bad("chain", "must be at most 64 KiB, the key at most 16 KiB")
	}
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		return errs.Wrap(errs.Invalid, &errs.Error{Fields: []errs.Field{{Name: "key", Rule: err.Error()}}},
			"certificate and key are not a PEM pair that belongs together")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return errs.Bad("chain", "first certificate cannot be read")
	}
	if time.Now().After(leaf.NotAfter) {
		return errs.Bad("chain", "expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	sum := sha256.Sum256(leaf.Raw)
	c.Chain, c.Key, c.SHA256 = chain, s.Vault.Seal(sealKey, c.ID, []byte(key)), sum[:]
	c.NotBefore, c.NotAfter, c.Names = leaf.NotBefore.UTC(), leaf.NotAfter.UTC(), leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	return nil
}

// Replace puts another key pair under the same certificate: ingresses that use it present the new one without a restart.
func (s *Service) Replace(ctx context.Context, a actor.Actor, cid string, match int64, chain string, key secret.String) (*Certificate, error) {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return nil, err
	}
	var c *Certificate
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if c, err = load(tx, cid, true); err != nil {
			return err
		}
		if match != 0 && match != c.Version {
			return errs.New(errs.Stale, "certificate %s is at version %d", c.Name, c.Version)
		}
		if err := s.fill(c, chain, key.Reveal()); err != nil {
			return err
		}
		c.Source, c.Version, c.UpdatedAt = "import", c.Version+1, tx.Now
		if err := save(tx, c); err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, c.TenantID, a.Trace, Changed{Certificate: cid}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "certificate.replace", "certificate/"+cid, audit.Diff{"key": audit.Changed, "names": c.Names})
	})
	return c, err
}

// Get returns a certificate of the actor's tenant, without its key.
func (s *Service) Get(ctx context.Context, a actor.Actor, cid string) (*Certificate, error) {
	if err := a.Require(actor.May(actor.Network, actor.Read)); err != nil {
		return nil, err
	}
	var c *Certificate
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		c, err = load(tx, cid, false)
		return err
	})
	return c, err
}

// List lists certificates of the actor's tenant after the id after.
func (s *Service) List(ctx context.Context, a actor.Actor, after string, limit int) ([]Certificate, error) {
	if err := a.Require(actor.May(actor.Network, actor.Read)); err != nil {
		return nil, err
	}
	out := []Certificate{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = list(tx, a.Tenant, after, limit)
		return err
	})
	return out, err
}

// Delete removes a certificate that no ingress uses.
func (s *Service) Delete(ctx context.Context, a actor.Actor, cid string) error {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return err
	}
	return s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		c, err := load(tx, cid, true)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM certificate WHERE tenant_id = $1 AND id = $2", c.TenantID, cid)
		if errs.Is(err, errs.InUse) {
			return errs.Wrap(errs.InUse, err, "certificate %s is in use by an ingress", c.Name)
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "certificate.delete", "certificate/"+cid, audit.Diff{"name": c.Name})
	})
}

// OpenKey returns the PEM key of c; for the compiler of desired states and the panel's own listener.
func (s *Service) OpenKey(ctx context.Context, cid string, sealed []byte) (string, error) {
	key, err := s.Vault.Open(ctx, sealKey, cid, sealed)
	return string(key), err
}
