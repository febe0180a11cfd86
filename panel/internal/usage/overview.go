package usage

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/unit"
)

// Moved is traffic in both directions, as subscribers see it.
type Moved struct {
	Up   unit.Bytes `json:"up"`
	Down unit.Bytes `json:"down"`
}

// Speed is what moves now.
type Speed struct {
	Up   unit.BitRate `json:"up" doc:"bits per second"`
	Down unit.BitRate `json:"down"`
}

// Overview is what goes on with a tenant's subscribers, or with those of its whole subtree.
type Overview struct {
	Subscribers map[string]int64 `json:"subscribers" doc:"by status, and total"`
	Online      int64            `json:"online" doc:"subscribers with an open session"`
	Expiring    int64            `json:"expiring" doc:"within 7 days"`
	Today       Moved            `json:"traffic_today" doc:"since midnight UTC"`
	Yesterday   Moved            `json:"traffic_yesterday"`
	Rate        Speed            `json:"rate"`
	Plan        bool             `json:"-"` // somebody made one
	Connected   bool             `json:"-"` // a subscriber once connected
}

// expiringWithin is how soon a term ends that is worth a look.
const expiringWithin = 7 * 24 * time.Hour

// Overview sums up the actor's tenant; tree: its whole subtree.
func (s *Service) Overview(ctx context.Context, a actor.Actor, tree bool) (*Overview, error) {
	if err := mayTotal(a); err != nil {
		return nil, err
	}
	only := a.Tenant
	if tree {
		only = ""
	}
	var o *Overview
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		o = &Overview{Subscribers: map[string]int64{"total": 0}}
		for _, status := range []string{"on_hold", "active", "limited", "expired", "suspended", "closed"} {
			o.Subscribers[status] = 0
		}
		if err := tx.Query(ctx, "SELECT status, count(*) FROM subscriber"+where(only)+" GROUP BY status", []any{only}, func(r pg.Row) error {
			var status string
			var n int64
			err := r.Scan(&status, &n)
			o.Subscribers[status] = n
			o.Subscribers["total"] += n
			return err
		}); err != nil {
			return err
		}
		if _, err := tx.One(ctx, "SELECT count(DISTINCT subscriber_id), coalesce(sum(rate_up), 0)::bigint, coalesce(sum(rate_down), 0)::bigint FROM session_record"+
			where(only)+" AND closed_at IS NULL", []any{only}, &o.Online, &o.Rate.Up, &o.Rate.Down); err != nil {
			return err
		}
		if _, err := tx.One(ctx, "SELECT count(*) FROM subscriber"+where(only)+" AND status IN ('active', 'limited') AND expires_at > $2 AND expires_at <= $3",
			[]any{only, tx.Now, tx.Now.Add(expiringWithin)}, &o.Expiring); err != nil {
			return err
		}
		today := tx.Now.Truncate(24 * time.Hour)
		if err := tx.Query(ctx, "SELECT hour >= $2, sum(up)::bigint, sum(down)::bigint FROM traffic_hour"+where(only)+" AND hour >= $3 GROUP BY 1",
			[]any{only, today, today.AddDate(0, 0, -1)}, func(r pg.Row) error {
				var now bool
				var m Moved
				err := r.Scan(&now, &m.Up, &m.Down)
				if now {
					o.Today = m
				} else {
					o.Yesterday = m
				}
				return err
			}); err != nil {
			return err
		}
		_, err := tx.One(ctx, "SELECT EXISTS (SELECT FROM plan"+where(only)+" AND name <> 'default'), EXISTS (SELECT FROM session_record"+where(only)+")",
			[]any{only}, &o.Plan, &o.Connected)
		return err
	})
	return o, err
}

// where narrows a query to the tenant in $1. Row security holds the subtree; one query for both would keep the planner from
// the index of one tenant.
func where(only string) string {
	if only == "" {
		return " WHERE $1 = ''"
	}
	return " WHERE tenant_id = $1"
}

func mayTotal(a actor.Actor) error {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return err
	}
	if a.Owner != "" {
		return errs.New(errs.Denied, "a subscriber's key sees its own traffic only")
	}
	return nil
}

// TrafficQuery asks what a tenant's subscribers moved.
type TrafficQuery struct {
	From, To time.Time
	Step     string // hour or day
	Node     string // id; empty: all
	Tree     bool
}

// TrafficBucket is what moved in one step of time.
type TrafficBucket struct {
	At time.Time `json:"at"`
	Moved
}

// Traffic sums what the actor's subscribers moved, in steps of UTC from the hour of q.From on, oldest first. Steps in which
// nothing moved are left out.
func (s *Service) Traffic(ctx context.Context, a actor.Actor, q TrafficQuery) ([]TrafficBucket, error) {
	if err := mayTotal(a); err != nil {
		return nil, err
	}
	var f errs.Faults
	f.Check(q.Step == "hour" || q.Step == "day", "step", "must be hour or day")
	f.Check(q.From.Before(q.To), "to", "must be after from")
	f.Check(q.To.Sub(q.From) <= 5*366*24*time.Hour, "from", "must be at most five years before to")
	f.Check(q.Step != "hour" || q.To.Sub(q.From) <= maxBuckets*time.Hour, "from", "is too long ago for steps of an hour")
	if err := f.Err(); err != nil {
		return nil, err
	}
	only := a.Tenant
	if q.Tree {
		only = ""
	}
	out := []TrafficBucket{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, "SELECT date_trunc($5, hour, 'UTC'), sum(up)::bigint, sum(down)::bigint FROM traffic_hour"+where(only)+
			" AND hour >= $2 AND hour < $3 AND ($4 = '' OR node_id = $4) GROUP BY 1 ORDER BY 1",
			[]any{only, q.From.UTC().Truncate(time.Hour), q.To, q.Node, q.Step}, func(r pg.Row) error {
				var b TrafficBucket
				err := r.Scan(&b.At, &b.Up, &b.Down)
				out = append(out, b)
				return err
			})
	})
	return out, err
}
