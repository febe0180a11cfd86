// Package identity turns a credential into an Actor: people sign in and get revocable, server-side sessions; scripts use
// access keys. Passwords are kept as Argon2id verifiers, tokens and secrets as keyed hashes; nothing here can be read
// back from the database.
package identity

import (
	"context"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
)

// Login is a person's account in a tenant.
type Login struct {
	TenantID     string     `json:"tenant_id"`
	ID           string     `gorm:"primaryKey" json:"id"`
	Name         string     `json:"name"`
	Email        string     `json:"email"`
	Language     string     `json:"language" doc:"empty: what the tenant's pages are in"`
	Verifier     string     `json:"-"`
	Role         string     `json:"role"`
	Permissions  pg.Strings `gorm:"type:text[]" json:"permissions"`
	Status       string     `json:"status"`
	MustChange   bool       `json:"must_change_password"`
	SecondFactor bool       `json:"second_factor"`
	LastLoginAt  *time.Time `json:"last_login_at"`
	Version      int64      `json:"version"`
	CreatedAt    time.Time  `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt    time.Time  `gorm:"autoUpdateTime:false" json:"updated_at"`
}

// TableName implements gorm's Tabler.
func (Login) TableName() string { return "login" }

// Set returns what the login may do.
func (l *Login) Set() actor.Set {
	if s, ok := actor.RoleSet(l.Role); ok {
		return s
	}
	out := make(actor.Set, len(l.Permissions))
	for i, p := range l.Permissions {
		out[i] = actor.Permission(p)
	}
	return out
}

// Config of the service.
type Config struct {
	DB         *pg.DB
	Vault      *vault.Vault
	SessionTTL time.Duration // sliding; 0 = 12 h
}

// Service signs people and scripts in. Its parts share one core and are kept apart by who asks: people, access keys, and
// callers of the command interface.
type Service struct {
	*People
	*Staff
	*AccessKeys
	*Commanders
}

// People are logins and their sessions.
type People struct{ *core }

// Staff is people as those who manage them see them.
type Staff struct{ *core }

// AccessKeys are the keys of scripts.
type AccessKeys struct{ *core }

// Commanders are callers of the command interface: access keys, legacy keys and passwords, and the switches that let
// them in.
type Commanders struct {
	*core
	keys *AccessKeys
}

// core is what proving anything needs: the stores, the bound on slow hashes, throttling.
type core struct {
	db      *pg.DB
	vault   *vault.Vault
	ttl     time.Duration
	hashing chan struct{}
	decoy   string
}

const defaultSessionTTL = 12 * time.Hour

// New makes the service; it hashes one decoy password.
func New(ctx context.Context, c Config) (*Service, error) {
	s := &core{db: c.DB, vault: c.Vault, ttl: c.SessionTTL, hashing: make(chan struct{}, parallelHashes)}
	if s.ttl <= 0 {
		s.ttl = defaultSessionTTL
	}
	var err error
	if s.decoy, err = s.makeVerifier(ctx, randomText(32)); err != nil {
		return nil, err
	}
	people, keys := &People{s}, &AccessKeys{s}
	return &Service{people, &Staff{s}, keys, &Commanders{s, keys}}, nil
}

var (
	nameRule  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)               //nolint:gochecknoglobals // a compiled constant
	emailRule = regexp.MustCompile(`^[^\s@<>"\x00-\x1f]+@[^\s@<>"\x00-\x1f]+$`) //nolint:gochecknoglobals // a compiled constant
)

// NewLogin is what a login is made from.
type NewLogin struct {
	Name        string
	Email       string
	Password    string
	Role        string
	Permissions []string
	MustChange  bool
}

// Check reports all faults of n.
func (n *NewLogin) Check() error {
	_, err := n.check()
	return err
}

func (n *NewLogin) check() (actor.Set, error) {
	var f errs.Faults
	n.Name = checkLoginName(&f, n.Name)
	n.Email = checkLoginEmail(&f, n.Email)
	set := checkRole(&f, n.Role, n.Permissions)
	f.Merge("", checkPassword("password", n.Password))
	return set, f.Err()
}

func checkLoginName(f *errs.Faults, name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	f.Check(nameRule.MatchString(name), "name", "must have 1 to 63 characters of a-z, 0-9, dot, hyphen and underscore, alphanumeric first")
	return name
}

// checkLoginEmail lets a login do without an address; it is for people to read, nothing is sent to it.
func checkLoginEmail(f *errs.Faults, email string) string {
	email = strings.TrimSpace(email)
	f.Check(email == "" || len(email) <= 254 && emailRule.MatchString(email), "email", "must be an e-mail address of at most 254 characters, or empty")
	return email
}

// checkRole returns what a role may do.
func checkRole(f *errs.Faults, role string, permissions []string) actor.Set {
	set, builtIn := actor.RoleSet(role)
	f.Check(builtIn || role == roleCustom, "role", "must be owner, admin, billing, support, readonly or custom")
	f.Check(builtIn == (len(permissions) == 0) || role != roleCustom && !builtIn, "permissions", "are given for role custom, and only then")
	if builtIn {
		return set
	}
	set, err := actor.ParseSet("permissions", permissions)
	f.Merge("", err)
	return set
}

// Roles that rules speak of.
const (
	roleOwner  = "owner"
	roleCustom = "custom"
)

// AddLogin makes a login in the actor's tenant. Nobody makes a login wider than themselves.
func (s *People) AddLogin(ctx context.Context, a actor.Actor, n NewLogin) (*Login, error) {
	if err := a.Require(actor.May(actor.Logins, actor.Write)); err != nil {
		return nil, err
	}
	l, err := s.prepareLogin(ctx, a, n)
	if err != nil {
		return nil, err
	}
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error { return s.insertLogin(ctx, tx, a, l) })
	return l, err
}

// PrepareOwner makes the login that owns a new tenant; the returned function stores it in that tenant's transaction.
func (s *People) PrepareOwner(ctx context.Context, a actor.Actor, n NewLogin) (func(*pg.Tx, actor.Actor) error, error) {
	n.Role = "owner"
	a.Permissions = actor.Full() // the owner of a child tenant is not wider than its parent: its reach is its own subtree
	l, err := s.prepareLogin(ctx, a, n)
	if err != nil {
		return nil, err
	}
	return func(tx *pg.Tx, child actor.Actor) error { return s.insertLogin(ctx, tx, child, l) }, nil
}

func (s *People) prepareLogin(ctx context.Context, a actor.Actor, n NewLogin) (*Login, error) {
	set, err := n.check()
	if err != nil {
		return nil, err
	}
	if !set.Within(a.Permissions) {
		return nil, errs.New(errs.Denied, "a login cannot be wider than the one that makes it")
	}
	verifier, err := s.makeVerifier(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	return &Login{
		ID: id.New(id.Login), Name: n.Name, Email: n.Email, Verifier: verifier, Role: n.Role, Permissions: n.Permissions,
		Status: "active", MustChange: n.MustChange, Version: 1,
	}, nil
}

func (s *People) insertLogin(ctx context.Context, tx *pg.Tx, a actor.Actor, l *Login) error {
	l.TenantID, l.CreatedAt, l.UpdatedAt = a.Tenant, tx.Now, tx.Now
	if err := createLogin(tx, l); err != nil {
		return err
	}
	return audit.Record(ctx, tx, a, "login.create", "login/"+l.ID, audit.Diff{"name": l.Name, "role": l.Role})
}

// FirstOperator makes the operator's first login when the root tenant has none, and returns its name and the random
// password, which exists nowhere else. made is false when there is a login already.
func (s *People) FirstOperator(ctx context.Context, root string) (name, password string, made bool, err error) {
	name, password = "admin", randomText(20)
	l, err := s.prepareLogin(ctx, actor.Actor{Permissions: actor.Full()},
		NewLogin{Name: name, Password: password, Role: "owner", MustChange: true})
	if err != nil {
		return "", "", false, err
	}
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203444)"); err != nil {
			return err
		}
		var one int
		found, err := tx.One(ctx, "SELECT 1 FROM login WHERE tenant_id = $1 LIMIT 1", []any{root}, &one)
		if err != nil || found {
			return err
		}
		made = true
		return s.insertLogin(ctx, tx, actor.Actor{Tenant: root, Kind: actor.System, Name: "first start"}, l)
	})
	if err != nil || !made {
		return "", "", false, err
	}
	return name, password, true, nil
}

// ParseAddresses checks an allow-list: addresses and CIDR prefixes; IPv4-mapped IPv6 is unmapped.
func ParseAddresses(field string, in []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(in))
	for _, t := range in {
		p, err := parsePrefix(strings.TrimSpace(t))
		if err != nil {
			return nil, errs.Bad(field, "%q is neither an address nor a CIDR prefix", t)
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePrefix(t string) (netip.Prefix, error) {
	if !strings.Contains(t, "/") {
		a, err := netip.ParseAddr(t)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(t)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
