package usage

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/unit"
)

// Bucket is what a subscriber moved in one step of time, by ingress and exit when asked so.
type Bucket struct {
	At      time.Time  `json:"at"`
	Ingress string     `json:"ingress_id"`
	Exit    string     `json:"exit"`
	Up      unit.Bytes `json:"up"`
	Down    unit.Bytes `json:"down"`
}

const maxBuckets = 5000

// History sums the ledger of one subscriber from the hour of from (inclusive) to to (exclusive) in steps of hour, day or month,
// UTC. The ledger knows hours, nothing finer.
// Another tenant's subscriber has no rows here.
func (s *Service) History(ctx context.Context, a actor.Actor, sid string, from, to time.Time, step string) ([]Bucket, error) {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return nil, err
	}
	if step != "hour" && step != "day" && step != "month" {
		return nil, errs.Bad("step", "must be hour, day or month")
	}
	if !from.Before(to) || to.Sub(from) > 5*366*24*time.Hour {
		return nil, errs.Bad("to", "must be after from, by at most five years")
	}
	out := []Bucket{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT date_trunc($4, at, 'UTC') AS b, ingress_id, exit, sum(up)::bigint, sum(down)::bigint FROM (
			SELECT at, ingress_id, exit, up, down FROM ledger WHERE subscriber_id = $1 AND at >= $2 AND at < $3 AND kind = 'usage'
			UNION ALL SELECT hour, ingress_id, exit, up, down FROM usage_open WHERE subscriber_id = $1 AND hour >= $2 AND hour < $3) x
			GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT $5`,
			[]any{sid, from.UTC().Truncate(time.Hour), to, step, maxBuckets + 1}, func(r pg.Row) error {
				var b Bucket
				if err := r.Scan(&b.At, &b.Ingress, &b.Exit, &b.Up, &b.Down); err != nil {
					return err
				}
				out = append(out, b)
				return nil
			})
	})
	if len(out) > maxBuckets {
		return nil, errs.Bad("from", "gives more than %d steps of all ingresses and exits: ask for less, or for longer steps", maxBuckets)
	}
	return out, err
}

// SessionRow is one session of a subscriber, open or closed.
type SessionRow struct {
	ID       string     `json:"id"`
	Node     string     `json:"node_id"`
	Ingress  string     `json:"ingress_id"`
	Kind     string     `json:"kind"`
	Source   string     `json:"source"`
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at"`
	Cause    string     `json:"cause"`
	Up       unit.Bytes `json:"up"`
	Down     unit.Bytes `json:"down"`
}

// Sessions lists a subscriber's sessions, newest first, opened before the instant before.
func (s *Service) Sessions(ctx context.Context, a actor.Actor, sid string, before time.Time, limit int) ([]SessionRow, error) {
	if err := a.Require(actor.May(actor.Sessions, actor.Read)); err != nil {
		return nil, err
	}
	out := []SessionRow{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT id, node_id, ingress_id, kind, source, opened_at, closed_at, cause, up, down FROM session_record
			WHERE subscriber_id = $1 AND opened_at < $2 ORDER BY opened_at DESC, id LIMIT $3`, []any{sid, before, limit}, func(r pg.Row) error {
			var x SessionRow
			if err := r.Scan(&x.ID, &x.Node, &x.Ingress, &x.Kind, &x.Source, &x.OpenedAt, &x.ClosedAt, &x.Cause, &x.Up, &x.Down); err != nil {
				return err
			}
			out = append(out, x)
			return nil
		})
	})
	return out, err
}
