package usage_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

func (w *world) count(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	var n int64
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.One(context.Background(), query, args, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func at(r *nodeapi.Report, end time.Time) *nodeapi.Report {
	r.From, r.To = end.Add(-time.Second).UnixMilli(), end.UnixMilli()
	return r
}

// TestHoursCloseIntoTheLedger: many reports of an hour become one row; a late one opens the hour again and is folded in by a
// row of its own; what can be read never changes by it.
func TestHoursCloseIntoTheLedger(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	past := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	seq := int64(0)
	ingest := func(end time.Time, up, down unit.Bytes) {
		t.Helper()
		seq++
		if _, err := w.usage.Ingest(ctx, w.nodes[0], at(report(1, seq, row(s, "ing_1", up, down)), end)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, rows int64, want []usage.Bucket) {
		t.Helper()
		if n := w.count(t, "SELECT count(*) FROM ledger WHERE subscriber_id = $1", s.ID); n != rows {
			t.Errorf("%s: %d rows in the ledger, want %d", what, n, rows)
		}
		got, err := w.usage.History(ctx, w.acme, s.ID, past.Add(59*time.Minute), time.Now().Add(time.Hour), "hour")
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %+v (%v), want %+v", what, got, err, want)
		}
		for i := range want {
			if !got[i].At.Equal(want[i].At) || got[i].Up != want[i].Up || got[i].Down != want[i].Down {
				t.Errorf("%s: %+v, want %+v", what, got[i], want[i])
			}
		}
	}
	closeAll := func() {
		t.Helper()
		for {
			n, err := w.usage.CloseHours(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return
			}
		}
	}
	for range 50 {
		ingest(past.Add(30*time.Minute), 1, 10)
	}
	now := time.Now().UTC()
	ingest(now, 3, 4)
	two := []usage.Bucket{{At: past, Up: 50, Down: 500}, {At: now.Truncate(time.Hour), Up: 3, Down: 4}}
	check("open", 0, two)
	closeAll()
	check("closed", 1, two)
	ingest(past.Add(10*time.Minute), 7, 70)
	two[0].Up, two[0].Down = 57, 570
	check("late", 1, two)
	closeAll()
	check("folded", 2, two)
	if up, down := w.ledgerSum(t, s.ID); up != 60 || down != 574 {
		t.Errorf("sum %d/%d", up, down)
	}
}

// TestNobodyWaitsInACircle lets reports, resets, grants, plan changes and the closing of hours meet on the same few
// subscribers: PostgreSQL's own count of deadlocks stays where it was, and every byte and grant is booked once.
func TestNobodyWaitsInACircle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	const limit = unit.GiB
	var subs []*subscriber.Subscriber
	for _, name := range []string{"ann", "bob", "cat", "dan", "eve"} {
		subs = append(subs, w.Subscriber(t, w.acme, name, func(g *billing.Grants) { g.TrafficLimit, g.Reset = limit, billing.ResetDaily }))
	}
	w.compile(t)
	clock := &subscriber.Clock{DB: w.DB}
	const rounds = 25
	var wg sync.WaitGroup
	run := func(what string, do func(i int) error) {
		wg.Go(func() {
			for i := range rounds {
				if err := do(i); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	for _, n := range w.nodes {
		run("ingest", func(i int) error {
			r := report(1, int64(i+1))
			for _, s := range subs {
				r.Usage = append(r.Usage, row(s, "ing_1", 1, 2), row(s, "ing_2", 1, 2))
				r.Slices = append(r.Slices, nodeapi.SliceUse{Subscriber: s.ID, Period: s.Period})
			}
			_, err := w.usage.Ingest(ctx, n, r)
			return err
		})
	}
	run("due", func(int) error {
		err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE subscriber SET next_reset = $1 WHERE id = $2", tx.Now.Add(-time.Minute), subs[1].ID)
			return err
		})
		if err == nil {
			_, err = clock.ResetDue(ctx)
		}
		return err
	})
	run("grant", func(i int) error {
		_, err := w.Subs.Grant(ctx, w.acme, subs[i%len(subs)].ID, 1000, "")
		return err
	})
	run("reset", func(i int) error {
		_, err := w.Subs.ResetUsage(ctx, w.acme, subs[(i+2)%len(subs)].ID, 0)
		return err
	})
	run("close", func(int) error {
		_, err := w.usage.CloseHours(ctx)
		return err
	})
	wg.Wait()
	for _, s := range subs {
		if up, down := w.ledgerSum(t, s.ID); up != 2*2*rounds || down != 2*2*2*rounds {
			t.Errorf("%s: ledger %d/%d", s.Name, up, down)
		}
	}
	if n := w.count(t, "SELECT sum(amount)::bigint FROM ledger WHERE kind = 'grant'"); n != 1000*rounds {
		t.Errorf("%d bytes granted, want %d", n, 1000*rounds)
	}
	w.count(t, "SELECT 1 FROM (SELECT pg_stat_clear_snapshot()) x")
	if n := w.count(t, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}
