package identity

import (
	"context"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// States of a login.
const (
	loginActive    = "active"
	loginSuspended = "suspended"
)

// LoginChange is a partial update; nil fields stay. Permissions go with role custom.
type LoginChange struct {
	Name        *string
	Email       *string
	Role        *string
	Permissions *[]string
	Status      *string // active or suspended
}

// manage runs fn on a login of the actor's subtree that is not wider than the actor: nobody changes, suspends, removes or
// takes over somebody above themselves. The tenant's owners are locked, so that of two changes that would leave it without
// one, the second sees the first. fn gets the actor in the login's own tenant.
func (s *Staff) manage(ctx context.Context, a actor.Actor, lid string, fn func(tx *pg.Tx, a actor.Actor, l *Login) error) error {
	if err := a.Require(actor.May(actor.Logins, actor.Write)); err != nil {
		return err
	}
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		l, err := loginByID(tx, lid)
		if err != nil {
			return err
		}
		if err := lockOwners(ctx, tx, l.TenantID); err != nil {
			return err
		}
		if l, err = loginByID(tx, lid); err != nil {
			return err
		}
		if !l.Set().Within(a.Permissions) {
			return errs.New(errs.Denied, "a login cannot manage a wider one")
		}
		there := a
		there.Tenant = l.TenantID
		return fn(tx, there, l)
	})
}

func lockOwners(ctx context.Context, tx *pg.Tx, tenant string) error {
	_, err := tx.Exec(ctx, "SELECT 1 FROM login WHERE tenant_id = $1 AND role = 'owner' ORDER BY id FOR UPDATE", tenant)
	return err
}

// keepsOwner refuses to take away the last owner who can sign in.
func keepsOwner(ctx context.Context, tx *pg.Tx, l *Login, what string) error {
	if l.Role != roleOwner || l.Status != loginActive {
		return nil
	}
	var others int
	_, err := tx.One(ctx, "SELECT count(*) FROM login WHERE tenant_id = $1 AND role = 'owner' AND status = 'active' AND id <> $2",
		[]any{l.TenantID, l.ID}, &others)
	if err == nil && others == 0 {
		err = errs.New(errs.InUse, "the last owner of a tenant cannot be %s", what)
	}
	return err
}

// UpdateLogin changes a login of the actor's tenant, or of one below it. match is the expected version, 0 for any. Its keys
// follow a new name; less rights take hold at once, of its sessions and keys too; a suspension ends its sessions.
func (s *Staff) UpdateLogin(ctx context.Context, a actor.Actor, lid string, match int64, c LoginChange) (*Login, error) {
	var f errs.Faults
	if c.Name != nil {
		*c.Name = checkLoginName(&f, *c.Name)
	}
	if c.Email != nil {
		*c.Email = checkLoginEmail(&f, *c.Email)
	}
	if c.Role != nil {
		var own []string
		if c.Permissions != nil {
			own = *c.Permissions
		}
		checkRole(&f, *c.Role, own)
	}
	f.Check(c.Status == nil || *c.Status == loginActive || *c.Status == loginSuspended, "status", "must be active or suspended")
	if err := f.Err(); err != nil {
		return nil, err
	}
	var out *Login
	err := s.manage(ctx, a, lid, func(tx *pg.Tx, a actor.Actor, l *Login) error {
		if match != 0 && match != l.Version {
			return errs.New(errs.Stale, "login %s is at version %d", lid, l.Version)
		}
		out = l
		return s.update(ctx, tx, a, l, c)
	})
	return out, err
}

func (s *Staff) update(ctx context.Context, tx *pg.Tx, a actor.Actor, l *Login, c LoginChange) error {
	before := *l
	diff := change(l, c)
	if c.Role == nil && c.Permissions != nil {
		var f errs.Faults
		checkRole(&f, l.Role, *c.Permissions)
		if err := f.Err(); err != nil {
			return err
		}
	}
	switch {
	case !l.Set().Within(a.Permissions):
		return errs.New(errs.Denied, "a login cannot lift another above itself")
	case l.Status == loginSuspended && before.Status != loginSuspended && l.ID == a.ID:
		return errs.New(errs.Denied, "nobody suspends themselves")
	case l.Role != roleOwner:
		if err := keepsOwner(ctx, tx, &before, "made less"); err != nil {
			return err
		}
	case l.Status != loginActive:
		if err := keepsOwner(ctx, tx, &before, "suspended"); err != nil {
			return err
		}
	}
	l.Version, l.UpdatedAt = l.Version+1, tx.Now
	if err := saveLogin(tx, l); err != nil {
		return err
	}
	if l.Name != before.Name {
		if _, err := tx.Exec(ctx, `UPDATE access_key SET owner = $3 WHERE tenant_id = $1 AND owner_kind = 'login' AND owner = $2`,
			l.TenantID, before.Name, l.Name); err != nil {
			return err
		}
	}
	if l.Status == loginSuspended {
		if _, err := endSessions(ctx, tx, l, ""); err != nil {
			return err
		}
	}
	return audit.Record(ctx, tx, a, "login.update", "login/"+l.ID, diff)
}

