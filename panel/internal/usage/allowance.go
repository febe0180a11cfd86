package usage

import (
	"context"
	"fmt"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Sizes of slices: enough for hours of the subscriber's normal use, and for a minute at the speed just seen.
const (
	leastSlice   = 4 * unit.MiB
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
		out.Allowances, err = allowances(ctx, tx, node, q.Slices, nil)
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

// allowances tops up the slices of node for the subscribers named, under a lock on each subscriber's totals, and returns
// the totals in force. Subscribers that are not this node's, not metered, or in another period get no answer.
func allowances(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.SliceUse, rate map[string]unit.Bytes) ([]nodeapi.Allowance, error) {
	var out []nodeapi.Allowance
	for _, x := range sortedSlices(in) {
		acc, found, err := lockAccount(ctx, tx, node, x)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		left := max(0, acc.limit-acc.used-acc.out)
		// What the node says it spent since its last report is real demand, but not yet booked: it sizes the slice only.
		here := max(0, acc.granted-max(acc.spent, min(x.Spent, acc.granted)))
		grant := acc.slice(left, here, rate[x.Subscriber], tx.Now)
		if grant > 0 {
			acc.granted += grant
			left -= grant
			if err := storeSlice(ctx, tx, node, x.Subscriber, acc); err != nil {
				return nil, err
			}
		}
		out = append(out, nodeapi.Allowance{Subscriber: x.Subscriber, Period: x.Period, Granted: acc.granted, Exhausted: left == 0})
	}
	return out, nil
}

// slice says how much to add for a node that still holds here bytes, out of left that may be granted at all.
func (a *account) slice(left, here, rate unit.Bytes, now time.Time) unit.Bytes {
	if !a.connects || left == 0 {
		return 0
	}
	hours := max(1, now.Sub(a.since).Hours())
	want := max(leastSlice, unit.Bytes(float64(a.used)/hours*normalHours), rate*fastSeconds)
	if here > want/2 {
		return 0
	}
	grant := want - here
	if half := left / 2; grant > half && left > leastSlice {
		grant = max(half, leastSlice) // smaller as it runs out, so that no node holds all of the rest
	}
	return min(grant, left)
}

func lockAccount(ctx context.Context, tx *pg.Tx, node string, x nodeapi.SliceUse) (*account, bool, error) {
	var a account
	var up, down, granted unit.Bytes
	found, err := tx.One(ctx, `SELECT s.tenant_id, s.traffic_limit, s.period, s.period_start, s.status IN ('active', 'on_hold'), u.up, u.down, u.granted
		FROM usage_total u JOIN subscriber s ON s.id = u.subscriber_id
		JOIN desired_subscriber d ON d.subscriber_id = s.id AND d.node_id = $2 AND NOT d.removed
		WHERE u.subscriber_id = $1 AND s.traffic_limit >= 0 AND s.period = $3 FOR UPDATE OF u`, []any{x.Subscriber, node, x.Period},
		&a.tenant, &a.limit, &a.period, &a.since, &a.connects, &up, &down, &granted)
	if err != nil || !found {
		return nil, false, err
	}
	a.limit, a.used = unit.AddSat(a.limit, granted), unit.AddSat(up, down)
	_, err = tx.One(ctx, `SELECT coalesce(sum(granted - spent) FILTER (WHERE NOT lost), 0)::bigint,
		coalesce(sum(granted) FILTER (WHERE node_id = $2), 0)::bigint, coalesce(sum(spent) FILTER (WHERE node_id = $2), 0)::bigint
		FROM quota_slice WHERE subscriber_id = $1 AND period = $3`, []any{x.Subscriber, node, x.Period}, &a.out, &a.granted, &a.spent)
	return &a, err == nil, err
}

// storeSlice raises what a node was granted. A node that asks is not lost.
func storeSlice(ctx context.Context, tx *pg.Tx, node, sid string, a *account) error {
	_, err := tx.Exec(ctx, `INSERT INTO quota_slice (tenant_id, subscriber_id, node_id, period, granted, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (subscriber_id, node_id, period) DO UPDATE SET granted = EXCLUDED.granted, updated_at = EXCLUDED.updated_at, lost = false`,
		a.tenant, sid, node, a.period, int64(a.granted), tx.Now)
	return err
}
