package cert

import (
	"errors"

	"gorm.io/gorm"

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
	err := tx.Gorm().Model(c).Where("tenant_id = ?", c.TenantID).Select("*").Omit("created_at").Updates(c).Error
	return pg.Translate("save certificate", err)
}

func list(tx *pg.Tx, tenant, after string, limit int) ([]Certificate, error) {
	out := []Certificate{}
	err := tx.Gorm().Where("tenant_id = ? AND id > ?", tenant, after).Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list certificates", err)
}

func load(tx *pg.Tx, cid string) (*Certificate, error) {
	var c Certificate
	err := tx.Gorm().Where("id = ?", cid).Take(&c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("certificate", cid)
	}
	return &c, pg.Translate("load certificate", err)
}
