package tenant

import (
	"context"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// ByRealm returns a tenant of the actor's subtree by its realm.
func (s *Service) ByRealm(ctx context.Context, a actor.Actor, realm string) (*Tenant, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Read)); err != nil {
		return nil, err
	}
	realm = strings.ToLower(realm)
	var tid string
	var t *Tenant
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		found, err := tx.One(ctx, "SELECT tenant_id FROM tenant WHERE realm = $1", []any{realm}, &tid)
		if err == nil && !found {
			err = errs.NotFound("tenant", realm)
		}
		if err == nil {
			t, err = load(tx, tid, false)
		}
		return err
	})
	return t, err
}
