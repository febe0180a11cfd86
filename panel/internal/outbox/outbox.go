// Package outbox carries facts out of a transaction. An event is a row written with the change that makes it true;
// the dispatcher hands rows to a queue after commit, at least once, and a row is finished only when its handlers are.
//
// States of a row:
//
//	open --dispatch--> sent (attempt n, enqueued as ID.n) --Done--> done
//	                     |  \--handler failed: Retry--> open again, later
//	                     \--forgotten (Redis lost it): swept after Forgotten--> open again, attempt n+1
//
// Losing the queue therefore costs time, never an event.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// Event is a fact. Payloads hold ids, never secrets; handlers reload what they need.
type Event interface {
	Kind() string // past tense, domain first: subscriber.changed
}

// Fact is an event of a tenant, and the request that made it true.
type Fact struct {
	Tenant, Trace string
	Event         Event
}

// Emit writes e in tx. With EmitAll, it is the only way out of a transaction.
func Emit(ctx context.Context, tx *pg.Tx, tenant, trace string, e Event) error {
	return EmitAll(ctx, tx, []Fact{{Tenant: tenant, Trace: trace, Event: e}})
}

// EmitAll writes facts in tx, in one statement.
func EmitAll(ctx context.Context, tx *pg.Tx, facts []Fact) error {
	n := len(facts)
	if n == 0 {
		return nil
	}
	tenants, ids, kinds, bodies, traces := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, f := range facts {
		body, err := json.Marshal(f.Event)
		if err != nil {
			return fmt.Errorf("emit %s: %w", f.Event.Kind(), err)
		}
		tenants[i], ids[i], kinds[i], bodies[i], traces[i] = f.Tenant, id.New(id.Event), f.Event.Kind(), string(body), f.Trace
	}
	_, err := tx.Exec(ctx, `INSERT INTO outbox (tenant_id, id, kind, payload, trace, created_at, not_before)
		SELECT u.tenant, u.id, u.kind, u.body::jsonb, u.trace, $1, $1
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS u (tenant, id, kind, body, trace)`,
		tx.Now, tenants, ids, kinds, bodies, traces)
	if err != nil {
		return fmt.Errorf("emit %s: %w", kinds[0], err)
	}
	return nil
}

// Row is an event on its way.
type Row struct {
	ID      string          `json:"id"`
	Tenant  string          `json:"tenant"`
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
	Trace   string          `json:"trace"`
	Attempt int             `json:"attempt"`
}

// Queue takes rows for handling. An error means that nothing of the batch is known to be queued.
type Queue interface {
	Enqueue(ctx context.Context, rows []Row) error
}

// Timing of the dispatcher.
const (
	batch     = 500
	Forgotten = 30 * time.Second // a row sent and not finished for so long is sent again
	keep      = 72 * time.Hour   // finished rows stay that long for people to look at

	reopenLimit = 5 * time.Second
)

// Dispatch claims open rows, oldest first, and hands them to q. It returns how many. The claim is committed first: no
// transaction stays open while q is slow, and no handler can be faster than the claim it answers. Rows that q did not
// take are open again at once; when even that fails, they are once they are Forgotten.
func Dispatch(ctx context.Context, db *pg.DB, q Queue) (int, error) {
	var rows []Row
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		rows = rows[:0]
		err := tx.Query(ctx, `UPDATE outbox o SET attempt = attempt + 1, dispatched_at = $1, not_before = $2
			FROM (SELECT id FROM outbox WHERE done_at IS NULL AND not_before <= $1 ORDER BY not_before, id LIMIT $3
			      FOR UPDATE SKIP LOCKED) c
			WHERE o.id = c.id RETURNING o.id, o.tenant_id, o.kind, o.payload::text, o.trace, o.attempt`,
			[]any{tx.Now, tx.Now.Add(Forgotten), batch}, func(r pg.Row) error {
				var x Row
				var payload string
				if err := r.Scan(&x.ID, &x.Tenant, &x.Kind, &payload, &x.Trace, &x.Attempt); err != nil {
					return err
				}
				x.Payload = json.RawMessage(payload)
				rows = append(rows, x)
				return nil
			})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("dispatch outbox: %w", err)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	if err := q.Enqueue(ctx, rows); err != nil {
		return 0, fmt.Errorf("dispatch outbox: %w", errors.Join(err, reopen(ctx, db, rows)))
	}
	return len(rows), nil
}

// reopen gives back a claim on rows, unless somebody has claimed them since.
func reopen(ctx context.Context, db *pg.DB, rows []Row) error {
	ids, attempts := make([]string, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		ids[i], attempts[i] = r.ID, int64(r.Attempt)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reopenLimit)
	defer cancel()
	return db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE outbox o SET not_before = $1 FROM unnest($2::text[], $3::bigint[]) AS u (id, attempt)
			WHERE o.id = u.id AND o.attempt = u.attempt AND o.done_at IS NULL`, tx.Now, ids, attempts)
		return err
	})
}

// Done finishes rows. Finishing one twice is a no-op.
func Done(ctx context.Context, tx *pg.Tx, ids []string) error {
	_, err := tx.Exec(ctx, "UPDATE outbox SET done_at = $2, error = '' WHERE id = ANY($1) AND done_at IS NULL", ids, tx.Now)
	return err
}

// Retry opens rows again after a failed handler, with back-off by attempt, and keeps the reason visible.
func Retry(ctx context.Context, db *pg.DB, ids []string, cause error) error {
	return db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE outbox SET error = left($2, 500),
			not_before = $3::timestamptz + least(power(2, least(attempt, 9)) * interval '200 milliseconds', interval '60 seconds')
			WHERE id = ANY($1) AND done_at IS NULL`, ids, cause.Error(), tx.Now)
		return err
	})
}

// Sweep deletes rows finished long ago and returns how many.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	var n int64
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		var err error
		n, err = tx.Exec(ctx, "DELETE FROM outbox WHERE done_at < $1", tx.Now.Add(-keep))
		return err
	})
	return n, err
}
