package api_test

import (
	"context"
	"fmt"
	"testing"

	"culvert/panel/internal/identity"
	"culvert/panel/internal/tenant"
)

// A failed sign-in tells nothing: not whether a realm or a name exists, nor why an account is closed.
func TestSignInTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	acme, shut, gone := w.Reseller(t, "acme"), w.Reseller(t, "shut"), w.Reseller(t, "gone")
	for _, name := range []string{"ann", "bob"} {
		if _, err := w.People.AddLogin(ctx, acme, identity.NewLogin{Name: name, Password: password, Role: "readonly"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.People.ChangeAPISetting(ctx, shut, func(x *identity.APISetting) error { x.SignIn = false; return nil }); err != nil {
		t.Fatal(err)
	}
	suspended := tenant.Suspended
	if _, err := w.Tenants.Update(ctx, w.Operator, gone.Tenant, 0, tenant.Change{Status: &suspended}); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for i, c := range []struct{ why, name, password string }{
		{"wrong password", "ann@acme", "wrong"},
		{"no such name", "zed@acme", "wrong"},
		{"no such realm", "ann@nowhere", password},
		{"sign-in is off", "boss@shut", password},
		{"suspended tenant", "boss@gone", password},
		{"not a name at all", "a\x00b@acme", password},
		{"two realms", "ann@acme@acme", password},
	} {
		r := w.do(t, call{
			method: "POST", path: "/sessions", body: map[string]any{"name": c.name, "password": c.password},
			header: map[string]string{addressHeader: fmt.Sprintf("192.0.2.%d", i+1)},
		})
		delete(r.body, "trace")
		said[fmt.Sprint(r.status, r.body)] += c.why + "; "
	}
	if len(said) != 1 {
		t.Errorf("the answers differ: %v", said)
	}
}
