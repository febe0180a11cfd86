package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/tenant"
)

type createTenant struct {
	Body struct {
		Name       string   `json:"name" maxLength:"128"`
		Realm      string   `json:"realm" maxLength:"63" doc:"after @ in the logins of its subscribers and people"`
		NodeGroups []string `json:"node_groups,omitempty" doc:"ids it may use; empty: all"`
		Owner      struct {
			Name     string      `json:"name" maxLength:"63"`
			Email    string      `json:"email,omitempty" maxLength:"254"`
			Password secretInput `json:"password" maxLength:"1024"`
		} `json:"owner"`
	}
}

type patchTenant struct {
	ByID
	Matched
	Body struct {
		Name       *string   `json:"name,omitempty"`
		Status     *string   `json:"status,omitempty" enum:"active,suspended"`
		NodeGroups *[]string `json:"node_groups,omitempty"`
	}
}

func tenantVersion(t *tenant.Tenant) int64 { return t.Version }

func tenantEndpoints(a *API) {
	read, write := actor.May(actor.Tenants, actor.Read), actor.May(actor.Tenants, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/tenants", id: "create-tenant", summary: "Add a reseller with its owner", tag: "tenants", need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createTenant) (*one[tenant.Tenant], error) {
			b := &in.Body
			own, err := a.Identity.PrepareOwner(ctx, who, identity.NewLogin{
				Name: b.Owner.Name, Email: b.Owner.Email, Password: string(b.Owner.Password), MustChange: true,
			})
			if err != nil {
				return nil, err
			}
			t, err := a.Tenants.Create(ctx, who, tenant.New{Name: b.Name, Realm: b.Realm, NodeGroups: b.NodeGroups}, own)
			return answer(t, tenantVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/tenants", id: "list-tenants", summary: "List the tenants of the subtree", tag: "tenants", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[tenant.Tenant]], error) {
			l, err := a.Tenants.List(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return pageOf(l, in.Limit, func(t *tenant.Tenant) string { return t.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/tenants/{id}", id: "get-tenant", summary: "Get a tenant", tag: "tenants", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[tenant.Tenant], error) {
			t, err := a.Tenants.Get(ctx, who, in.ID)
			return answer(t, tenantVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/tenants/{id}", id: "update-tenant", summary: "Change, suspend or unsuspend a tenant", tag: "tenants", need: write},
		func(ctx context.Context, who actor.Actor, in *patchTenant) (*one[tenant.Tenant], error) {
			v, err := in.version()
			if err != nil {
				return nil, err
			}
			t, err := a.Tenants.Update(ctx, who, in.ID, v, tenant.Change{Name: in.Body.Name, Status: in.Body.Status, NodeGroups: in.Body.NodeGroups})
			return answer(t, tenantVersion, err)
		})
}

type createLogin struct {
	Body struct {
		Name        string      `json:"name" maxLength:"63"`
		Email       string      `json:"email,omitempty" maxLength:"254"`
		Password    secretInput `json:"password" maxLength:"1024"`
		Role        string      `json:"role" enum:"owner,admin,billing,support,readonly,custom"`
		Permissions []string    `json:"permissions,omitempty" doc:"resource:action, for role custom"`
	}
}

func loginEndpoints(a *API) {
	read, write := actor.May(actor.Logins, actor.Read), actor.May(actor.Logins, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/logins", id: "create-login", summary: "Add a login for staff", tag: "logins", need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createLogin) (*bare[identity.Login], error) {
			b := &in.Body
			l, err := a.Identity.AddLogin(ctx, who, identity.NewLogin{
				Name: b.Name, Email: b.Email, Password: string(b.Password), Role: b.Role, Permissions: b.Permissions, MustChange: true,
			})
			return wrap(l, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/logins", id: "list-logins", summary: "List the tenant's logins", tag: "logins", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[identity.Login]], error) {
			l, err := a.Identity.Logins(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return pageOf(l, in.Limit, func(l *identity.Login) string { return l.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/logins/{id}", id: "get-login", summary: "Get a login", tag: "logins", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[identity.Login], error) {
			l, err := a.Identity.Login(ctx, who, in.ID)
			return wrap(l, err)
		})
	add(a, endpoint{method: http.MethodDelete, path: "/logins/{id}", id: "delete-login", summary: "Delete a login and end its sessions", tag: "logins", need: write},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Identity.DeleteLogin(ctx, who, in.ID)
		})
}

func wrap[T any](v *T, err error) (*bare[T], error) {
	if err != nil {
		return nil, err
	}
	return &bare[T]{Body: *v}, nil
}

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