func change(l *Login, c LoginChange) audit.Diff {
	diff := audit.Diff{}
	for _, x := range []struct {
		field string
		to    *string
		at    *string
	}{{"name", c.Name, &l.Name}, {"email", c.Email, &l.Email}, {"role", c.Role, &l.Role}, {"status", c.Status, &l.Status}} {
		if x.to != nil {
			diff.From(x.field, *x.at, *x.to)
			*x.at = *x.to
		}
	}
	switch {
	case c.Permissions != nil:
		diff["permissions"] = [2]any{l.Permissions, *c.Permissions}
		l.Permissions = *c.Permissions
	case c.Role != nil && *c.Role != roleCustom:
		l.Permissions = nil
	}
	return diff
}

// DeleteLogin removes a login of the actor's tenant, or of one below it, with its sessions. The last owner stays.
func (s *Staff) DeleteLogin(ctx context.Context, a actor.Actor, lid string) error {
	return s.manage(ctx, a, lid, func(tx *pg.Tx, a actor.Actor, l *Login) error {
		if err := keepsOwner(ctx, tx, l, "deleted"); err != nil {
			return err
		}
		// Keys name their owner: another login of that name must not wake them up.
		if _, err := tx.Exec(ctx, `UPDATE access_key SET revoked_at = $3 WHERE tenant_id = $1 AND owner_kind = 'login' AND owner = $2
			AND revoked_at IS NULL`, l.TenantID, l.Name, tx.Now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM login WHERE tenant_id = $1 AND id = $2", l.TenantID, lid); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "login.delete", "login/"+lid, audit.Diff{"name": l.Name})
	})
}

// ResetPassword gives a login a random password that must be changed at the next sign-in, and ends its sessions. It is
// for somebody else's login: one's own changes with the old password.
func (s *Staff) ResetPassword(ctx context.Context, a actor.Actor, lid string) (secret.String, error) {
	if a.Kind == actor.Login && lid == a.ID {
		return secret.String{}, errs.New(errs.Denied, "your own password changes with the old one: POST /me/password")
	}
	if err := a.Require(actor.May(actor.Logins, actor.Write)); err != nil {
		return secret.String{}, err
	}
	fresh := GeneratePassword()
	verifier, err := s.makeVerifier(ctx, fresh)
	if err != nil {
		return secret.String{}, err
	}
	err = s.manage(ctx, a, lid, func(tx *pg.Tx, a actor.Actor, l *Login) error {
		if _, err := tx.Exec(ctx, `UPDATE login SET verifier = $3, must_change = true, version = version + 1, updated_at = $4
			WHERE tenant_id = $1 AND id = $2`, l.TenantID, l.ID, verifier, tx.Now); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, l, ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "login.reset_password", "login/"+l.ID, audit.Diff{"password": audit.Changed})
	})
	if err != nil {
		return secret.String{}, err
	}
	return secret.New(fresh), nil
}

// ResetPasswordOf is ResetPassword by name: name@realm for a tenant below the actor's own, the bare name for its own people.
func (s *Staff) ResetPasswordOf(ctx context.Context, a actor.Actor, name string) (secret.String, error) {
	user, realm, below := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "@")
	var l *Login
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		tenant := a.Tenant
		if below {
			if _, err := tx.One(ctx, "SELECT coalesce((SELECT tenant_id FROM tenant WHERE realm = $1 AND realm <> ''), '')", []any{realm}, &tenant); err != nil {
				return err
			}
		}
		l, err = loginByName(tx, tenant, user)
		return err
	})
	if err == nil && l == nil {
		err = errs.NotFound("login", name)
	}
	if err != nil {
		return secret.String{}, err
	}
	return s.ResetPassword(ctx, a, l.ID)
}
