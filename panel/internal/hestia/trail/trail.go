// Package trail keeps what commands note about users and nobody else does: notices, and sign-ins on other people's pages.
// Both are records of the audit trail, which only grows: what is listed is what the records amount to.
package trail

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/pg"
)

// Trail is the audit trail of one database.
type Trail struct{ DB *pg.DB }

// entry is one record.
type entry struct {
	action string
	at     time.Time
	diff   []byte
}

// entries returns the newest records about an object of the actor's tenant, oldest of them first.
func entries(ctx context.Context, tx *pg.Tx, a actor.Actor, object string, limit int) ([]entry, error) {
	var out []entry
	err := tx.Query(ctx, `SELECT action, at, coalesce(diff::text, '{}') FROM audit WHERE tenant_id = $1 AND object = $2 ORDER BY id DESC LIMIT $3`,
		[]any{a.Tenant, object, limit}, func(r pg.Row) error {
			var e entry
			var diff string
			err := r.Scan(&e.action, &e.at, &diff)
			e.diff = []byte(diff)
			out = append(out, e)
			return err
		})
	slices.Reverse(out)
	return out, err
}

// record adds a record, one writer of an object at a time: what diff read stays true.
func (t Trail) record(ctx context.Context, a actor.Actor, object, action string, diff func(*pg.Tx) (audit.Diff, error)) error {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	return t.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 7203445))", a.Tenant+"/"+object); err != nil {
			return err
		}
		d, err := diff(tx)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, action, object, d)
	})
}

// look runs fn for whoever may see subscribers.
func (t Trail) look(ctx context.Context, a actor.Actor, fn func(*pg.Tx) error) error {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return err
	}
	return t.DB.InTenant(ctx, a.Tenant, fn)
}
