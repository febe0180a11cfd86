package subscriber

import (
	"context"
	"errors"
	"strings"
	"time"

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

// insertAll inserts a page. Who has a password that somebody in the installation opens Hysteria with alone does not, as in
// unlessAlone; here nobody waits for a failed transaction.
func insertAll(ctx context.Context, tx *pg.Tx, page []*Subscriber) error {
	first := clause.OnConflict{
		Columns: []clause.Column{{Name: "password_id"}}, TargetWhere: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "alone"}}}, DoNothing: true,
	}
	done := tx.Gorm().Clauses(first).Create(page)
	if done.Error != nil || int(done.RowsAffected) == len(page) {
		return listed(pg.Translate("add subscribers", done.Error))
	}
	ids, stored := make([]string, len(page)), make(map[string]bool, len(page))
	for i, s := range page {
		ids[i] = s.ID
	}
	err := tx.Query(ctx, "SELECT id FROM subscriber WHERE id = ANY($1)", []any{ids}, func(r pg.Row) error {
		var sid string
		err := r.Scan(&sid)
		stored[sid] = true
		return err
	})
	if err != nil {
		return err
	}
	var rest []*Subscriber
	for _, s := range page {
		if !stored[s.ID] {
			s.Alone = false
			rest = append(rest, s)
		}
	}
	return listed(pg.Translate("add subscribers", tx.Gorm().Create(rest).Error))
}

// listed words a clash with somebody who was added at the same moment.
func listed(err error) error {
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "somebody else has just added one of these subscribers")
	}
	return err
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

// Load is load for packages above that write in the same transaction.
func Load(ctx context.Context, tx *pg.Tx, a actor.Actor, sid string, lock bool) (*Subscriber, error) {
	return load(ctx, tx, a, sid, lock)
}

// load returns a subscriber by id as far as a may see it.
// With lock, the totals come first: whoever changes totals and subscribers locks in this order, each by id, so that
// reports, resets and people wait for each other but never in a circle.
func load(ctx context.Context, tx *pg.Tx, a actor.Actor, sid string, lock bool) (*Subscriber, error) {
	if lock {
		if _, err := tx.Exec(ctx, "SELECT FROM usage_total WHERE subscriber_id = $1 FOR NO KEY UPDATE", sid); err != nil {
			return nil, err
		}
	}
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
		q = q.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
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

// complete fills usage, plan names and presence of a page, with one query each.
func complete(ctx context.Context, tx *pg.Tx, page []*Subscriber) error {
	ids, plans := make([]string, len(page)), make([]string, len(page))
	byID := make(map[string]*Subscriber, len(page))
	for i, s := range page {
		ids[i], plans[i], byID[s.ID] = s.ID, s.PlanID, s
	}
	err := tx.Query(ctx, `SELECT subscriber_id, up, down, granted, lifetime_up, lifetime_down, seen_at, used_sort FROM usage_total
		WHERE subscriber_id = ANY($1)`, []any{ids}, func(r pg.Row) error {
		var sid string
		var u Usage
		if err := r.Scan(&sid, &u.Up, &u.Down, &u.Granted, &u.LifetimeUp, &u.LifetimeDown, &u.SeenAt, &u.sorted); err != nil {
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
	if err != nil {
		return err
	}
	for _, s := range page {
		s.PlanName, s.LastSeenAt = names[s.PlanID], s.Usage.SeenAt
	}
	return tx.Query(ctx, "SELECT DISTINCT subscriber_id FROM session_record WHERE subscriber_id = ANY($1) AND closed_at IS NULL", []any{ids}, func(r pg.Row) error {
		var sid string
		err := r.Scan(&sid)
		byID[sid].Online = true
		return err
	})
}

// pick loads rows in the order of their ids.
func pick(ctx context.Context, tx *pg.Tx, ids []string) ([]Subscriber, error) {
	if len(ids) == 0 {
		return []Subscriber{}, nil
	}
	var rows []Subscriber
	if err := tx.Gorm().Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, pg.Translate("list subscribers", err)
	}
	at := make(map[string]int, len(rows))
	for i := range rows {
		at[rows[i].ID] = i
	}
	out := make([]Subscriber, 0, len(rows))
	for _, sid := range ids {
		if i, ok := at[sid]; ok {
			out = append(out, rows[i])
		}
	}
	page := make([]*Subscriber, len(out))
	for i := range out {
		page[i] = &out[i]
	}
	return out, complete(ctx, tx, page)
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// lockDue locks at most limit subscribers whose reset is due, as load does: totals, then subscribers, by id. Who is being
// changed at the moment waits for the next sweep.
func lockDue(ctx context.Context, tx *pg.Tx, limit int) ([]*Subscriber, error) {
	var ids []string
	err := tx.Query(ctx, `SELECT u.subscriber_id FROM usage_total u WHERE u.subscriber_id IN
		(SELECT id FROM subscriber WHERE next_reset <= $1 ORDER BY next_reset LIMIT $2)
		ORDER BY u.subscriber_id FOR NO KEY UPDATE SKIP LOCKED`, []any{tx.Now, limit}, func(r pg.Row) error {
		var sid string
		err := r.Scan(&sid)
		ids = append(ids, sid)
		return err
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var page []*Subscriber
	err = tx.Gorm().Clauses(clause.Locking{Strength: "NO KEY UPDATE", Options: "SKIP LOCKED"}).
		Where("id IN ? AND next_reset <= ?", ids, tx.Now).Order("id").Find(&page).Error
	if err != nil || len(page) == 0 {
		return nil, pg.Translate("find due resets", err)
	}
	return page, complete(ctx, tx, page)
}

// saveReset writes what a new period changed of a page.
func saveReset(ctx context.Context, tx *pg.Tx, page []*Subscriber) error {
	n := len(page)
	ids, states, reasons := make([]string, n), make([]string, n), make([]string, n)
	periods, versions := make([]int64, n), make([]int64, n)
	starts, nexts := make([]time.Time, n), make([]*time.Time, n)
	for i, s := range page {
		s.Version, s.UpdatedAt = s.Version+1, tx.Now
		ids[i], states[i], reasons[i], periods[i], versions[i] = s.ID, s.Status, s.Reason, s.Period, s.Version
		starts[i], nexts[i] = s.PeriodStart, s.NextReset
	}
	_, err := tx.Exec(ctx, `UPDATE subscriber s SET status = u.status, reason = u.reason, period = u.period, version = u.version,
		period_start = u.start, next_reset = u.next, updated_at = $1
		FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::timestamptz[])
		  AS u (id, status, reason, period, version, start, next) WHERE s.id = u.id`,
		tx.Now, ids, states, reasons, periods, versions, starts, nexts)
	return err
}
