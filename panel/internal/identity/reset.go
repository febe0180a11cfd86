package identity

import (
	"context"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/secret"
)

// ResetPassword gives a login of the actor's tenant a random password that must be changed at the next sign-in, and ends
// its sessions.
func (s *People) ResetPassword(ctx context.Context, a actor.Actor, name string) (secret.String, error) {
	if err := a.Require(actor.May(actor.Logins, actor.Write)); err != nil {
		return secret.String{}, err
	}
	fresh := randomText(20)
	verifier, err := s.makeVerifier(ctx, fresh)
	if err != nil {
		return secret.String{}, err
	}
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		l, err := loginByName(tx, a.Tenant, name)
		if err != nil {
			return err
		}
		if l == nil {
			return errs.NotFound("login", name)
		}
		if !l.Set().Within(a.Permissions) {
			return errs.New(errs.Denied, "a login cannot reset the password of a wider one")
		}
		if _, err := tx.Exec(ctx, `UPDATE login SET verifier = $3, must_change = true, version = version + 1, updated_at = $4
			WHERE tenant_id = $1 AND id = $2`, a.Tenant, l.ID, verifier, tx.Now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE login_session SET revoked_at = $3 WHERE tenant_id = $1 AND login_id = $2 AND revoked_at IS NULL",
			a.Tenant, l.ID, tx.Now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "login.reset_password", "login/"+l.ID, audit.Diff{"password": audit.Changed})
	})
	return secret.New(fresh), err
}
