package api

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/identity"
)

const tagLogins = "logins"

type createLogin struct {
	Body struct {
		Name        string      `json:"name" maxLength:"63"`
		Email       string      `json:"email,omitempty" maxLength:"254"`
		Password    secretInput `json:"password,omitempty" maxLength:"1024" doc:"empty: generated"`
		Role        string      `json:"role" enum:"owner,admin,billing,support,readonly,custom"`
		Permissions []string    `json:"permissions,omitempty" doc:"resource:action, for role custom"`
	}
}

type patchLogin struct {
	ByID
	Matched
	Body struct {
		Name        *string   `json:"name,omitempty" maxLength:"63" doc:"its access keys follow"`
		Email       *string   `json:"email,omitempty" maxLength:"254"`
		Role        *string   `json:"role,omitempty" enum:"owner,admin,billing,support,readonly,custom"`
		Permissions *[]string `json:"permissions,omitempty" doc:"resource:action, for role custom"`
	}
}

// ByLogin is a request that names a login and may insist on a version.
type ByLogin struct {
	ByID
	Matched
}

// freshLogin is a login whose password the panel chose.
type freshLogin struct {
	identity.Login
	Password string `json:"password,omitempty" doc:"when it was generated; shown once, to be changed at the first sign-in"`
}

type freshPassword struct {
	Password string `json:"password" doc:"shown once; to be changed at the next sign-in"`
}

func loginVersion(l *identity.Login) int64 { return l.Version }

type loginAnswer = one[identity.Login]

func loginEndpoints(a *API) {
	read, write := actor.May(actor.Logins, actor.Read), actor.May(actor.Logins, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/logins", id: "create-login", summary: "Add a login for staff", tag: tagLogins, need: write, status: 201}, a.createLogin)
	add(a, endpoint{method: http.MethodGet, path: "/logins", id: "list-logins", summary: "List the tenant's logins", tag: tagLogins, need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[identity.Login]], error) {
			l, err := a.Identity.Logins(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(l *identity.Login) string { return l.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/logins/{id}", id: "get-login", summary: "Get a login", tag: tagLogins, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*loginAnswer, error) {
			l, err := a.Identity.Login(ctx, who, in.ID)
			return rest.Answer(l, loginVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/logins/{id}", id: "update-login", summary: "Change a login's name, address or role; nobody lifts anybody above themselves", tag: tagLogins, need: write},
		func(ctx context.Context, who actor.Actor, in *patchLogin) (*loginAnswer, error) {
			b := &in.Body
			return a.updateLogin(ctx, who, &ByLogin{in.ByID, in.Matched}, identity.LoginChange{Name: b.Name, Email: b.Email, Role: b.Role, Permissions: b.Permissions})
		})
	add(a, endpoint{method: http.MethodDelete, path: "/logins/{id}", id: "delete-login", summary: "Delete a login, its sessions and its access keys; the last owner stays", tag: tagLogins, need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Identity.DeleteLogin(ctx, who, in.ID)
		})
	loginActions(a, write)
}

func loginActions(a *API, write actor.Permission) {
	action := func(verb, summary string) endpoint {
		return endpoint{method: http.MethodPost, path: "/logins/{id}/" + verb, id: verb + "-login", summary: summary, tag: tagLogins, need: write}
	}
	for _, v := range []struct{ verb, summary, status string }{
		{"suspend", "Refuse a login and its access keys, and end its sessions; the last owner stays", "suspended"},
		{"unsuspend", "Let a suspended login back in", "active"},
	} {
		add(a, action(v.verb, v.summary), func(ctx context.Context, who actor.Actor, in *ByLogin) (*loginAnswer, error) {
			return a.updateLogin(ctx, who, in, identity.LoginChange{Status: &v.status})
		})
	}
	add(a, action("reset-password", "Give a login a generated password and end its sessions"),
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[freshPassword], error) {
			p, err := a.Identity.ResetPassword(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			return &bare[freshPassword]{Body: freshPassword{p.Reveal()}}, nil
		})
}

func (a *API) createLogin(ctx context.Context, who actor.Actor, in *createLogin) (*bare[freshLogin], error) {
	b := &in.Body
	password, generated := b.Password.OrGenerated(identity.GeneratePassword)
	l, err := a.Identity.AddLogin(ctx, who, identity.NewLogin{
		Name: b.Name, Email: b.Email, Password: password, Role: b.Role, Permissions: b.Permissions, MustChange: true,
	})
	if err != nil {
		return nil, err
	}
	return &bare[freshLogin]{Body: freshLogin{*l, generated}}, nil
}

func (a *API) updateLogin(ctx context.Context, who actor.Actor, in *ByLogin, c identity.LoginChange) (*loginAnswer, error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	l, err := a.Identity.UpdateLogin(ctx, who, in.ID, v, c)
	return rest.Answer(l, loginVersion, err)
}
