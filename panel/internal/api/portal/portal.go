// Package portal is the part of the REST surface that subscribers use. It knows one kind of caller, the portal's visitor:
// staff and keys are strangers here, and visitors are strangers everywhere else. No endpoint takes the id of a subscriber:
// there is one only.
package portal

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/branding"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/brand"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/portal"
	"culvert/panel/internal/subscriber"
	"culvert/shared/unit"
)

// Prefix of the paths of this part.
const Prefix = "/portal"

// CookieName carries a browser's portal session.
const CookieName = "__Host-culvert_portal"

const tag = "portal"

// Config of this part.
type Config struct {
	Portal *portal.Service
	Brands *brand.Service
	Ledger subscriber.Ledger
	// Kick ends one session of a subscriber on every node.
	Kick func(ctx context.Context, who actor.Actor, s *subscriber.Subscriber, session string) error
}

type portalSignIn struct {
	Body struct {
		Login    string           `json:"login,omitempty" maxLength:"256" doc:"name, or name@realm"`
		Password rest.SecretInput `json:"password,omitempty" maxLength:"1024"`
		Realm    string           `json:"realm,omitempty" maxLength:"63" doc:"of the page, for a name without one; empty: the operator's"`
		Token    rest.SecretInput `json:"token,omitempty" maxLength:"64" doc:"of a subscription address, in the place of login and password"`
		Cookie   bool             `json:"cookie,omitempty" doc:"set the portal's cookie instead of answering with a token"`
	}
}

type portalSignedIn struct {
	SetCookie string `header:"Set-Cookie"`
	Body      struct {
		Token     string    `json:"token,omitempty" doc:"for Authorization: Bearer below /portal; shown once"`
		ExpiresAt time.Time `json:"expires_at" doc:"moves with use"`
	}
}

type signedOut struct {
	SetCookie string `header:"Set-Cookie"`
}

type selfUsage struct {
	Up          unit.Bytes  `json:"up"`
	Down        unit.Bytes  `json:"down"`
	Limit       *unit.Bytes `json:"limit" doc:"of this period, with what was bought; null: none"`
	Left        *unit.Bytes `json:"left"`
	PeriodStart time.Time   `json:"period_start"`
	NextReset   *time.Time  `json:"next_reset"`
}

type portalSelf struct {
	Name      string     `json:"name"`
	Login     string     `json:"login" doc:"user name for protocols that have one"`
	Status    string     `json:"status" enum:"on_hold,active,limited,expired,suspended"`
	Reason    string     `json:"reason"`
	Language  string     `json:"language"`
	Plan      string     `json:"plan"`
	Usage     selfUsage  `json:"usage"`
	ExpiresAt *time.Time `json:"expires_at"`
	Devices   struct {
		Limit int   `json:"limit" doc:"0: none"`
		InUse int64 `json:"in_use"`
	} `json:"devices"`
	Speed struct {
		Up   unit.BitRate `json:"up" doc:"bits per second; 0: no limit"`
		Down unit.BitRate `json:"down"`
	} `json:"speed"`
	Branding branding.Public `json:"branding"`
}

type patchPortalSelf struct {
	Body struct {
		Language string `json:"language" enum:"en,zh,ko,ru"`
	}
}

type usageRequest struct {
	From time.Time `query:"from" doc:"absent: 30 days ago"`
	To   time.Time `query:"to" doc:"absent: now"`
	Step string    `query:"step" enum:"hour,day,month" default:"day"`
}

// UsageBucket is what moved in one step of time.
type UsageBucket struct {
	At   time.Time  `json:"at"`
	Up   unit.Bytes `json:"up"`
	Down unit.Bytes `json:"down"`
}

type surface struct {
	*rest.Surface
	Config
}

func endpoint(method, path, id, summary string) rest.Endpoint {
	return rest.Endpoint{Method: method, Path: Prefix + path, ID: id, Summary: summary, Tag: tag, Portal: true}
}

