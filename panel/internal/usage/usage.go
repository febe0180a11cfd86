// Package usage turns nodes' numbered reports into the ledger, exactly once, and hands out allowances.
//
// One report is one transaction: its number, its ledger rows, the totals, what follows from them (limit reached, first
// use), session records and the allowances in the answer. Sending it again finds the number and changes nothing. The
// tenant of a row comes from the subscriber, never from the node; usage for a subscriber that this node never had is kept
// aside (unbooked_usage), visible, and not billed.
//
// Allowances. granted(n) is the total granted to node n in the period, spent(n) what n reported as gone for good. What may
// still be granted to anyone is
//
//	limit + bought - booked usage - sum over nodes (granted - spent)
//
// so all nodes together can exceed the limit by no more than a crash makes unknowable. A node that is away keeps its
// slice; only its return, or the operator's word that it is lost, frees it.
package usage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Bounds of one report.
const (
	maxRows  = 200_000
	maxBytes = unit.Bytes(1) << 50
)

// Service applies reports.
type Service struct{ DB *pg.DB }

// Ingest applies a report of node and answers with the allowances of the metered subscribers it names.
func (s *Service) Ingest(ctx context.Context, node string, r *nodeapi.Report) (*nodeapi.ReportAck, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	ack := &nodeapi.ReportAck{Epoch: r.Epoch, Seq: r.Seq}
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		fresh, err := tx.Exec(ctx, `INSERT INTO report (node_id, epoch, seq, rows, unclean, received_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`, node, r.Epoch, r.Seq, len(r.Usage), r.Unclean, tx.Now)
		if err != nil {
			return err
		}
		if err := lock(ctx, tx, node, named(r.Usage, r.Slices)); err != nil {
			return err
		}
		if fresh == 1 {
			if err := s.apply(ctx, tx, node, r); err != nil {
				return err
			}
		}
		ack.Allowances, err = allowances(ctx, tx, node, r.Slices, rates(r), false)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("report %d.%d of %s: %w", r.Epoch, r.Seq, node, err)
	}
	return ack, nil
}

func check(r *nodeapi.Report) error {
	var f errs.Faults
	f.Check(r.Epoch > 0, "epoch", "must be greater than 0")
	f.Check(r.Seq > 0, "seq", "must be greater than 0")
	f.Check(r.From > 0, "from", "must be greater than 0")
	r.To = max(r.To, r.From) // a node's clock stepped back: what was used is billed all the same
	f.Check(len(r.Usage) <= maxRows && len(r.Sessions) <= maxRows && len(r.Slices) <= maxRows, "usage", "must have at most %d rows", maxRows)
	for i := range r.Usage {
		u := &r.Usage[i]
		if u.Up < 0 || u.Down < 0 || u.Up > maxBytes || u.Down > maxBytes {
			f.Add(fmt.Sprintf("usage[%d]", i), "bytes must be between 0 and 2^50")
			break
		}
		if u.Subscriber == "" || len(u.Subscriber) > 64 || len(u.Ingress) > 64 || len(u.Exit) > 512 {
			f.Add(fmt.Sprintf("usage[%d]", i), "must name a subscriber, an ingress and an exit")
			break
		}
	}
	for i, x := range r.Slices {
		if x.Spent < 0 || x.Period < 1 {
			f.Add(fmt.Sprintf("slices[%d]", i), "spent must not be negative and period at least 1")
			break
		}
	}
	return f.Err()
}

// owner is where usage of a subscriber is booked.
type owner struct {
	tenant string
	gone   bool // deleted since: the ledger takes the row, there are no totals
}

func (s *Service) apply(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report) error {
	owners, err := findOwners(ctx, tx, node, r)
	if err != nil {
		return err
	}
	rows := merged(r.Usage)
	if err := book(ctx, tx, node, r, rows, owners); err != nil {
		return err
	}
	touched, err := total(ctx, tx, rows, owners)
	if err != nil {
		return err
	}
	if len(touched) > 0 {
		if err := subscriber.FirstUse(ctx, tx, touched); err != nil {
			return err
		}
		if err := subscriber.LimitReached(ctx, tx, touched); err != nil {
			return err
		}
	}
	if err := spend(ctx, tx, node, r.Slices); err != nil {
		return err
	}
	return storeSessions(ctx, tx, node, r, owners)
}

