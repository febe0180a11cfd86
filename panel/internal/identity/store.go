package identity

import (
	"errors"

	"gorm.io/gorm"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

func createLogin(tx *pg.Tx, l *Login) error {
	err := pg.Translate("add login", tx.Gorm().Create(l).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "login %s exists", l.Name)
	}
	return err
}

func saveLogin(tx *pg.Tx, l *Login) error {
	err := pg.Translate("save login", tx.Gorm().Model(l).Where("tenant_id = ?", l.TenantID).
		Select("name", "email", "language", "role", "permissions", "status", "version", "updated_at").Updates(l).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "login %s exists", l.Name)
	}
	return err
}

// loginByName returns nil when there is none.
func loginByName(tx *pg.Tx, tenant, name string) (*Login, error) {
	var l Login
	err := tx.Gorm().Where("tenant_id = ? AND name = ?", tenant, name).Take(&l).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil //nolint:nilnil // absence is an expected outcome here, not a failure
	}
	return &l, pg.Translate("find login", err)
}

func loginByID(tx *pg.Tx, lid string) (*Login, error) {
	var l Login
	err := tx.Gorm().Where("id = ?", lid).Take(&l).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("login", lid)
	}
	return &l, pg.Translate("load login", err)
}

func listLogins(tx *pg.Tx, tenant, after string, limit int) ([]Login, error) {
	out := []Login{}
	err := tx.Gorm().Where("tenant_id = ? AND id > ?", tenant, after).Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list logins", err)
}

func createKey(tx *pg.Tx, k *AccessKey) error {
	return pg.Translate("add access key", tx.Gorm().Create(k).Error)
}

func keyByID(tx *pg.Tx, kid string) (*AccessKey, error) {
	var k AccessKey
	err := tx.Gorm().Where("id = ?", kid).Take(&k).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("key", kid)
	}
	return &k, pg.Translate("load access key", err)
}

func listKeys(tx *pg.Tx, tenant, owner, after string, limit int) ([]AccessKey, error) {
	out := []AccessKey{}
	q := tx.Gorm().Where("tenant_id = ? AND id > ? AND revoked_at IS NULL", tenant, after)
	if owner != "" {
		q = q.Where("owner = ?", owner)
	}
	err := q.Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list access keys", err)
}
