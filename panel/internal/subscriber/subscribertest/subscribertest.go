// Package subscribertest builds the domain on a database of its own: an operator, resellers, plans, subscribers and bare
// node rows. Tests only.
package subscribertest

import (
	"context"
	"path/filepath"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
)

// AnyGroup lets every node group pass: groups are package fleet's matter.
type AnyGroup struct{}

// CheckGroups implements billing.Groups.
func (AnyGroup) CheckGroups(context.Context, *pg.Tx, string, string, []string) error { return nil }

// World is a domain on a fresh database.
type World struct {
	DB       *pg.DB
	Vault    *vault.Vault
	Subs     *subscriber.Service
	Plans    *billing.Service
	Tenants  *tenant.Service
	People   *identity.Service
	Operator actor.Actor
}

// New builds a world with an operator.
func New(t testing.TB) *World {
	t.Helper()
	ctx := context.Background()
	db := pgtest.New(t)
	master, err := vault.LoadMaster(filepath.Join(t.TempDir(), "master.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, master)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{DB: db, Vault: v, Plans: &billing.Service{DB: db, Groups: AnyGroup{}}, Tenants: &tenant.Service{DB: db}}
	if w.Subs, err = subscriber.New(ctx, db, v, AnyGroup{}); err != nil {
		t.Fatal(err)
	}
	if w.People, err = identity.New(ctx, identity.Config{DB: db, Vault: v}); err != nil {
		t.Fatal(err)
	}
	root, err := w.Tenants.Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.Operator = actor.Actor{Tenant: root, Home: root, Kind: actor.Local, Name: "test", Permissions: actor.Full(), Operator: true}
	return w
}

// Reseller adds a tenant below the operator and returns its owner as an actor.
func (w *World) Reseller(t testing.TB, realm string) actor.Actor {
	t.Helper()
	own, err := w.People.PrepareOwner(context.Background(), w.Operator, identity.NewLogin{Name: "boss", Password: "a long password"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Tenants.Create(context.Background(), w.Operator, tenant.New{Name: realm, Realm: realm}, own)
	if err != nil {
		t.Fatal(err)
	}
	a := w.Operator
	a.Tenant, a.Home, a.Operator, a.Name = r.ID, r.ID, false, "boss"
	return a
}

// Node adds an active node row and returns its id.
func (w *World) Node(t testing.TB, name string) string {
	t.Helper()
	nid := id.New(id.Node)
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO node (tenant_id, id, name, status, created_at, updated_at)
			VALUES ($1, $2, $3, 'active', $4, $4)`, w.Operator.Tenant, nid, name, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return nid
}

// Subscriber adds a subscriber with a traffic limit in bytes, -1 for none.
func (w *World) Subscriber(t testing.TB, a actor.Actor, name string, edit func(*billing.Grants)) *subscriber.Subscriber {
	t.Helper()
	s, err := w.Subs.Create(context.Background(), a, subscriber.Create{Name: name, Edit: edit})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
