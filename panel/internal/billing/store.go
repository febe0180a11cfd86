package billing

import (
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/unit"
)

func insert(tx *pg.Tx, p *Plan) error {
	err := pg.Translate("add plan", tx.Gorm().Create(p).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "package %s exists", p.Name)
	}
	return err
}

// Load returns a plan by id within tx's tenant.
func Load(tx *pg.Tx, pid string, lock bool) (*Plan, error) {
	return take(tx, pid, lock, "id = ?", pid)
}

// ByName returns a plan of tenant by name within tx, making the default plan when it is missing.
func ByName(tx *pg.Tx, tenant, name string) (*Plan, error) {
	p, err := take(tx, name, false, "tenant_id = ? AND name = ?", tenant, name)
	if name != DefaultPlan || !errs.Is(err, errs.Missing) {
		return p, err
	}
	fresh := Plan{
		TenantID: tenant, ID: id.New(id.Plan), Name: DefaultPlan, Version: 1, CreatedAt: tx.Now, UpdatedAt: tx.Now,
		Grants: Grants{TrafficLimit: unit.Unlimited, Reset: ResetMonthly},
	}
	err = tx.Gorm().Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh).Error
	if err != nil {
		return nil, pg.Translate("add default plan", err)
	}
	return take(tx, name, false, "tenant_id = ? AND name = ?", tenant, name)
}

func take(tx *pg.Tx, label string, lock bool, where string, args ...any) (*Plan, error) {
	q := tx.Gorm().Where(where, args...)
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var p Plan
	if err := q.Take(&p).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("package", label)
		}
		return nil, pg.Translate("load plan", err)
	}
	return &p, nil
}

func list(tx *pg.Tx, tenant, after string, limit int) ([]Plan, error) {
	out := []Plan{}
	err := tx.Gorm().Where("tenant_id = ? AND name > ?", tenant, after).Order("name").Limit(limit).Find(&out).Error
	return out, pg.Translate("list plans", err)
}

func save(tx *pg.Tx, p *Plan) error {
	err := pg.Translate("save plan", tx.Gorm().Model(p).Where("tenant_id = ?", p.TenantID).Select("*").Updates(p).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "package %s exists", p.Name)
	}
	return err
}

func remove(tx *pg.Tx, p *Plan) error {
	err := pg.Translate("delete plan", tx.Gorm().Where("tenant_id = ?", p.TenantID).Delete(p).Error)
	if errs.Is(err, errs.InUse) {
		return errs.Wrap(errs.InUse, err, "package %s is in use", p.Name)
	}
	return err
}
