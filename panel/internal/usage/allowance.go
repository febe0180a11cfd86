package usage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Sizes of slices: enough for hours of the subscriber's normal use, and for a minute at the speed just seen.
const (
	leastSlice   = 16 * unit.MiB
	mostAsked    = unit.GiB // that an unexpected hurry gets at once
	normalHours  = 4
	fastSeconds  = 60
	leaseMaximum = 1000 // subscribers in one request
)

// Lease grants slices when a node is about to need them; the answer holds totals, so asking twice does no harm.
func (s *Service) Lease(ctx context.Context, node string, q nodeapi.LeaseRequest) (*nodeapi.LeaseResponse, error) {
	if len(q.Slices) == 0 || len(q.Slices) > leaseMaximum {
		return nil, errs.Bad("slices", "must have 1 to %d entries", leaseMaximum)
	}
	out := &nodeapi.LeaseResponse{}
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		if err := lock(ctx, tx, node, named(nil, q.Slices)); err != nil {
			return err
		}
		out.Allowances, err = allowances(ctx, tx, node, q.Slices, nil, true)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lease for %s: %w", node, err)
	}
	return out, nil
}

// rates returns the bytes per second of each subscriber over the report's interval.
func rates(r *nodeapi.Report) map[string]unit.Bytes {
	ms := max(r.To-r.From, 1000)
	out := make(map[string]unit.Bytes, len(r.Usage))
	for i := range r.Usage {
		u := &r.Usage[i]
		out[u.Subscriber] = unit.AddSat(out[u.Subscriber], (u.Up+u.Down)*1000/unit.Bytes(ms))
	}
	return out
}

// named lists the subscribers of usage and slices.
func named(usage []nodeapi.Usage, held []nodeapi.SliceUse) []string {
	out := make([]string, 0, len(usage)+len(held))
	for i := range usage {
		out = append(out, usage[i].Subscriber)
	}
	for i := range held {
		out = append(out, held[i].Subscriber)
	}
	return out
}

// account is a metered subscriber's quota as all nodes see it.
type account struct {
	limit, used unit.Bytes
	period      int64
	since       time.Time
	out         unit.Bytes // granted and not spent, over all nodes
	granted     unit.Bytes // to this node
	spent       unit.Bytes // by this node
	tenant      string
	connects    bool
}

// lock takes the totals of the named subscribers of node. Everyone who changes totals or slices of several subscribers comes
// here first and once, so that all wait in the same order and nobody in a circle.
func lock(ctx context.Context, tx *pg.Tx, node string, subs []string) error {
	if len(subs) == 0 {
		return nil
	}
	slices.Sort(subs)
	_, err := tx.Exec(ctx, `SELECT FROM usage_total u WHERE u.subscriber_id = ANY($1)
		AND EXISTS (SELECT FROM desired_subscriber d WHERE d.node_id = $2 AND d.subscriber_id = u.subscriber_id)
		ORDER BY u.subscriber_id FOR UPDATE OF u`, slices.Compact(subs), node)
	return err
}

