package command

import (
	"context"
	"strings"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/tenant"
)

// tenantCommands are the operator's: resellers, each of them what Hestia calls a server (hestia-api.md §9.8).
type tenantCommands struct{ *core }

func (g tenantCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-tenants", Spec: "[FORMAT:format=shell]", Role: registry.Platform, Run: g.all, About: "lists the resellers by realm"},
		{Name: "v-add-tenant", Spec: "TENANT:realm OWNER:login PASSWORD:password EMAIL:email [PACKAGE:ignored] [NAME:name]", Role: registry.Platform, Traits: registry.Writes, Codes: []int{registry.ExitExists}, Run: g.add, About: "adds a reseller with its owner's login; the name after @ in its users' logins is TENANT"},
		{Name: "v-suspend-tenant", Spec: "TENANT:realm", Role: registry.Platform, Traits: registry.Writes, Codes: []int{registry.ExitSuspended}, Run: g.suspend, About: "shuts a reseller, its keys and its users out"},
		{Name: "v-unsuspend-tenant", Spec: "TENANT:realm", Role: registry.Platform, Traits: registry.Writes, Codes: []int{registry.ExitUnsuspended}, Run: g.unsuspend, About: "lets a suspended reseller back in"},
	}
}

func (g tenantCommands) all(ctx context.Context, c *registry.Call) error {
	t := &shape.Table{KeyName: "TENANT"}
	after := ""
	for {
		page, err := g.Tenants.List(ctx, c.Actor, after, largestPage)
		if err != nil {
			return err
		}
		for i := range page {
			if x := &page[i]; x.ID != c.Actor.Tenant {
				t.Rows = append(t.Rows, shape.Row{Key: x.Realm, Fields: []shape.Field{
					shape.F("NAME", x.Name), shape.F("STATUS", x.Status), shape.F("SUSPENDED", yesNo(x.Status == tenant.Suspended)),
					shape.F("TIME", x.CreatedAt.UTC().Format(time.TimeOnly)), shape.F("DATE", x.CreatedAt.UTC().Format(time.DateOnly)),
					shape.F("CREATED_AT", x.CreatedAt.UTC().Format(time.RFC3339)), shape.F("ID", x.ID),
				}})
			}
		}
		if len(page) < largestPage {
			return c.Show(t)
		}
		after = page[len(page)-1].ID
	}
}

func (g tenantCommands) add(ctx context.Context, c *registry.Call) error {
	password, err := g.given(ctx, c, "PASSWORD")
	if err != nil {
		return err
	}
	owner, err := g.People.PrepareOwner(ctx, c.Actor, identity.NewLogin{
		Name: strings.ToLower(c.Str("OWNER")), Email: c.Str("EMAIL"), Password: password.Reveal(),
	})
	if err != nil {
		return err
	}
	name := c.Str("NAME")
	if name == "" {
		name = c.Str("TENANT")
	}
	_, err = g.Tenants.Create(ctx, c.Actor, tenant.New{Name: name, Realm: c.Str("TENANT")}, owner)
	return err
}

func (g tenantCommands) suspend(ctx context.Context, c *registry.Call) error {
	return g.move(ctx, c, tenant.Active, tenant.Suspended,
		registry.WithCode(registry.ExitSuspended, errs.New(errs.State, "tenant %s is suspended", c.Str("TENANT"))))
}

func (g tenantCommands) unsuspend(ctx context.Context, c *registry.Call) error {
	return g.move(ctx, c, tenant.Suspended, tenant.Active,
		registry.WithCode(registry.ExitUnsuspended, errs.New(errs.State, "tenant %s is active", c.Str("TENANT"))))
}

func (g tenantCommands) move(ctx context.Context, c *registry.Call, from, to string, already error) error {
	t, err := g.Tenants.ByRealm(ctx, c.Actor, c.Str("TENANT"))
	if err != nil {
		return err
	}
	if t.Status != from {
		return already
	}
	_, err = g.Tenants.Update(ctx, c.Actor, t.ID, t.Version, tenant.Change{Status: &to})
	return err
}
