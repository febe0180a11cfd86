package cert_test

import (
	"sync"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/secret"
)

// Of two replacements that name the same version, one is made.
func TestOneReplacementOfAVersion(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	root, err := (&tenant.Service{DB: db}).Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	op := actor.Actor{Tenant: root, Home: root, Kind: actor.Login, Name: "admin", Permissions: actor.Full(), Operator: true}
	certs := &cert.Service{DB: db, Vault: v}
	c, err := certs.SelfSign(ctx, op, "c", []string{"a.example"}, 30)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		const racers = 4
		results := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			chain, key, err := cert.NewSelfSigned([]string{"b.example"}, 30)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() { _, results[i] = certs.Replace(ctx, op, c.ID, c.Version, chain, secret.New(key)) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errs.Is(err, errs.Stale) {
				t.Errorf("a loser gets %v", err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d of %d replacements of version %d were made", round, won, racers, c.Version)
		}
		if c, err = certs.Get(ctx, op, c.ID); err != nil {
			t.Fatal(err)
		}
	}
}
