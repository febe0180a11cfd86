package api

import (
	"context"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/identity"
)

type me struct {
	Kind        actor.Kind `json:"kind"`
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Email       string     `json:"email"`
	Language    string     `json:"language" doc:"en, zh, ko or ru; empty: what the tenant's pages are in"`
	Tenant      string     `json:"tenant"`
	TenantName  string     `json:"tenant_name"`
	Realm       string     `json:"realm" doc:"of the tenant; empty: the operator's"`
	Operator    bool       `json:"operator"`
	Permissions actor.Set  `json:"permissions"`
	MustChange  bool       `json:"must_change_password"`
	Version     string     `json:"version" doc:"of the panel"`
}

type patchMe struct {
	Body struct {
		Email    *string `json:"email,omitempty" maxLength:"254"`
		Language *string `json:"language,omitempty" enum:",en,zh,ko,ru"`
	}
}

// people are the endpoints of whoever is signed in.
type people struct{ *API }

func (a people) me(ctx context.Context, who actor.Actor) (*bare[me], error) {
	p, err := a.Identity.Profile(ctx, who)
	if err != nil {
		return nil, err
	}
	return &bare[me]{Body: me{
		Kind: who.Kind, ID: who.ID, Name: who.Name, Email: p.Email, Language: p.Language, Tenant: who.Tenant, TenantName: p.TenantName, Realm: p.Realm,
		Operator: who.Operator, Permissions: who.Permissions, MustChange: rest.CallerOf(ctx).MustChange, Version: a.Config.Version,
	}}, nil
}

func (a people) changeMe(ctx context.Context, who actor.Actor, in *patchMe) (*bare[me], error) {
	err := a.Identity.ChangeProfile(ctx, who, identity.ProfileChange{Email: in.Body.Email, Language: in.Body.Language})
	if err != nil {
		return nil, err
	}
	return a.me(ctx, who)
}
