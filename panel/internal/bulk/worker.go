package bulk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
)

const (
	every   = time.Second
	batch   = 50
	claim   = 30 * time.Second // how long a dead panel's operation waits for the next one
	pause   = 5 * time.Second  // before an operation that failed as a whole is tried again
	closing = 5 * time.Second  // for giving back a claim while the panel stops
)

// Worker does operations. Every replica runs one.
type Worker struct {
	DB   *pg.DB
	Subs *subscriber.Service
	// Standing returns an actor as they may act now, see identity.
	Standing func(context.Context, actor.Actor) (actor.Actor, error)
	Log      *slog.Logger
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = w.Turn(ctx); err != nil && ctx.Err() == nil {
				w.Log.WarnContext(ctx, "bulk operation waits", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// task is an operation that this worker has claimed.
type task struct {
	Operation
	actor actor.Actor
}

type item struct {
	seq int64
	sid string
}

// Turn works on the operation that has waited longest, for a while; false when none waits. An operation that fails as a whole
// waits for another turn: nothing of it is lost.
func (w *Worker) Turn(ctx context.Context) (bool, error) {
	t, items, err := w.take(ctx)
	if t == nil || err != nil {
		return false, err
	}
	wait := time.Duration(0)
	if err = w.work(ctx, t, items); err != nil {
		wait = pause
	}
	return true, errors.Join(err, w.give(ctx, t, wait))
}

// take claims an operation and reads its next items.
func (w *Worker) take(ctx context.Context) (*task, []item, error) {
	var t *task
	var items []item
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		t, items = nil, nil
		err := tx.Query(ctx, `UPDATE bulk_operation SET status = 'running', claimed_until = now() + make_interval(secs => $1) WHERE id = (
			SELECT id FROM bulk_operation WHERE status IN ('queued', 'running') AND claimed_until <= now() ORDER BY claimed_until, id LIMIT 1 FOR UPDATE SKIP LOCKED)
			RETURNING `+columns+", tenant_id, home, actor_kind, actor_id, permissions, address, trace", []any{claim.Seconds()}, func(r pg.Row) error {
			var x task
			var permissions []string
			op, err := scan(r, &x.actor.Tenant, &x.actor.Home, &x.actor.Kind, &x.actor.ID, pg.Array(&permissions), &x.actor.Address, &x.actor.Trace)
			if err != nil {
				return err
			}
			x.Operation, x.actor.Name = *op, op.Actor
			for _, p := range permissions {
				x.actor.Permissions = append(x.actor.Permissions, actor.Permission(p))
			}
			t = &x
			return nil
		})
		if err != nil || t == nil {
			return err
		}
		return tx.Query(ctx, "SELECT seq, subscriber_id FROM bulk_item WHERE operation_id = $1 AND state = 'waiting' ORDER BY seq LIMIT $2",
			[]any{t.ID, batch}, func(r pg.Row) error {
				var x item
				err := r.Scan(&x.seq, &x.sid)
				items = append(items, x)
				return err
			})
	})
	return t, items, err
}

// give ends a claim, and the operation when nothing of it waits. Another panel may be marking the last item at this moment:
// then it is the one that ends it.
func (w *Worker) give(ctx context.Context, t *task, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	return w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE bulk_operation SET claimed_until = now() + make_interval(secs => $2) WHERE id = $1", t.ID, wait.Seconds()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE bulk_operation SET status = 'done', finished_at = $2 WHERE id = $1 AND status = 'running' AND done + failed = total`, t.ID, tx.Now)
		return err
	})
}

var (
	errTaken   = errors.New("another panel has done it")
	errStopped = errors.New("the operation is over")
)

// mark marks an item and counts it, in the transaction of its change. Everybody locks in this order: item, operation, then
// what is changed.
func mark(ctx context.Context, tx *pg.Tx, op string, seq int64, state, why string) error {
	n, err := tx.Exec(ctx, "UPDATE bulk_item SET state = $3, why = $4 WHERE operation_id = $1 AND seq = $2 AND state = 'waiting'", op, seq, state, why)
	if err == nil && n == 0 {
		err = errTaken
	}
	if err != nil {
		return err
	}
	n, err = tx.Exec(ctx, `UPDATE bulk_operation SET done = done + CASE WHEN $2 = 'done' THEN 1 ELSE 0 END, failed = failed + CASE WHEN $2 = 'failed' THEN 1 ELSE 0 END
		WHERE id = $1 AND status = 'running'`, op, state)
	if err == nil && n == 0 {
		err = errStopped
	}
	return err
}

// work makes the changes of items. Its error is one of the installation, which has nothing to do with whose turn it was.
func (w *Worker) work(ctx context.Context, t *task, items []item) error {
	until := time.Now().Add(claim / 2)
	for _, x := range items {
		if ctx.Err() != nil || time.Now().After(until) {
			return nil
		}
		err := w.apply(ctx, t, x)
		switch {
		case err == nil, errors.Is(err, errTaken), ctx.Err() != nil:
			continue
		case errors.Is(err, errStopped):
			return nil
		case errs.Is(err, errs.Unavailable), errs.Is(err, errs.Throttled):
			return err
		case errs.Is(err, errs.Internal):
			w.Log.ErrorContext(ctx, "bulk operation failed for a subscriber", "operation", t.ID, "subscriber", x.sid, "trace", t.actor.Trace, "error", err)
		}
		reason := why(err)
		err = w.DB.InTenant(ctx, t.actor.Tenant, func(tx *pg.Tx) error { return mark(ctx, tx, t.ID, x.seq, "failed", reason) })
		if errors.Is(err, errStopped) {
			return nil
		}
		if err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
	return nil
}

// apply makes the change of one item.
func (w *Worker) apply(ctx context.Context, t *task, x item) error {
	who, err := w.Standing(ctx, t.actor)
	if err != nil {
		return err
	}
	marking := subscriber.Before(w.Subs, func(ctx context.Context, tx *pg.Tx) error { return mark(ctx, tx, t.ID, x.seq, "done", "") })
	return t.Do(ctx, marking, who, x.sid, "bulk:"+t.ID)
}
