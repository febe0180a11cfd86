package identity

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// KeyRefusal tells surfaces which check failed; all but the address share one public message.
type KeyRefusal uint8

// Why a key was refused.
const (
	KeyUnknown KeyRefusal = iota + 1
	KeySecret
	KeyExpired
	KeyAddress
	KeyOwnerSuspended
)

// KeyError is a refused access key.
type KeyError struct {
	Refusal KeyRefusal
	error
}

// Unwrap gives the classified error.
func (e *KeyError) Unwrap() error { return e.error }

// AuthenticateKey proves a key. The amount of work does not tell an unknown id from a wrong secret. Failures count
// against the address.
func (s *AccessKeys) AuthenticateKey(ctx context.Context, kid string, sec secret.String, address netip.Addr) (*Authenticated, error) {
	// By address alone: the id is no secret, and a stranger must not lock a billing system out.
	byAddress := "key-address:" + NetworkOf(address)
	if err := s.admit(ctx, byAddress); err != nil {
		return nil, err
	}
	out, refusal, err := s.lookUpKey(ctx, kid, sec, address)
	if err != nil {
		return nil, err
	}
	switch refusal {
	case 0:
		return out, nil
	case KeyAddress:
		return nil, &KeyError{refusal, errs.New(errs.Denied, "address %s may not use this key", address)}
	case KeyOwnerSuspended:
		return nil, &KeyError{refusal, errs.New(errs.Unauthorized, "owner of the key is suspended")}
	case KeyUnknown, KeySecret, KeyExpired: // one answer, after a penalty
	}
	if err := s.punish(ctx, byAddress); err != nil {
		return nil, err
	}
	return nil, &KeyError{refusal, errs.New(errs.Unauthorized, "access key is not valid")}
}

// keyID is the id, or one that nobody has: what cannot be an id is refused like an unknown one, after the same work.
func keyID(text string) string {
	if keyIDRule.MatchString(text) {
		return text
	}
	return ""
}

func (s *AccessKeys) lookUpKey(ctx context.Context, kid string, sec secret.String, address netip.Addr) (*Authenticated, KeyRefusal, error) {
	kid = keyID(kid)
	presented := s.vault.Hash("access key", sec.Reveal())
	var out Authenticated
	var refusal KeyRefusal
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		k, err := keyByID(tx, kid)
		if errs.Is(err, errs.Missing) {
			refusal = KeyUnknown
			return nil
		}
		if err != nil {
			return err
		}
		out.Key = *k
		if refusal = k.judge(presented, sec.Reveal(), address, tx.Now); refusal != 0 {
			return nil
		}
		if refusal, err = s.keyActor(ctx, tx, &out, address); err != nil || refusal != 0 {
			return err
		}
		if k.LastUsedAt != nil && tx.Now.Sub(*k.LastUsedAt) < touchEvery && k.LastUsedFrom == address.String() {
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE access_key SET last_used_at = $2, last_used_from = $3 WHERE id = $1", kid, tx.Now, address.String())
		return err
	})
	return &out, refusal, err
}

func (k *AccessKey) judge(presented []byte, clear string, address netip.Addr, now time.Time) KeyRefusal {
	match := subtle.ConstantTimeCompare(presented, k.SecretHash)
	if k.OldUntil != nil && now.Before(*k.OldUntil) {
		match |= subtle.ConstantTimeCompare(presented, k.OldHash)
	}
	switch {
	case match != 1 || !secretRule.MatchString(clear):
		return KeySecret
	case k.RevokedAt != nil:
		return KeyUnknown
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return KeyExpired
	case !allowed(k.Addresses, address):
		return KeyAddress
	}
	return 0
}

// keyActor builds the actor and tells whether the owner may act at all.
func (s *AccessKeys) keyActor(ctx context.Context, tx *pg.Tx, out *Authenticated, address netip.Addr) (KeyRefusal, error) {
	k := &out.Key
	var status string
	var open, root bool
	if _, err := tx.One(ctx, "SELECT "+openTenant+", t.parent_id IS NULL FROM tenant t WHERE t.tenant_id = $1", []any{k.TenantID}, &open, &root); err != nil {
		return 0, err
	}
	if !open {
		return KeyOwnerSuspended, nil
	}
	out.Actor = actor.Actor{
		Tenant: k.TenantID, Home: k.TenantID, Kind: actor.Key, ID: k.ID, Name: k.ID, Operator: root, Address: address.String(),
	}
	if k.OwnerKind == "subscriber" {
		out.Actor.Owner = k.Owner
		out.Owner = subscriberReach()
		found, err := tx.One(ctx, "SELECT status FROM subscriber WHERE tenant_id = $1 AND name = $2", []any{k.TenantID, k.Owner}, &status)
		if err == nil && (!found || status == "suspended" || status == "closed") {
			return KeyOwnerSuspended, nil
		}
		return 0, err
	}
	l, err := loginByName(tx, k.TenantID, k.Owner)
	if err != nil {
		return 0, err
	}
	if l == nil || l.Status != "active" {
		return KeyOwnerSuspended, nil
	}
	out.Owner = l.Set()
	switch {
	case len(k.Permissions) > 0:
		out.Actor.Permissions = meet(toSet(k.Permissions), out.Owner)
	case len(k.Sets) == 0:
		out.Actor.Permissions = out.Owner
	}
	return 0, nil
}

func allowed(list []string, address netip.Addr) bool {
	if len(list) == 0 {
		return true
	}
	prefixes, err := ParseAddresses("addresses", list)
	if err != nil {
		return false
	}
	address = address.Unmap()
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}
