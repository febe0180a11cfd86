// Package brand owns how a tenant's pages look: title, colour, logo, whom to ask, the language, and the host name by which
// the pages are found. What is shown to strangers is this and nothing else of a tenant.
package brand

import (
	"context"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
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

// Brand is how a tenant's pages look. Empty fields stand for what the panel has of its own.
type Brand struct {
	TenantID     string    `json:"tenant_id"`
	Realm        string    `json:"realm"`
	Title        string    `json:"title" doc:"empty: the tenant's name"`
	Accent       string    `json:"accent" doc:"#rrggbb"`
	SupportURL   string    `json:"support_url"`
	SupportEmail string    `json:"support_email"`
	Language     string    `json:"language" doc:"en, zh, ko or ru; empty: what the browser asks for"`
	Host         string    `json:"host" doc:"host name by which the tenant's pages are found"`
	LogoTag      string    `json:"logo_tag" doc:"changes with the picture; empty: none"`
	Version      int64     `json:"version"`
	UpdatedAt    time.Time `json:"updated_at"`

	tenantName string
	root       bool
}

// Shown is the title that people read.
func (b *Brand) Shown() string {
	switch {
	case b.Title != "":
		return b.Title
	case b.root:
		return "Culvert"
	}
	return b.tenantName
}

// Changed tells that a tenant's pages look different.
type Changed struct {
	Tenant string `json:"tenant"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "branding.changed" }

// Change is a partial update; nil fields stay.
type Change struct {
	Title, Accent, SupportURL, SupportEmail, Language, Host *string
}

// Service is the branding service.
type Service struct {
	DB   *pg.DB
	Host string // of the panel's own address: the operator's, whatever a tenant says
}

var (
	accentRule = regexp.MustCompile(`^#[0-9a-f]{6}$`)                                                     //nolint:gochecknoglobals // a compiled constant
	hostRule   = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$`) //nolint:gochecknoglobals // a compiled constant
	mailRule   = regexp.MustCompile(`^[^\s@<>"\x00-\x1f]+@[^\s@<>"\x00-\x1f]+$`)                          //nolint:gochecknoglobals // a compiled constant
)

// Languages that the pages are written in.
func Languages() []string { return []string{"en", "zh", "ko", "ru"} }

func (s *Service) check(b *Brand) error {
	var f errs.Faults
	f.Check(utf8.ValidString(b.Title) && utf8.RuneCountInString(b.Title) <= 64 && !strings.ContainsFunc(b.Title, unicode.IsControl),
		"title", "must have at most 64 printable characters")
	f.Check(b.Accent == "" || accentRule.MatchString(b.Accent), "accent", "must be a colour such as #1971c2, or empty")
	f.Check(b.SupportURL == "" || isLink(b.SupportURL), "support_url", "must be an address that begins with https:, http:, mailto: or tg:, or empty")
	f.Check(b.SupportEmail == "" || len(b.SupportEmail) <= 254 && mailRule.MatchString(b.SupportEmail), "support_email", "must be an e-mail address, or empty")
	f.Check(b.Language == "" || slices.Contains(Languages(), b.Language), "language", "must be en, zh, ko or ru, or empty")
	f.Check(b.Host == "" || isHost(b.Host), "host", "must be a host name such as vpn.example.com, or empty")
	f.Check(b.Host == "" || b.Host != s.Host || b.root, "host", "is the panel's own")
	return f.Err()
}

func isLink(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= 512 && slices.Contains([]string{"https", "http", "mailto", "tg"}, u.Scheme) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && len(host) <= 253 && hostRule.MatchString(host)
}

// from reads a brand by what where says of its tenant t; a tenant without one has an empty one.
const from = `SELECT t.tenant_id, t.realm, t.name, t.parent_id IS NULL, coalesce(b.title, ''), coalesce(b.accent, ''), coalesce(b.support_url, ''),
	coalesce(b.support_email, ''), coalesce(b.language, ''), coalesce(b.host, ''), coalesce(b.logo_tag, ''), coalesce(b.version, 0), coalesce(b.updated_at, t.created_at)
	FROM tenant t LEFT JOIN branding b USING (tenant_id) WHERE `

func read(ctx context.Context, tx *pg.Tx, where string, args ...any) (*Brand, bool, error) {
	var b Brand
	found, err := tx.One(ctx, from+where, args, &b.TenantID, &b.Realm, &b.tenantName, &b.root, &b.Title, &b.Accent, &b.SupportURL,
		&b.SupportEmail, &b.Language, &b.Host, &b.LogoTag, &b.Version, &b.UpdatedAt)
	return &b, found, err
}

// Of returns the brand of a tenant of the actor's subtree.
func (s *Service) Of(ctx context.Context, a actor.Actor, tid string) (*Brand, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Read)); err != nil {
		return nil, err
	}
	var b *Brand
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		b, err = load(ctx, tx, tid)
		return err
	})
	return b, err
}

func load(ctx context.Context, tx *pg.Tx, tid string) (*Brand, error) {
	b, found, err := read(ctx, tx, "t.tenant_id = $1", tid)
	if err == nil && !found {
		err = errs.NotFound("tenant", tid)
	}
	return b, err
}

// Update changes the brand of a tenant of the actor's subtree. match is the expected version, 0 for any.
func (s *Service) Update(ctx context.Context, a actor.Actor, tid string, match int64, c Change) (*Brand, error) {
	return s.change(ctx, a, tid, match, func(tx *pg.Tx, b *Brand, d audit.Diff) error {
		b.apply(c, d)
		if err := s.check(b); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE branding SET title = $2, accent = $3, support_url = $4, support_email = $5, language = $6, host = $7 WHERE tenant_id = $1`,
			b.TenantID, b.Title, b.Accent, b.SupportURL, b.SupportEmail, b.Language, b.Host)
		if pg.Constraint(err) == "branding_host" {
			return errs.Wrap(errs.Conflict, err, "host %s is taken", b.Host)
		}
		return err
	})
}

