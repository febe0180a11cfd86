package network_test

import (
	"fmt"
	"sync"
	"testing"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/network"
	"culvert/panel/internal/subscriber/subscribertest"
)

// Of changes that name the same version, one is made: the others are told that they saw an older one.
func TestOneChangeOfAVersion(t *testing.T) {
	t.Parallel()
	w, ctx := subscribertest.New(t), t.Context()
	net := &network.Service{DB: w.DB, Vault: w.Vault}
	g, err := net.Create(ctx, w.Operator, network.Ingress{NodeID: w.Node(t, "n1"), Kind: "socks5", Name: "s", Listen: ":1080", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		const racers = 4
		results := make([]error, racers)
		var wg sync.WaitGroup
		for i := range racers {
			wg.Go(func() {
				_, results[i] = net.Update(ctx, w.Operator, g.ID, g.Version, func(g *network.Ingress) { g.Name = fmt.Sprintf("s%d-%d", round, i) })
			})
		}
		wg.Wait()
		won := -1
		for i, err := range results {
			switch {
			case err == nil && won >= 0:
				t.Fatalf("round %d: changes %d and %d of version %d were both made", round, won, i, g.Version)
			case err == nil:
				won = i
			case !errs.Is(err, errs.Stale):
				t.Errorf("a loser gets %v", err)
			}
		}
		now, err := net.Get(ctx, w.Operator, g.ID)
		if err != nil || won < 0 || now.Name != fmt.Sprintf("s%d-%d", round, won) || now.Version != g.Version+1 {
			t.Fatalf("round %d, won by %d: %+v, %v", round, won, now, err)
		}
		g = now
	}
	// An ingress that is gone is missing, to a change that came at the same time, too.
	var wg sync.WaitGroup
	var gone, changed error
	wg.Go(func() { gone = net.Delete(ctx, w.Operator, g.ID) })
	wg.Go(func() {
		_, changed = net.Update(ctx, w.Operator, g.ID, 0, func(g *network.Ingress) { g.Name = "late" })
	})
	wg.Wait()
	if gone != nil || changed != nil && !errs.Is(changed, errs.Missing) {
		t.Errorf("delete gives %v, change gives %v", gone, changed)
	}
	if _, err := net.Get(ctx, w.Operator, g.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("a deleted ingress gives %v", err)
	}
}
