package api

import (
	"context"
	"net/http"

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
