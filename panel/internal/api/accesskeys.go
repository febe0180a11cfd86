package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
)

type createKey struct {
	Body struct {
		Owner       string     `json:"owner,omitempty" maxLength:"63" doc:"login it acts for; empty: the caller's"`
		Sets        []string   `json:"sets,omitempty" doc:"permission sets of the command interface"`
		Permissions []string   `json:"permissions,omitempty" doc:"resource:action, for this interface"`
		Full        bool       `json:"full,omitempty" doc:"instead of sets and permissions: all that its owner may, everywhere"`
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

// wants refuses a key that says nothing of what it is for: an empty variable in a script must not make the widest key
// there is. A misspelt set would make one that opens nothing.
func (a *Config) wants(sets, permissions []string, full bool) error {
	var f errs.Faults
	given := len(sets)+len(permissions) > 0
	f.Check(given || full, "permissions", "or sets must be given; full, for all that the owner may")
	f.Check(!given || !full, "full", "stands alone, without sets and permissions")
	for i, name := range sets {
		f.Check(a.KnownSet == nil || a.KnownSet(name), fmt.Sprintf("sets[%d]", i), "%q is not the name of a permission set", name)
	}
	return f.Err()
}

func keyEndpoints(a *API) {
	read, write := actor.May(actor.Keys, actor.Read), actor.May(actor.Keys, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/access-keys", id: "create-access-key", summary: "Make an access key", tag: "access-keys", need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createKey) (*bare[freshKey], error) {
			b := &in.Body
			if err := a.wants(b.Sets, b.Permissions, b.Full); err != nil {
				return nil, err
			}
			k, s, err := a.Identity.AddKey(ctx, who, identity.NewKey{
				Owner: b.Owner, Sets: b.Sets, Permissions: b.Permissions, Addresses: b.Addresses, Comment: b.Comment,
				Idempotent: b.Idempotent, ExpiresAt: b.ExpiresAt,
			})
			if err != nil {
				return nil, err
			}
			return &bare[freshKey]{Body: freshKey{*k, s.Reveal()}}, nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/access-keys", id: "list-access-keys", summary: "List access keys", tag: "access-keys", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[identity.AccessKey]], error) {
			l, err := a.Identity.Keys(ctx, who, "", in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(k *identity.AccessKey) string { return k.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/access-keys/{id}", id: "get-access-key", summary: "Get an access key, without its secret", tag: "access-keys", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[identity.AccessKey], error) {
			k, err := a.Identity.Key(ctx, who, in.ID)
			return rest.Wrap(k, err)
		})
	add(a, endpoint{method: http.MethodPost, path: "/access-keys/{id}/rotate", id: "rotate-access-key", summary: "Give an access key a new secret", tag: "access-keys", need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[freshSecret], error) {
			s, err := a.Identity.RotateKey(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			return &bare[freshSecret]{Body: freshSecret{s.Reveal()}}, nil
		})
	add(a, endpoint{method: http.MethodDelete, path: "/access-keys/{id}", id: "revoke-access-key", summary: "Revoke an access key", tag: "access-keys", need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Identity.RevokeKey(ctx, who, in.ID)
		})
}
