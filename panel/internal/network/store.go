package network

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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
	done := tx.Gorm().Model(g).Where("tenant_id = ? AND version = ?", g.TenantID, g.Version-1).Select("*").Omit("created_at").Updates(g)
	err := pg.Translate("save ingress", done.Error)
	switch {
	case errs.Is(err, errs.Conflict):
		return errs.Wrap(errs.Conflict, err, "ingress %s exists on this node", g.Name)
	case err == nil && done.RowsAffected == 0:
		return errs.New(errs.Stale, "ingress %s was changed meanwhile", g.Name)
	}
	return err
}

// lock is load for a change. The node comes first: whoever adds to it has that lock, and sees whose ports are taken.
func (s *Service) lock(ctx context.Context, tx *pg.Tx, gid string) (*Ingress, error) {
	if _, err := tx.Exec(ctx, "SELECT FROM node WHERE id = (SELECT node_id FROM ingress WHERE id = $1) FOR UPDATE", gid); err != nil {
		return nil, err
	}
	return s.load(ctx, tx, gid, true)
}

func (s *Service) load(ctx context.Context, tx *pg.Tx, gid string, lock bool) (*Ingress, error) {
	q := tx.Gorm().Where("id = ?", gid)
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var g Ingress
	err := q.Take(&g).Error
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