// merged adds up rows of one key and sorts them.
func merged(in []nodeapi.Usage) []nodeapi.Usage {
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b nodeapi.Usage) int {
		return cmp.Or(cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.Period, b.Period), cmp.Compare(a.Ingress, b.Ingress), cmp.Compare(a.Exit, b.Exit))
	})
	n := 0
	for i := range out {
		if n > 0 && out[n-1].Subscriber == out[i].Subscriber && out[n-1].Period == out[i].Period &&
			out[n-1].Ingress == out[i].Ingress && out[n-1].Exit == out[i].Exit {
			out[n-1].Up, out[n-1].Down = unit.AddSat(out[n-1].Up, out[i].Up), unit.AddSat(out[n-1].Down, out[i].Down)
			continue
		}
		out[n] = out[i]
		n++
	}
	return out[:n]
}

// findOwners returns the owners of the subscribers that this node has or had.
func findOwners(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report) (map[string]owner, error) {
	set := map[string]bool{}
	for i := range r.Usage {
		set[r.Usage[i].Subscriber] = true
	}
	for i := range r.Sessions {
		set[r.Sessions[i].Subscriber] = true
	}
	ids := make([]string, 0, len(set))
	for sid := range set {
		ids = append(ids, sid)
	}
	out := make(map[string]owner, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	err := tx.Query(ctx, `SELECT d.subscriber_id, coalesce(s.tenant_id, f.tenant_id, ''), s.id IS NULL FROM desired_subscriber d
		LEFT JOIN subscriber s ON s.id = d.subscriber_id LEFT JOIN former_subscriber f ON f.id = d.subscriber_id
		WHERE d.node_id = $1 AND d.subscriber_id = ANY($2)`, []any{node, ids}, func(row pg.Row) error {
		var sid string
		var o owner
		if err := row.Scan(&sid, &o.tenant, &o.gone); err != nil {
			return err
		}
		if o.tenant != "" {
			out[sid] = o
		}
		return nil
	})
	return out, err
}

// book writes the ledger. The instant of a row is the end of the report's interval, so a resend would collide, never add.
func book(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report, rows []nodeapi.Usage, owners map[string]owner) error {
	at := time.UnixMilli(r.To).UTC()
	if at.After(tx.Now.Add(time.Hour)) || at.Before(tx.Now.AddDate(0, -3, 0)) {
		at = tx.Now // a clock that is far off does not choose the month
	}
	var b bulk
	for i := range rows {
		u := &rows[i]
		o, ok := owners[u.Subscriber]
		if !ok {
			if _, err := tx.Exec(ctx, `INSERT INTO unbooked_usage (node_id, epoch, seq, subscriber_id, ingress_id, exit, up, down, why, at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'not a subscriber of this node', $9)`,
				node, r.Epoch, r.Seq, u.Subscriber, u.Ingress, u.Exit, int64(u.Up), int64(u.Down), tx.Now); err != nil {
				return err
			}
			continue
		}
		b.add(o.tenant, u)
	}
	if len(b.subs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO ledger (tenant_id, at, subscriber_id, kind, period, node_id, ingress_id, exit, up, down, source)
		SELECT u.tenant, $1, u.sub, 'usage', u.period, $2, u.ingress, u.exit, u.up, u.down,
		  'report:' || $2 || ':' || $3::text || ':' || $4::text || ':' || u.period || ':' || u.ingress || ':' || u.exit
		FROM unnest($5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
		  AS u (tenant, sub, period, ingress, exit, up, down)`,
		at, node, fmt.Sprint(r.Epoch), fmt.Sprint(r.Seq), b.tenants, b.subs, b.periods, b.ingresses, b.exits, b.ups, b.downs)
	return err
}

type bulk struct {
	tenants, subs, ingresses, exits []string
	periods, ups, downs             []int64
}

func (b *bulk) add(tenant string, u *nodeapi.Usage) {
	b.tenants, b.subs = append(b.tenants, tenant), append(b.subs, u.Subscriber)
	b.ingresses, b.exits = append(b.ingresses, u.Ingress), append(b.exits, u.Exit)
	b.periods, b.ups, b.downs = append(b.periods, u.Period), append(b.ups, int64(u.Up)), append(b.downs, int64(u.Down))
}

// total adds the rows to the totals and returns the subscribers touched, in order. Usage of an earlier period counts for
// the lifetime only. One statement per period of a subscriber: an upsert may touch a row once.
func total(ctx context.Context, tx *pg.Tx, rows []nodeapi.Usage, owners map[string]owner) ([]string, error) {
	var first, later bulk
	var touched []string
	flush := func(u nodeapi.Usage) {
		o, ok := owners[u.Subscriber]
		if !ok || o.gone {
			return
		}
		if n := len(touched); n > 0 && touched[n-1] == u.Subscriber {
			later.add(o.tenant, &u)
			return
		}
		touched = append(touched, u.Subscriber)
		first.add(o.tenant, &u)
	}
	for i := 0; i < len(rows); {
		sum := rows[i]
		j := i + 1
		for ; j < len(rows) && rows[j].Subscriber == sum.Subscriber && rows[j].Period == sum.Period; j++ {
			sum.Up, sum.Down = unit.AddSat(sum.Up, rows[j].Up), unit.AddSat(sum.Down, rows[j].Down)
		}
		flush(sum)
		i = j
	}
	if err := addTotals(ctx, tx, &first); err != nil {
		return nil, err
	}
	for i := range later.subs { // a period's change within one report: a handful of rows
		one := bulk{
			tenants: later.tenants[i : i+1], subs: later.subs[i : i+1], periods: later.periods[i : i+1],
			ups: later.ups[i : i+1], downs: later.downs[i : i+1],
		}
		if err := addTotals(ctx, tx, &one); err != nil {
			return nil, err
		}
	}
	return touched, nil
}

func addTotals(ctx context.Context, tx *pg.Tx, b *bulk) error {
	if len(b.subs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO usage_total AS t (tenant_id, subscriber_id, period, up, down, lifetime_up, lifetime_down, seen_at)
		SELECT u.tenant, u.sub, u.period, u.up, u.down, u.up, u.down, $1
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u (tenant, sub, period, up, down)
		ON CONFLICT (subscriber_id) DO UPDATE SET
		  up = t.up + CASE WHEN EXCLUDED.period = t.period THEN EXCLUDED.up ELSE 0 END,
		  down = t.down + CASE WHEN EXCLUDED.period = t.period THEN EXCLUDED.down ELSE 0 END,
		  lifetime_up = t.lifetime_up + EXCLUDED.lifetime_up, lifetime_down = t.lifetime_down + EXCLUDED.lifetime_down, seen_at = $1`,
		tx.Now, b.tenants, b.subs, b.periods, b.ups, b.downs)
	return err
}

// spend raises what a node reported as gone, never beyond what it was granted.
func spend(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.SliceUse) error {
	if len(in) == 0 {
		return nil
	}
	in = sortedSlices(in)
	subs, periods, spent := make([]string, len(in)), make([]int64, len(in)), make([]int64, len(in))
	for i, x := range in {
		subs[i], periods[i], spent[i] = x.Subscriber, x.Period, int64(x.Spent)
	}
	_, err := tx.Exec(ctx, `UPDATE quota_slice q SET spent = greatest(q.spent, least(q.granted, u.spent)), updated_at = $1
		FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS u (sub, period, spent)
		WHERE q.node_id = $5 AND q.subscriber_id = u.sub AND q.period = u.period`, tx.Now, subs, periods, spent, node)
	return err
}

func sortedSlices(in []nodeapi.SliceUse) []nodeapi.SliceUse {
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b nodeapi.SliceUse) int {
		return cmp.Or(cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.Period, b.Period), cmp.Compare(b.Spent, a.Spent))
	})
	return slices.CompactFunc(out, func(a, b nodeapi.SliceUse) bool { return a.Subscriber == b.Subscriber && a.Period == b.Period })
}

