package app

import (
	"context"
	"log/slog"
	"time"

	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
)

// Intervals of the clock. Nodes hold expiry by their own clock; these make the panel say what time has done.
const (
	everySweep = 2 * time.Second
	everyTidy  = 10 * time.Minute
	everyHeal  = time.Minute
	healNodes  = 4 // a turn; 200 nodes come round within an hour
)

// Bounds of one turn of a large deletion.
const (
	tidyRows    = 10_000
	tidyBatches = 20
)

// clock does what is due by time. Every replica runs one: each task claims rows, so that two do no harm.
type clock struct {
	s      *Services
	log    *slog.Logger
	healed string // node id
}

func (c *clock) run(ctx context.Context) error {
	c.tidy(ctx)
	due := &subscriber.Clock{DB: c.s.DB}
	sweep, tidy, heal := time.NewTicker(everySweep), time.NewTicker(everyTidy), time.NewTicker(everyHeal)
	defer sweep.Stop()
	defer heal.Stop()
	defer tidy.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			c.until(ctx, "expire subscribers", due.ExpireDue)
			c.until(ctx, "reset traffic periods", due.ResetDue)
			c.until(ctx, "close hours of the ledger", c.s.Usage.CloseHours)
		case <-tidy.C:
			c.tidy(ctx)
		case <-heal.C:
			if err := due.SortUsed(ctx); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "clock: task failed", "task", "sort subscribers by use", "error", err)
			}
			var err error
			if c.healed, err = c.s.Desired.Heal(ctx, c.healed, healNodes); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "clock: task failed", "task", "compile nodes anew", "error", err)
			}
		}
	}
}

// until repeats a batch task while it finds work. A failure waits for the next tick: the database says it in its own log.
func (c *clock) until(ctx context.Context, what string, task func(context.Context) (int, error)) {
	for ctx.Err() == nil {
		n, err := task(ctx)
		if err != nil {
			c.log.WarnContext(ctx, "clock: task failed", "task", what, "error", err)
		}
		if err != nil || n == 0 {
			return
		}
	}
}

// batches repeats a DELETE of at most $1 rows, each in its own short transaction, until little is left or the turn is over.
func (c *clock) batches(ctx context.Context, what, query string) {
	for range tidyBatches {
		var n int64
		err := c.s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
			n, err = tx.Exec(ctx, query, tidyRows)
			return err
		})
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "clock: task failed", "task", what, "error", err)
		}
		if err != nil || n < tidyRows {
			return
		}
	}
}

// tidy makes the ledger's next partitions and drops what nobody needs any more.
func (c *clock) tidy(ctx context.Context) {
	steps := []struct{ what, query string }{
		{"make ledger partitions", "SELECT ledger_partitions(now())"},
		{"drop old answers", "DELETE FROM idempotency WHERE created_at < now() - interval '1 day'"},
		{"drop devices that left", "DELETE FROM device_use WHERE seen_at < now() - interval '1 hour'"},
		{"drop handed-over values", "DELETE FROM hand_over WHERE expires_at < now()"},
		{"drop old download links", "DELETE FROM download_link WHERE expires_at < now() - interval '1 day'"},
		{"drop old throttles", "DELETE FROM throttle WHERE seen_at < now() - interval '1 day'"},
		{"drop ended portal sessions", "DELETE FROM portal_session WHERE expires_at < now() - interval '7 days' OR revoked_at < now() - interval '7 days'"},
		{"drop ended sessions", "DELETE FROM login_session WHERE expires_at < now() - interval '7 days' OR revoked_at < now() - interval '7 days'"},
	}
	for _, s := range steps {
		err := c.s.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, s.query)
			return err
		})
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "clock: task failed", "task", s.what, "error", err)
		}
	}
	c.batches(ctx, "drop old report numbers", `DELETE FROM report WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM report r WHERE received_at < now() - interval '30 days' AND EXISTS (SELECT FROM report l
		  WHERE l.node_id = r.node_id AND (l.epoch, l.seq) > (r.epoch, r.seq)) ORDER BY received_at LIMIT $1))`) // a node's last one it may send again, however late
	c.batches(ctx, "drop old hours of tenants", `DELETE FROM traffic_hour WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM traffic_hour WHERE hour < now() - interval '5 years' LIMIT $1))`)
	c.batches(ctx, "drop old jobs", `DELETE FROM job WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM job WHERE expires_at < now() - interval '90 days' ORDER BY expires_at LIMIT $1))`)
	c.batches(ctx, "drop items of old bulk operations", `DELETE FROM bulk_item WHERE ctid = ANY(ARRAY(
		SELECT i.ctid FROM bulk_operation o JOIN bulk_item i ON i.tenant_id = o.tenant_id AND i.operation_id = o.id
		WHERE o.finished_at < now() - interval '90 days' LIMIT $1))`)
	c.batches(ctx, "drop old bulk operations", `DELETE FROM bulk_operation WHERE ctid = ANY(ARRAY(
		SELECT o.ctid FROM bulk_operation o WHERE o.finished_at < now() - interval '90 days'
		  AND NOT EXISTS (SELECT FROM bulk_item i WHERE i.tenant_id = o.tenant_id AND i.operation_id = o.id) LIMIT $1))`)
	c.batches(ctx, "drop old unbooked usage", `DELETE FROM unbooked_usage WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM unbooked_usage WHERE at < now() - interval '400 days' ORDER BY at LIMIT $1))`)
	c.batches(ctx, "drop slices of closed periods", `DELETE FROM quota_slice WHERE ctid = ANY(ARRAY(
		SELECT q.ctid FROM quota_slice q JOIN subscriber s ON s.id = q.subscriber_id AND q.period < s.period LIMIT $1))`)
	c.batches(ctx, "drop old session records", `DELETE FROM session_record WHERE ctid = ANY(ARRAY(
		SELECT ctid FROM session_record WHERE closed_at < now() - interval '90 days' ORDER BY closed_at LIMIT $1))`)
	if _, err := c.s.Fleet.Sweep(ctx); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "clock: task failed", "task", "forget old certificates and tokens", "error", err)
	}
	if _, err := c.s.Usage.LoseAbandoned(ctx); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "clock: task failed", "task", "close sessions of nodes that are gone", "error", err)
	}
	if _, err := outbox.Sweep(ctx, c.s.DB); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "clock: task failed", "task", "drop finished events", "error", err)
	}
}
