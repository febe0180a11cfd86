package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// SignedIn is a fresh session.
type SignedIn struct {
	Token      secret.String
	Session    string
	ExpiresAt  time.Time
	MustChange bool
	Login      Login
}

// openTenant is true for tenant t when neither it nor a tenant above it is suspended.
const openTenant = `NOT EXISTS (SELECT 1 FROM tenant_closure c JOIN tenant p ON p.tenant_id = c.ancestor
	WHERE c.descendant = t.tenant_id AND p.status <> 'active')`

const tokenLen = 43 // 256 bits of base62

var hexHash = regexp.MustCompile(`^[0-9a-f]{64}$`) //nolint:gochecknoglobals // a compiled constant

// SignIn checks a name (name@realm for a reseller's people, the bare name for the operator's) and a password, and opens
// a session. Every failure is the same answer, after the same work.
func (s *People) SignIn(ctx context.Context, name string, password secret.String, address, agent string) (*SignedIn, error) {
	return s.signIn(ctx, name, prehash(password.Reveal()), address, agent, false)
}

// SignInHashed is SignIn with the lower-case hex SHA-256 of the password, as /scale/api/login sends it. Accounts with a
// second factor are refused.
func (s *People) SignInHashed(ctx context.Context, name, sha256Hex, address, agent string) (*SignedIn, error) {
	if !hexHash.MatchString(sha256Hex) {
		sum := sha256.Sum256([]byte("not a hash: " + sha256Hex))
		sha256Hex = hex.EncodeToString(sum[:])
	}
	return s.signIn(ctx, name, sha256Hex, address, agent, true)
}

func (s *People) signIn(ctx context.Context, name, hash, address, agent string, noSecondFactor bool) (*SignedIn, error) {
	name = accountName(name)
	try, err := s.attempt(ctx, name, address)
	if err != nil {
		return nil, err
	}
	l, open, err := s.findLogin(ctx, name)
	if err != nil {
		return nil, err
	}
	verifier := ""
	if l != nil {
		verifier = l.Verifier
	}
	ok, err := s.verify(ctx, hash, verifier)
	if err != nil {
		return nil, err
	}
	if !ok || !open || l.Status != "active" || (noSecondFactor && l.SecondFactor) {
		if err := s.punish(ctx, try.keys...); err != nil {
			return nil, err
		}
		return nil, errs.New(errs.Unauthorized, "name or password is wrong")
	}
	if err := s.succeeded(ctx, try); err != nil {
		return nil, err
	}
	return s.openSession(ctx, l, address, agent)
}

// accountName is the login that a caller means. What cannot be one is nobody's, and refused like any other.
func accountName(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if len(name) > 256 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "?"
	}
	return name
}

// signInKeys are what failures of a person's password count against, on whatever surface it is sent. An account is blocked
// for the network that failed: strangers cannot lock its owner out.
func signInKeys(name, address string) (byAccount, byAddress string) {
	from := address
	if a, err := netip.ParseAddr(address); err == nil {
		from = NetworkOf(a)
	}
	return "account:" + name + " from " + from, "address:" + from
}

// findLogin also tells whether the login's tenant lets people in. It asks as much of the database for a realm that does
// not exist as for one that does.
func (s *People) findLogin(ctx context.Context, name string) (l *Login, open bool, err error) {
	user, realm, _ := strings.Cut(name, "@")
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		var tid string
		_, err := tx.One(ctx, `SELECT t.tenant_id, `+openTenant+` AND s.sign_in FROM tenant t JOIN api_setting s USING (tenant_id)
			WHERE t.realm = $1`, []any{realm}, &tid, &open)
		if err != nil {
			return err
		}
		l, err = loginByName(tx, tid, user)
		return err
	})
	return l, open, err
}

func (s *People) openSession(ctx context.Context, l *Login, address, agent string) (*SignedIn, error) {
	token := randomText(tokenLen)
	out := &SignedIn{Token: secret.New(token), Session: id.New(id.Session), MustChange: l.MustChange, Login: *l}
	if len(agent) > 255 {
		agent = agent[:255]
	}
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		out.ExpiresAt = tx.Now.Add(s.ttl)
		if _, err := tx.Exec(ctx, `INSERT INTO login_session (tenant_id, id, login_id, token_hash, address, user_agent, created_at, seen_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`, l.TenantID, out.Session, l.ID, s.vault.Hash("session", token),
			address, strings.ToValidUTF8(agent, ""), tx.Now, out.ExpiresAt); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE login SET last_login_at = $2 WHERE id = $1", l.ID, tx.Now); err != nil {
			return err
		}
		a := actor.Actor{Tenant: l.TenantID, Kind: actor.Login, ID: l.ID, Name: l.Name, Address: address}
		return audit.Record(ctx, tx, a, "login.sign_in", "login/"+l.ID, nil)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// touchEvery bounds how often a session's or key's last use is written.
const touchEvery = time.Minute

// Session is a resolved session token.
type Session struct {
	Actor      actor.Actor
	ID         string
	MustChange bool
	ExpiresAt  time.Time
}

