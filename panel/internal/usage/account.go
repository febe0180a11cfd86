package usage

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// account is a subscriber of a node, with the quota as all nodes see it.
type account struct {
	tenant  string
	gone    bool // deleted since: the ledger takes its rows, there are no totals
	removed bool // taken from this node since
	status  string
	metered bool
	limit   unit.Bytes // of the period, with what was bought on top
	used    unit.Bytes // in the period, booked
	period  int64
	since   time.Time // when the period began
	devices int       // that may be connected at once, over all nodes; 0 = no limit

	// Slices of the period; readSlices fills them in.
	out     unit.Bytes // granted and not spent, over all nodes that are not lost
	granted unit.Bytes // to this node
	spent   unit.Bytes // by this node
	lost    bool       // this node was declared lost
}

func (a *account) connects() bool {
	return !a.gone && (a.status == subscriber.Active || a.status == subscriber.OnHold)
}

// revive takes a slice that was declared lost into the reckoning again: its node speaks of it.
func (a *account) revive() (was bool) {
	if !a.lost {
		return false
	}
	a.lost = false
	a.out += a.granted - a.spent
	return true
}

// spend raises what this node reported as gone for good, never beyond what it was granted.
func (a *account) spend(to unit.Bytes) {
	more := min(to, a.granted) - a.spent
	if more <= 0 {
		return
	}
	a.spent += more
	a.out -= more
}

// named lists the subscribers that a report names.
func named(r *nodeapi.Report) []string {
	out := make([]string, 0, len(r.Usage)+len(r.Slices)+len(r.Sessions))
	for i := range r.Usage {
		out = append(out, r.Usage[i].Subscriber)
	}
	for i := range r.Slices {
		out = append(out, r.Slices[i].Subscriber)
	}
	for i := range r.Sessions {
		out = append(out, r.Sessions[i].Subscriber)
	}
	return out
}

// lock takes the totals of those of subs that node has or had, and returns their accounts. Everyone who changes totals or
// slices of several subscribers comes here first and once, so that all wait in the same order and nobody in a circle.
func lock(ctx context.Context, tx *pg.Tx, node string, subs []string) (map[string]*account, error) {
	if len(subs) == 0 {
		return map[string]*account{}, nil
	}
	slices.Sort(subs)
	subs = slices.Compact(subs)
	if _, err := tx.Exec(ctx, `SELECT FROM usage_total u WHERE u.subscriber_id = ANY($1)
		AND EXISTS (SELECT FROM desired_subscriber d WHERE d.node_id = $2 AND d.subscriber_id = u.subscriber_id)
		ORDER BY u.subscriber_id FOR NO KEY UPDATE OF u`, subs, node); err != nil {
		return nil, err
	}
	return readAccounts(ctx, tx, node, subs)
}

// readAccounts reads what the lock protects; a query of its own, because one that waited would see some tables as they were
// before.
func readAccounts(ctx context.Context, tx *pg.Tx, node string, subs []string) (map[string]*account, error) {
	out := make(map[string]*account, len(subs))
	var gone []string
	err := tx.Query(ctx, `SELECT d.subscriber_id, d.removed, coalesce(s.tenant_id, ''), coalesce(s.status, ''), coalesce(s.traffic_limit, -1),
		  coalesce(s.period, 0), coalesce(s.period_start, $3), coalesce(u.up + u.down, 0), coalesce(u.granted, 0), coalesce(s.devices, 0)
		FROM desired_subscriber d LEFT JOIN subscriber s ON s.id = d.subscriber_id LEFT JOIN usage_total u ON u.subscriber_id = d.subscriber_id
		WHERE d.node_id = $1 AND d.subscriber_id = ANY($2)`, []any{node, subs, tx.Now}, func(r pg.Row) error {
		var a account
		var sid string
		var bought unit.Bytes
		if err := r.Scan(&sid, &a.removed, &a.tenant, &a.status, &a.limit, &a.period, &a.since, &a.used, &bought, &a.devices); err != nil {
			return err
		}
		if a.tenant == "" {
			gone = append(gone, sid)
			return nil
		}
		a.metered = a.limit != unit.Unlimited
		a.limit = unit.AddSat(a.limit, bought)
		out[sid] = &a
		return nil
	})
	if err != nil || len(gone) == 0 {
		return out, err
	}
	return out, tx.Query(ctx, "SELECT id, tenant_id FROM former_subscriber WHERE id = ANY($1)", []any{gone}, func(r pg.Row) error {
		a := &account{gone: true}
		var sid string
		err := r.Scan(&sid, &a.tenant)
		out[sid] = a
		return err
	})
}

// readSlices fills in the slices of the accounts that held names, all metered and in the period named.
func readSlices(ctx context.Context, tx *pg.Tx, node string, held []nodeapi.SliceUse, accounts map[string]*account) error {
	subs := make([]string, len(held))
	for i, x := range held {
		subs[i] = x.Subscriber
	}
	return tx.Query(ctx, "SELECT subscriber_id, node_id, period, granted, spent, lost FROM quota_slice WHERE subscriber_id = ANY($1)",
		[]any{subs}, func(r pg.Row) error {
			var sid, holder string
			var period int64
			var granted, spent unit.Bytes
			var lost bool
			if err := r.Scan(&sid, &holder, &period, &granted, &spent, &lost); err != nil {
				return err
			}
			acc := accounts[sid]
			if period != acc.period {
				return nil
			}
			if !lost {
				acc.out += granted - spent
			}
			if holder == node {
				acc.granted, acc.spent, acc.lost = granted, spent, lost
			}
			return nil
		})
}
