package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

type world struct {
	*fleet.Service
	db       *pg.DB
	vault    *vault.Vault
	op       actor.Actor
	reseller actor.Actor
}

func operator(root string) actor.Actor {
	return actor.Actor{
		Tenant: root, Home: root, Kind: actor.Login, ID: "lgn_x", Name: "admin", Permissions: actor.Full(), Operator: true,
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	db := pgtest.New(t)
	tenants := &tenant.Service{DB: db}
	root, err := tenants.Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Service: fleet.New(fleet.Config{DB: db, Vault: v, Heartbeat: time.Second}), db: db, vault: v, op: operator(root)}
	child, err := tenants.Create(ctx, w.op, tenant.New{Name: "Reseller", Realm: "reseller"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.reseller = actor.Actor{Tenant: child.ID, Home: child.ID, Kind: actor.Login, Name: "r", Permissions: actor.Full()}
	return w
}

func csr(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return csrFor(t, key)
}

func csrFor(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func leaf(t *testing.T, chain string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(chain))
	return must[*x509.Certificate](t)(x509.ParseCertificate(block.Bytes))
}

func (w *world) enrolled(t *testing.T, name string) (*fleet.Node, *x509.Certificate) {
	t.Helper()
	ctx := t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: name}))
	tok := must[*fleet.Token](t)(w.CreateToken(ctx, w.op, n.ID, 0))
	is := must[*fleet.Issued](t)(w.Enrol(ctx, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr(t), Version: "1", Capability: 1}, "192.0.2.1"))
	return must[*fleet.Node](t)(w.Get(ctx, w.op, n.ID)), leaf(t, is.Chain)
}

func TestNodesAndGroups(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	g := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "eu", ""))
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1", Host: "ams1.example.net", Groups: []string{g.ID}}))
	if n.Status != fleet.StatusWaiting || len(n.Groups) != 1 || n.Online {
		t.Fatalf("fresh node is %+v", n)
	}
	if _, err := w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second ams1 gives %v", err)
	}
	name, none := "ams2", []string{}
	up := must[*fleet.Node](t)(w.Update(ctx, w.op, n.ID, n.Version, fleet.Change{Name: &name, Groups: &none}))
	if up.Name != "ams2" || len(up.Groups) != 0 || up.Version != 2 {
		t.Fatalf("updated node is %+v", up)
	}
	if _, err := w.Update(ctx, w.op, n.ID, 1, fleet.Change{Name: &name}); !errs.Is(err, errs.Stale) {
		t.Errorf("an update of version 1 gives %v", err)
	}
	for i := range 3 {
		must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "n" + string(rune('a'+i)), Groups: []string{g.ID}}))
	}
	page := must[[]fleet.Node](t)(w.List(ctx, w.op, fleet.Filter{Group: g.ID}, "", 2))
	rest := must[[]fleet.Node](t)(w.List(ctx, w.op, fleet.Filter{Group: g.ID}, page[1].ID, 2))
	if len(page) != 2 || len(rest) != 1 || rest[0].ID <= page[1].ID {
		t.Errorf("pages of %d and %d", len(page), len(rest))
	}
	if err := w.DeleteGroup(ctx, w.op, g.ID, 0); err != nil {
		t.Errorf("delete group: %v", err)
	}
	if err := w.Delete(ctx, w.op, n.ID, 2); err != nil {
		t.Errorf("delete node: %v", err)
	}
	if _, err := w.Get(ctx, w.op, n.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("a deleted node gives %v", err)
	}
}

func TestFieldsAreChecked(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for name, in := range map[string]fleet.NewNode{
		"empty name":     {},
		"name with /":    {Name: "a/b"},
		"host with port": {Name: "a", Host: "a.example:443"},
		"unknown group":  {Name: "a", Groups: []string{id.New(id.NodeGroup)}},
		"no group id":    {Name: "a", Groups: []string{"eu"}},
		"long comment":   {Name: "a", Comment: strings.Repeat("x", 256)},
	} {
		if _, err := w.Create(ctx, w.op, in); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	if _, err := w.List(ctx, w.op, fleet.Filter{}, "", 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("a page of 0 gives %v", err)
	}
}

func TestResellersManageNoNodes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}))
	if _, err := w.Create(ctx, w.reseller, fleet.NewNode{Name: "mine"}); !errs.Is(err, errs.Denied) {
		t.Errorf("create: %v", err)
	}
	if _, err := w.Get(ctx, w.reseller, n.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("get: %v", err)
	}
	if got := must[[]fleet.Node](t)(w.List(ctx, w.reseller, fleet.Filter{}, "", 10)); len(got) != 0 {
		t.Errorf("list shows %d nodes", len(got))
	}
	for what, err := range map[string]error{
		"revoke": second(w.Revoke(ctx, w.reseller, n.ID, 0)),
		"token":  second(w.CreateToken(ctx, w.reseller, n.ID, 0)),
		"delete": w.Delete(ctx, w.reseller, n.ID, 0),
		"group":  second(w.CreateGroup(ctx, w.reseller, "g", "")),
	} {
		if !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	acting := w.op
	acting.Tenant = w.reseller.Tenant
	if _, err := w.Get(ctx, acting, n.ID); err != nil {
		t.Errorf("the operator, at work for a reseller, does not see its node: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestGroupsAreGrantedDownTheTree(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	tenants := &tenant.Service{DB: w.db}
	eu := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "eu", ""))
	us := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "us", ""))
	sub := must[*tenant.Tenant](t)(tenants.Create(ctx, w.reseller, tenant.New{Name: "Sub", Realm: "sub"}, nil))
	subActor := w.reseller
	subActor.Tenant, subActor.Home = sub.ID, sub.ID
	check := func(a actor.Actor, tenant, group string) bool {
		err := w.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error { return w.CheckGroups(ctx, tx, tenant, "node_groups", []string{group}) })
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatal(err)
		}
		return err == nil
	}
	if !check(w.op, w.op.Tenant, eu.ID) || !check(w.reseller, w.reseller.Tenant, eu.ID) || !check(subActor, sub.ID, us.ID) {
		t.Error("an empty list of grants must mean all groups")
	}
	only := []string{eu.ID}
	must[*tenant.Tenant](t)(tenants.Update(ctx, w.op, w.reseller.Tenant, 0, tenant.Change{NodeGroups: &only}))
	for _, c := range []struct {
		what          string
		a             actor.Actor
		tenant, group string
		want          bool
	}{
		{"reseller, granted", w.reseller, w.reseller.Tenant, eu.ID, true},
		{"reseller, not granted", w.reseller, w.reseller.Tenant, us.ID, false},
		{"below the reseller, granted above", subActor, sub.ID, eu.ID, true},
		{"below the reseller, not granted above", subActor, sub.ID, us.ID, false},
		{"reseller for its child", w.reseller, sub.ID, eu.ID, true},
		{"child asks about its parent", subActor, w.reseller.Tenant, eu.ID, false},
		{"no such group", w.reseller, w.reseller.Tenant, id.New(id.NodeGroup), false},
	} {
		if got := check(c.a, c.tenant, c.group); got != c.want {
			t.Errorf("%s: %t, want %t", c.what, got, c.want)
		}
	}
	got := must[[]fleet.GrantedGroup](t)(w.GroupsFor(ctx, subActor))
	if len(got) != 1 || got[0].Name != "eu" {
		t.Errorf("granted groups are %v", got)
	}
	if err := w.DeleteGroup(ctx, w.op, eu.ID, 0); !errs.Is(err, errs.InUse) {
		t.Errorf("deleting a granted group gives %v: an empty list would then mean all", err)
	}
}
