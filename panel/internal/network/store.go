package network

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Options is a protocol's JSON document.
type Options []byte

// Scan implements sql.Scanner.
func (o *Options) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*o = Options(v)
	case []byte:
		*o = append(Options(nil), v...)
	default:
		return fmt.Errorf("options: cannot read %T", src)
	}
	return nil
}

// Value implements driver.Valuer.
func (o Options) Value() (driver.Value, error) { return string(o), nil }

// MarshalJSON writes the document as it is.
func (o Options) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}

// UnmarshalJSON keeps the document as it is.
func (o *Options) UnmarshalJSON(b []byte) error {
	*o = append(Options(nil), b...)
	return nil
}

func insert(tx *pg.Tx, g *Ingress) error {
	err := pg.Translate("add ingress", tx.Gorm().Create(g).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "ingress %s exists on this node", g.Name)
	}
	return err
}

func save(tx *pg.Tx, g *Ingress) error {
	err := pg.Translate("save ingress", tx.Gorm().Model(g).Where("tenant_id = ?", g.TenantID).Select("*").Omit("created_at").Updates(g).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "ingress %s exists on this node", g.Name)
	}
	return err
}

func load(tx *pg.Tx, gid string) (*Ingress, error) {
	var g Ingress
	err := tx.Gorm().Where("id = ?", gid).Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("ingress", gid)
	}
	return &g, pg.Translate("load ingress", err)
}

func list(tx *pg.Tx, where, after string, limit int, args ...any) ([]Ingress, error) {
	out := []Ingress{}
	err := tx.Gorm().Where(where, args...).Where("id > ?", after).Order("id").Limit(limit).Find(&out).Error
	return out, pg.Translate("list ingresses", err)
}
