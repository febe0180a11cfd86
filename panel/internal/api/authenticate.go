package api

import (
	"context"
	"encoding/base64"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// Names on the wire.
const (
	// CookieName carries a browser's session. The prefix makes browsers insist on Secure, Path=/ and this very host.
	CookieName   = "__Host-culvert"
	HeaderTenant = "Culvert-Tenant" // act for a tenant of one's subtree
	headerTrace  = "X-Request-Id"
)

type ctxKey int

const (
	keyCaller ctxKey = iota
	keyTrace
)

// caller is who sent a request. Its zero value is nobody.
type caller struct {
	actor      actor.Actor
	session    string
	mustChange bool
	address    string
	agent      string
	err        error // why the presented credential was refused
}

// credential names what was presented: a session or an access key.
func (c *caller) credential() string {
	if c.session != "" {
		return c.session
	}
	return c.actor.ID
}

func traceOf(ctx context.Context) string {
	s, _ := ctx.Value(keyTrace).(string)
	return s
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(keyCaller).(caller)
	return c
}

// authenticate settles who asks. It copies what it keeps: Fiber reuses the request's memory.
func (a *API) authenticate(c *fiber.Ctx) error {
	ctx := context.WithValue(c.UserContext(), keyTrace, id.New(id.Request))
	c.Set(headerTrace, traceOf(ctx))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	from := a.ClientAddr(c)
	c.SetUserContext(ctx)
	if err := a.byAddress.Admit(identity.NetworkOf(from), time.Now()); err != nil {
		return a.refuse(c, err)
	}
	who := a.resolve(ctx, c)
	if who.err == nil && who.actor.Tenant != "" {
		if err := a.byCaller.Admit(who.credential(), time.Now()); err != nil {
			return a.refuse(c, err)
		}
	}
	who.address, who.agent = from.String(), utils.CopyString(c.Get(fiber.HeaderUserAgent))
	who.actor.Address, who.actor.Trace = who.address, traceOf(ctx)
	if tid := utils.CopyString(c.Get(HeaderTenant)); tid != "" && who.err == nil && who.actor.Tenant != "" {
		who.actor, who.err = a.Tenants.As(ctx, who.actor, tid)
	}
	if a.Elevate != nil && who.actor.Tenant != "" {
		who.actor = a.Elevate(who.actor)
	}
	c.SetUserContext(context.WithValue(ctx, keyCaller, who))
	return c.Next()
}

// presented is what a request shows for a caller, copied.
type presented struct {
	authorization, cookie string
	from                  netip.Addr
}

func (a *API) presentedBy(c *fiber.Ctx) presented {
	return presented{utils.CopyString(c.Get(fiber.HeaderAuthorization)), utils.CopyString(c.Cookies(CookieName)), a.ClientAddr(c)}
}

func (a *API) resolve(ctx context.Context, c *fiber.Ctx) caller {
	p := a.presentedBy(c)
	if p.authorization == "" && p.cookie != "" && !sameOrigin(c) {
		return caller{err: errs.New(errs.Denied, "a write with a cookie must come from the panel's own pages")}
	}
	return p.prove(ctx, a.Identity)
}

// prove finds whom p names; nobody, when it names none.
func (p presented) prove(ctx context.Context, people *identity.Service) caller {
	scheme, value, _ := strings.Cut(p.authorization, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return bySession(ctx, people, strings.TrimSpace(value))
	case "basic":
		return byKey(ctx, people, p.from, strings.TrimSpace(value))
	case "":
	default:
		return caller{err: errs.New(errs.Unauthorized, "authorization must be Bearer (session) or Basic (access key)")}
	}
	if p.cookie == "" {
		return caller{}
	}
	return bySession(ctx, people, p.cookie)
}

// sameOrigin refuses cross-site writes that ride on a cookie. Browsers send Sec-Fetch-Site; older ones send Origin.
func sameOrigin(c *fiber.Ctx) bool {
	switch c.Method() {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
		return true
	}
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	o, err := url.Parse(c.Get(fiber.HeaderOrigin))
	return err == nil && o.Host != "" && o.Host == string(c.Request().Host())
}

func bySession(ctx context.Context, people *identity.Service, token string) caller {
	s, err := people.Resolve(ctx, token)
	if err != nil {
		return caller{err: err}
	}
	return caller{actor: s.Actor, session: s.ID, mustChange: s.MustChange}
}

func byKey(ctx context.Context, people *identity.Service, from netip.Addr, value string) caller {
	raw, err := base64.StdEncoding.DecodeString(value)
	kid, sec, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return caller{err: errs.New(errs.Unauthorized, "basic authorization must hold id:secret of an access key")}
	}
	k, err := people.AuthenticateKey(ctx, kid, secret.New(sec), from)
	if err != nil {
		return caller{err: err}
	}
	return caller{actor: k.Actor}
}

// who returns the actor of an endpoint's request, or why there is none. A person who must change their password may do
// that, look at themselves and sign out, and nothing else.
func (a *API) who(ctx context.Context, e endpoint) (actor.Actor, error) {
	c := callerOf(ctx)
	if e.open {
		return c.actor, nil
	}
	if c.err != nil {
		return c.actor, c.err
	}
	if c.actor.Tenant == "" {
		return c.actor, errs.New(errs.Unauthorized, "sign in first")
	}
	if c.mustChange && e.tag != tagAuth {
		return c.actor, errs.New(errs.Denied, "change your password first: POST /me/password")
	}
	if e.need != "" {
		if err := c.actor.Require(e.need); err != nil {
			return c.actor, err
		}
	}
	return c.actor, nil
}

// watcher is who opens a stream, and what tells later whether they still may.
func (a *API) watcher(c *fiber.Ctx) (stream.Caller, error) {
	ctx := c.UserContext()
	who, err := a.who(ctx, endpoint{})
	if err != nil {
		return stream.Caller{}, err
	}
	by, shown, tenant := callerOf(ctx), a.presentedBy(c), utils.CopyString(c.Get(HeaderTenant))
	return stream.Caller{Actor: who, Credential: by.credential(), Still: func(ctx context.Context) (actor.Actor, error) {
		now := shown.prove(ctx, a.Identity)
		if now.err == nil && now.actor.Tenant == "" {
			now.err = errs.New(errs.Unauthorized, "sign in first")
		}
		if now.err == nil && now.mustChange {
			now.err = errs.New(errs.Denied, "change your password first: POST /me/password")
		}
		if now.err == nil && tenant != "" {
			now.actor, now.err = a.Tenants.As(ctx, now.actor, tenant)
		}
		if now.err == nil && a.Elevate != nil {
			now.actor = a.Elevate(now.actor)
		}
		return now.actor, now.err
	}}, nil
}

// SessionOf tells the session of a request, for sign-out and password changes.
func sessionOf(ctx context.Context) string { return callerOf(ctx).session }
