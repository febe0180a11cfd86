// Package tenant owns the tree of resellers. The root is the operator; a tenant sees its subtree and nothing else, which
// the database enforces. Realms are unique in the installation: they are the part after @ in a subscriber's login.
package tenant

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// States of a tenant.
const (
	Active    = "active"
	Suspended = "suspended"
	Closed    = "closed"
)

// Tenant is one reseller, or the operator (no parent, empty realm).
type Tenant struct {
	ID         string     `gorm:"column:tenant_id;primaryKey" json:"id"`
	ParentID   *string    `json:"parent_id"`
	Name       string     `json:"name"`
	Realm      string     `json:"realm"`
	Status     string     `json:"status"`
	NodeGroups pg.Strings `gorm:"type:text[]" json:"node_groups"`
	Version    int64      `json:"version"`
	CreatedAt  time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt  time.Time  `gorm:"autoUpdateTime:false" json:"updated_at"`
}

// TableName implements gorm's Tabler.
func (Tenant) TableName() string { return "tenant" }

// Changed tells that something nodes or surfaces care about changed.
type Changed struct {
	Tenant string `json:"tenant"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "tenant.changed" }

var realmRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])$`) //nolint:gochecknoglobals // a compiled constant

// New is what a tenant is made from.
type New struct {
	Name       string
	Realm      string
	NodeGroups []string
}

// Change is a partial update; nil fields stay.
type Change struct {
	Name       *string
	NodeGroups *[]string
	Status     *string
}

// Service is the tenant service.
type Service struct{ DB *pg.DB }

// Check reports all faults of n, and brings its name and realm into the form that is stored.
func (n *New) Check() error {
	n.Name, n.Realm = strings.TrimSpace(n.Name), strings.ToLower(strings.TrimSpace(n.Realm))
	var f errs.Faults
	checkName(&f, n.Name)
	checkGroups(&f, n.NodeGroups)
	f.Check(realmRule.MatchString(n.Realm), "realm", "must have 2 to 63 characters of a-z, 0-9, dot and hyphen, alphanumeric at both ends")
	return f.Err()
}

const (
	maxName   = 128
	maxGroups = 100
)

func checkName(f *errs.Faults, name string) {
	n := utf8.RuneCountInString(name)
	f.Check(n >= 1 && n <= maxName && utf8.ValidString(name), "name", "must have 1 to %d characters", maxName)
}

func checkGroups(f *errs.Faults, groups []string) {
	f.Check(len(groups) <= maxGroups, "node_groups", "must have at most %d entries", maxGroups)
	for i, g := range groups {
		if err := id.Check(id.NodeGroup, g); err != nil {
			f.Add(fmt.Sprintf("node_groups[%d]", i), "%v", err)
		}
	}
}

// Create makes a child of the actor's tenant. extra runs in the same transaction, with the new tenant's id: the owner's
// login is made there, so a tenant never exists without one.
func (s *Service) Create(ctx context.Context, a actor.Actor, n New, extra func(tx *pg.Tx, child actor.Actor) error) (*Tenant, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Write)); err != nil {
		return nil, err
	}
	if err := n.Check(); err != nil {
		return nil, err
	}
	var t *Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		parent := a.Tenant
		t = &Tenant{
			ID: id.New(id.Tenant), ParentID: &parent, Name: n.Name, Realm: n.Realm, Status: Active, NodeGroups: n.NodeGroups,
			Version: 1, CreatedAt: tx.Now, UpdatedAt: tx.Now,
		}
		if err := insert(tx, t); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO api_setting (tenant_id) VALUES ($1)", t.ID); err != nil {
			return err
		}
		child := a
		child.Tenant = t.ID
		if extra != nil {
			if err := extra(tx, child); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, a, "tenant.create", "tenant/"+t.ID, audit.Diff{"name": t.Name, "realm": t.Realm})
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Get returns a tenant of the actor's subtree.
func (s *Service) Get(ctx context.Context, a actor.Actor, tid string) (*Tenant, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Read)); err != nil {
		return nil, err
	}
	var t *Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		t, err = load(tx, tid, false)
		return err
	})
	return t, err
}

// List returns the actor's subtree in the order of creation, after the id after, at most limit.
func (s *Service) List(ctx context.Context, a actor.Actor, after string, limit int) ([]Tenant, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Read)); err != nil {
		return nil, err
	}
	var out []Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = list(tx, after, limit)
		return err
	})
	return out, err
}

// Update changes a tenant below the actor's own. match is the expected version, 0 for any.
func (s *Service) Update(ctx context.Context, a actor.Actor, tid string, match int64, c Change) (*Tenant, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Write)); err != nil {
		return nil, err
	}
	var f errs.Faults
	if c.Name != nil {
		checkName(&f, *c.Name)
	}
	if c.NodeGroups != nil {
		checkGroups(&f, *c.NodeGroups)
	}
	if c.Status != nil {
		f.Check(*c.Status == Active || *c.Status == Suspended, "status", "must be active or suspended")
		f.Check(tid != a.Home, "status", "a tenant cannot suspend itself")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	var t *Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if t, err = load(tx, tid, true); err != nil {
			return err
		}
		if match != 0 && match != t.Version {
			return errs.New(errs.Stale, "tenant %s is at version %d", tid, t.Version)
		}
		if tid == a.Home && c.NodeGroups != nil {
			return errs.Bad("node_groups", "are granted by the parent tenant")
		}
		diff := apply(t, c)
		t.Version++
		t.UpdatedAt = tx.Now
		if err := save(tx, t); err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, t.ID, a.Trace, Changed{Tenant: t.ID}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "tenant.update", "tenant/"+tid, diff)
	})
	return t, err
}

func apply(t *Tenant, c Change) audit.Diff {
	diff := audit.Diff{}
	if c.Name != nil {
		diff.From("name", t.Name, *c.Name)
		t.Name = *c.Name
	}
	if c.Status != nil {
		diff.From("status", t.Status, *c.Status)
		t.Status = *c.Status
	}
	if c.NodeGroups != nil {
		diff["node_groups"] = [2]any{t.NodeGroups, *c.NodeGroups}
		t.NodeGroups = *c.NodeGroups
	}
	return diff
}

// As returns the actor working on a tenant of its subtree; anything else is not found.
func (s *Service) As(ctx context.Context, a actor.Actor, tid string) (actor.Actor, error) {
	if tid == a.Tenant {
		return a, nil
	}
	if a.Owner != "" {
		return a, errs.NotFound("tenant", tid)
	}
	var t *Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		t, err = load(tx, tid, false)
		return err
	})
	if err != nil {
		return a, err
	}
	a.Tenant = t.ID
	return a, nil
}

// Root returns the operator's tenant, making it in a new installation.
func (s *Service) Root(ctx context.Context) (string, error) {
	var root string
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203443)"); err != nil {
			return err
		}
		found, err := tx.One(ctx, "SELECT tenant_id FROM tenant WHERE parent_id IS NULL", nil, &root)
		if err != nil || found {
			return err
		}
		root = id.New(id.Tenant)
		t := &Tenant{ID: root, Name: "Operator", Status: Active, Version: 1, CreatedAt: tx.Now, UpdatedAt: tx.Now}
		if err := insert(tx, t); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO api_setting (tenant_id) VALUES ($1)", root)
		return err
	})
	return root, err
}
