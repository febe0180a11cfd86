package fleet

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// States of a node.
const (
	StatusWaiting   = "waiting" // made, not enrolled yet
	StatusActive    = "active"
	StatusSuspended = "suspended" // connected and managed, serves nobody
	StatusRevoked   = "revoked"
)

// Node is one machine with an agent.
type Node struct {
	TenantID        string     `json:"-"`
	ID              string     `gorm:"primaryKey" json:"id"`
	Name            string     `json:"name"`
	Host            string     `json:"host"` // address that subscribers dial
	Region          string     `json:"region"`
	Comment         string     `json:"comment"`
	Status          string     `json:"status"`
	AgentVersion    string     `json:"agent_version"`
	Capability      int        `json:"capability"`
	Kinds           pg.Strings `gorm:"type:text[]" json:"kinds"`
	Epoch           int64      `json:"epoch"`
	ClockSkewMS     int64      `gorm:"column:clock_skew_ms" json:"clock_skew_ms"` // node's clock minus ours
	SeenAt          *time.Time `json:"seen_at"`
	Fault           string     `json:"fault"`
	WantedRevision  int64      `json:"wanted_revision"`
	AppliedRevision int64      `json:"applied_revision"`
	AppliedAt       *time.Time `json:"applied_at"`
	RefusedRevision int64      `json:"refused_revision"`
	RefusedPath     string     `json:"refused_path"`
	RefusedReason   string     `json:"refused_reason"`
	Version         int64      `json:"version"`
	CreatedAt       time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt       time.Time  `gorm:"autoUpdateTime:false" json:"updated_at"`
	Seen            `gorm:"-"`
}

// Seen is what is known of a node beside its row.
type Seen struct {
	Online bool     `json:"online"`
	Groups []string `json:"groups"` // ids
}

// TableName implements gorm's Tabler.
func (Node) TableName() string { return "node" }

var (
	nameRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant
	hostRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant
)

const nameText = "must have 1 to 64 characters of A-Z, a-z, 0-9, dot, hyphen and underscore, alphanumeric at both ends"

// NewNode is what a node is made from.
type NewNode struct {
	Name    string
	Host    string
	Region  string
	Comment string
	Groups  []string
}

// Change is a partial update; nil fields stay.
type Change struct {
	Name    *string
	Host    *string
	Region  *string
	Comment *string
	Groups  *[]string
}

// Filter narrows a listing; empty fields match everything.
type Filter struct {
	Group  string
	Status string
}

const maxPage = 500

func (n *Node) check() error {
	n.Name, n.Host = strings.TrimSpace(n.Name), strings.TrimSpace(n.Host)
	var f errs.Faults
	f.Check(nameRule.MatchString(n.Name), "name", nameText)
	_, ip := netip.ParseAddr(n.Host)
	f.Check(n.Host == "" || ip == nil || hostRule.MatchString(n.Host), "host", "must be a host name or an IP address, without a port")
	f.Check(len(n.Region) <= 64, "region", "must have at most 64 characters")
	f.Check(len(n.Comment) <= 255, "comment", "must have at most 255 characters")
	return f.Err()
}