// allowances tops up the slices of node for the subscribers named, whose totals the caller has locked, and returns the
// totals in force. Subscribers that are not this node's, not metered, or in another period get no answer.
func allowances(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.SliceUse, rate map[string]unit.Bytes, asked bool) ([]nodeapi.Allowance, error) {
	in = sortedSlices(in)
	accounts, err := readAccounts(ctx, tx, node, in)
	if err != nil {
		return nil, err
	}
	var out []nodeapi.Allowance
	var grown bulk
	var granted []int64
	for _, x := range in {
		acc := accounts[x.Subscriber]
		if acc == nil || acc.period != x.Period {
			continue
		}
		left := max(0, acc.limit-acc.used-acc.out)
		// What the node says it spent since its last report is real demand, but not yet booked: it sizes the slice only.
		here := max(0, acc.granted-max(acc.spent, min(x.Spent, acc.granted)))
		if grant := acc.slice(left, here, rate[x.Subscriber], tx.Now, asked); grant > 0 {
			acc.granted += grant
			left -= grant
			grown.tenants, grown.subs, grown.periods = append(grown.tenants, acc.tenant), append(grown.subs, x.Subscriber), append(grown.periods, x.Period)
			granted = append(granted, int64(acc.granted))
		}
		out = append(out, nodeapi.Allowance{Subscriber: x.Subscriber, Period: x.Period, Granted: acc.granted, Exhausted: left == 0})
	}
	if len(granted) == 0 {
		return out, nil
	}
	// A node that asks is not lost.
	_, err = tx.Exec(ctx, `INSERT INTO quota_slice (tenant_id, subscriber_id, node_id, period, granted, updated_at)
		SELECT u.tenant, u.sub, $1, u.period, u.granted, $2 FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS u (tenant, sub, period, granted)
		ON CONFLICT (subscriber_id, node_id, period) DO UPDATE SET granted = EXCLUDED.granted, updated_at = EXCLUDED.updated_at, lost = false`,
		node, tx.Now, grown.tenants, grown.subs, grown.periods, granted)
	return out, err
}

// slice says how much to add for a node that still holds here bytes, out of left that may be granted at all. A node that
// asks is about to run dry, whatever its reports have told so far: it gets as much again as it had, so that a fast transfer
// needs few questions.
func (a *account) slice(left, here, rate unit.Bytes, now time.Time, asked bool) unit.Bytes {
	if !a.connects || left == 0 {
		return 0
	}
	hours := max(1, now.Sub(a.since).Hours())
	want := max(leastSlice, unit.Bytes(float64(a.used)/hours*normalHours), rate*fastSeconds)
	if asked {
		want, here = max(want, min(a.granted, mostAsked)), 0
	}
	if here > want/2 {
		return 0
	}
	grant := want - here
	if half := left / 2; grant > half && left > leastSlice {
		grant = max(half, leastSlice) // smaller as it runs out, so that no node holds all of the rest
	}
	return min(grant, left)
}

// readAccounts returns the accounts of those of in who are metered, this node's, and in the period named.
func readAccounts(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.SliceUse) (map[string]*account, error) {
	out := make(map[string]*account, len(in))
	if len(in) == 0 {
		return out, nil
	}
	subs, periods := make([]string, len(in)), make([]int64, len(in))
	for i, x := range in {
		subs[i], periods[i] = x.Subscriber, x.Period
	}
	err := tx.Query(ctx, `SELECT s.id, s.tenant_id, s.traffic_limit, s.period, s.period_start, s.status IN ('active', 'on_hold'),
		  u.up, u.down, u.granted, q.held, q.granted, q.spent
		FROM unnest($2::text[], $3::bigint[]) AS x (sub, period)
		JOIN subscriber s ON s.id = x.sub AND s.period = x.period AND s.traffic_limit >= 0
		JOIN usage_total u ON u.subscriber_id = s.id
		JOIN desired_subscriber d ON d.subscriber_id = s.id AND d.node_id = $1 AND NOT d.removed
		CROSS JOIN LATERAL (SELECT coalesce(sum(granted - spent) FILTER (WHERE NOT lost), 0)::bigint AS held,
		  coalesce(sum(granted) FILTER (WHERE node_id = $1), 0)::bigint AS granted,
		  coalesce(sum(spent) FILTER (WHERE node_id = $1), 0)::bigint AS spent
		  FROM quota_slice WHERE subscriber_id = s.id AND period = s.period) q`, []any{node, subs, periods}, func(r pg.Row) error {
		var a account
		var sid string
		var up, down, bought unit.Bytes
		if err := r.Scan(&sid, &a.tenant, &a.limit, &a.period, &a.since, &a.connects, &up, &down, &bought, &a.out, &a.granted, &a.spent); err != nil {
			return err
		}
		a.limit, a.used = unit.AddSat(a.limit, bought), unit.AddSat(up, down)
		out[sid] = &a
		return nil
	})
	return out, err
}
