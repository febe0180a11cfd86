package identity

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// AddKey makes an access key in the actor's tenant. The secret is returned here and never again. A key never makes a
// wider key: permissions, command sets, addresses and expiry stay within the maker's.
func (s *AccessKeys) AddKey(ctx context.Context, a actor.Actor, n NewKey) (*AccessKey, secret.String, error) {
	none := secret.String{}
	if err := a.Require(actor.May(actor.Keys, actor.Write)); err != nil {
		return nil, none, err
	}
	if err := n.check(time.Now()); err != nil {
		return nil, none, err
	}
	clear := randomText(secretLen)
	k := &AccessKey{
		TenantID: a.Tenant, ID: randomText(keyIDLen), SecretHash: s.vault.Hash("access key", clear), OwnerKind: "login",
		Sets: n.Sets, Permissions: n.Permissions, Addresses: n.Addresses, Comment: n.Comment, Idempotent: n.Idempotent,
		CreatedBy: string(a.Kind) + "/" + a.Name, ExpiresAt: n.ExpiresAt, Owner: n.Owner,
	}
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if err := s.confine(ctx, tx, a, n, k); err != nil {
			return err
		}
		k.CreatedAt = tx.Now
		if err := createKey(tx, k); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "access_key.create", "access_key/"+k.ID,
			audit.Diff{"owner": k.Owner, "sets": k.Sets, "permissions": k.Permissions, "addresses": k.Addresses})
	})
	if err != nil {
		return nil, none, err
	}
	return k, secret.New(clear), nil
}

// check reports all faults of n.
func (n *NewKey) check(now time.Time) error {
	var f errs.Faults
	f.Check(utf8.RuneCountInString(n.Comment) <= 255 && utf8.ValidString(n.Comment), "comment", "must have at most 255 characters")
	f.Check(n.ExpiresAt == nil || n.ExpiresAt.After(now), "expires_at", "must be in the future")
	f.Check(len(n.Addresses) <= maxAllowed, "addresses", "must have at most %d entries", maxAllowed)
	for i, t := range n.Sets {
		f.Check(setRule.MatchString(t), fmt.Sprintf("sets[%d]", i), "%q is not the name of a permission set", t)
	}
	for i, t := range n.Permissions {
		if _, err := actor.ParseSet("", []string{t}); err != nil {
			f.Add(fmt.Sprintf("permissions[%d]", i), "%q is not resource:action: the resource one of %s, the action read, write or *", t, strings.Join(actor.Resources(), ", "))
		}
	}
	for i, t := range n.Addresses {
		_, err := parsePrefix(strings.TrimSpace(t))
		f.Check(err == nil, fmt.Sprintf("addresses[%d]", i), "%q is neither an address nor a CIDR prefix", t)
	}
	if n.Subscriber {
		f.Check(len(n.Sets) > 0, "sets", "must be given for a subscriber's key")
		f.Check(len(n.Permissions) == 0, "permissions", "must not be given for a subscriber's key")
	}
	return f.Err()
}

// Key returns a key of the actor's tenant, without secrets.
func (s *AccessKeys) Key(ctx context.Context, a actor.Actor, kid string) (*AccessKey, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Read)); err != nil {
		return nil, err
	}
	var k *AccessKey
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		k, err = keyByID(tx, kid)
		if err == nil && k.RevokedAt != nil {
			return errs.NotFound("key", kid)
		}
		return err
	})
	return k, err
}

// Keys lists the living keys of the actor's tenant; owner narrows to one owner.
func (s *AccessKeys) Keys(ctx context.Context, a actor.Actor, owner, after string, limit int) ([]AccessKey, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Read)); err != nil {
		return nil, err
	}
	var out []AccessKey
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = listKeys(tx, a.Tenant, owner, after, limit)
		return err
	})
	return out, err
}

// RevokeKey ends a key at once.
func (s *AccessKeys) RevokeKey(ctx context.Context, a actor.Actor, kid string) error {
	if err := a.Require(actor.May(actor.Keys, actor.Write)); err != nil {
		return err
	}
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE access_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", kid, tx.Now)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.NotFound("key", kid)
		}
		return audit.Record(ctx, tx, a, "access_key.revoke", "access_key/"+kid, nil)
	})
}

// mayRotate refuses a new secret for a key wider than the caller: knowing a secret is having the key.
func (s *AccessKeys) mayRotate(ctx context.Context, tx *pg.Tx, a actor.Actor, k *AccessKey) error {
	if a.Kind == actor.Key {
		if a.ID == k.ID {
			return nil
		}
		maker, err := keyByID(tx, a.ID)
		if err != nil {
			return err
		}
		if err := maker.covers(k); err != nil {
			return err
		}
	}
	var owner *Login
	if k.OwnerKind == "login" {
		var err error
		if owner, err = loginByName(tx, k.TenantID, k.Owner); err != nil {
			return err
		}
	}
	if !k.reach(owner).Within(a.Permissions) {
		return errs.New(errs.Denied, "a wider key's secret cannot be changed")
	}
	return nil
}

// RotateKey gives a key a new secret; the old one stays good for 24 hours.
func (s *AccessKeys) RotateKey(ctx context.Context, a actor.Actor, kid string) (secret.String, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Write)); err != nil {
		return secret.String{}, err
	}
	clear := randomText(secretLen)
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		k, err := keyByID(tx, kid)
		if err != nil {
			return err
		}
		if err := s.mayRotate(ctx, tx, a, k); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE access_key SET old_hash = secret_hash, old_until = $3, secret_hash = $2
			WHERE id = $1 AND revoked_at IS NULL`, kid, s.vault.Hash("access key", clear), tx.Now.Add(overlap))
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.NotFound("key", kid)
		}
		return audit.Record(ctx, tx, a, "access_key.rotate", "access_key/"+kid, audit.Diff{"secret": audit.Changed})
	})
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(clear), nil
}
