package api

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/errs"
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
			Password secretInput `json:"password,omitempty" maxLength:"1024" doc:"empty: generated"`
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
	add(a, endpoint{method: http.MethodPost, path: "/tenants", id: "create-tenant", summary: "Add a reseller with its owner", tag: "tenants", need: write, status: 201}, a.createTenant)
	add(a, endpoint{method: http.MethodGet, path: "/tenants", id: "list-tenants", summary: "List the tenants of the subtree", tag: "tenants", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[tenant.Tenant]], error) {
			l, err := a.Tenants.List(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(t *tenant.Tenant) string { return t.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/tenants/{id}", id: "get-tenant", summary: "Get a tenant", tag: "tenants", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[tenant.Tenant], error) {
			t, err := a.Tenants.Get(ctx, who, in.ID)
			return rest.Answer(t, tenantVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/tenants/{id}", id: "update-tenant", summary: "Change, suspend or unsuspend a tenant", tag: "tenants", need: write},
		func(ctx context.Context, who actor.Actor, in *patchTenant) (*one[tenant.Tenant], error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			t, err := a.Tenants.Update(ctx, who, in.ID, v, tenant.Change{Name: in.Body.Name, Status: in.Body.Status, NodeGroups: in.Body.NodeGroups})
			return rest.Answer(t, tenantVersion, err)
		})
}

// freshTenant is a tenant whose owner's password the panel chose.
type freshTenant struct {
	tenant.Tenant
	OwnerPassword string `json:"owner_password,omitempty" doc:"when it was generated; shown once, to be changed at the first sign-in"`
}

// createTenant reports what is wrong with the tenant and with its owner at once, under the names of the request.
func (a *API) createTenant(ctx context.Context, who actor.Actor, in *createTenant) (*one[freshTenant], error) {
	b := &in.Body
	password, generated := b.Owner.Password.OrGenerated(identity.GeneratePassword)
	n := tenant.New{Name: b.Name, Realm: b.Realm, NodeGroups: b.NodeGroups}
	owner := identity.NewLogin{Name: b.Owner.Name, Email: b.Owner.Email, Password: password, Role: "owner", MustChange: true}
	var f errs.Faults
	f.Merge("", n.Check())
	f.Merge("owner.", owner.Check())
	if err := f.Err(); err != nil {
		return nil, err
	}
	own, err := a.Identity.PrepareOwner(ctx, who, owner)
	if err != nil {
		return nil, err
	}
	t, err := a.Tenants.Create(ctx, who, n, own)
	if err != nil {
		return nil, err
	}
	return &one[freshTenant]{ETag: rest.ETag(t.Version), Body: freshTenant{*t, generated}}, nil
}
