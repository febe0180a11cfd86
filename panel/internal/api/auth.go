package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/identity"
)

type signInRequest struct {
	Body struct {
		Name     string      `json:"name" minLength:"1" maxLength:"256" doc:"login, with @realm for a reseller's people"`
		Password secretInput `json:"password" minLength:"1" maxLength:"1024"`
		Cookie   bool        `json:"cookie,omitempty" doc:"set the session cookie instead of answering with a token"`
	}
}

type signInResponse struct {
	SetCookie string `header:"Set-Cookie"`
	Body      struct {
		Token      string    `json:"token,omitempty" doc:"for Authorization: Bearer; shown once"`
		ExpiresAt  time.Time `json:"expires_at" doc:"moves with use"`
		MustChange bool      `json:"must_change_password"`
	}
}

type signOutResponse struct {
	SetCookie string `header:"Set-Cookie"`
}

type passwordRequest struct {
	Body struct {
		Old secretInput `json:"old_password" maxLength:"1024"`
		New secretInput `json:"new_password" maxLength:"1024"`
	}
}

func authEndpoints(a *API) {
	add(a, endpoint{method: http.MethodPost, path: "/sessions", id: "sign-in", summary: "Sign in", tag: tagAuth, open: true}, a.signIn)
	add(a, endpoint{method: http.MethodDelete, path: "/sessions/current", id: "sign-out", summary: "Sign out", tag: tagAuth}, a.signOut)
	add(a, endpoint{method: http.MethodGet, path: "/me", id: "who-am-i", summary: "Who am I", tag: tagAuth},
		func(ctx context.Context, who actor.Actor, _ *none) (*bare[me], error) { return people{a}.me(ctx, who) })
	add(a, endpoint{method: http.MethodPatch, path: "/me", id: "change-me", summary: "Change my address and language", tag: "me"}, people{a}.changeMe)
	add(a, endpoint{method: http.MethodPost, path: "/me/password", id: "change-my-password", summary: "Change my password", tag: tagAuth},
		func(ctx context.Context, who actor.Actor, in *passwordRequest) (*none, error) {
			return nil, a.Identity.ChangePassword(ctx, who, sessionOf(ctx), in.Body.Old.Secret(), in.Body.New.Secret())
		})
}

func (a *API) signIn(ctx context.Context, _ actor.Actor, in *signInRequest) (*signInResponse, error) {
	c := rest.CallerOf(ctx)
	s, err := a.Identity.SignIn(ctx, in.Body.Name, in.Body.Password.Secret(), c.Address, c.Agent)
	if err != nil {
		return nil, err
	}
	out := &signInResponse{}
	out.Body.ExpiresAt, out.Body.MustChange = s.ExpiresAt, s.MustChange
	if in.Body.Cookie {
		out.SetCookie = sessionCookie(s)
		return out, nil
	}
	out.Body.Token = s.Token.Reveal()
	return out, nil
}

func sessionCookie(s *identity.SignedIn) string {
	c := http.Cookie{
		Name: CookieName, Value: s.Token.Reveal(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	return c.String()
}

func (a *API) signOut(ctx context.Context, who actor.Actor, _ *none) (*signOutResponse, error) {
	if err := a.Identity.SignOut(ctx, who, sessionOf(ctx)); err != nil {
		return nil, err
	}
	c := http.Cookie{Name: CookieName, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1}
	return &signOutResponse{SetCookie: c.String()}, nil
}
