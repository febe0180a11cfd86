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
	"slices"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Bounds of one report.
const (
	maxRows  = 200_000
	maxBytes = unit.Bytes(1) << 50
)

// Service applies reports.
type Service struct {
	DB         *pg.DB
	DropOldest bool // a device over the limit takes the oldest one's place (nodeapi.Settings)
}

// Ingest applies a report of node and answers with the allowances of the metered subscribers it names.
func (s *Service) Ingest(ctx context.Context, node string, r *nodeapi.Report) (*nodeapi.ReportAck, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	own := *r
	r, own.To = &own, max(r.To, r.From) // a node's clock stepped back: what was used is billed all the same
	ack := &nodeapi.ReportAck{Epoch: r.Epoch, Seq: r.Seq}
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		fresh, err := tx.Exec(ctx, `INSERT INTO report (node_id, epoch, seq, rows, unclean, received_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT DO NOTHING`, node, r.Epoch, r.Seq, len(r.Usage), r.Unclean, tx.Now)
		if err != nil {
			return err
		}
		accounts, err := lock(ctx, tx, node, named(r))
		if err != nil {
			return err
		}
		if fresh == 1 {
			if err := apply(ctx, tx, node, r, accounts); err != nil {
				return err
			}
		}
		ack.Allowances, err = allowances(ctx, tx, node, accounts, question{held: r.Slices, rates: rates(r), booked: true})
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
	f.Check(len(r.Usage) <= maxRows && len(r.Sessions) <= maxRows && len(r.Slices) <= maxRows, "usage", "must have at most %d rows", maxRows)
	sums := make(map[string]unit.Bytes, len(r.Usage))
	for i := range r.Usage {
		u := &r.Usage[i]
		if u.Up < 0 || u.Down < 0 || u.Up > maxBytes || u.Down > maxBytes {
			f.Add(fmt.Sprintf("usage[%d]", i), "bytes must be between 0 and 2^50")
			break
		}
		if u.Subscriber == "" || len(u.Subscriber) > 64 || len(u.Ingress) > 64 || len(u.Exit) > 512 || !plain(u.Ingress) || !plain(u.Exit) {
			f.Add(fmt.Sprintf("usage[%d]", i), "must name a subscriber, an ingress and an exit, in printable ASCII without a colon")
			break
		}
		sums[u.Subscriber] = unit.AddSat(sums[u.Subscriber], unit.AddSat(u.Up, u.Down))
		if sums[u.Subscriber] > maxBytes {
			f.Add(fmt.Sprintf("usage[%d]", i), "all rows of a subscriber must not exceed 2^50 bytes together")
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

// plain reports whether s can stand in the source of a ledger row, where colons divide.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return true
}

// apply books a report that was not seen before. The accounts are locked, and up to date afterwards.
func apply(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report, accounts map[string]*account) error {
	rows := merged(r.Usage)
	if err := book(ctx, tx, node, r, rows, accounts); err != nil {
		return err
	}
	if err := total(ctx, tx, rows, accounts); err != nil {
		return err
	}
	return storeSessions(ctx, tx, node, r, accounts)
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

// DeclareLost frees what a node holds of everyone's quota: the operator's word that it will not come back.
func (s *Service) DeclareLost(ctx context.Context, a actor.Actor, node string) error {
	if err := a.RequireOperator(actor.May(actor.Nodes, actor.Write)); err != nil {
		return err
	}
	return s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM usage_total WHERE subscriber_id IN (SELECT subscriber_id FROM quota_slice WHERE node_id = $1 AND NOT lost)
			ORDER BY subscriber_id FOR NO KEY UPDATE`, node); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE quota_slice SET lost = true, updated_at = $2 WHERE node_id = $1 AND NOT lost", node, tx.Now)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "node.declare_lost", "node/"+node, audit.Diff{"slices": n})
	})
}