// Create adds a node that waits for its enrolment.
func (s *Service) Create(ctx context.Context, a actor.Actor, in NewNode) (*Node, error) {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return nil, err
	}
	a = at(a)
	n := &Node{Name: in.Name, Host: in.Host, Region: in.Region, Comment: in.Comment, Status: StatusWaiting, Version: 1}
	if err := n.check(); err != nil {
		return nil, err
	}
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		n.TenantID, n.ID, n.CreatedAt, n.UpdatedAt = a.Tenant, id.New(id.Node), tx.Now, tx.Now
		if err := insertNode(tx, n); err != nil {
			return err
		}
		n.Groups = nil
		if err := setGroups(ctx, tx, n, in.Groups); err != nil {
			return err
		}
		if err := changed(ctx, tx, a, n.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.create", "node/"+n.ID, audit.Diff{"name": n.Name, "host": n.Host, "groups": n.Groups})
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Get returns a node.
func (s *Service) Get(ctx context.Context, a actor.Actor, nid string) (*Node, error) {
	return s.read(ctx, a, nid, "id = ?", nid)
}

// ByName returns a node by its name.
func (s *Service) ByName(ctx context.Context, a actor.Actor, name string) (*Node, error) {
	return s.read(ctx, a, name, "tenant_id = ? AND name = ?", home(a), name)
}

func (s *Service) read(ctx context.Context, a actor.Actor, label, where string, args ...any) (*Node, error) {
	if err := a.Require(actor.May(actor.Nodes, actor.Read)); err != nil {
		return nil, err
	}
	var n *Node
	err := s.db.InTenant(ctx, home(a), func(tx *pg.Tx) (err error) {
		n, err = takeNode(ctx, tx, label, false, where, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.complete(n)
	return n, nil
}

// List lists nodes in the order of creation, after the id after, at most limit.
func (s *Service) List(ctx context.Context, a actor.Actor, f Filter, after string, limit int) ([]Node, error) {
	if err := a.Require(actor.May(actor.Nodes, actor.Read)); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage+1 { // one more than a page tells whether there is another
		return nil, errs.Bad("limit", "must be between 1 and %d", maxPage)
	}
	var out []Node
	err := s.db.InTenant(ctx, home(a), func(tx *pg.Tx) (err error) {
		out, err = listNodes(ctx, tx, f, after, limit)
		return err
	})
	for i := range out {
		s.complete(&out[i])
	}
	return out, err
}

func (s *Service) complete(n *Node) {
	n.Online = n.SeenAt != nil && time.Since(*n.SeenAt) < 3*s.heartbeat && (n.Status == StatusActive || n.Status == StatusSuspended)
	if n.Groups == nil {
		n.Groups = []string{}
	}
}

// Update changes a node. match is the expected version, 0 for any.
func (s *Service) Update(ctx context.Context, a actor.Actor, nid string, match int64, c Change) (*Node, error) {
	return s.write(ctx, a, nid, match, "node.update", func(tx *pg.Tx, n *Node) (audit.Diff, error) {
		diff := audit.Diff{}
		set := func(field string, dst *string, v *string) {
			if v != nil {
				diff.From(field, *dst, *v)
				*dst = *v
			}
		}
		set("name", &n.Name, c.Name)
		set("host", &n.Host, c.Host)
		set("region", &n.Region, c.Region)
		set("comment", &n.Comment, c.Comment)
		if err := n.check(); err != nil {
			return nil, err
		}
		if c.Groups != nil {
			before := slices.Clone(n.Groups)
			if err := setGroups(ctx, tx, n, *c.Groups); err != nil {
				return nil, err
			}
			if !slices.Equal(before, n.Groups) {
				diff["groups"] = [2]any{before, n.Groups}
			}
		}
		return diff, nil
	})
}

// Suspend stops a node from serving: it stays connected and gets an empty document.
func (s *Service) Suspend(ctx context.Context, a actor.Actor, nid string, match int64) (*Node, error) {
	return s.move(ctx, a, nid, match, "node.suspend", StatusActive, StatusSuspended)
}

// Resume ends a suspension.
func (s *Service) Resume(ctx context.Context, a actor.Actor, nid string, match int64) (*Node, error) {
	return s.move(ctx, a, nid, match, "node.resume", StatusSuspended, StatusActive)
}

func (s *Service) move(ctx context.Context, a actor.Actor, nid string, match int64, action, from, to string) (*Node, error) {
	return s.write(ctx, a, nid, match, action, func(_ *pg.Tx, n *Node) (audit.Diff, error) {
		if n.Status != from {
			return nil, errs.New(errs.State, "node %s is %s, not %s", n.Name, n.Status, from)
		}
		n.Status = to
		return audit.Diff{"status": [2]any{from, to}}, nil
	})
}

// write loads a node for a change, applies it and tells everybody, in one transaction.
func (s *Service) write(ctx context.Context, a actor.Actor, nid string, match int64, action string,
	change func(*pg.Tx, *Node) (audit.Diff, error),
) (*Node, error) {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return nil, err
	}
	a = at(a)
	var n *Node
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if n, err = loadNode(ctx, tx, nid, match); err != nil {
			return err
		}
		diff, err := change(tx, n)
		if err != nil {
			return err
		}
		n.Version, n.UpdatedAt = n.Version+1, tx.Now
		if err := saveNode(tx, n); err != nil {
			return err
		}
		if err := changed(ctx, tx, a, n.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, action, "node/"+nid, diff)
	})
	if err != nil {
		return nil, err
	}
	s.complete(n)
	return n, nil
}

func loadNode(ctx context.Context, tx *pg.Tx, nid string, match int64) (*Node, error) {
	n, err := takeNode(ctx, tx, nid, true, "id = ?", nid)
	if err != nil {
		return nil, err
	}
	if match != 0 && match != n.Version {
		return nil, errs.New(errs.Stale, "node %s is at version %d", nid, n.Version)
	}
	return n, nil
}

// Delete removes a node that serves nobody: one that still holds credentials is revoked first, so that they are rotated.
func (s *Service) Delete(ctx context.Context, a actor.Actor, nid string, match int64) error {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return err
	}
	a = at(a)
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		n, err := loadNode(ctx, tx, nid, match)
		if err != nil {
			return err
		}
		if n.Status == StatusActive || n.Status == StatusSuspended {
			return errs.New(errs.State, "node %s is enrolled: revoke it first", n.Name)
		}
		if err := removeNode(tx, n); err != nil {
			return err
		}
		if err := changed(ctx, tx, a, n.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.delete", "node/"+nid, audit.Diff{"name": n.Name})
	})
}
