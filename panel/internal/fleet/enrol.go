package fleet

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/secret"
)

// Lives of enrolment tokens.
const (
	TokenLife    = 24 * time.Hour
	maxTokenLife = 30 * 24 * time.Hour
)

// Token lets one machine become one node, once.
type Token struct {
	Text    secret.String // shown once
	Expires time.Time
	Pin     string // SHA-256 of the CA: the agent needs it to know the panel
}

// Issued is a node's fresh certificate.
type Issued struct {
	Node  string
	Chain string // PEM, leaf first
	CA    string // PEM
}

// CreateToken makes a one-time enrolment token. A node that is enrolled already may be enrolled again, on a new machine:
// using the token revokes the certificates of the old one.
func (s *Service) CreateToken(ctx context.Context, a actor.Actor, nid string, life time.Duration) (*Token, error) {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return nil, err
	}
	if life == 0 {
		life = TokenLife
	}
	if life < time.Minute || life > maxTokenLife {
		return nil, errs.Bad("life", "must be between one minute and 30 days")
	}
	pin, err := s.Pin(ctx)
	if err != nil {
		return nil, err
	}
	a = at(a)
	raw := make([]byte, 20)
	_, _ = rand.Read(raw)
	text := "cvt_" + strings.ToLower(base32.StdEncoding.EncodeToString(raw))
	t := &Token{Text: secret.New(text), Pin: pin}
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		n, err := loadNode(ctx, tx, nid, 0)
		if err != nil {
			return err
		}
		if n.Status == StatusRevoked {
			return errs.New(errs.State, "node %s is revoked for good: make a new one", n.Name)
		}
		t.Expires = tx.Now.Add(life)
		if _, err := tx.Exec(ctx, "DELETE FROM enrol_token WHERE node_id = $1 AND (used_at IS NOT NULL OR expires_at < $2)", nid, tx.Now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO enrol_token (tenant_id, node_id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			a.Tenant, nid, s.vault.Hash("enrol", text), tx.Now, t.Expires); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.token", "node/"+nid, audit.Diff{"expires": t.Expires})
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Enrol exchanges a token and a certificate request for an identity. One answer serves unknown, used and expired tokens.
// Two machines with one token: the database lets one of them have it.
func (s *Service) Enrol(ctx context.Context, q nodeapi.EnrolRequest, from string) (*Issued, error) {
	key, err := parseCSR(q.CSR)
	if err != nil {
		return nil, err
	}
	ca, err := s.authority(ctx)
	if err != nil {
		return nil, err
	}
	var out *Issued
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		var tenant, nid string
		found, err := tx.One(ctx, `UPDATE enrol_token SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2
			RETURNING tenant_id, node_id`, []any{s.vault.Hash("enrol", q.Token), tx.Now}, &tenant, &nid)
		if err != nil {
			return err
		}
		if !found {
			return errs.New(errs.Denied, "this enrolment token is not valid: make a new one for the node")
		}
		n, err := takeNode(ctx, tx, nid, true, "id = ?", nid)
		if err != nil {
			return err
		}
		if n.Status == StatusRevoked {
			return errs.New(errs.Denied, "this enrolment token is not valid: make a new one for the node")
		}
		a := system(tenant, nid, from)
		if err := revokeSerials(ctx, tx, nid); err != nil {
			return err
		}
		if out, err = ca.certify(ctx, tx, tenant, nid, key); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE node SET status = CASE status WHEN 'waiting' THEN 'active' ELSE status END, epoch = 0,
			agent_version = $2, capability = $3, version = version + 1, updated_at = $4 WHERE id = $1`,
			nid, clip(q.Version, 64), q.Capability, tx.Now); err != nil {
			return err
		}
		if err := changed(ctx, tx, a, nid); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.enrol", "node/"+nid, audit.Diff{"version": clip(q.Version, 64)})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Renew issues a fresh certificate to a node that is connected with one. The old one stays valid until it expires: the
// new one may get lost on its way.
func (s *Service) Renew(ctx context.Context, nid, csr string) (*Issued, error) {
	key, err := parseCSR(csr)
	if err != nil {
		return nil, err
	}
	ca, err := s.authority(ctx)
	if err != nil {
		return nil, err
	}
	var out *Issued
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		n, err := takeNode(ctx, tx, nid, true, "id = ?", nid)
		if err != nil {
			return err
		}
		if n.Status != StatusActive && n.Status != StatusSuspended {
			return errs.New(errs.Denied, "node %s is %s", n.Name, n.Status)
		}
		var live int
		if _, err := tx.One(ctx, "SELECT count(*) FROM node_certificate WHERE node_id = $1 AND revoked_at IS NULL AND not_after > $2",
			[]any{nid, tx.Now}, &live); err != nil {
			return err
		}
		if live > maxLive {
			return errs.New(errs.Throttled, "node %s has %d certificates that are still valid", n.Name, live)
		}
		out, err = ca.certify(ctx, tx, n.TenantID, nid, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// maxLive bounds the valid certificates of one node: it renews every 20 days.
const maxLive = 16

func (a *authority) certify(ctx context.Context, tx *pg.Tx, tenant, nid string, key crypto.PublicKey) (*Issued, error) {
	cert, err := a.issue(nid, key, tx.Now)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO node_certificate (tenant_id, node_id, serial, not_after, created_at) VALUES ($1, $2, $3, $4, $5)",
		tenant, nid, Serial(cert), cert.NotAfter, tx.Now)
	if err != nil {
		return nil, err
	}
	leaf := encode("CERTIFICATE", cert.Raw)
	return &Issued{Node: nid, Chain: string(slices.Concat(leaf, a.pem)), CA: string(a.pem)}, nil
}

func revokeSerials(ctx context.Context, tx *pg.Tx, nid string) error {
	_, err := tx.Exec(ctx, "UPDATE node_certificate SET revoked_at = $2 WHERE node_id = $1 AND revoked_at IS NULL", nid, tx.Now)
	return err
}

// Revoke ends a node for good: its connections within a second, on every replica; what it held is rotated.
func (s *Service) Revoke(ctx context.Context, a actor.Actor, nid string, match int64) (*Node, error) {
	return s.write(ctx, a, nid, match, "node.revoke", func(tx *pg.Tx, n *Node) (audit.Diff, error) {
		if n.Status == StatusRevoked {
			return nil, errs.New(errs.State, "node %s is revoked already", n.Name)
		}
		diff := audit.Diff{"status": [2]any{n.Status, StatusRevoked}}
		n.Status = StatusRevoked
		if err := revokeSerials(ctx, tx, nid); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM enrol_token WHERE node_id = $1", nid); err != nil {
			return nil, err
		}
		return diff, outbox.Emit(ctx, tx, n.TenantID, a.Trace, Revoked{Node: nid})
	})
}

// Admission is what the list says about a certificate.
type Admission struct {
	Node     string
	NotAfter time.Time
	Refusal  string // nodeapi problem code; empty: let in
}

// Admit looks certificates up by serial. A serial that is missing from the answer was never issued, or its node is gone.
func (s *Service) Admit(ctx context.Context, serials ...string) (map[string]Admission, error) {
	out := make(map[string]Admission, len(serials))
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		clear(out)
		return tx.Query(ctx, `SELECT c.serial, c.node_id, c.not_after, c.revoked_at IS NOT NULL, n.status
			FROM node_certificate c JOIN node n ON n.tenant_id = c.tenant_id AND n.id = c.node_id WHERE c.serial = ANY($1)`,
			[]any{serials}, func(r pg.Row) error {
				var sn, status string
				var ad Admission
				var revoked bool
				if err := r.Scan(&sn, &ad.Node, &ad.NotAfter, &revoked, &status); err != nil {
					return err
				}
				if revoked || status != StatusActive && status != StatusSuspended {
					ad.Refusal = nodeapi.CodeRevoked
				}
				out[sn] = ad
				return nil
			})
	})
	return out, err
}

// Verify checks a certificate that a client presented, up to the list: our CA, for clients, of a node, in time.
func Verify(roots *x509.CertPool, chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return &nodeapi.Problem{Code: nodeapi.CodeCertificate, Message: "a node certificate is needed"}
	}
	leaf, at := chain[0], now // the leaf's own dates are judged below, with words
	if now.After(leaf.NotAfter) {
		at = leaf.NotAfter
	} else if now.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: at})
	const form = "Mon 2 Jan 2006 15:04:05 MST"
	switch {
	case err != nil:
		return &nodeapi.Problem{Code: nodeapi.CodeCertificate, Message: "the certificate is not one of this panel's nodes'"}
	case now.After(leaf.NotAfter):
		return &nodeapi.Problem{
			Code: nodeapi.CodeExpired, Message: "the node's certificate expired on " + leaf.NotAfter.UTC().Format(form) +
				"; it is now " + now.UTC().Format(form) + " here: enrol the node again with a new token",
		}
	case now.Before(leaf.NotBefore):
		return &nodeapi.Problem{
			Code: nodeapi.CodeClock, Message: "the node's certificate begins on " + leaf.NotBefore.UTC().Format(form) +
				"; it is now " + now.UTC().Format(form) + " here: one of the clocks is wrong",
		}
	}
	return nil
}

// clip makes a text of a node's fit for a column: valid UTF-8 without NUL, of at most n bytes.
func clip(s string, n int) string {
	s = strings.ReplaceAll(s[:min(len(s), n)], "\x00", "")
	return strings.ToValidUTF8(s, "")
}
