package identity

import (
	"context"
	"net/netip"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Standing returns an actor of earlier as they may act now: what is done in their name later needs that they are still
// there, with rights that they still have, and never with more than they had when they asked.
func (s *People) Standing(ctx context.Context, a actor.Actor) (actor.Actor, error) {
	switch a.Kind {
	case actor.Local, actor.System:
		return a, nil
	case actor.Login, actor.Key:
	case actor.LegacyKey, actor.Subscriber:
		return a, errs.New(errs.Denied, "%s %s may not act later", a.Kind, a.Name)
	}
	gone := errs.New(errs.Denied, "%s %s may not act any more", a.Kind, a.Name)
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		now, err := s.standing(ctx, tx, a)
		if err != nil {
			return err
		}
		if now == nil || now.Tenant != a.Home || now.Owner != a.Owner {
			return gone
		}
		a.Name, a.Operator, a.Permissions = now.Name, now.Operator, meet(a.Permissions, now.Permissions)
		return nil
	})
	return a, err
}

// standing is the actor that a's login or key makes now; nil: none.
func (s *People) standing(ctx context.Context, tx *pg.Tx, a actor.Actor) (*actor.Actor, error) {
	if a.Kind == actor.Key {
		k, err := keyByID(tx, a.ID)
		if errs.Is(err, errs.Missing) {
			return nil, nil
		}
		if err != nil || k.RevokedAt != nil || k.ExpiresAt != nil && !tx.Now.Before(*k.ExpiresAt) {
			return nil, err
		}
		out := Authenticated{Key: *k}
		refusal, err := (&AccessKeys{s.core}).keyActor(ctx, tx, &out, netip.Addr{})
		if err != nil || refusal != 0 {
			return nil, err
		}
		return &out.Actor, nil
	}
	l, err := loginByID(tx, a.ID)
	if errs.Is(err, errs.Missing) {
		return nil, nil
	}
	if err != nil || l.Status != loginActive {
		return nil, err
	}
	var open bool
	out := actor.Actor{Tenant: l.TenantID, Name: l.Name, Permissions: l.Set()}
	_, err = tx.One(ctx, "SELECT "+openTenant+", t.parent_id IS NULL FROM tenant t WHERE t.tenant_id = $1", []any{l.TenantID}, &open, &out.Operator)
	if err != nil || !open {
		return nil, err
	}
	return &out, nil
}
