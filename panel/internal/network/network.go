// Package network owns what nodes serve: ingresses. Options are one JSON document, checked by the protocol's own package
// before they are stored, by the same code that the agent runs.
package network

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"regexp"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// Ingress is one configured service on a node.
type Ingress struct {
	TenantID      string    `json:"tenant_id"`
	ID            string    `gorm:"primaryKey" json:"id"`
	NodeID        string    `json:"node_id"`
	Kind          string    `json:"kind"`
	Name          string    `json:"name"`
	Listen        string    `json:"listen"`
	CertificateID *string   `json:"certificate_id"`
	Options       Options   `gorm:"-" json:"options"`
	Sealed        []byte    `gorm:"column:options" json:"-"`
	Enabled       bool      `json:"enabled"`
	Fault         string    `json:"fault"` // why the node refused it; it is left out until it is changed
	Version       int64     `json:"version"`
	CreatedAt     time.Time `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt     time.Time `gorm:"autoUpdateTime:false" json:"updated_at"`
	Warnings      []string  `gorm:"-" json:"warnings" doc:"what works, but not well"`
}

// TableName implements gorm's Tabler.
func (Ingress) TableName() string { return "ingress" }

// Changed tells that what a node serves changed.
type Changed struct {
	Node string `json:"node"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "network.changed" }

var nameRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant

// Service is the ingress service.
type Service struct {
	DB    *pg.DB
	Vault *vault.Vault
	// Leaving is told, in the deleting transaction, of an ingress that is about to go; nil for nobody to tell.
	Leaving func(ctx context.Context, tx *pg.Tx, a actor.Actor, ingress string) error
}

// check normalizes the options and reports all faults.
func (g *Ingress) check() error {
	var f errs.Faults
	f.Check(nameRule.MatchString(g.Name), "name", "must have 1 to 64 characters of A-Z, a-z, 0-9, dot, hyphen and underscore, alphanumeric at both ends")
	kind, ok := protocol.Lookup(g.Kind)
	f.Check(ok, "kind", "%q is not a protocol we serve", g.Kind)
	if _, err := nodeapi.ParseListen(g.Listen); err != nil {
		f.Add("listen", "%v", err)
	}
	if !ok {
		return f.Err()
	}
	if len(g.Options) == 0 {
		g.Options = Options("{}")
	}
	norm, err := kind.Normalize(json.RawMessage(g.Options))
	var fe *nodeapi.FieldError
	switch {
	case errors.As(err, &fe):
		f.Add(optionField(fe.Path), "%s", fe.Rule)
	case err != nil:
		f.Add("options", "%v", err)
	default:
		g.Options = Options(norm)
		f.Check(g.CertificateID != nil || !kind.NeedsCertificate(norm), "certificate_id", "is needed: %s with these options speaks TLS", g.Kind)
	}
	return f.Err()
}

func optionField(path string) string {
	if path == "" || path == "options" {
		return "options"
	}
	return "options." + path
}

// Create adds an ingress to a node of the actor's tenant.
func (s *Service) Create(ctx context.Context, a actor.Actor, g Ingress) (*Ingress, error) {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return nil, err
	}
	if err := g.complete(nil); err != nil {
		return nil, err
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		var tenant string
		found, err := tx.One(ctx, "SELECT tenant_id FROM node WHERE id = $1 FOR UPDATE", []any{g.NodeID}, &tenant)
		if err != nil {
			return err
		}
		if !found {
			return errs.NotFound("node", g.NodeID)
		}
		g.TenantID, g.ID, g.Version, g.CreatedAt, g.UpdatedAt, g.Fault = tenant, id.New(id.Ingress), 1, tx.Now, tx.Now, ""
		if err := s.fits(ctx, tx, &g); err != nil {
			return err
		}
		if err := s.insert(tx, &g); err != nil {
			return err
		}
		return s.told(ctx, tx, a, &g, "ingress.create", audit.Diff{"kind": g.Kind, "listen": g.Listen, "node": g.NodeID})
	})
	if err != nil {
		return nil, err
	}
	g = g.shown()
	return &g, nil
}

func (s *Service) told(ctx context.Context, tx *pg.Tx, a actor.Actor, g *Ingress, action string, d audit.Diff) error {
	if err := outbox.Emit(ctx, tx, g.TenantID, a.Trace, Changed{Node: g.NodeID}); err != nil {
		return err
	}
	return audit.Record(ctx, tx, a, action, "ingress/"+g.ID, d)
}