// Resolve turns a session token into an Actor; unknown, expired and revoked are one answer.
func (s *People) Resolve(ctx context.Context, token string) (*Session, error) {
	no := errs.New(errs.Unauthorized, "session is not valid; sign in again")
	if len(token) != tokenLen {
		return nil, no
	}
	var out Session
	var role, status string
	var open bool
	var perms, narrowed []string
	var seen time.Time
	found := false
	err := s.db.InSystem(ctx, func(tx *pg.Tx) (err error) {
		found, err = tx.One(ctx, `SELECT e.id, e.tenant_id, e.expires_at, e.seen_at, e.permissions, l.id, l.name, l.role, l.permissions,
			l.status, l.must_change, `+openTenant+`, t.parent_id IS NULL
			FROM login_session e JOIN login l ON l.id = e.login_id JOIN tenant t ON t.tenant_id = e.tenant_id
			WHERE e.token_hash = $1 AND e.revoked_at IS NULL AND e.expires_at > $2`,
			[]any{s.vault.Hash("session", token), tx.Now}, &out.ID, &out.Actor.Tenant, &out.ExpiresAt, &seen, pg.Array(&narrowed),
			&out.Actor.ID, &out.Actor.Name, &role, pg.Array(&perms), &status, &out.MustChange, &open, &out.Actor.Operator)
		if err != nil || !found || tx.Now.Sub(seen) < touchEvery {
			return err
		}
		out.ExpiresAt = tx.Now.Add(s.ttl)
		_, err = tx.Exec(ctx, "UPDATE login_session SET seen_at = $2, expires_at = $3 WHERE id = $1", out.ID, tx.Now, out.ExpiresAt)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found || status != "active" || !open {
		return nil, no
	}
	out.Actor.Kind, out.Actor.Home = actor.Login, out.Actor.Tenant
	out.Actor.Permissions = (&Login{Role: role, Permissions: perms}).Set()
	if narrowed != nil {
		out.Actor.Permissions = meet(toSet(narrowed), out.Actor.Permissions)
	}
	return &out, nil
}

// SignOut revokes one session of the actor.
func (s *People) SignOut(ctx context.Context, a actor.Actor, session string) error {
	return s.revoke(ctx, a, "id = $2", session)
}

func (s *People) revoke(ctx context.Context, a actor.Actor, where string, args ...any) error {
	return s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE login_session SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL AND "+where,
			append([]any{a.Home}, args...)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Missing, "no such session")
		}
		return audit.Record(ctx, tx, a, "login.sign_out", "login/"+a.ID, audit.Diff{"sessions": n})
	})
}

// ChangePassword sets the actor's own password and ends all their other sessions.
func (s *People) ChangePassword(ctx context.Context, a actor.Actor, session string, old, fresh secret.String) error {
	if a.Kind != actor.Login {
		return errs.New(errs.Denied, "only a signed-in person changes a password")
	}
	if err := checkPassword("new_password", fresh.Reveal()); err != nil {
		return err
	}
	byAccount := "account-id:" + a.ID
	if err := s.admit(ctx, byAccount); err != nil {
		return err
	}
	l, err := s.Login(ctx, a, a.ID)
	if err != nil {
		return err
	}
	ok, err := s.verify(ctx, prehash(old.Reveal()), l.Verifier)
	if err != nil {
		return err
	}
	if !ok {
		if err := s.punish(ctx, byAccount); err != nil {
			return err
		}
		return errs.Bad("old_password", "is wrong")
	}
	if old.Equal(fresh) {
		return errs.Bad("new_password", "must differ from the old one")
	}
	verifier, err := s.makeVerifier(ctx, fresh.Reveal())
	if err != nil {
		return err
	}
	return s.db.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE login SET verifier = $3, must_change = false, version = version + 1, updated_at = $4
			WHERE tenant_id = $1 AND id = $2`, a.Home, a.ID, verifier, tx.Now); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, &Login{TenantID: a.Home, ID: a.ID}, session); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "login.change_password", "login/"+a.ID, audit.Diff{"password": audit.Changed})
	})
}

// Login returns a login of the actor's tenant; everyone may see their own.
func (s *People) Login(ctx context.Context, a actor.Actor, lid string) (*Login, error) {
	where := a.Tenant
	if lid == a.ID {
		where = a.Home
	} else if err := a.Require(actor.May(actor.Logins, actor.Read)); err != nil {
		return nil, err
	}
	var l *Login
	err := s.db.InTenant(ctx, where, func(tx *pg.Tx) (err error) {
		l, err = loginByID(tx, lid)
		return err
	})
	return l, err
}

// Logins lists the logins of the actor's tenant.
func (s *People) Logins(ctx context.Context, a actor.Actor, after string, limit int) ([]Login, error) {
	if err := a.Require(actor.May(actor.Logins, actor.Read)); err != nil {
		return nil, err
	}
	var out []Login
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = listLogins(tx, a.Tenant, after, limit)
		return err
	})
	return out, err
}

func toSet(in []string) actor.Set {
	out := make(actor.Set, len(in))
	for i, p := range in {
		out[i] = actor.Permission(p)
	}
	return out
}

// meet is what of want is granted by have now: what a key or a session was given once does not outlive its owner's rights.
func meet(want, have actor.Set) actor.Set {
	out := actor.Set{}
	for _, p := range want {
		if (actor.Set{p}).Within(have) {
			out = append(out, p)
		}
	}
	for _, p := range have {
		if (actor.Set{p}).Within(want) && !out.Allows(p) {
			out = append(out, p)
		}
	}
	return out
}
