// Package portal is what subscribers may do for themselves: sign in, see what they have and why it does not work, and keep
// their devices.
//
// A visitor is an actor of its own kind, confined to one subscriber of one tenant: the services below ask for the owner, and
// the database holds the tenant. Portal sessions lie in a table of their own and are no sessions of staff, nor the other way
// round. A session ends with what opened it: a new password or new secrets end those of the password, a rotated or revoked
// subscription address ends its own.
package portal

import (
	"context"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/brand"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// Service is the portal's service.
type Service struct {
	DB       *pg.DB
	Vault    *vault.Vault
	People   *identity.Service
	Subs     *subscriber.Service
	Devices  *device.Service
	Profiles *profile.Service
	Usage    *usage.Service
	Brands   *brand.Service
	Online   time.Duration // how long a node's last word makes it online
}

const (
	sessionLife = 7 * 24 * time.Hour // sliding
	touchEvery  = time.Minute
	tokenLen    = 43
	hashSession = "portal session"
)

// permissions of a visitor. They reach no further than one subscriber, and the portal alone asks for them.
func permissions() actor.Set {
	return actor.Set{"subscriber:*", "usage:read", "session:*", "secret:read"}
}

// SignedIn is a fresh session.
type SignedIn struct {
	Token     secret.String
	Session   string
	ExpiresAt time.Time
}

// Visitor is a resolved session.
type Visitor struct {
	Actor   actor.Actor
	Session string
}

// found is a subscriber as sign-in sees them.
type found struct {
	tenant, id, name, status string
	generation               int64
	open                     bool
}

const lookFor = `SELECT s.tenant_id, s.id, s.name, s.status, s.generation, NOT EXISTS (SELECT 1 FROM tenant_closure c
	JOIN tenant p ON p.tenant_id = c.ancestor WHERE c.descendant = s.tenant_id AND p.status <> 'active') FROM subscriber s `

func look(ctx context.Context, tx *pg.Tx, where string, args ...any) (*found, error) {
	var f found
	ok, err := tx.One(ctx, lookFor+where, args, &f.tenant, &f.id, &f.name, &f.status, &f.generation, &f.open)
	if err != nil || !ok {
		return nil, err
	}
	return &f, nil
}

// mayCome reports whether the portal lets them in: also those who may not connect, who are told why.
func (f *found) mayCome() bool { return f != nil && f.open && f.status != subscriber.Closed }

// account is the name that failures count against, and its parts. What cannot be a name is nobody's.
func account(login, realm string) (name, of, key string) {
	login, realm = strings.ToLower(strings.TrimSpace(login)), strings.ToLower(strings.TrimSpace(realm))
	if n, r, ok := strings.Cut(login, "@"); ok {
		login, realm = n, r
	}
	if len(login) > 64 || len(realm) > 64 || !utf8.ValidString(login+realm) || strings.ContainsRune(login+realm, 0) {
		login, realm = "?", "?"
	}
	return login, realm, accountKey(login, realm)
}

func accountKey(name, realm string) string { return "subscriber:" + name + "@" + realm }

// SignIn proves a subscriber by name and password. The name may hold the realm (name@realm); else realm is the page's, and
// empty the operator's.
func (s *Service) SignIn(ctx context.Context, login, realm string, password secret.String, address, agent string) (*SignedIn, error) {
	name, realm, key := account(login, realm)
	var who *found
	err := s.People.Guarded(ctx, key, address, func(ctx context.Context) (bool, error) {
		tenant := ""
		err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
			if _, err := tx.One(ctx, "SELECT tenant_id FROM tenant WHERE realm = $1", []any{realm}, &tenant); err != nil {
				return err
			}
			who, err = look(ctx, tx, "WHERE s.tenant_id = $1 AND s.name = $2", tenant, name)
			return err
		})
		if err != nil {
			return false, err
		}
		if tenant == "" {
			tenant = "nobody" // the same work for a realm that does not exist
		}
		err = s.Subs.CheckSignIn(ctx, actor.Actor{Tenant: tenant, Home: tenant, Kind: actor.System, Permissions: permissions()}, name, password.Reveal())
		if errs.Is(err, errs.Unauthorized) {
			return false, nil
		}
		return err == nil && who.mayCome(), err
	})
	if err != nil {
		return nil, err
	}
	return s.open(ctx, who, &who.generation, nil, address, agent)
}

// SignInByLink proves a subscriber by a subscription address, which opens everything that the portal shows.
func (s *Service) SignInByLink(ctx context.Context, token, address, agent string) (*SignedIn, error) {
	proof := s.Profiles.TokenHash(token)
	if proof == nil {
		proof = s.Vault.Hash(hashSession, "no token")
	}
	var who *found
	err := s.People.Guarded(ctx, "subscription address "+hex.EncodeToString(proof[:8]), address, func(ctx context.Context) (bool, error) {
		err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
			who, err = look(ctx, tx, `JOIN subscription_token k ON k.subscriber_id = s.id WHERE k.hash = $1 AND (k.expires_at IS NULL OR k.expires_at > $2)`, proof, tx.Now)
			return err
		})
		return err == nil && who.mayCome(), err
	})
	if errs.Is(err, errs.Unauthorized) {
		return nil, errs.New(errs.Unauthorized, "this link is not valid any more")
	}
	if err != nil {
		return nil, err
	}
	return s.open(ctx, who, nil, proof, address, agent)
}

