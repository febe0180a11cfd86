package cert

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

func insert(tx *pg.Tx, c *Certificate) error {
	err := pg.Translate("add certificate", tx.Gorm().Create(c).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "certificate %s exists", c.Name)
	}
	return err
}

func save(tx *pg.Tx, c *Certificate) error {
	done := tx.Gorm().Model(c).Where("tenant_id = ? AND version = ?", c.TenantID, c.Version-1).Select("*").Omit("created_at").Updates(c)
	if done.Error == nil && done.RowsAffected == 0 {
		return errs.New(errs.Stale, "certificate %s was changed meanwhile", c.Name)
	}
	return pg.Translate("save certificate", done.Error)
}

func list(tx *pg.Tx, tenant, after string, limit int) ([]Certificate, error) {
	out := []Certificate{}
	err := tx.Gorm().Where("tenant_id = ? AND id > ?", tenant, after).Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list certificates", err)
}

func load(tx *pg.Tx, cid string, lock bool) (*Certificate, error) {
	q := tx.Gorm().Where("id = ?", cid)
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var c Certificate
	err := q.Take(&c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("certificate", cid)
	}
	return &c, pg.Translate("load certificate", err)
}
