package identity

import (
	"context"
	"net/netip"
	"slices"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// subscriberReach is what a subscriber's own key may do, to that subscriber.
func subscriberReach() actor.Set {
	return actor.Set{"subscriber:*", "usage:read", "session:*", "secret:read"}
}

// reach is all that holding k's secret allows on any surface: a key with sets runs commands with its owner's rights, and
// one that names nothing is its owner everywhere.
func (k *AccessKey) reach(owner *Login) actor.Set {
	switch {
	case k.OwnerKind == "subscriber":
		return subscriberReach()
	case owner == nil:
		return toSet(k.Permissions)
	case len(k.Sets) > 0 || len(k.Permissions) == 0:
		return append(owner.Set(), toSet(k.Permissions)...)
	}
	return toSet(k.Permissions)
}

// confine finds the owner and refuses anything wider than the maker.
func (s *AccessKeys) confine(ctx context.Context, tx *pg.Tx, a actor.Actor, n NewKey, k *AccessKey) error {
	var owner *Login
	if n.Subscriber {
		k.OwnerKind = "subscriber"
		if err := subscriberOwner(ctx, tx, a, n); err != nil {
			return err
		}
	} else {
		var err error
		if owner, err = s.keyOwner(ctx, tx, a, n.Owner); err != nil {
			return err
		}
		k.Owner = owner.Name
		if !toSet(n.Permissions).Within(owner.Set()) {
			return errs.New(errs.Denied, "a key cannot be wider than its owner and its maker")
		}
	}
	if !k.reach(owner).Within(a.Permissions) {
		return errs.New(errs.Denied, "a key cannot be wider than its owner and its maker")
	}
	if a.Kind != actor.Key {
		return nil
	}
	maker, err := keyByID(tx, a.ID)
	if err != nil {
		return err
	}
	return maker.covers(k)
}

func subscriberOwner(ctx context.Context, tx *pg.Tx, a actor.Actor, n NewKey) error {
	var one int
	found, err := tx.One(ctx, "SELECT 1 FROM subscriber WHERE tenant_id = $1 AND name = $2", []any{a.Tenant, n.Owner}, &one)
	switch {
	case err != nil:
		return err
	case !found:
		return errs.NotFound("user", n.Owner)
	}
	return nil
}

func (s *AccessKeys) keyOwner(ctx context.Context, tx *pg.Tx, a actor.Actor, name string) (*Login, error) {
	if name == "" {
		name = a.Name
		if a.Kind == actor.Key {
			maker, err := keyByID(tx, a.ID)
			if err != nil {
				return nil, err
			}
			name = maker.Owner
		}
	}
	l, err := loginByName(tx, a.Tenant, name)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, errs.NotFound("login", name)
	}
	return l, nil
}

// covers refuses a key that reaches further than k in sets, addresses or time.
func (k *AccessKey) covers(n *AccessKey) error {
	wide := errs.New(errs.Denied, "a key cannot make a wider key")
	if len(k.Sets) == 0 && len(k.Permissions) > 0 && len(n.Sets) > 0 {
		return wide // confined to permissions: commands with its owner's rights would be more
	}
	if len(k.Sets) > 0 {
		if len(n.Sets) == 0 {
			return wide
		}
		for _, s := range n.Sets {
			if !slices.Contains(k.Sets, s) {
				return wide
			}
		}
	}
	if k.ExpiresAt != nil && (n.ExpiresAt == nil || n.ExpiresAt.After(*k.ExpiresAt)) {
		return wide
	}
	if len(k.Addresses) == 0 {
		return nil
	}
	mine, err := ParseAddresses("addresses", k.Addresses)
	if err != nil {
		return err
	}
	theirs, err := ParseAddresses("addresses", n.Addresses)
	if err != nil {
		return err
	}
	if len(theirs) == 0 {
		return wide
	}
	for _, p := range theirs {
		if !slices.ContainsFunc(mine, func(m netip.Prefix) bool { return m.Bits() <= p.Bits() && m.Contains(p.Addr()) }) {
			return wide
		}
	}
	return nil
}
