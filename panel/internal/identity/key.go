package identity

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// Lengths of an access key's parts (hestia-api.md §2).
const (
	keyIDLen  = 20
	secretLen = 40
)

// overlap is how long a rotated secret stays good.
const overlap = 24 * time.Hour

var (
	keyIDRule  = regexp.MustCompile(`^[0-9A-Za-z]{20}$`)                    //nolint:gochecknoglobals // a compiled constant
	secretRule = regexp.MustCompile(`^[A-Za-z0-9_.+/^~=%-]{40}$`)           //nolint:gochecknoglobals // a compiled constant
	setRule    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant
)

// AccessKey is an automation credential of a tenant.
type AccessKey struct {
	TenantID     string     `json:"tenant_id"`
	ID           string     `gorm:"primaryKey" json:"id"`
	SecretHash   []byte     `json:"-"`
	OldHash      []byte     `json:"-"`
	OldUntil     *time.Time `json:"-"`
	Owner        string     `json:"owner"`      // login or subscriber name it acts for
	OwnerKind    string     `json:"owner_kind"` // login or subscriber
	Sets         pg.Strings `gorm:"type:text[]" json:"sets"`
	Permissions  pg.Strings `gorm:"type:text[]" json:"permissions"`
	Addresses    pg.Strings `gorm:"type:text[]" json:"addresses"`
	Comment      string     `json:"comment"`
	Idempotent   bool       `json:"idempotent"`
	CreatedBy    string     `json:"created_by"`
	CreatedAt    time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	ExpiresAt    *time.Time `json:"expires_at"`
	RevokedAt    *time.Time `json:"-"`
	LastUsedAt   *time.Time `json:"last_used_at"`
	LastUsedFrom string     `json:"last_used_from"`
}

// TableName implements gorm's Tabler.
func (AccessKey) TableName() string { return "access_key" }

// NewKey is what an access key is made from.
type NewKey struct {
	Owner       string // login name; empty: the actor's own
	Subscriber  bool   // Owner names a subscriber: the key is confined to them
	Sets        []string
	Permissions []string
	Addresses   []string
	Comment     string
	Idempotent  bool
	ExpiresAt   *time.Time
}

// Authenticated is a key that proved its secret.
type Authenticated struct {
	Key AccessKey
	// Actor carries the key's REST permissions: the owner's when the key names neither sets nor permissions, else its own.
	Actor actor.Actor
	// Owner is what the key's owner may do: a command the key may run, runs with that.
	Owner actor.Set
}

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

func (n *NewKey) check(now time.Time) error {
	var f errs.Faults
	f.Check(len(n.Comment) <= 255, "comment", "must have at most 255 characters")
	f.Check(n.ExpiresAt == nil || n.ExpiresAt.After(now), "expires_at", "must be in the future")
	f.Check(!slices.ContainsFunc(n.Sets, func(s string) bool { return !setRule.MatchString(s) }), "sets", "must be names of permission sets")
	if err := f.Err(); err != nil {
		return err
	}
	if _, err := actor.ParseSet("permissions", n.Permissions); err != nil {
		return err
	}
	_, err := ParseAddresses("addresses", n.Addresses)
	return err
}

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
	case len(n.Sets) == 0 || len(n.Permissions) > 0:
		return errs.Bad("sets", "must be given for a subscriber's key, and permissions must not")
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
		return nil, errs.NotFound("user", name)
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
	byAddress := "key-address:" + networkOf(address)
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

func (s *AccessKeys) lookUpKey(ctx context.Context, kid string, sec secret.String, address netip.Addr) (*Authenticated, KeyRefusal, error) {
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
		out.Actor.Permissions = toSet(k.Permissions)
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
