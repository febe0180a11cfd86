package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/identity"
)

type createKey struct {
	Body struct {
		Owner       string     `json:"owner,omitempty" maxLength:"63" doc:"login it acts for; empty: the caller's"`
		Sets        []string   `json:"sets,omitempty" doc:"permission sets of the command interface"`
		Permissions []string   `json:"permissions,omitempty" doc:"resource:action; with sets empty too: the owner's"`
		Addresses   []string   `json:"addresses,omitempty" doc:"addresses and CIDR prefixes; empty: any"`
		Comment     string     `json:"comment,omitempty" maxLength:"255"`
		Idempotent  bool       `json:"idempotent,omitempty" doc:"commands answer 0 where nothing was left to do"`
		ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	}
}

type freshKey struct {
	identity.AccessKey
	Secret string `json:"secret" doc:"shown once"`
}

type freshSecret struct {
	Secret string `json:"secret" doc:"shown once; the old one stays good for 24 hours"`
}

func keyEndpoints(a *API) {
	read, write := actor.May(actor.Keys, actor.Read), actor.May(actor.Keys, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/access-keys", id: "create-access-key", summary: "Make an access key", tag: "access-keys", need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createKey) (*bare[freshKey], error) {
			b := &in.Body
			k, s, err := a.Identity.AddKey(ctx, who, identity.NewKey{
				Owner: b.Owner, Sets: b.Sets, Permissions: b.Permissions, Addresses: b.Addresses, Comment: b.Comment,
				Idempotent: b.Idempotent, ExpiresAt: b.ExpiresAt,
			})
			if err != nil {
				return nil, err
			}
			return &bare[freshKey]{freshKey{*k, s.Reveal()}}, nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/access-keys", id: "list-access-keys", summary: "List access keys", tag: "access-keys", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[identity.AccessKey]], error) {
			l, err := a.Identity.Keys(ctx, who, "", in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return pageOf(l, in.Limit, func(k *identity.AccessKey) string { return k.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/access-keys/{id}", id: "get-access-key", summary: "Get an access key, without its secret", tag: "access-keys", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[identity.AccessKey], error) {
			k, err := a.Identity.Key(ctx, who, in.ID)
			return wrap(k, err)
		})
	add(a, endpoint{method: http.MethodPost, path: "/access-keys/{id}/rotate", id: "rotate-access-key", summary: "Give an access key a new secret", tag: "access-keys", need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[freshSecret], error) {
			s, err := a.Identity.RotateKey(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			return &bare[freshSecret]{freshSecret{s.Reveal()}}, nil
		})
	add(a, endpoint{method: http.MethodDelete, path: "/access-keys/{id}", id: "revoke-access-key", summary: "Revoke an access key", tag: "access-keys", need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Identity.RevokeKey(ctx, who, in.ID)
		})
}
