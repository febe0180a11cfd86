// Package audit records who did what, in the transaction that does it: a write without its record cannot be committed,
// and a rolled-back write leaves none. The table is append-only for the serving role.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// Diff is what changed: field name to before and after. Secrets are never put here; Changed marks that one changed.
type Diff map[string]any

// Changed stands for the value of a secret field that changed.
const Changed = "(changed)"

// From builds a Diff from pairs of before and after, leaving out equal ones.
func (d Diff) From(field string, before, after any) Diff {
	if before != after {
		d[field] = [2]any{before, after}
	}
	return d
}

// Record writes one record in tx. The object is kind/id or kind/name; tenant is the tenant whose object it is.
func Record(ctx context.Context, tx *pg.Tx, a actor.Actor, action, object string, diff Diff) error {
	var body any
	if len(diff) > 0 {
		b, err := json.Marshal(diff)
		if err != nil {
			return fmt.Errorf("audit %s: %w", action, err)
		}
		body = string(b)
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit (tenant_id, id, at, actor_kind, actor_id, actor_name, address, action, object, diff, trace)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11)`,
		a.Tenant, id.New(id.Audit), tx.Now, string(a.Kind), a.ID, a.Name, a.Address, action, object, body, a.Trace)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// Act is one of many records that one actor leaves at once.
type Act struct {
	Tenant, Action, Object string
	Diff                   Diff
}

// RecordAll writes the records of acts in tx, in one statement; a's own tenant is not looked at.
func RecordAll(ctx context.Context, tx *pg.Tx, a actor.Actor, acts []Act) error {
	n := len(acts)
	if n == 0 {
		return nil
	}
	tenants, ids, actions, objects, diffs := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]*string, n)
	for i, x := range acts {
		tenants[i], ids[i], actions[i], objects[i] = x.Tenant, id.New(id.Audit), x.Action, x.Object
		if len(x.Diff) > 0 {
			body, err := json.Marshal(x.Diff)
			if err != nil {
				return fmt.Errorf("audit %s: %w", x.Action, err)
			}
			text := string(body)
			diffs[i] = &text
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO audit (tenant_id, id, at, actor_kind, actor_id, actor_name, address, action, object, diff, trace)
		SELECT u.tenant, u.id, $1, $2, $3, $4, $5, u.action, u.object, u.diff::jsonb, $6
		FROM unnest($7::text[], $8::text[], $9::text[], $10::text[], $11::text[]) AS u (tenant, id, action, object, diff)`,
		tx.Now, string(a.Kind), a.ID, a.Name, a.Address, a.Trace, tenants, ids, actions, objects, diffs)
	if err != nil {
		return fmt.Errorf("audit %s: %w", actions[0], err)
	}
	return nil
}

// Entry is one record as read back.
type Entry struct {
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Kind    string          `json:"actor_kind"`
	Address string          `json:"address"`
	Action  string          `json:"action"`
	Object  string          `json:"object"`
	Diff    json.RawMessage `json:"diff,omitempty"`
	Trace   string          `json:"trace,omitempty"`
}

// maxPage bounds one page of a listing.
const maxPage = 500

// List returns records newest first, at most limit, older than the id before when it is given.
func List(ctx context.Context, db *pg.DB, a actor.Actor, object, before string, limit int) ([]Entry, error) {
	if err := a.Require(actor.May(actor.Audit, actor.Read)); err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage+1 { // one more than a page tells whether there is another
		return nil, errs.Bad("limit", "must be between 1 and %d", maxPage)
	}
	out := []Entry{}
	err := db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT id, at, actor_name, actor_kind, address, action, object, coalesce(diff::text, ''), trace FROM audit
			WHERE tenant_id = $1 AND ($2 = '' OR object = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`,
			[]any{a.Tenant, object, before, limit}, func(r pg.Row) error {
				var e Entry
				var diff string
				if err := r.Scan(&e.ID, &e.At, &e.Actor, &e.Kind, &e.Address, &e.Action, &e.Object, &diff, &e.Trace); err != nil {
					return err
				}
				if diff != "" {
					e.Diff = json.RawMessage(diff)
				}
				out = append(out, e)
				return nil
			})
	})
	return out, err
}
