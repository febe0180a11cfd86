package network

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
)

// Options is a protocol's JSON document.
type Options []byte

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

const sealOptions = "ingress.options"

// OpenOptions returns the options of an ingress from their sealed form.
func OpenOptions(ctx context.Context, v *vault.Vault, gid string, sealed []byte) (Options, error) {
	clear, err := v.Open(ctx, sealOptions, gid, sealed)
	return Options(clear), err
}

func (s *Service) insert(tx *pg.Tx, g *Ingress) error {
	g.Sealed = s.Vault.Seal(sealOptions, g.ID, g.Options)
	err := pg.Translate("add ingress", tx.Gorm().Create(g).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "ingress %s exists on this node", g.Name)
	}
	return err
}

func (s *Service) save(tx *pg.Tx, g *Ingress) error {
	g.Sealed = s.Vault.Seal(sealOptions, g.ID, g.Options)
	err := pg.Translate("save ingress", tx.Gorm().Model(g).Where("tenant_id = ?", g.TenantID).Select("*").Omit("created_at").Updates(g).Error)
	if errs.Is(err, errs.Conflict) {
		return errs.Wrap(errs.Conflict, err, "ingress %s exists on this node", g.Name)
	}
	return err
}

func (s *Service) load(ctx context.Context, tx *pg.Tx, gid string) (*Ingress, error) {
	var g Ingress
	err := tx.Gorm().Where("id = ?", gid).Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.NotFound("ingress", gid)
	}
	if err != nil {
		return nil, pg.Translate("load ingress", err)
	}
	g.Options, err = OpenOptions(ctx, s.Vault, g.ID, g.Sealed)
	return &g, err
}

func (s *Service) list(ctx context.Context, tx *pg.Tx, where, after string, limit int, args ...any) ([]Ingress, error) {
	out := []Ingress{}
	err := tx.Gorm().Where(where, args...).Where("id > ?", after).Order("id").Limit(limit).Find(&out).Error
	if err != nil {
		return nil, pg.Translate("list ingresses", err)
	}
	for i := range out {
		if out[i].Options, err = OpenOptions(ctx, s.Vault, out[i].ID, out[i].Sealed); err != nil {
			return nil, err
		}
	}
	return out, nil
}