// storeSessions writes session records. Of several records of one session the last one says how it is, and the highest
// counts are true.
func storeSessions(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report, owners map[string]owner) error {
	if err := loseSessions(ctx, tx, node, r); err != nil {
		return err
	}
	type key struct{ tenant, id string }
	last := make(map[key]*nodeapi.SessionRecord, len(r.Sessions))
	for i := range r.Sessions {
		x := r.Sessions[i]
		o, ok := owners[x.Subscriber]
		if !ok || o.gone || x.ID == "" || len(x.ID) > 64 {
			continue
		}
		k := key{o.tenant, x.ID}
		if old := last[k]; old != nil {
			if old.Subscriber != x.Subscriber {
				continue // as for a stored row: a session does not change hands
			}
			x.Ingress, x.Kind, x.Source, x.Opened = old.Ingress, old.Kind, old.Source, old.Opened
			x.Up, x.Down = max(x.Up, old.Up), max(x.Down, old.Down)
			if x.Closed <= 0 && old.Closed > 0 {
				x.Closed, x.Cause = old.Closed, old.Cause
			}
		}
		last[k] = &x
	}
	if len(last) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(last), func(a, b key) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.id, b.id)) })
	var b bulk
	var ids, kinds, sources, causes []string
	var opened, closed []int64
	for _, k := range keys {
		x := last[k]
		b.add(k.tenant, &nodeapi.Usage{Subscriber: x.Subscriber, Ingress: x.Ingress, Up: x.Up, Down: x.Down})
		ids, kinds, sources, causes = append(ids, k.id), append(kinds, x.Kind), append(sources, x.Source), append(causes, x.Cause)
		opened, closed = append(opened, inTime(x.Opened)), append(closed, inTime(x.Closed))
	}
	_, err := tx.Exec(ctx, `INSERT INTO session_record AS s (tenant_id, id, subscriber_id, node_id, epoch, ingress_id, kind, source, opened_at, closed_at, cause, up, down)
		SELECT u.tenant, u.id, u.sub, $1, $2, u.ingress, u.kind, left(u.source, 64), to_timestamp(u.opened / 1000.0),
		  to_timestamp(nullif(u.closed, 0) / 1000.0), left(u.cause, 32), u.up, u.down
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[])
		  AS u (tenant, id, sub, ingress, kind, source, opened, closed, cause, up, down)
		ON CONFLICT (tenant_id, id) DO UPDATE SET closed_at = coalesce(EXCLUDED.closed_at, s.closed_at),
		  cause = CASE WHEN EXCLUDED.closed_at IS NULL AND s.closed_at IS NOT NULL THEN s.cause ELSE EXCLUDED.cause END,
		  up = greatest(s.up, EXCLUDED.up), down = greatest(s.down, EXCLUDED.down), epoch = greatest(s.epoch, EXCLUDED.epoch)
		WHERE s.node_id = EXCLUDED.node_id AND s.subscriber_id = EXCLUDED.subscriber_id`,
		node, r.Epoch, b.tenants, ids, b.subs, b.ingresses, kinds, sources, opened, closed, causes, b.ups, b.downs)
	return err
}

// inTime keeps Unix milliseconds within what the database can hold: a record must not hold up the usage beside it.
func inTime(ms int64) int64 { return min(max(ms, 0), 1<<45) }

// loseSessions closes what node had open under older epochs: it started again, and no session outlives its process. A
// record that comes later all the same, from the older epoch's spool, still sets the true end.
func loseSessions(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report) error {
	_, err := tx.Exec(ctx, `UPDATE session_record SET closed_at = greatest(opened_at, $3), cause = 'lost'
		WHERE node_id = $1 AND epoch < $2 AND closed_at IS NULL`, node, r.Epoch, tx.Now)
	return err
}

// DeclareLost frees what a node holds of everyone's quota: the operator's word that it will not come back.
func (s *Service) DeclareLost(ctx context.Context, a actor.Actor, node string) error {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return err
	}
	return s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE quota_slice SET lost = true, updated_at = $2 WHERE node_id = $1 AND NOT lost", node, tx.Now)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.declare_lost", "node/"+node, audit.Diff{"slices": n})
	})
}
