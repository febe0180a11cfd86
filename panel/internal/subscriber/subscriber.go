package subscriber

import (
	"context"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

// The states of a subscriber.
const (
	OnHold    = "on_hold"
	Active    = "active"
	Limited   = "limited"
	Expired   = "expired"
	Suspended = "suspended"
	Closed    = "closed"
)

// Reasons of a suspension (hestia-api.md §9.1).
func reasons() []string { return []string{"manual", "overdue", "quota", "abuse", "expired"} }

// Subscriber is an end user with the snapshot of what the plan gave.
type Subscriber struct {
	TenantID       string  `json:"tenant_id"`
	ID             string  `gorm:"primaryKey" json:"id"`
	Name           string  `json:"name"`
	Email          string  `json:"email"`
	FullName       string  `json:"full_name"`
	Comment        string  `json:"comment"`
	Label          string  `json:"label"`
	Language       string  `json:"language"`
	ExternalID     *string `json:"external_id"`
	PlanID         string  `json:"plan_id"`
	Status         string  `json:"status"`
	Reason         string  `json:"reason"`
	billing.Grants `gorm:"embedded"`
	Terms          `gorm:"embedded"`
	Keys           `gorm:"embedded" json:"-"`
	Version        int64     `json:"version"`
	CreatedAt      time.Time `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt      time.Time `gorm:"autoUpdateTime:false" json:"updated_at"`
	Usage          Usage     `gorm:"-" json:"usage"`
	Presence       `gorm:"-"`
	PlanName       string `gorm:"-" json:"plan"`
}

// Terms are the times in a subscriber's life.
type Terms struct {
	Period       int64      `json:"period"` // counts resets; usage belongs to one
	PeriodStart  time.Time  `json:"period_start"`
	ResetAnchor  time.Time  `json:"-"` // anniversary: periods begin on its day of the month
	NextReset    *time.Time `json:"next_reset"`
	ExpiresAt    *time.Time `json:"expires_at"`
	HoldDeadline *time.Time `json:"hold_deadline"`
}

// Keys are the stored forms of the password.
type Keys struct {
	Password     []byte // sealed
	Verifier     []byte // PBKDF2-HMAC-SHA-256 with VerifierSalt
	VerifierSalt []byte
	PasswordID   []byte // PBKDF2 with the installation's salt
	Alone        bool
	Generation   int64
}

// TableName implements gorm's Tabler.
func (Subscriber) TableName() string { return "subscriber" }

// Presence is where the subscriber is.
type Presence struct {
	Online     bool       `json:"online" doc:"has an open session"`
	LastSeenAt *time.Time `json:"last_seen_at" doc:"when traffic was last reported"`
	TenantName string     `json:"tenant_name,omitempty" doc:"in listings of a subtree"`
}

// Usage is what the subscriber moved.
type Usage struct {
	Up           unit.Bytes `json:"up"` // this period, subscriber to internet
	Down         unit.Bytes `json:"down"`
	Granted      unit.Bytes `json:"granted"` // bought on top of the limit in this period
	LifetimeUp   unit.Bytes `json:"lifetime_up"`
	LifetimeDown unit.Bytes `json:"lifetime_down"`
	SeenAt       *time.Time `json:"seen_at"`
	sorted       unit.Bytes // by what listings are sorted: the total of a moment ago
}

// Total is what counts against the limit.
func (u Usage) Total() unit.Bytes { return unit.AddSat(u.Up, u.Down) }

// Left returns what remains in the period; ok is false when there is no limit.
func (s *Subscriber) Left() (left unit.Bytes, ok bool) {
	if s.TrafficLimit == unit.Unlimited {
		return 0, false
	}
	return max(0, unit.AddSat(s.TrafficLimit, s.Usage.Granted)-s.Usage.Total()), true
}

// settle derives the state from the facts at now; suspended and closed stay, they are people's decisions.
func (s *Subscriber) settle(now time.Time) {
	if s.Status == Suspended || s.Status == Closed || (s.Status == OnHold && (s.HoldDeadline == nil || now.Before(*s.HoldDeadline))) {
		return
	}
	left, limited := s.Left()
	switch {
	case s.Status == OnHold, s.ExpiresAt != nil && !now.Before(*s.ExpiresAt):
		s.Status = Expired
	case limited && left == 0:
		s.Status = Limited
	default:
		s.Status = Active
	}
	s.Reason = ""
}

// Changed tells that what nodes hold of a subscriber changed.
type Changed struct {
	Tenant     string `json:"tenant"`
	Subscriber string `json:"subscriber"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "subscriber.changed" }

// Deleted tells that a subscriber is gone.
type Deleted struct {
	Tenant     string `json:"tenant"`
	Subscriber string `json:"subscriber"`
	Name       string `json:"name"`
}

// Kind implements outbox.Event.
func (Deleted) Kind() string { return "subscriber.deleted" }

// Service is the subscriber service.
type Service struct {
	db     *pg.DB
	vault  *vault.Vault
	groups billing.Groups
	salt   []byte
	before func(context.Context, *pg.Tx) error
}

// New makes the service.
func New(ctx context.Context, db *pg.DB, v *vault.Vault, groups billing.Groups) (*Service, error) {
	salt, err := v.PasswordSalt(ctx)
	if err != nil {
		return nil, err
	}
	return &Service{db: db, vault: v, groups: groups, salt: salt}, nil
}

// Rules of names and passwords (hestia-api.md §5; hy2scale-api.md §10 S7: nothing that a daemon's file could misread).
var (
	nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,30}[a-z0-9]$`)                                                 //nolint:gochecknoglobals // a compiled constant
	mailRule = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+([A-Za-z]{2,63}|[Xx][Nn]--[A-Za-z0-9-]{1,59})$`) //nolint:gochecknoglobals // a compiled constant
)