// fits refuses a certificate that is not there and a port that another ingress of the node has.
func (s *Service) fits(ctx context.Context, tx *pg.Tx, g *Ingress) error {
	if g.CertificateID != nil {
		var one int
		found, err := tx.One(ctx, "SELECT 1 FROM certificate WHERE tenant_id = $1 AND id = $2", []any{g.TenantID, *g.CertificateID}, &one)
		if err != nil {
			return err
		}
		if !found {
			return errs.NotFound("certificate", *g.CertificateID)
		}
	}
	others, err := s.list(ctx, tx, "node_id = ? AND id <> ?", "", maxPerNode+1, g.NodeID, g.ID)
	if err != nil {
		return err
	}
	if len(others) >= maxPerNode {
		return errs.New(errs.Limited, "a node has at most %d ingresses", maxPerNode)
	}
	for i := range others {
		if clash(g, &others[i]) {
			return errs.New(errs.InUse, "port of %s is taken by ingress %s (%s)", g.Listen, others[i].Name, others[i].Listen)
		}
	}
	return nil
}

const maxPerNode = 200

// clash reports whether two ingresses bind the same port of the same transport on overlapping addresses.
func clash(a, b *Ingress) bool {
	x, errX := nodeapi.ParseListen(a.Listen)
	y, errY := nodeapi.ParseListen(b.Listen)
	ka, okA := protocol.Lookup(a.Kind)
	kb, okB := protocol.Lookup(b.Kind)
	if errX != nil || errY != nil || !okA || !okB || x.Port() != y.Port() {
		return false
	}
	if ka.Network != kb.Network && ka.Network != protocol.Both && kb.Network != protocol.Both {
		return false
	}
	return x.Addr() == y.Addr() || covers(x.Addr(), y.Addr()) || covers(y.Addr(), x.Addr())
}

// covers reports whether listening on a takes b's address too: [::] takes everything, 0.0.0.0 all of IPv4.
func covers(a, b netip.Addr) bool { return a.IsUnspecified() && (a.Is6() || b.Unmap().Is4()) }

// Get returns an ingress by id.
func (s *Service) Get(ctx context.Context, a actor.Actor, gid string) (*Ingress, error) {
	if err := a.Require(actor.May(actor.Network, actor.Read)); err != nil {
		return nil, err
	}
	var g *Ingress
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		g, err = s.load(ctx, tx, gid, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	one := []Ingress{g.shown()}
	if err := s.warn(ctx, one); err != nil {
		return nil, err
	}
	return &one[0], nil
}

// List lists ingresses of a node, or of all when node is empty, after the id after.
func (s *Service) List(ctx context.Context, a actor.Actor, node, after string, limit int) ([]Ingress, error) {
	if err := a.Require(actor.May(actor.Network, actor.Read)); err != nil {
		return nil, err
	}
	var out []Ingress
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if node != "" {
			out, err = s.list(ctx, tx, "node_id = ?", after, limit, node)
		} else {
			out, err = s.list(ctx, tx, "tenant_id = ?", after, limit, a.Tenant)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = out[i].shown()
	}
	return out, s.warn(ctx, out)
}

// Update edits an ingress; kind and node are fixed. match is the expected version, 0 for any.
func (s *Service) Update(ctx context.Context, a actor.Actor, gid string, match int64, edit func(*Ingress)) (*Ingress, error) {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return nil, err
	}
	var g *Ingress
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if g, err = s.lock(ctx, tx, gid); err != nil {
			return err
		}
		if match != 0 && match != g.Version {
			return errs.New(errs.Stale, "ingress %s is at version %d", g.Name, g.Version)
		}
		before := *g
		edit(g)
		g.TenantID, g.ID, g.NodeID, g.Kind, g.CreatedAt = before.TenantID, before.ID, before.NodeID, before.Kind, before.CreatedAt
		g.Version, g.UpdatedAt, g.Fault = before.Version+1, tx.Now, ""
		if err := g.complete(before.Options); err != nil {
			return err
		}
		if err := g.check(); err != nil {
			return err
		}
		if err := s.fits(ctx, tx, g); err != nil {
			return err
		}
		if err := s.save(tx, g); err != nil {
			return err
		}
		diff := audit.Diff{}.From("listen", before.Listen, g.Listen).From("enabled", before.Enabled, g.Enabled).From("name", before.Name, g.Name)
		if string(before.Options) != string(g.Options) {
			diff["options"] = audit.Changed // options may hold an obfuscation password
		}
		return s.told(ctx, tx, a, g, "ingress.update", diff)
	})
	if err != nil {
		return nil, err
	}
	out := g.shown()
	return &out, nil
}

// Delete removes an ingress and ends what runs through it.
func (s *Service) Delete(ctx context.Context, a actor.Actor, gid string) error {
	if err := a.Require(actor.May(actor.Network, actor.Write)); err != nil {
		return err
	}
	return s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		g, err := s.lock(ctx, tx, gid)
		if err != nil {
			return err
		}
		if s.Leaving != nil {
			if err := s.Leaving(ctx, tx, a, gid); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM ingress WHERE tenant_id = $1 AND id = $2", g.TenantID, gid); err != nil {
			return err
		}
		return s.told(ctx, tx, a, g, "ingress.delete", audit.Diff{"name": g.Name})
	})
}
