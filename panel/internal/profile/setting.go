package profile

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
)

// Setting is how a tenant's subscribers see their configurations.
type Setting struct {
	TenantID    string    `json:"-"`
	Remark      string    `json:"remark" doc:"template of an entry's name: {node} {region} {protocol} {device} {user} {usage} {expire}"`
	Title       string    `json:"title" doc:"of the profile in apps; empty: the tenant's name"`
	SupportURL  string    `json:"support_url"`
	WebPageURL  string    `json:"web_page_url"`
	UpdateHours int       `json:"update_hours" doc:"how often apps ask for news"`
	ShowOnce    bool      `json:"show_once" doc:"a device's configuration is given out once; subscriptions leave WireGuard out"`
	Version     int64     `json:"version"`
	UpdatedAt   time.Time `json:"updated_at"`
	tenantName  string
}

// SettingChange is a partial update; nil fields stay.
type SettingChange struct {
	Remark, Title, SupportURL, WebPageURL *string
	UpdateHours                           *int
	ShowOnce                              *bool
}

// SettingChanged tells that a tenant's profiles look different.
type SettingChanged struct {
	Tenant string `json:"tenant"`
}

// Kind implements outbox.Event.
func (SettingChanged) Kind() string { return "profile_setting.changed" }

const defaultRemark = "{node} {protocol}"

func (x *Setting) check() error {
	var f errs.Faults
	if rule := checkRemark(x.Remark); rule != "" {
		f.Add("remark", "%s", rule)
	}
	f.Check(utf8.RuneCountInString(x.Title) <= 64 && utf8.ValidString(x.Title) && !strings.ContainsFunc(x.Title, unicode.IsControl), "title", "must have at most 64 printable characters")
	checkLink(&f, "support_url", x.SupportURL, "https", "http", "mailto", "tg")
	checkLink(&f, "web_page_url", x.WebPageURL, "https", "http")
	f.Check(x.UpdateHours >= 1 && x.UpdateHours <= 720, "update_hours", "must be between 1 and 720")
	return f.Err()
}

func checkLink(f *errs.Faults, field, text string, schemes ...string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	ok := err == nil && len(text) <= 512 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	if ok {
		ok = false
		for _, s := range schemes {
			ok = ok || u.Scheme == s
		}
	}
	f.Check(ok, field, "must be an address that begins with %s:", strings.Join(schemes, ": or "))
}

// title is the name of the profile in apps.
func (x *Setting) title() string {
	if x.Title != "" {
		return x.Title
	}
	return x.tenantName
}

// setting reads a tenant's setting, or what holds without one.
func setting(ctx context.Context, tx *pg.Tx, tenant string, lock bool) (*Setting, error) {
	x := &Setting{TenantID: tenant, Remark: defaultRemark, UpdateHours: 12}
	if lock {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 7203447))", tenant); err != nil {
			return nil, err
		}
	}
	if _, err := tx.One(ctx, "SELECT name FROM tenant WHERE tenant_id = $1", []any{tenant}, &x.tenantName); err != nil {
		return nil, err
	}
	_, err := tx.One(ctx, `SELECT remark, title, support_url, web_page_url, update_hours, show_once, version, updated_at
		FROM profile_setting WHERE tenant_id = $1`, []any{tenant},
		&x.Remark, &x.Title, &x.SupportURL, &x.WebPageURL, &x.UpdateHours, &x.ShowOnce, &x.Version, &x.UpdatedAt)
	return x, err
}

// Setting returns the setting of the actor's tenant.
func (s *Service) Setting(ctx context.Context, a actor.Actor) (*Setting, error) {
	if err := a.Require(actor.May(actor.Settings, actor.Read)); err != nil {
		return nil, err
	}
	var x *Setting
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		x, err = setting(ctx, tx, a.Tenant, false)
		return err
	})
	return x, err
}

// ChangeSetting edits the setting of the actor's tenant. match is the expected version, 0 for any.
func (s *Service) ChangeSetting(ctx context.Context, a actor.Actor, match int64, c SettingChange) (*Setting, error) {
	if err := a.Require(actor.May(actor.Settings, actor.Write)); err != nil {
		return nil, err
	}
	var x *Setting
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if x, err = setting(ctx, tx, a.Tenant, true); err != nil {
			return err
		}
		if match != 0 && match != x.Version {
			return errs.New(errs.Stale, "profile setting is at version %d", x.Version)
		}
		diff := x.apply(c)
		if err := x.check(); err != nil {
			return err
		}
		x.Version, x.UpdatedAt = x.Version+1, tx.Now
		_, err = tx.Exec(ctx, `INSERT INTO profile_setting (tenant_id, remark, title, support_url, web_page_url, update_hours, show_once, version, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id) DO UPDATE SET remark = $2, title = $3, support_url = $4,
			web_page_url = $5, update_hours = $6, show_once = $7, version = $8, updated_at = $9`,
			a.Tenant, x.Remark, x.Title, x.SupportURL, x.WebPageURL, x.UpdateHours, x.ShowOnce, x.Version, x.UpdatedAt)
		if err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, a.Tenant, a.Trace, SettingChanged{a.Tenant}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "profile_setting.update", "tenant/"+a.Tenant, diff)
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

func (x *Setting) apply(c SettingChange) audit.Diff {
	d := audit.Diff{}
	for _, f := range []struct {
		name string
		from *string
		to   *string
	}{
		{"remark", c.Remark, &x.Remark},
		{"title", c.Title, &x.Title},
		{"support_url", c.SupportURL, &x.SupportURL},
		{"web_page_url", c.WebPageURL, &x.WebPageURL},
	} {
		if f.from != nil {
			d.From(f.name, *f.to, *f.from)
			*f.to = *f.from
		}
	}
	if c.UpdateHours != nil {
		d.From("update_hours", x.UpdateHours, *c.UpdateHours)
		x.UpdateHours = *c.UpdateHours
	}
	if c.ShowOnce != nil {
		d.From("show_once", x.ShowOnce, *c.ShowOnce)
		x.ShowOnce = *c.ShowOnce
	}
	return d
}