const (
	minPassword = 8
	maxPassword = 128
)

func reserved() []string {
	return []string{"admin", "administrator", "root", "operator", "culvert", "system", "nobody", "daemon", "mysql", "sudo", "portal", "api"}
}

// CheckName says what is wrong with a subscriber's name, or returns "".
func CheckName(n string) string {
	switch {
	case !nameRule.MatchString(n):
		return "must have 2 to 32 characters of a-z, 0-9, dot, hyphen and underscore, alphanumeric at both ends"
	case slices.Contains(reserved(), n):
		return "is reserved"
	}
	return ""
}

// CheckPassword says what is wrong with a subscriber's password, or returns "".
func CheckPassword(p string) string {
	n := utf8.RuneCountInString(p)
	if !utf8.ValidString(p) || n < minPassword || len(p) > maxPassword {
		return "must have 8 to 128 characters"
	}
	if strings.ContainsFunc(p, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) }) {
		return "must have printable characters only"
	}
	return ""
}

// CheckEmail says what is wrong with an address, or returns "". Empty is a matter of the caller.
func CheckEmail(e string) string {
	if len(e) > 254 || !mailRule.MatchString(e) {
		return "must be an e-mail address"
	}
	if _, err := mail.ParseAddress(e); err != nil {
		return "must be an e-mail address"
	}
	return ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Create holds the fields of a new subscriber. Edit may change single grants of the plan's snapshot.
type Create struct {
	Name         string
	Password     secret.String // empty: generated
	Email        string
	FullName     string
	Comment      string
	Label        string
	Language     string
	ExternalID   string
	Plan         string // id or name; empty: default
	OnHold       bool
	HoldDeadline *time.Time
	ExpiresAt    *time.Time // nil: by the plan's term
	Endless      bool       // never expires, whatever the plan's term
	Edit         func(*billing.Grants)
}

func (c *Create) check(now time.Time) error {
	c.Name = strings.ToLower(strings.TrimSpace(c.Name))
	c.Email = strings.TrimSpace(c.Email)
	var f errs.Faults
	if rule := CheckName(c.Name); rule != "" {
		f.Add("name", "%s", rule)
	}
	if !c.Password.Empty() {
		if rule := CheckPassword(c.Password.Reveal()); rule != "" {
			f.Add("password", "%s", rule)
		}
	}
	if c.Email != "" {
		if rule := CheckEmail(c.Email); rule != "" {
			f.Add("email", "%s", rule)
		}
	}
	checkTexts(&f, c.FullName, c.Comment, c.Label, c.Language)
	f.Check(len(c.ExternalID) <= 128 && printable(c.ExternalID), "external_id", "must have at most 128 printable characters")
	f.Check(c.HoldDeadline == nil || (c.OnHold && c.HoldDeadline.After(now)), "hold_deadline", "must be in the future, and needs on_hold")
	f.Check(c.ExpiresAt == nil || c.ExpiresAt.After(now), "expires_at", "must be in the future")
	if c.Edit != nil { // the plan is not known yet, but what is wrong in any is told with the rest
		g := billing.Grants{Reset: billing.ResetNever}
		c.Edit(&g)
		g.Check(&f)
	}
	return f.Err()
}

func checkTexts(f *errs.Faults, fullName, comment, label, language string) {
	f.Check(utf8.RuneCountInString(fullName) <= 128 && printable(fullName), "full_name", "must have at most 128 printable characters")
	f.Check(utf8.RuneCountInString(comment) <= 255 && printable(comment), "comment", "must have at most 255 printable characters")
	f.Check(len(label) <= 253 && printable(label), "label", "must have at most 253 printable characters")
	f.Check(language == "" || slices.Contains([]string{"en", "zh", "ko", "ru"}, language), "language", "must be en, zh, ko or ru")
}

// Get returns a subscriber by id.
func (s *Service) Get(ctx context.Context, a actor.Actor, sid string) (*Subscriber, error) {
	return s.read(ctx, a, func(tx *pg.Tx) (*Subscriber, error) { return load(ctx, tx, a, sid, false) })
}

// ByName returns a subscriber of the actor's tenant by name.
func (s *Service) ByName(ctx context.Context, a actor.Actor, name string) (*Subscriber, error) {
	return s.read(ctx, a, func(tx *pg.Tx) (*Subscriber, error) { return byName(ctx, tx, a, name) })
}

// ByExternalID returns a subscriber of the actor's tenant by the billing system's id.
func (s *Service) ByExternalID(ctx context.Context, a actor.Actor, ext string) (*Subscriber, error) {
	return s.read(ctx, a, func(tx *pg.Tx) (*Subscriber, error) { return byExternalID(ctx, tx, a, ext) })
}

func (s *Service) read(ctx context.Context, a actor.Actor, get func(*pg.Tx) (*Subscriber, error)) (*Subscriber, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	var out *Subscriber
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = get(tx)
		return err
	})
	return out, err
}

func emitChanged(ctx context.Context, tx *pg.Tx, a actor.Actor, s *Subscriber) error {
	return outbox.Emit(ctx, tx, s.TenantID, a.Trace, Changed{Tenant: s.TenantID, Subscriber: s.ID})
}
