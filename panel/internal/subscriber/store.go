package subscriber

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

func insert(tx *pg.Tx, s *Subscriber) error {
	err := pg.Translate("add subscriber", tx.Gorm().Create(s).Error)
	return named(err, s)
}

func save(tx *pg.Tx, s *Subscriber) error {
	err := pg.Translate("save subscriber", tx.Gorm().Model(s).Where("tenant_id = ?", s.TenantID).
		Select("*").Omit("created_at").Updates(s).Error)
	return named(err, s)
}

// named tells duplicates apart. The one about passwords is another tenant's business: unlessAlone handles it.
func named(err error, s *Subscriber) error {
	if !errs.Is(err, errs.Conflict) || pg.Constraint(err) == "subscriber_alone" {
		return err
	}
	if pg.Constraint(err) == "subscriber_external" {
		return errs.Wrap(errs.Conflict, err, "external id %s exists", *s.ExternalID)
	}
	return errs.Wrap(errs.Conflict, err, "user %s exists", s.Name)
}

// load returns a subscriber by id as far as a may see it.
func load(ctx context.Context, tx *pg.Tx, a actor.Actor, sid string, lock bool) (*Subscriber, error) {
	return take(ctx, tx, a, sid, lock, "id = ?", sid)
}

func byName(ctx context.Context, tx *pg.Tx, a actor.Actor, name string) (*Subscriber, error) {
	return take(ctx, tx, a, name, false, "tenant_id = ? AND name = ?", a.Tenant, strings.ToLower(name))
}

func byExternalID(ctx context.Context, tx *pg.Tx, a actor.Actor, ext string) (*Subscriber, error) {
	return take(ctx, tx, a, ext, false, "tenant_id = ? AND external_id = ?", a.Tenant, ext)
}

func take(ctx context.Context, tx *pg.Tx, a actor.Actor, label string, lock bool, where string, args ...any) (*Subscriber, error) {
	q := tx.Gorm().Where(where, args...)
	if a.Owner != "" {
		q = q.Where("tenant_id = ? AND name = ?", a.Home, a.Owner)
	}
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var s Subscriber
	if err := q.Take(&s).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("user", label)
		}
		return nil, pg.Translate("load subscriber", err)
	}
	one := []*Subscriber{&s}
	return &s, complete(ctx, tx, one)
}

// complete fills usage and plan names of a page with two queries.
func complete(ctx context.Context, tx *pg.Tx, page []*Subscriber) error {
	ids, plans := make([]string, len(page)), make([]string, len(page))
	byID := make(map[string]*Subscriber, len(page))
	for i, s := range page {
		ids[i], plans[i], byID[s.ID] = s.ID, s.PlanID, s
	}
	err := tx.Query(ctx, `SELECT subscriber_id, up, down, granted, lifetime_up, lifetime_down, seen_at FROM usage_total
		WHERE subscriber_id = ANY($1)`, []any{ids}, func(r pg.Row) error {
		var sid string
		var u Usage
		if err := r.Scan(&sid, &u.Up, &u.Down, &u.Granted, &u.LifetimeUp, &u.LifetimeDown, &u.SeenAt); err != nil {
			return err
		}
		byID[sid].Usage = u
		return nil
	})
	if err != nil {
		return err
	}
	names := map[string]string{}
	err = tx.Query(ctx, "SELECT id, name FROM plan WHERE id = ANY($1)", []any{plans}, func(r pg.Row) error {
		var pid, name string
		if err := r.Scan(&pid, &name); err != nil {
			return err
		}
		names[pid] = name
		return nil
	})
	for _, s := range page {
		s.PlanName = names[s.PlanID]
	}
	return err
}

func list(ctx context.Context, tx *pg.Tx, a actor.Actor, f Filter, after string, limit int) ([]Subscriber, error) {
	q := tx.Gorm().Where("id > ?", after)
	if !f.Tree || a.Owner != "" {
		q = q.Where("tenant_id = ?", a.Tenant)
	}
	if a.Owner != "" {
		q = q.Where("name = ?", a.Owner)
	}
	if f.Query != "" {
		found, err := search(ctx, tx, a, f, after, limit)
		if err != nil || len(found) == 0 {
			return []Subscriber{}, err
		}
		q = q.Where("id IN ?", found)
	}
	if f.Status != "" {
		q = q.Where("status = ?", f.Status)
	}
	if f.PlanID != "" {
		q = q.Where("plan_id = ?", f.PlanID)
	}
	if f.ExternalID != "" {
		q = q.Where("external_id = ?", f.ExternalID)
	}
	if f.ExpiresBefore != nil {
		q = q.Where("expires_at < ?", *f.ExpiresBefore)
	}
	out := []Subscriber{}
	if err := q.Order("id").Limit(limit).Find(&out).Error; err != nil {
		return nil, pg.Translate("list subscribers", err)
	}
	page := make([]*Subscriber, len(out))
	for i := range out {
		page[i] = &out[i]
	}
	if len(page) == 0 {
		return out, nil
	}
	return out, complete(ctx, tx, page)
}

// search returns the ids of a page of matches. Filters that it does not know are applied to the page afterwards, so such a
// page may be shorter than it could be.
func search(ctx context.Context, tx *pg.Tx, a actor.Actor, f Filter, after string, limit int) ([]string, error) {
	only := a.Tenant
	if f.Tree && a.Owner == "" {
		only = ""
	}
	var ids []string
	err := tx.Query(ctx, "SELECT subscriber_search($1, $2, $3, $4, $5, $6)",
		[]any{"%" + escapeLike(f.Query) + "%", only, after, f.Status, f.PlanID, limit}, func(r pg.Row) error {
			var sid string
			err := r.Scan(&sid)
			ids = append(ids, sid)
			return err
		})
	return ids, err
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

func lockDue(tx *pg.Tx, out *[]Subscriber, limit int) error {
	err := tx.Gorm().Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).
		Where("next_reset <= ?", tx.Now).Order("next_reset").Limit(limit).Find(out).Error
	return pg.Translate("find due resets", err)
}
