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
	"culvert/panel/internal/api/portal"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	visitors "culvert/panel/internal/portal"
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

// authenticate settles who asks. It copies what it keeps: Fiber reuses the request's memory.
func (a *API) authenticate(c *fiber.Ctx) error {
	ctx := rest.WithTrace(c.UserContext(), id.New(id.Request))
	c.Set(headerTrace, rest.TraceOf(ctx))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	from := a.ClientAddr(c)
	c.SetUserContext(ctx)
	if err := a.byAddress.Admit(identity.NetworkOf(from), time.Now()); err != nil {
		return a.refuse(c, err)
	}
	visits := strings.HasPrefix(c.Path(), Prefix+portal.Prefix+"/")
	var who rest.Caller
	if visits {
		who = resolveVisitor(ctx, c, a.Portal)
	} else {
		who = a.resolve(ctx, c)
	}
	if who.Err == nil && who.Actor.Tenant != "" {
		if err := a.byCaller.Admit(who.Credential(), time.Now()); err != nil {
			return a.refuse(c, err)
		}
	}
	who.Address, who.Agent = from.String(), utils.CopyString(c.Get(fiber.HeaderUserAgent))
	who.Host = string(c.Request().Host())
	who.Actor.Address, who.Actor.Trace = who.Address, rest.TraceOf(ctx)
	if tid := utils.CopyString(c.Get(HeaderTenant)); tid != "" && !visits && who.Err == nil && who.Actor.Tenant != "" {
		who.Actor, who.Err = a.Tenants.As(ctx, who.Actor, tid)
	}
	if a.Elevate != nil && who.Actor.Tenant != "" {
		who.Actor = a.Elevate(who.Actor)
	}
	c.SetUserContext(rest.WithCaller(ctx, who))
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

func (a *API) resolve(ctx context.Context, c *fiber.Ctx) rest.Caller {
	p := a.presentedBy(c)
	if p.authorization == "" && p.cookie != "" && !sameOrigin(c) {
		return rest.Caller{Err: errs.New(errs.Denied, "a write with a cookie must come from the panel's own pages")}
	}
	return p.prove(ctx, a.Identity)
}

// resolveVisitor settles who asks of the portal. No credential of staff means anything there.
func resolveVisitor(ctx context.Context, c *fiber.Ctx, at *visitors.Service) rest.Caller {
	scheme, token, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	switch {
	case strings.EqualFold(scheme, "bearer"):
	case scheme != "":
		return rest.Caller{Err: errs.New(errs.Unauthorized, "authorization must be Bearer (portal session)")}
	default:
		if token = utils.CopyString(c.Cookies(portal.CookieName)); token == "" {
			return rest.Caller{}
		}
		if !sameOrigin(c) {
			return rest.Caller{Err: errs.New(errs.Denied, "a write with a cookie must come from the panel's own pages")}
		}
	}
	v, err := at.Resolve(ctx, strings.TrimSpace(token))
	if err != nil {
		return rest.Caller{Err: err}
	}
	return rest.Caller{Actor: v.Actor, Session: v.Session, Portal: true}
}

// prove finds whom p names; nobody, when it names none.
func (p presented) prove(ctx context.Context, people *identity.Service) rest.Caller {
	scheme, value, _ := strings.Cut(p.authorization, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return bySession(ctx, people, strings.TrimSpace(value))
	case "basic":
		return byKey(ctx, people, p.from, strings.TrimSpace(value))
	case "":
	default:
		return rest.Caller{Err: errs.New(errs.Unauthorized, "authorization must be Bearer (session) or Basic (access key)")}
	}
	if p.cookie == "" {
		return rest.Caller{}
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

func bySession(ctx context.Context, people *identity.Service, token string) rest.Caller {
	s, err := people.Resolve(ctx, token)
	if err != nil {
		return rest.Caller{Err: err}
	}
	return rest.Caller{Actor: s.Actor, Session: s.ID, MustChange: s.MustChange}
}

func byKey(ctx context.Context, people *identity.Service, from netip.Addr, value string) rest.Caller {
	raw, err := base64.StdEncoding.DecodeString(value)
	kid, sec, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return rest.Caller{Err: errs.New(errs.Unauthorized, "basic authorization must hold id:secret of an access key")}
	}
	k, err := people.AuthenticateKey(ctx, kid, secret.New(sec), from)
	if err != nil {
		return rest.Caller{Err: err}
	}
	return rest.Caller{Actor: k.Actor}
}

// who returns the actor of an endpoint's request, or why there is none. A person who must change their password may do
// that, look at themselves and sign out, and nothing else.
func (a *API) who(ctx context.Context, e rest.Endpoint) (actor.Actor, error) {
	c := rest.CallerOf(ctx)
	if e.Open {
		return c.Actor, nil
	}
	if e.Portal != c.Portal && c.Err == nil {
		return actor.Actor{}, errs.New(errs.Unauthorized, "sign in first")
	}
	if c.Err != nil {
		return c.Actor, c.Err
	}
	if c.Actor.Tenant == "" {
		return c.Actor, errs.New(errs.Unauthorized, "sign in first")
	}
	if c.MustChange && e.Tag != tagAuth {
		return c.Actor, errs.New(errs.Denied, "change your password first: POST /me/password")
	}
	if e.Need != "" {
		if err := c.Actor.Require(e.Need); err != nil {
			return c.Actor, err
		}
	}
	return c.Actor, nil
}

// watcher is who opens a stream, and what tells later whether they still may.
func (a *API) watcher(c *fiber.Ctx) (stream.Caller, error) {
	ctx := c.UserContext()
	who, err := a.who(ctx, rest.Endpoint{})
	if err != nil {
		return stream.Caller{}, err
	}
	by, shown, tenant := rest.CallerOf(ctx), a.presentedBy(c), utils.CopyString(c.Get(HeaderTenant))
	return stream.Caller{Actor: who, Credential: by.Credential(), Still: func(ctx context.Context) (actor.Actor, error) {
		now := shown.prove(ctx, a.Identity)
		if now.Err == nil && now.Actor.Tenant == "" {
			now.Err = errs.New(errs.Unauthorized, "sign in first")
		}
		if now.Err == nil && now.MustChange {
			now.Err = errs.New(errs.Denied, "change your password first: POST /me/password")
		}
		if now.Err == nil && tenant != "" {
			now.Actor, now.Err = a.Tenants.As(ctx, now.Actor, tenant)
		}
		if now.Err == nil && a.Elevate != nil {
			now.Actor = a.Elevate(now.Actor)
		}
		return now.Actor, now.Err
	}}, nil
}

// SessionOf tells the session of a request, for sign-out and password changes.
func sessionOf(ctx context.Context) string { return rest.CallerOf(ctx).Session }
