package identity

import (
	"context"
	"slices"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Profile is what callers may know of themselves and of the tenant they work on.
type Profile struct {
	TenantName, Realm string
	Email, Language   string // of a person
}

// Profile returns what a is; everyone may ask that.
func (s *People) Profile(ctx context.Context, a actor.Actor) (*Profile, error) {
	var p Profile
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT name, realm FROM tenant WHERE tenant_id = $1", []any{a.Tenant}, &p.TenantName, &p.Realm)
		return err
	})
	if err != nil || a.Kind != actor.Login {
		return &p, err
	}
	err = s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		l, err := loginByID(tx, a.ID)
		if err == nil {
			p.Email, p.Language = l.Email, l.Language
		}
		return err
	})
	return &p, err
}

// ProfileChange is a partial update; nil fields stay.
type ProfileChange struct{ Email, Language *string }

// ChangeProfile sets the actor's own address and language.
func (s *People) ChangeProfile(ctx context.Context, a actor.Actor, c ProfileChange) error {
	if a.Kind != actor.Login {
		return errs.New(errs.Denied, "only a signed-in person has an address and a language")
	}
	var f errs.Faults
	if c.Email != nil {
		*c.Email = checkLoginEmail(&f, *c.Email)
	}
	f.Check(c.Language == nil || slices.Contains([]string{"", "en", "zh", "ko", "ru"}, *c.Language), "language", "must be en, zh, ko or ru, or empty")
	if err := f.Err(); err != nil {
		return err
	}
	return s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT FROM login WHERE tenant_id = $1 AND id = $2 FOR UPDATE", a.Home, a.ID); err != nil {
			return err
		}
		l, err := loginByID(tx, a.ID)
		if err != nil {
			return err
		}
		d := audit.Diff{}
		if c.Email != nil {
			d.From("email", l.Email, *c.Email)
			l.Email = *c.Email
		}
		if c.Language != nil {
			d.From("language", l.Language, *c.Language)
			l.Language = *c.Language
		}
		l.Version, l.UpdatedAt = l.Version+1, tx.Now
		if err := saveLogin(tx, l); err != nil {
			return err
		}
		there := a
		there.Tenant = a.Home
		return audit.Record(ctx, tx, there, "login.change_profile", "login/"+a.ID, d)
	})
}
