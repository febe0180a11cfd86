package identity

import (
	"context"
	"net/netip"
	"regexp"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// Hestia's old ways in: one key that may do everything, and the owner's password. Both are off until the tenant
// switches them on.
const legacyKeyLen = 32

var legacyKeyRule = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`) //nolint:gochecknoglobals // a compiled constant

func (s *Commanders) legacyHash(key string) []byte { return s.vault.Hash("legacy key", key) }

// AddLegacyKey makes a legacy key, shown here and never again. It may do everything, so its maker must be able to.
func (s *Commanders) AddLegacyKey(ctx context.Context, a actor.Actor) (secret.String, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Write)); err != nil {
		return secret.String{}, err
	}
	clear := randomText(legacyKeyLen)
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if err := mayEverything(tx, a); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO legacy_key (tenant_id, hash, created_at) VALUES ($1, $2, $3)",
			a.Tenant, s.legacyHash(clear), tx.Now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "legacy_key.create", "tenant/"+a.Tenant, nil)
	})
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(clear), nil
}

func mayEverything(tx *pg.Tx, a actor.Actor) error {
	wide := errs.New(errs.Denied, "a legacy key may do everything: only who may do everything makes one")
	if !actor.Full().Within(a.Permissions) || a.Owner != "" {
		return wide
	}
	if a.Kind != actor.Key {
		return nil
	}
	maker, err := keyByID(tx, a.ID)
	if err != nil {
		return err
	}
	if maker.covers(&AccessKey{}) != nil {
		return wide
	}
	return nil
}

// RevokeLegacyKey ends a legacy key of the actor's tenant.
func (s *Commanders) RevokeLegacyKey(ctx context.Context, a actor.Actor, key secret.String) error {
	if err := a.Require(actor.May(actor.Keys, actor.Write)); err != nil {
		return err
	}
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM legacy_key WHERE tenant_id = $1 AND hash = $2", a.Tenant, s.legacyHash(key.Reveal()))
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Missing, "key doesn't exist")
		}
		return audit.Record(ctx, tx, a, "legacy_key.revoke", "tenant/"+a.Tenant, nil)
	})
}

// CheckLegacyKey reports whether key is a legacy key of the actor's tenant.
func (s *Commanders) CheckLegacyKey(ctx context.Context, a actor.Actor, key secret.String) (bool, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Read)); err != nil {
		return false, err
	}
	var one int
	found := false
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		found, err = tx.One(ctx, "SELECT 1 FROM legacy_key WHERE tenant_id = $1 AND hash = $2", []any{a.Tenant, s.legacyHash(key.Reveal())}, &one)
		return err
	})
	return found, err
}

// LegacyKey proves a legacy key.
func (s *Commanders) LegacyKey(ctx context.Context, key secret.String, address netip.Addr) (*Commander, error) {
	byAddress := "command-address:" + NetworkOf(address)
	hash := s.legacyHash(key.Reveal())
	var out *Commander
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		out = &Commander{}
		if err := stillBlocked(ctx, tx, byAddress); err != nil {
			return err
		}
		var open, root bool
		found, err := tx.One(ctx, "SELECT t.tenant_id, "+openTenant+", t.parent_id IS NULL FROM legacy_key k JOIN tenant t USING (tenant_id) WHERE k.hash = $1",
			[]any{hash}, &out.Key.TenantID, &open, &root)
		if err != nil {
			return err
		}
		if err := out.readTenant(ctx, tx); err != nil {
			return err
		}
		if !found || !legacyKeyRule.MatchString(key.Reveal()) {
			return refuse(CommandCredential, errs.Unauthorized, "authentication failed")
		}
		if err := out.admitsLegacy(address, out.Setting.Legacy); err != nil {
			return err
		}
		out.OwnerSuspended = !open
		out.legacyActor(root, "legacy key", address)
		return nil
	})
	if err != nil {
		return nil, s.punishCommand(ctx, err, byAddress)
	}
	return out, nil
}

func (c *Commander) admitsLegacy(address netip.Addr, on bool) error {
	switch {
	case !on:
		return refuse(CommandOff, errs.Disabled, "API has been disabled")
	case !c.Setting.Admits(address, true):
		return refuse(CommandAddress, errs.Denied, "IP is not allowed to connect with API ("+address.String()+")")
	}
	return nil
}

func (c *Commander) legacyActor(root bool, name string, address netip.Addr) {
	c.Owner = actor.Full()
	c.Key.Owner = c.RootUser
	c.Actor = actor.Actor{
		Tenant: c.Key.TenantID, Home: c.Key.TenantID, Kind: actor.LegacyKey, ID: "legacy", Name: name,
		Permissions: actor.Full(), Operator: root, Address: address.String(),
	}
}

// LegacyPassword proves the owner by name (name@realm for resellers) and password. Before the password is proved nothing is
// told: an unknown realm or name, a wrong password, an account with a second factor, and a tenant that lets nobody in this
// way are one answer, after the same work. Whoever proved it is told that the way is closed.
func (s *Commanders) LegacyPassword(ctx context.Context, user string, password secret.String, address netip.Addr) (*Commander, error) {
	user = accountName(user)
	try, err := s.attempt(ctx, user, address.String()) // shared with sign-in: it is the same password
	if err != nil {
		return nil, err
	}
	name, realm, _ := strings.Cut(user, "@")
	out := &Commander{}
	var l *Login
	var open, root bool
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT t.tenant_id, "+openTenant+", t.parent_id IS NULL FROM tenant t WHERE t.realm = $1", []any{realm},
			&out.Key.TenantID, &open, &root)
		if err != nil {
			return err
		}
		if err := out.readTenant(ctx, tx); err != nil {
			return err
		}
		l, err = loginByName(tx, out.Key.TenantID, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.proveOwner(ctx, l, password); err != nil {
		if errs.Is(err, errs.Unauthorized) {
			if err := s.punish(ctx, try.keys...); err != nil {
				return nil, err
			}
		}
		return nil, err
	}
	if err := s.succeeded(ctx, try); err != nil {
		return nil, err
	}
	if err := out.admitsLegacy(address, out.Setting.LegacyPassword && out.Setting.SignIn); err != nil {
		return nil, err
	}
	out.OwnerSuspended = !open
	out.legacyActor(root, l.Name, address)
	return out, nil
}

func (s *Commanders) proveOwner(ctx context.Context, l *Login, password secret.String) error {
	verifier := ""
	if l != nil {
		verifier = l.Verifier
	}
	ok, err := s.verify(ctx, prehash(password.Reveal()), verifier)
	if err != nil {
		return err
	}
	if !ok || l.Role != "owner" || l.Status != "active" || l.SecondFactor || l.MustChange {
		return refuse(CommandCredential, errs.Unauthorized, "authentication failed")
	}
	return nil
}

// CheckLoginPassword proves a login of the actor's tenant without opening a session (v-check-user-password).
func (s *Commanders) CheckLoginPassword(ctx context.Context, a actor.Actor, name string, password secret.String) error {
	byAccount := "command-account:" + a.Tenant + "/" + name
	if err := s.admit(ctx, byAccount); err != nil {
		return err
	}
	var l *Login
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		l, err = loginByName(tx, a.Tenant, name)
		return err
	})
	if err != nil {
		return err
	}
	verifier := ""
	if l != nil && l.Status == "active" {
		verifier = l.Verifier
	}
	ok, err := s.verify(ctx, prehash(password.Reveal()), verifier)
	if err != nil || ok {
		return err
	}
	if err := s.punish(ctx, byAccount); err != nil {
		return err
	}
	return errs.New(errs.Unauthorized, "name or password is wrong")
}
