package fleet

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// Group is a named set of nodes that a plan may use.
type Group struct {
	TenantID  string    `json:"-"`
	ID        string    `gorm:"primaryKey" json:"id"`
	Name      string    `json:"name"`
	Comment   string    `json:"comment"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt time.Time `gorm:"autoUpdateTime:false" json:"updated_at"`
}

// TableName implements gorm's Tabler.
func (Group) TableName() string { return "node_group" }

// Groups is the part of the service that keeps node groups.
type Groups struct{ db *pg.DB }

// GroupChange is a partial update; nil fields stay.
type GroupChange struct {
	Name    *string
	Comment *string
}

func (g *Group) check() error {
	var f errs.Faults
	f.Check(nameRule.MatchString(g.Name), "name", nameText)
	f.Check(len(g.Comment) <= 255, "comment", "must have at most 255 characters")
	return f.Err()
}

// CreateGroup adds an empty group.
func (s *Groups) CreateGroup(ctx context.Context, a actor.Actor, name, comment string) (*Group, error) {
	g := &Group{Name: name, Comment: comment, Version: 1}
	err := s.inGroups(ctx, a, func(tx *pg.Tx, a actor.Actor) error {
		if err := g.check(); err != nil {
			return err
		}
		g.TenantID, g.ID, g.CreatedAt, g.UpdatedAt = a.Tenant, id.New(id.NodeGroup), tx.Now, tx.Now
		if err := insertGroup(tx, g); err != nil {
			return err
		}
		return told(ctx, tx, a, "node_group.create", g.ID, audit.Diff{"name": name})
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// inGroups runs a write of groups.
func (s *Groups) inGroups(ctx context.Context, a actor.Actor, fn func(*pg.Tx, actor.Actor) error) error {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return err
	}
	a = at(a)
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error { return fn(tx, a) })
}

func told(ctx context.Context, tx *pg.Tx, a actor.Actor, action, group string, diff audit.Diff) error {
	if err := outbox.Emit(ctx, tx, a.Tenant, a.Trace, GroupChanged{Group: group}); err != nil {
		return err
	}
	return audit.Record(ctx, tx, a, action, "node_group/"+group, diff)
}

// GetGroup returns a group of the operator's.
func (s *Groups) GetGroup(ctx context.Context, a actor.Actor, gid string) (*Group, error) {
	if err := a.Require(actor.May(actor.Nodes, actor.Read)); err != nil {
		return nil, err
	}
	var g *Group
	err := s.db.InTenant(ctx, home(a), func(tx *pg.Tx) (err error) {
		g, err = loadGroup(tx, gid, 0)
		return err
	})
	return g, err
}

// ListGroups lists the operator's groups in the order of creation, after the id after.
func (s *Groups) ListGroups(ctx context.Context, a actor.Actor, after string, limit int) ([]Group, error) {
	if err := a.Require(actor.May(actor.Nodes, actor.Read)); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage+1 { // one more than a page tells whether there is another
		return nil, errs.Bad("limit", "must be between 1 and %d", maxPage)
	}
	var out []Group
	err := s.db.InTenant(ctx, home(a), func(tx *pg.Tx) (err error) {
		out, err = listGroups(tx, after, limit)
		return err
	})
	return out, err
}

// UpdateGroup changes a group. match is the expected version, 0 for any.
func (s *Groups) UpdateGroup(ctx context.Context, a actor.Actor, gid string, match int64, c GroupChange) (*Group, error) {
	var g *Group
	err := s.inGroups(ctx, a, func(tx *pg.Tx, a actor.Actor) (err error) {
		if g, err = loadGroup(tx, gid, match); err != nil {
			return err
		}
		diff := audit.Diff{}
		if c.Name != nil {
			diff.From("name", g.Name, *c.Name)
			g.Name = *c.Name
		}
		if c.Comment != nil {
			diff.From("comment", g.Comment, *c.Comment)
			g.Comment = *c.Comment
		}
		if err := g.check(); err != nil {
			return err
		}
		g.Version, g.UpdatedAt = g.Version+1, tx.Now
		if err := saveGroup(tx, g); err != nil {
			return err
		}
		return told(ctx, tx, a, "node_group.update", gid, diff)
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// DeleteGroup removes a group that no plan and no subscriber names, of whatever tenant: an empty list of groups means
// "all", so taking a group away silently would widen what they may use.
func (s *Groups) DeleteGroup(ctx context.Context, a actor.Actor, gid string, match int64) error {
	return s.inGroups(ctx, a, func(tx *pg.Tx, a actor.Actor) error {
		g, err := loadGroup(tx, gid, match)
		if err != nil {
			return err
		}
		var used bool
		_, err = tx.One(ctx, `SELECT EXISTS (SELECT FROM plan WHERE $1 = ANY(node_groups))
			OR EXISTS (SELECT FROM subscriber WHERE $1 = ANY(node_groups))
			OR EXISTS (SELECT FROM tenant WHERE $1 = ANY(node_groups))`, []any{gid}, &used)
		if err != nil {
			return err
		}
		if used {
			return errs.New(errs.InUse, "node group %s is named by a plan, a subscriber or a tenant", g.Name)
		}
		members, err := membersOf(ctx, tx, gid)
		if err != nil {
			return err
		}
		if err := removeGroup(tx, g); err != nil {
			return err
		}
		for _, n := range members {
			if err := changed(ctx, tx, a, n); err != nil {
				return err
			}
		}
		return told(ctx, tx, a, "node_group.delete", gid, audit.Diff{"name": g.Name})
	})
}

// setGroups makes n a member of exactly groups, which must be of its own tenant.
func setGroups(ctx context.Context, tx *pg.Tx, n *Node, groups []string) error {
	want := slices.Compact(slices.Sorted(slices.Values(groups)))
	if len(want) > 100 {
		return errs.Bad("groups", "must have at most 100 entries")
	}
	if want == nil {
		want = []string{}
	}
	for _, g := range want {
		if err := id.Check(id.NodeGroup, g); err != nil {
			return errs.Bad("groups", "%q %v", g, err)
		}
	}
	if _, err := tx.Exec(ctx, "DELETE FROM node_group_member WHERE tenant_id = $1 AND node_id = $2 AND NOT group_id = ANY($3)",
		n.TenantID, n.ID, want); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO node_group_member (tenant_id, group_id, node_id)
		SELECT tenant_id, id, $2 FROM node_group WHERE tenant_id = $1 AND id = ANY($3) ON CONFLICT DO NOTHING`,
		n.TenantID, n.ID, want); err != nil {
		return err
	}
	if err := groupsOf(ctx, tx, n); err != nil {
		return err
	}
	for _, g := range want {
		if !slices.Contains(n.Groups, g) {
			return errs.Bad("groups", "node group %s doesn't exist", g)
		}
	}
	return nil
}