func (b *Brand) apply(c Change, d audit.Diff) {
	for _, x := range []struct {
		name  string
		from  *string
		to    *string
		lower bool
	}{
		{"title", c.Title, &b.Title, false},
		{"accent", c.Accent, &b.Accent, true},
		{"support_url", c.SupportURL, &b.SupportURL, false},
		{"support_email", c.SupportEmail, &b.SupportEmail, false},
		{"language", c.Language, &b.Language, false},
		{"host", c.Host, &b.Host, true},
	} {
		if x.from == nil {
			continue
		}
		text := strings.TrimSpace(*x.from)
		if x.lower {
			text = strings.ToLower(text)
		}
		d.From(x.name, *x.to, text)
		*x.to = text
	}
}

// change is the one way to alter a brand: the row is made when it is needed, held, edited, told and recorded.
func (s *Service) change(ctx context.Context, a actor.Actor, tid string, match int64, edit func(*pg.Tx, *Brand, audit.Diff) error) (*Brand, error) {
	if err := a.Require(actor.May(actor.Tenants, actor.Write)); err != nil {
		return nil, err
	}
	var b *Brand
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if b, err = load(ctx, tx, tid); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO branding (tenant_id, version, updated_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING`, tid, tx.Now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT FROM branding WHERE tenant_id = $1 FOR UPDATE", tid); err != nil {
			return err
		}
		if b, err = load(ctx, tx, tid); err != nil {
			return err
		}
		if match != 0 && match != b.Version {
			return errs.New(errs.Stale, "branding is at version %d", b.Version)
		}
		d := audit.Diff{}
		if err := edit(tx, b, d); err != nil {
			return err
		}
		b.Version, b.UpdatedAt = b.Version+1, tx.Now
		if _, err := tx.Exec(ctx, "UPDATE branding SET version = $2, updated_at = $3 WHERE tenant_id = $1", tid, b.Version, tx.Now); err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, tid, a.Trace, Changed{tid}); err != nil {
			return err
		}
		there := a
		there.Tenant = tid
		return audit.Record(ctx, tx, there, "branding.update", "tenant/"+tid, d)
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}
