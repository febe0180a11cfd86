package subscriber

import (
	"context"

	"gorm.io/gorm/clause"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/pg"
)

// lockPlanPage locks one page of a plan's subscribers in the order of ids.
func lockPlanPage(ctx context.Context, tx *pg.Tx, a actor.Actor, plan, after string, limit int) ([]*Subscriber, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM usage_total WHERE subscriber_id IN (SELECT id FROM subscriber
		WHERE tenant_id = $1 AND plan_id = $2 AND id > $3 ORDER BY id LIMIT $4) ORDER BY subscriber_id FOR NO KEY UPDATE`, // totals first, see load
		a.Tenant, plan, after, limit); err != nil {
		return nil, err
	}
	page := []*Subscriber{}
	q := tx.Gorm().Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("tenant_id = ? AND plan_id = ? AND id > ?", a.Tenant, plan, after)
	if a.Owner != "" {
		q = q.Where("name = ?", a.Owner)
	}
	if err := q.Order("id").Limit(limit).Find(&page).Error; err != nil {
		return nil, pg.Translate("find subscribers of a plan", err)
	}
	if len(page) == 0 {
		return page, nil
	}
	return page, complete(ctx, tx, page)
}
