package identity

import (
	"context"
	"net/netip"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// Commander is a caller of the command API: who they are, and the switches of their tenant.
type Commander struct {
	Authenticated
	Setting        APISetting
	RootUser       string // name of the tenant's owner
	OwnerSuspended bool   // the surface refuses, after its own earlier checks
}

// CommandRefusal is why the command API turned a caller away before any command.
type CommandRefusal uint8

// The refusals, in the order in which they are found (hestia-api.md §1.3).
const (
	CommandOff        CommandRefusal = iota + 1 // the tenant switched the API off
	CommandAddress                              // the address is not on the tenant's list, or not on the key's
	CommandUnknown                              // no such key
	CommandSecret                               // the key exists, its secret is another
	CommandExpired                              // the key's time is over
	CommandCredential                           // legacy key, name or password is wrong
)

// CommandError is a refused caller.
type CommandError struct {
	Refusal CommandRefusal
	error
}

// Unwrap gives the classified error.
func (e *CommandError) Unwrap() error { return e.error }

func refuse(r CommandRefusal, k errs.Kind, text string) error {
	return &CommandError{r, errs.New(k, "%s", text)}
}

// CommandKey proves an access key for the command API. An unknown id, a wrong secret and an expired key take the same
// path through the database. Failures count against the address, not the key: its owner cannot be locked out.
func (s *Commanders) CommandKey(ctx context.Context, kid string, sec secret.String, address netip.Addr) (*Commander, error) {
	kid = keyID(kid)
	byAddress := "command-address:" + NetworkOf(address)
	presented := s.vault.Hash("access key", sec.Reveal())
	var out *Commander
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		out = &Commander{}
		if err := stillBlocked(ctx, tx, byAddress); err != nil {
			return err
		}
		k, err := keyByID(tx, kid)
		known := err == nil
		if err != nil && !errs.Is(err, errs.Missing) {
			return err
		}
		if known {
			out.Key = *k
		}
		if err := out.readTenant(ctx, tx); err != nil {
			return err
		}
		if err := out.judgeKey(known, presented, sec.Reveal(), address, tx.Now); err != nil {
			return err
		}
		refusal, err := s.keys.keyActor(ctx, tx, &out.Authenticated, address)
		if err != nil {
			return err
		}
		out.suspend(refusal, address)
		if k.LastUsedAt != nil && tx.Now.Sub(*k.LastUsedAt) < touchEvery && k.LastUsedFrom == address.String() {
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE access_key SET last_used_at = $2, last_used_from = $3 WHERE id = $1", kid, tx.Now, address.String())
		return err
	})
	if err != nil {
		return nil, s.punishCommand(ctx, err, byAddress)
	}
	return out, nil
}

// suspend notes that the key's owner may not act. Such a caller has a name, for the surface's answer, and no rights.
func (c *Commander) suspend(refusal KeyRefusal, address netip.Addr) {
	if c.OwnerSuspended = refusal == KeyOwnerSuspended; c.OwnerSuspended {
		c.Owner = nil
		c.Actor = actor.Actor{
			Tenant: c.Key.TenantID, Home: c.Key.TenantID, Kind: actor.Key, ID: c.Key.ID, Name: c.Key.ID, Address: address.String(),
			Operator: c.Actor.Operator, Owner: c.Actor.Owner,
		}
	}
}

// judgeKey keeps the order of hestia-api.md §1.3: switch, tenant's list, secret; then the key's own list.
func (c *Commander) judgeKey(known bool, presented []byte, clear string, address netip.Addr, now time.Time) error {
	verdict := c.Key.judge(presented, clear, address, now)
	switch {
	case !known || c.Key.RevokedAt != nil:
		return refuse(CommandUnknown, errs.Unauthorized, "access key is not valid")
	case c.Setting.Level == APIOff:
		return refuse(CommandOff, errs.Disabled, "API has been disabled")
	case !c.Setting.Admits(address, false), verdict == KeyAddress:
		return refuse(CommandAddress, errs.Denied, "IP is not allowed to connect with API ("+address.String()+")")
	case verdict == KeyExpired:
		return refuse(CommandExpired, errs.Unauthorized, "access key is not valid")
	case verdict != 0:
		return refuse(CommandSecret, errs.Unauthorized, "access key is not valid")
	}
	return nil
}

// readTenant fills the switches of the key's tenant; without a key it asks all the same.
func (c *Commander) readTenant(ctx context.Context, tx *pg.Tx) error {
	x := &c.Setting
	_, err := tx.One(ctx, `SELECT tenant_id, level, legacy, legacy_password, allowed, sign_in,
		coalesce((SELECT name FROM login l WHERE l.tenant_id = s.tenant_id AND l.role = 'owner' ORDER BY id LIMIT 1), '')
		FROM api_setting s WHERE tenant_id = $1`, []any{c.Key.TenantID},
		&x.TenantID, &x.Level, &x.Legacy, &x.LegacyPassword, pg.Array(&x.Allowed), &x.SignIn, &c.RootUser)
	return err
}

// stillBlocked is admit inside a transaction at hand.
func stillBlocked(ctx context.Context, tx *pg.Tx, key string) error {
	var until time.Time
	if _, err := tx.One(ctx, "SELECT coalesce(max(blocked_until), 'epoch') FROM throttle WHERE key = $1", []any{key}, &until); err != nil {
		return err
	}
	if wait := until.Sub(tx.Now); wait > 0 {
		return &Throttled{wait, errs.New(errs.Throttled, "too many failed sign-ins; try again in %d s", int(wait/time.Second)+1)}
	}
	return nil
}

// punishCommand counts a failed proof against the address and passes the refusal on.
func (s *Commanders) punishCommand(ctx context.Context, refusal error, byAddress string) error {
	if !errs.Is(refusal, errs.Unauthorized) {
		return refusal
	}
	if err := s.punish(ctx, byAddress); err != nil {
		return err
	}
	return refusal
}

// CheckCommandKey proves a key of the actor's own tenant without using it (v-check-access-key): the address is the
// caller's word, so it is judged, but neither blocked nor noted down. Guesses count against the asking actor.
func (s *Commanders) CheckCommandKey(ctx context.Context, a actor.Actor, kid string, sec secret.String, address netip.Addr) (*Commander, error) {
	if err := a.Require(actor.May(actor.Keys, actor.Read)); err != nil {
		return nil, err
	}
	asking := "command-check:" + a.Tenant + "/" + a.ID
	if err := s.admit(ctx, asking); err != nil {
		return nil, err
	}
	presented := s.vault.Hash("access key", sec.Reveal())
	var out *Commander
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		out = &Commander{}
		k, err := keyByID(tx, kid)
		known := err == nil && k.TenantID == a.Tenant
		if err != nil && !errs.Is(err, errs.Missing) {
			return err
		}
		if known {
			out.Key = *k
		}
		if err := out.readTenant(ctx, tx); err != nil {
			return err
		}
		if err := out.judgeKey(known, presented, sec.Reveal(), address, tx.Now); err != nil {
			return err
		}
		refusal, err := s.keys.keyActor(ctx, tx, &out.Authenticated, address)
		out.suspend(refusal, address)
		return err
	})
	if err != nil {
		return nil, s.punishCommand(ctx, err, asking)
	}
	return out, nil
}
