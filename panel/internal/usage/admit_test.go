package usage_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
)

// asks returns which of the devices node is refused.
func (w *world) asks(t testing.TB, node string, s *subscriber.Subscriber, devices ...string) []string {
	t.Helper()
	q := nodeapi.AdmitRequest{}
	for _, d := range devices {
		q.Ask = append(q.Ask, nodeapi.DeviceUse{Subscriber: s.ID, Device: d})
	}
	a, err := w.usage.Admit(context.Background(), node, q)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, u := range a.Refused {
		out = append(out, u.Device)
	}
	return out
}

func TestDevicesAreLimitedOverAllNodes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	limited := func(g *billing.Grants) { g.Devices = 2 }
	ann, free := w.Subscriber(t, w.acme, "ann", limited), w.Subscriber(t, w.acme, "free", nil)
	w.compile(t)
	one, two := w.nodes[0], w.nodes[1]
	expect := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("%s: refused %v, want %v", what, got, want)
		}
	}
	expect("first", w.asks(t, one, ann, "socks5 192.0.2.1"))
	expect("second, elsewhere", w.asks(t, two, ann, "dev_a"))
	expect("third", w.asks(t, one, ann, "http 192.0.2.9"), "http 192.0.2.9")
	expect("the first on the other node, which is the same device", w.asks(t, two, ann, "socks5 192.0.2.1"))
	expect("no limit", w.asks(t, one, free, "a", "b", "c", "d"))
	if _, err := w.usage.Admit(ctx, two, nodeapi.AdmitRequest{Gone: []nodeapi.DeviceUse{{Subscriber: ann.ID, Device: "dev_a"}}}); err != nil {
		t.Fatal(err)
	}
	expect("after one has gone", w.asks(t, one, ann, "http 192.0.2.9"))
	expect("the one that went", w.asks(t, two, ann, "dev_a"), "dev_a")
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE device_use SET seen_at = seen_at - interval '10 minutes' WHERE device = 'socks5 192.0.2.1'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	expect("a node that says nothing any more frees its devices", w.asks(t, two, ann, "dev_a"))
	w.usage.DropOldest = true
	expect("a newer one takes the oldest's place", w.asks(t, two, ann, "dev_b"))
	expect("and the oldest hears of it", w.asks(t, one, ann, "http 192.0.2.9"), "http 192.0.2.9")
	if _, err := w.usage.Admit(ctx, one, nodeapi.AdmitRequest{Ask: []nodeapi.DeviceUse{{Subscriber: ann.ID}}}); err == nil {
		t.Error("a device without a name is taken")
	}
}

// TestDevicesAtOnce: many nodes ask at the same moment, and never more than the limit are let in.
func TestDevicesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	ann := w.Subscriber(t, w.acme, "ann", func(g *billing.Grants) { g.Devices = 3 })
	w.compile(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	let := 0
	for k, n := range w.nodes {
		for i := range 5 {
			wg.Go(func() {
				r := w.asks(t, n, ann, fmt.Sprintf("dev_%d_%d", k, i))
				mu.Lock()
				defer mu.Unlock()
				let += 1 - len(r)
			})
		}
	}
	wg.Wait()
	if let != 3 {
		t.Errorf("%d devices were let in, the limit is 3", let)
	}
	if n := w.count(t, "SELECT count(*) FROM device_use WHERE seen_at > $1", time.Now().Add(-time.Hour)); n != 3 {
		t.Errorf("%d are on record", n)
	}
}