func (s *Service) open(ctx context.Context, f *found, generation *int64, proof []byte, address, agent string) (*SignedIn, error) {
	token := identity.FreshToken()
	out := &SignedIn{Token: secret.New(token), Session: id.New(id.Session)}
	err := s.DB.InTenant(ctx, f.tenant, func(tx *pg.Tx) error {
		out.ExpiresAt = tx.Now.Add(sessionLife)
		_, err := tx.Exec(ctx, `INSERT INTO portal_session (tenant_id, id, subscriber_id, token_hash, generation, proof, address, user_agent, created_at, seen_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)`, f.tenant, out.Session, f.id, s.Vault.Hash(hashSession, token), generation, proof,
			address, clip(agent), tx.Now, out.ExpiresAt)
		if err != nil {
			return err
		}
		a := visitor(f.tenant, f.id, f.name)
		a.Address = address
		return audit.Record(ctx, tx, a, "subscriber.sign_in", "subscriber/"+f.id, audit.Diff{"by_link": proof != nil})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func clip(agent string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(agent[:min(len(agent), 255)], ""), "\x00", "")
}

func visitor(tenant, sid, name string) actor.Actor {
	return actor.Actor{Tenant: tenant, Home: tenant, Kind: actor.Subscriber, ID: sid, Name: name, Owner: name, Permissions: permissions()}
}

// Resolve turns a session's token into a visitor; unknown, expired and revoked are one answer.
func (s *Service) Resolve(ctx context.Context, token string) (*Visitor, error) {
	no := errs.New(errs.Unauthorized, "session is not valid; sign in again")
	if len(token) != tokenLen {
		return nil, no
	}
	var v Visitor
	var tenant, sid, name string
	ok, open := false, false
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		var seen time.Time
		ok, err = tx.One(ctx, `SELECT e.id, e.seen_at, s.tenant_id, s.id, s.name, s.status <> 'closed' AND NOT EXISTS (SELECT 1 FROM tenant_closure c
			JOIN tenant p ON p.tenant_id = c.ancestor WHERE c.descendant = s.tenant_id AND p.status <> 'active')
			FROM portal_session e JOIN subscriber s ON s.id = e.subscriber_id
			WHERE e.token_hash = $1 AND e.revoked_at IS NULL AND e.expires_at > $2 AND (e.generation IS NULL OR e.generation = s.generation)
			AND (e.proof IS NULL OR EXISTS (SELECT FROM subscription_token k WHERE k.hash = e.proof AND (k.expires_at IS NULL OR k.expires_at > $2)))`,
			[]any{s.Vault.Hash(hashSession, token), tx.Now}, &v.Session, &seen, &tenant, &sid, &name, &open)
		if err != nil || !ok || tx.Now.Sub(seen) < touchEvery {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE portal_session SET seen_at = $2, expires_at = $3 WHERE id = $1", v.Session, tx.Now, tx.Now.Add(sessionLife))
		return err
	})
	if err != nil {
		return nil, err
	}
	if !ok || !open {
		return nil, no
	}
	v.Actor = visitor(tenant, sid, name)
	return &v, nil
}

// PortalSession is where a subscriber is signed in.
type PortalSession struct {
	ID        string    `json:"id"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	ByLink    bool      `json:"by_link"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Current   bool      `json:"current"`
}

// maxSessions bounds what is listed.
const maxSessions = 200

// Sessions lists where the visitor is signed in, newest first.
func (s *Service) Sessions(ctx context.Context, a actor.Actor, current string) ([]PortalSession, error) {
	out := []PortalSession{}
	err := s.DB.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, `SELECT e.id, e.address, e.user_agent, e.proof IS NOT NULL, e.created_at, e.seen_at, e.expires_at, e.id = $3
			FROM portal_session e JOIN subscriber s ON s.id = e.subscriber_id WHERE e.tenant_id = $1 AND e.subscriber_id = $2 AND e.revoked_at IS NULL
			AND e.expires_at > $4 AND (e.generation IS NULL OR e.generation = s.generation)
			AND (e.proof IS NULL OR EXISTS (SELECT FROM subscription_token k WHERE k.hash = e.proof AND (k.expires_at IS NULL OR k.expires_at > $4)))
			ORDER BY e.id DESC LIMIT $5`, []any{a.Home, a.ID, current, tx.Now, maxSessions}, func(r pg.Row) error {
			var x PortalSession
			err := r.Scan(&x.ID, &x.Address, &x.UserAgent, &x.ByLink, &x.CreatedAt, &x.SeenAt, &x.ExpiresAt, &x.Current)
			out = append(out, x)
			return err
		})
	})
	return out, err
}

// EndSession signs the visitor out somewhere.
func (s *Service) EndSession(ctx context.Context, a actor.Actor, session string) error {
	return s.DB.InTenant(ctx, a.Home, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE portal_session SET revoked_at = $4 WHERE tenant_id = $1 AND subscriber_id = $2 AND id = $3 AND revoked_at IS NULL AND expires_at > $4`,
			a.Home, a.ID, session, tx.Now)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.NotFound("session", session)
		}
		there := a
		there.Tenant = a.Home
		return audit.Record(ctx, tx, there, "subscriber.sign_out", "subscriber/"+a.ID, nil)
	})
}
