package fleet

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// presence is written by nodes themselves, beside the operator's changes.
func presence() []string {
	return []string{
		"agent_version", "capability", "kinds", "epoch", "clock_skew_ms", "seen_at", "fault", "wanted_revision", "applied_revision",
		"applied_at", "refused_revision", "refused_path", "refused_reason",
	}
}

func insertNode(tx *pg.Tx, n *Node) error {
	return taken(pg.Translate("add node", tx.Gorm().Create(n).Error), "node", n.Name)
}

func taken(err error, what, name string) error {
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "%s %s exists", what, name)
	}
	return err
}

func takeNode(ctx context.Context, tx *pg.Tx, label string, lock bool, where string, args ...any) (*Node, error) {
	q := tx.Gorm().Where(where, args...)
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var n Node
	if err := q.Take(&n).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("node", label)
		}
		return nil, pg.Translate("load node", err)
	}
	return &n, groupsOf(ctx, tx, &n)
}

func listNodes(ctx context.Context, tx *pg.Tx, f Filter, after string, limit int) ([]Node, error) {
	q := tx.Gorm().Where("id > ?", after)
	if f.Status != "" {
		q = q.Where("status = ?", f.Status)
	}
	if f.Group != "" {
		q = q.Where("id IN (SELECT node_id FROM node_group_member WHERE group_id = ?)", f.Group)
	}
	out := []Node{}
	if err := q.Order("id").Limit(limit).Find(&out).Error; err != nil {
		return nil, pg.Translate("list nodes", err)
	}
	page := make([]*Node, len(out))
	for i := range out {
		page[i] = &out[i]
	}
	return out, groupsOf(ctx, tx, page...)
}

// groupsOf fills the groups of a page with one query.
func groupsOf(ctx context.Context, tx *pg.Tx, page ...*Node) error {
	ids, byID := make([]string, len(page)), make(map[string]*Node, len(page))
	for i, n := range page {
		ids[i], byID[n.ID] = n.ID, n
		n.Groups = []string{}
	}
	return tx.Query(ctx, "SELECT node_id, group_id FROM node_group_member WHERE node_id = ANY($1) ORDER BY group_id", []any{ids},
		func(r pg.Row) error {
			var n, g string
			if err := r.Scan(&n, &g); err != nil {
				return err
			}
			byID[n].Groups = append(byID[n].Groups, g)
			return nil
		})
}

func membersOf(ctx context.Context, tx *pg.Tx, group string) ([]string, error) {
	var out []string
	err := tx.Query(ctx, "SELECT node_id FROM node_group_member WHERE group_id = $1 ORDER BY node_id", []any{group}, func(r pg.Row) error {
		var n string
		err := r.Scan(&n)
		out = append(out, n)
		return err
	})
	return out, err
}

func saveNode(tx *pg.Tx, n *Node) error {
	err := tx.Gorm().Model(n).Where("tenant_id = ?", n.TenantID).Select("*").Omit(append(presence(), "created_at")...).Updates(n).Error
	return taken(pg.Translate("save node", err), "node", n.Name)
}

func removeNode(tx *pg.Tx, n *Node) error {
	return pg.Translate("delete node", tx.Gorm().Where("tenant_id = ?", n.TenantID).Delete(n).Error)
}

func insertGroup(tx *pg.Tx, g *Group) error {
	return taken(pg.Translate("add node group", tx.Gorm().Create(g).Error), "node group", g.Name)
}

func loadGroup(tx *pg.Tx, gid string, match int64) (*Group, error) {
	var g Group
	if err := tx.Gorm().Where("id = ?", gid).Clauses(clause.Locking{Strength: "UPDATE"}).Take(&g).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("node group", gid)
		}
		return nil, pg.Translate("load node group", err)
	}
	if match != 0 && match != g.Version {
		return nil, errs.New(errs.Stale, "node group %s is at version %d", gid, g.Version)
	}
	return &g, nil
}

func listGroups(tx *pg.Tx, after string, limit int) ([]Group, error) {
	out := []Group{}
	err := tx.Gorm().Where("id > ?", after).Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list node groups", err)
}

func saveGroup(tx *pg.Tx, g *Group) error {
	err := tx.Gorm().Model(g).Where("tenant_id = ?", g.TenantID).Select("name", "comment", "version", "updated_at").Updates(g).Error
	return taken(pg.Translate("save node group", err), "node group", g.Name)
}

func removeGroup(tx *pg.Tx, g *Group) error {
	return pg.Translate("delete node group", tx.Gorm().Where("tenant_id = ?", g.TenantID).Delete(g).Error)
}
