package usage

import (
	"cmp"
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
		subs := make([]string, len(q.Slices))
		for i := range q.Slices {
			subs[i] = q.Slices[i].Subscriber
		}
		accounts, err := lock(ctx, tx, node, subs)
		if err != nil {
			return err
		}
		out.Allowances, err = allowances(ctx, tx, node, accounts, question{held: q.Slices})
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

// question is what a node tells of the slices that it holds.
type question struct {
	held   []nodeapi.SliceUse
	rates  map[string]unit.Bytes // bytes per second, by subscriber
	booked bool                  // what it spent is in the report that carries the question, and booked
}

// allowances tops up the slices of node for the subscribers named, whose accounts the caller has locked, and returns the
// totals in force. Subscribers that are not this node's, not metered, or in another period get no answer.
func allowances(ctx context.Context, tx *pg.Tx, node string, accounts map[string]*account, q question) ([]nodeapi.Allowance, error) {
	held := slices.DeleteFunc(sortedSlices(q.held), func(x nodeapi.SliceUse) bool {
		acc := accounts[x.Subscriber]
		return acc == nil || !acc.metered || acc.removed || acc.period != x.Period
	})
	if len(held) == 0 {
		return nil, nil
	}
	if err := readSlices(ctx, tx, node, held, accounts); err != nil {
		return nil, err
	}
	out := make([]nodeapi.Allowance, 0, len(held))
	var changed bulk
	for _, x := range held {
		acc := accounts[x.Subscriber]
		before, back := *acc, acc.revive()
		if q.booked {
			acc.spend(x.Spent)
		}
		left := max(0, acc.limit-acc.used-acc.out)
		// What the node says it spent since its last report is real demand, but not yet booked: it sizes the slice only.
		here := max(0, acc.granted-max(acc.spent, min(x.Spent, acc.granted)))
		if grant := acc.slice(left, here, q.rates[x.Subscriber], tx.Now, !q.booked); grant > 0 {
			acc.granted += grant
			left -= grant
		}
		if acc.granted != before.granted || acc.spent != before.spent || back {
			changed.add(acc.tenant, &nodeapi.Usage{Subscriber: x.Subscriber, Period: x.Period, Up: acc.granted, Down: acc.spent})
		}
		out = append(out, nodeapi.Allowance{Subscriber: x.Subscriber, Period: x.Period, Granted: acc.granted, Exhausted: left == 0})
	}
	return out, saveSlices(ctx, tx, node, &changed)
}

// saveSlices writes slices of node: granted in ups, spent in downs. A node that speaks of a slice is not lost.
func saveSlices(ctx context.Context, tx *pg.Tx, node string, b *bulk) error {
	if len(b.subs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO quota_slice (tenant_id, subscriber_id, node_id, period, granted, spent, updated_at)
		SELECT u.tenant, u.sub, $1, u.period, u.granted, u.spent, $2
		FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) AS u (tenant, sub, period, granted, spent)
		ON CONFLICT (subscriber_id, node_id, period) DO UPDATE SET granted = EXCLUDED.granted, spent = EXCLUDED.spent,
		  updated_at = EXCLUDED.updated_at, lost = false`,
		node, tx.Now, b.tenants, b.subs, b.periods, b.ups, b.downs)
	return err
}

// sortedSlices sorts and keeps, of several words about one slice, the one that spent most.
func sortedSlices(in []nodeapi.SliceUse) []nodeapi.SliceUse {
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b nodeapi.SliceUse) int {
		return cmp.Or(cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.Period, b.Period), cmp.Compare(b.Spent, a.Spent))
	})
	return slices.CompactFunc(out, func(a, b nodeapi.SliceUse) bool { return a.Subscriber == b.Subscriber && a.Period == b.Period })
}

// slice says how much to add for a node that still holds here bytes, out of left that may be granted at all. A node that
// asks is about to run dry, whatever its reports have told so far: it gets as much again as it had, so that a fast transfer
// needs few questions.
func (a *account) slice(left, here, rate unit.Bytes, now time.Time, asked bool) unit.Bytes {
	if !a.connects() || left == 0 {
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
