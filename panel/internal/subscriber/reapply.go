package subscriber

import (
	"context"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/pg"
)

const reapplyBatch = 200

// Bulk changes many subscribers in one go.
type Bulk struct{ DB *pg.DB }

// Reapply gives every subscriber of a plan the grants that the plan has now, and returns how many there are. It works in
// batches: stopped half-way, the same call goes on. Who has used more than the new limit becomes limited.
func (b Bulk) Reapply(ctx context.Context, a actor.Actor, plan string) (int, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return 0, err
	}
	n, after := 0, ""
	for {
		var page []*Subscriber
		err := b.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
			p, err := findPlan(tx, a.Tenant, plan)
			if err != nil {
				return err
			}
			if page, err = lockPlanPage(ctx, tx, a, p.ID, after, reapplyBatch); err != nil {
				return err
			}
			for _, sub := range page {
				if err := reapplied(ctx, tx, a, sub, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(page)
		if len(page) < reapplyBatch {
			return n, nil
		}
		after = page[len(page)-1].ID
	}
}

func reapplied(ctx context.Context, tx *pg.Tx, a actor.Actor, sub *Subscriber, p *billing.Plan) error {
	before, reset := sub.Grants, sub.Reset
	sub.Grants = p.Grants
	if reset != sub.Reset {
		sub.NextReset = nextReset(sub.Reset, sub.ResetAnchor, tx.Now)
	}
	sub.settle(tx.Now)
	sub.Version, sub.UpdatedAt = sub.Version+1, tx.Now
	if err := save(tx, sub); err != nil {
		return err
	}
	if err := emitChanged(ctx, tx, a, sub); err != nil {
		return err
	}
	return audit.Record(ctx, tx, a, "subscriber.reapply_plan", "subscriber/"+sub.ID, audit.Diff{"grants": [2]any{before, sub.Grants}})
}
