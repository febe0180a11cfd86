package subscriber

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/unit"
)

// Stretches of time that traffic is summed over.
const (
	ByHour  = "hour"
	ByDay   = "day"
	ByMonth = "month"
)

// maxStretches bounds one answer.
const maxStretches = 10_000

// Ledger reads what subscribers moved; usage writes it.
type Ledger struct{ DB *pg.DB }

// TrafficQuery asks the ledger.
type TrafficQuery struct {
	Subscriber string // id; empty: all of the actor's tenant
	From, To   time.Time
	Step       string
}

// Stretch is what moved in one stretch of time, and how many sessions began in it.
type Stretch struct {
	At       time.Time
	Up       unit.Bytes
	Down     unit.Bytes
	Sessions int64
}

func (q *TrafficQuery) check() error {
	var f errs.Faults
	f.Check(slices.Contains([]string{ByHour, ByDay, ByMonth}, q.Step), "step", "must be hour, day or month")
	f.Check(q.From.Before(q.To), "from", "must be before to")
	f.Check(q.Step != ByHour || q.To.Sub(q.From) <= maxStretches*time.Hour, "from", "is too long ago for steps of an hour")
	return f.Err()
}

// One query for all and one for each: a condition that fits both would keep the planner from the right index.
const (
	trafficHead = `SELECT at, sum(up)::bigint, sum(down)::bigint, sum(n)::bigint FROM (
		SELECT date_trunc($1, at, 'UTC') AS at, up, down, 0 AS n FROM ledger WHERE tenant_id = $2 AND at >= $4 AND at < $5 AND kind = 'usage' AND `
	trafficOpen = ` UNION ALL
		SELECT date_trunc($1, hour, 'UTC'), up, down, 0 FROM usage_open WHERE tenant_id = $2 AND hour >= $4 AND hour < $5 AND `
	trafficMiddle = ` UNION ALL
		SELECT date_trunc($1, opened_at, 'UTC'), 0, 0, 1 FROM session_record WHERE tenant_id = $2 AND opened_at >= $4 AND opened_at < $5 AND `
	trafficTail = `) x GROUP BY at ORDER BY at LIMIT $6`

	trafficOfTenant = trafficHead + `$3 = ''` + trafficOpen + `$3 = ''` + trafficMiddle + `$3 = ''` + trafficTail
	trafficOfOne    = trafficHead + `subscriber_id = $3` + trafficOpen + `subscriber_id = $3` + trafficMiddle + `subscriber_id = $3` + trafficTail
)

// Known reports, as its error, whether a subscriber is or was the actor's to see: what a deleted one moved stays on record.
// What the caller does with the answer needs a permission of its own.
func (l Ledger) Known(ctx context.Context, a actor.Actor, sid string) error {
	return l.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		_, err := load(ctx, tx, a, sid, false)
		if !errs.Is(err, errs.Missing) || a.Owner != "" {
			return err
		}
		var one int
		found, e := tx.One(ctx, "SELECT 1 FROM former_subscriber WHERE id = $1", []any{sid}, &one)
		if e != nil {
			return e
		}
		if !found {
			return err
		}
		return nil
	})
}

// Traffic sums the ledger by stretches in UTC from the hour of q.From on, oldest first. Stretches without traffic and sessions are left out.
func (l Ledger) Traffic(ctx context.Context, a actor.Actor, q TrafficQuery) ([]Stretch, error) {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	if a.Owner != "" && q.Subscriber == "" {
		return nil, errs.New(errs.Denied, "a subscriber's key sees its own traffic only")
	}
	out := []Stretch{}
	err := l.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		tenant := a.Tenant
		if q.Subscriber != "" {
			sub, err := load(ctx, tx, a, q.Subscriber, false)
			if err != nil {
				return err
			}
			tenant = sub.TenantID
		}
		out = out[:0]
		query := trafficOfTenant
		if q.Subscriber != "" {
			query = trafficOfOne
		}
		return tx.Query(ctx, query, []any{q.Step, tenant, q.Subscriber, q.From.UTC().Truncate(time.Hour), q.To, maxStretches}, func(r pg.Row) error {
			var x Stretch
			if err := r.Scan(&x.At, &x.Up, &x.Down, &x.Sessions); err != nil {
				return err
			}
			out = append(out, x)
			return nil
		})
	})
	return out, err
}

// Between sums the ledger of several subscribers over one stretch.
func (l Ledger) Between(ctx context.Context, a actor.Actor, ids []string, from, to time.Time) (map[string]Stretch, error) {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return nil, err
	}
	if a.Owner != "" {
		return nil, errs.New(errs.Denied, "a subscriber's key sees its own traffic only")
	}
	out := make(map[string]Stretch, len(ids))
	err := l.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT subscriber_id, sum(up)::bigint, sum(down)::bigint FROM (
			SELECT subscriber_id, up, down FROM ledger WHERE subscriber_id = ANY($1) AND at >= $2 AND at < $3 AND kind = 'usage'
			UNION ALL SELECT subscriber_id, up, down FROM usage_open WHERE subscriber_id = ANY($1) AND hour >= $2 AND hour < $3) x GROUP BY 1`,
			[]any{ids, from.UTC().Truncate(time.Hour), to}, func(r pg.Row) error {
				var sid string
				var x Stretch
				if err := r.Scan(&sid, &x.Up, &x.Down); err != nil {
					return err
				}
				out[sid] = x
				return nil
			})
	})
	return out, err
}

// Live counts a subscriber's open sessions.
type Live struct {
	Sessions int64
	Devices  int64 // distinct addresses they come from
}

// LiveSessions counts the open sessions that nodes have reported, by subscriber.
func (l Ledger) LiveSessions(ctx context.Context, a actor.Actor, ids []string) (map[string]Live, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	out := make(map[string]Live, len(ids))
	err := l.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT subscriber_id, count(*), count(DISTINCT source) FROM session_record
			WHERE subscriber_id = ANY($1) AND closed_at IS NULL GROUP BY 1`, []any{ids}, func(r pg.Row) error {
			var sid string
			var x Live
			if err := r.Scan(&sid, &x.Sessions, &x.Devices); err != nil {
				return err
			}
			out[sid] = x
			return nil
		})
	})
	return out, err
}
