package tenant

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

func insert(tx *pg.Tx, t *Tenant) error {
	err := pg.Translate("add tenant", tx.Gorm().Create(t).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "realm %s is taken", t.Realm)
	}
	return err
}

func load(tx *pg.Tx, tid string, lock bool) (*Tenant, error) {
	q := tx.Gorm().Where("tenant_id = ?", tid)
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var t Tenant
	if err := q.Take(&t).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("tenant", tid)
		}
		return nil, pg.Translate("load tenant", err)
	}
	return &t, nil
}

func list(tx *pg.Tx, after string, limit int) ([]Tenant, error) {
	out := []Tenant{}
	err := tx.Gorm().Where("tenant_id > ?", after).Order("tenant_id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list tenants", err)
}

func save(tx *pg.Tx, t *Tenant) error {
	err := tx.Gorm().Model(t).Select("name", "status", "node_groups", "version", "updated_at").Updates(t).Error
	return pg.Translate("save tenant", err)
}
