package identity

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Levels of the command API (hestia-api.md §3).
const (
	APIOff       = 0 // no access key works
	APIStaffKeys = 1 // keys of the tenant's logins
	APIAllKeys   = 2 // keys of subscribers too
)

// Entries of the allow-list that stand for everyone. allow-all must be the whole list; 0.0.0.0 counts for access keys
// only, as in Hestia.
const (
	AllowAll    = "allow-all"
	anyoneByKey = "0.0.0.0"
)

const maxAllowed = 256

// APISetting holds a tenant's switches of the command API.
type APISetting struct {
	TenantID       string
	Level          int
	Legacy         bool // legacy keys work
	LegacyPassword bool // and the owner's own password
	Allowed        []string
	SignIn         bool // false: people cannot sign in, keys go on
}

// Admits reports whether a caller at address may use the command API at all. An empty list admits nobody.
func (x *APISetting) Admits(address netip.Addr, legacy bool) bool {
	if slices.Equal(x.Allowed, []string{AllowAll}) || (!legacy && slices.Contains(x.Allowed, anyoneByKey)) {
		return true
	}
	listed := slices.DeleteFunc(slices.Clone(x.Allowed), func(e string) bool { return e == AllowAll })
	return len(listed) > 0 && allowed(listed, address)
}

func (x *APISetting) check() error {
	var f errs.Faults
	f.Check(x.Level >= APIOff && x.Level <= APIAllKeys, "level", "must be 0 (off), 1 (keys of logins) or 2 (keys of subscribers too)")
	f.Check(len(x.Allowed) <= maxAllowed, "allowed", "must have at most %d entries", maxAllowed)
	if err := f.Err(); err != nil {
		return err
	}
	for i, e := range x.Allowed {
		if x.Allowed[i] = strings.TrimSpace(e); x.Allowed[i] == AllowAll {
			if len(x.Allowed) > 1 {
				return errs.Bad("allowed", "allow-all stands alone")
			}
			continue
		}
		p, err := parsePrefix(x.Allowed[i])
		if err != nil {
			return errs.Bad("allowed", "%q is neither an address nor a CIDR prefix nor allow-all", e)
		}
		if x.Allowed[i] = p.String(); p.IsSingleIP() {
			x.Allowed[i] = p.Addr().String()
		}
	}
	return nil
}

const settingColumns = "tenant_id, level, legacy, legacy_password, allowed, sign_in"

func readSetting(ctx context.Context, tx *pg.Tx, tenant, lock string) (*APISetting, error) {
	var x APISetting
	found, err := tx.One(ctx, "SELECT "+settingColumns+" FROM api_setting WHERE tenant_id = $1"+lock, []any{tenant},
		&x.TenantID, &x.Level, &x.Legacy, &x.LegacyPassword, pg.Array(&x.Allowed), &x.SignIn)
	if err == nil && !found {
		err = errs.NotFound("tenant", tenant)
	}
	return &x, err
}

// APISetting returns the switches of the actor's tenant.
func (s *Commanders) APISetting(ctx context.Context, a actor.Actor) (*APISetting, error) {
	if err := a.Require(actor.May(actor.Settings, actor.Read)); err != nil {
		return nil, err
	}
	var x *APISetting
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		x, err = readSetting(ctx, tx, a.Tenant, "")
		return err
	})
	return x, err
}

// ChangeAPISetting edits the switches of the actor's tenant.
func (s *Commanders) ChangeAPISetting(ctx context.Context, a actor.Actor, edit func(*APISetting) error) (*APISetting, error) {
	if err := a.Require(actor.May(actor.Settings, actor.Write)); err != nil {
		return nil, err
	}
	var x *APISetting
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if x, err = readSetting(ctx, tx, a.Tenant, " FOR UPDATE"); err != nil {
			return err
		}
		before := *x
		before.Allowed = slices.Clone(x.Allowed)
		if err := edit(x); err != nil {
			return err
		}
		x.TenantID = a.Tenant
		if err := x.check(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE api_setting SET level = $2, legacy = $3, legacy_password = $4, allowed = $5, sign_in = $6
			WHERE tenant_id = $1`, a.Tenant, x.Level, x.Legacy, x.LegacyPassword, pg.Strings(x.Allowed), x.SignIn); err != nil {
			return err
		}
		d := audit.Diff{}.From("level", before.Level, x.Level).From("legacy", before.Legacy, x.Legacy).
			From("legacy_password", before.LegacyPassword, x.LegacyPassword).From("sign_in", before.SignIn, x.SignIn).
			From("allowed", strings.Join(before.Allowed, ","), strings.Join(x.Allowed, ","))
		return audit.Record(ctx, tx, a, "api_setting.update", "tenant/"+a.Tenant, d)
	})
	return x, err
}

// RootUser returns the name under which the command API knows the owner of the actor's tenant: that of its first owner.
func (s *Commanders) RootUser(ctx context.Context, a actor.Actor) (string, error) {
	var name string
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT name FROM login WHERE tenant_id = $1 AND role = 'owner' ORDER BY id LIMIT 1", []any{a.Tenant}, &name)
		return err
	})
	return name, err
}

// OwnerLogin returns the tenant's first owner, whom the command API calls the root user.
func (s *Commanders) OwnerLogin(ctx context.Context, a actor.Actor) (*Login, error) {
	name, err := s.RootUser(ctx, a)
	if err != nil {
		return nil, err
	}
	var l *Login
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		l, err = loginByName(tx, a.Tenant, name)
		return err
	})
	if err == nil && l == nil {
		err = errs.NotFound("user", name)
	}
	return l, err
}