// CheckGroups implements billing.Groups: every group must be one of the operator's and granted to tenant, by every tenant
// above it too. The rows are invisible to a reseller's transaction; the database answers yes or no.
func (s *Groups) CheckGroups(ctx context.Context, tx *pg.Tx, tenant, field string, groups []string) error {
	var f errs.Faults
	err := tx.Query(ctx, "SELECT g FROM unnest($2::text[]) g WHERE NOT node_group_granted($1, g)", []any{tenant, groups}, func(r pg.Row) error {
		var g string
		if err := r.Scan(&g); err != nil {
			return err
		}
		f.Add(field, "node group %s doesn't exist", g)
		return nil
	})
	if err != nil {
		return err
	}
	return f.Err()
}

// GrantedGroup is what a reseller sees of a group.
type GrantedGroup struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// GroupsFor lists the groups that the actor's tenant may put into plans, by name.
func (s *Groups) GroupsFor(ctx context.Context, a actor.Actor) ([]GrantedGroup, error) {
	if err := a.Require(actor.May(actor.Plans, actor.Read)); err != nil {
		return nil, err
	}
	out := []GrantedGroup{}
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, `SELECT g.id, g.name FROM node_group g JOIN tenant r ON r.tenant_id = g.tenant_id AND r.parent_id IS NULL
			WHERE node_group_granted($1, g.id) ORDER BY g.name`, []any{a.Tenant}, func(r pg.Row) error {
			var g GrantedGroup
			if err := r.Scan(&g.ID, &g.Name); err != nil {
				return err
			}
			out = append(out, g)
			return nil
		})
	})
	return out, err
}