// Endpoints adds this part.
func Endpoints(on *rest.Surface, c Config) {
	s := &surface{on, c}
	open := endpoint(http.MethodPost, "/sessions", "portal-sign-in", "Sign in as a subscriber, with name and password or with a subscription address")
	open.Portal, open.Open = false, true
	rest.Add(on, open, s.signIn)
	rest.Add(on, endpoint(http.MethodDelete, "/sessions/current", "portal-sign-out", "Sign out"), s.signOut)
	rest.Add(on, endpoint(http.MethodGet, "/sessions", "portal-list-sessions", "Where I am signed in"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[rest.Page[portal.PortalSession]], error) {
			l, err := s.Portal.Sessions(ctx, who, rest.CallerOf(ctx).Session)
			return rest.Wrap(&rest.Page[portal.PortalSession]{Items: l}, err)
		})
	rest.Add(on, endpoint(http.MethodDelete, "/sessions/{id}", "portal-end-session", "Sign out somewhere"),
		func(ctx context.Context, who actor.Actor, in *rest.ByID) (*rest.None, error) {
			return nil, s.Portal.EndSession(ctx, who, in.ID)
		})
	rest.Add(on, endpoint(http.MethodGet, "/me", "portal-me", "What I have"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[portalSelf], error) {
			return s.me(ctx, who)
		})
	rest.Add(on, endpoint(http.MethodPatch, "/me", "portal-change-me", "Change my language"),
		func(ctx context.Context, who actor.Actor, in *patchPortalSelf) (*rest.Bare[portalSelf], error) {
			if err := s.Portal.SetLanguage(ctx, who, in.Body.Language); err != nil {
				return nil, err
			}
			return s.me(ctx, who)
		})
	rest.Add(on, endpoint(http.MethodGet, "/usage", "portal-usage", "My traffic by time"), s.usage)
	rest.Add(on, endpoint(http.MethodGet, "/diagnosis", "portal-diagnosis", "Why I may be unable to connect"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[rest.Page[portal.Finding]], error) {
			l, err := s.Portal.Diagnosis(ctx, who)
			return rest.Wrap(&rest.Page[portal.Finding]{Items: l}, err)
		})
	rest.Add(on, endpoint(http.MethodGet, "/connections", "portal-list-connections", "My open connections, newest first"),
		func(ctx context.Context, who actor.Actor, _ *rest.None) (*rest.Bare[rest.Page[portal.Connection]], error) {
			l, err := s.Portal.Connections(ctx, who)
			return rest.Wrap(&rest.Page[portal.Connection]{Items: l}, err)
		})
	kick := endpoint(http.MethodPost, "/connections/{id}/kick", "portal-kick", "End one of my connections")
	kick.Status = http.StatusAccepted
	rest.Add(on, kick, func(ctx context.Context, who actor.Actor, in *rest.ByID) (*rest.None, error) {
		sub, err := s.Portal.Connected(ctx, who, in.ID)
		if err != nil {
			return nil, err
		}
		return nil, s.Kick(ctx, who, sub, in.ID)
	})
	s.profiles()
	s.devices()
}

func (s *surface) signIn(ctx context.Context, _ actor.Actor, in *portalSignIn) (*portalSignedIn, error) {
	c, b := rest.CallerOf(ctx), &in.Body
	var f errs.Faults
	f.Check(b.Token == "" || b.Login == "" && b.Password == "", "token", "stands alone, without login and password")
	f.Check(b.Token != "" || b.Login != "", "login", "is required")
	f.Check(b.Token != "" || b.Password != "", "password", "is required")
	if err := f.Err(); err != nil {
		return nil, err
	}
	var x *portal.SignedIn
	var err error
	if b.Token != "" {
		x, err = s.Portal.SignInByLink(ctx, string(b.Token), c.Address, c.Agent)
	} else {
		x, err = s.Portal.SignIn(ctx, b.Login, b.Realm, b.Password.Secret(), c.Address, c.Agent)
	}
	if err != nil {
		return nil, err
	}
	out := &portalSignedIn{}
	out.Body.ExpiresAt = x.ExpiresAt
	if b.Cookie {
		out.SetCookie = cookie(x.Token.Reveal(), 0)
		return out, nil
	}
	out.Body.Token = x.Token.Reveal()
	return out, nil
}

func cookie(value string, age int) string {
	c := http.Cookie{Name: CookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: age}
	return c.String()
}

func (s *surface) signOut(ctx context.Context, who actor.Actor, _ *rest.None) (*signedOut, error) {
	if err := s.Portal.EndSession(ctx, who, rest.CallerOf(ctx).Session); err != nil {
		return nil, err
	}
	return &signedOut{SetCookie: cookie("", -1)}, nil
}

func (s *surface) me(ctx context.Context, who actor.Actor) (*rest.Bare[portalSelf], error) {
	x, err := s.Portal.Self(ctx, who)
	if err != nil {
		return nil, err
	}
	b, err := s.Brands.For(ctx, x.Realm, "")
	if err != nil {
		return nil, err
	}
	out := portalSelf{
		Name: x.Name, Login: x.Login, Status: x.Status, Reason: x.Reason, Language: x.Language, Plan: x.PlanName, ExpiresAt: x.ExpiresAt,
		Usage:    selfUsage{Up: x.Usage.Up, Down: x.Usage.Down, PeriodStart: x.PeriodStart, NextReset: x.NextReset},
		Branding: branding.PublicOf(b),
	}
	if left, limited := x.Left(); limited {
		limit := unit.AddSat(x.TrafficLimit, x.Subscriber.Usage.Granted)
		out.Usage.Limit, out.Usage.Left = &limit, &left
	}
	out.Devices.Limit, out.Devices.InUse = x.Subscriber.Devices, x.DevicesInUse
	out.Speed.Up, out.Speed.Down = x.SpeedUp, x.SpeedDown
	return &rest.Bare[portalSelf]{Body: out}, nil
}

func (s *surface) usage(ctx context.Context, who actor.Actor, in *usageRequest) (*rest.Bare[rest.Page[UsageBucket]], error) {
	if in.To.IsZero() {
		in.To = time.Now().UTC().Add(time.Hour) // a node's clock may be a little ahead
	}
	if in.From.IsZero() {
		in.From = in.To.AddDate(0, 0, -30)
	}
	l, err := s.Ledger.Traffic(ctx, who, subscriber.TrafficQuery{Subscriber: who.ID, From: in.From, To: in.To, Step: in.Step})
	if err != nil {
		return nil, err
	}
	out := rest.Page[UsageBucket]{Items: []UsageBucket{}}
	for _, x := range l {
		out.Items = append(out.Items, UsageBucket{At: x.At, Up: x.Up, Down: x.Down})
	}
	return &rest.Bare[rest.Page[UsageBucket]]{Body: out}, nil
}
