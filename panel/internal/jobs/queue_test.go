package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/jobs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
)

func TestEventsReachHandlersInBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := newSeen(), newSeen()
	w.working(t, map[string][]jobs.Handler{"a.changed": {first.handle, second.handle}})
	w.emit(t, "a.changed", 400)
	w.emit(t, "nobody.listens", 3)
	eventually(t, 20*time.Second, "all rows finished", func() bool { return w.open(t) == 0 })
	for name, s := range map[string]*seen{"first": first, "second": second} {
		rows, calls := s.count()
		if rows != 400 || calls > 100 {
			t.Errorf("%s handler saw %d rows in %d calls", name, rows, calls)
		}
	}
}

func TestOneBadRowHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newSeen()
	bad := 2
	s.fail = func(r outbox.Row) error {
		if n := decode[event](t, r.Payload).N; n == 7 && bad > 0 {
			bad--
			return errors.New("not today")
		}
		if decode[event](t, r.Payload).N == 8 && r.Attempt == 1 {
			panic("ouch")
		}
		return nil
	}
	w.working(t, map[string][]jobs.Handler{"a.changed": {s.handle}})
	w.emit(t, "a.changed", 20)
	eventually(t, 10*time.Second, "the good rows are finished", func() bool { return w.open(t) <= 2 })
	eventually(t, 20*time.Second, "the bad rows are finished", func() bool { return w.open(t) == 0 })
	if rows, _ := s.count(); rows != 20 {
		t.Errorf("handler saw %d rows", rows)
	}
}

func TestFailureStaysVisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newSeen()
	s.fail = func(outbox.Row) error { return errors.New("the compiler is on fire") }
	w.working(t, map[string][]jobs.Handler{"a.changed": {s.handle}})
	w.emit(t, "a.changed", 1)
	eventually(t, 10*time.Second, "the reason is in the row", func() bool {
		var reason string
		err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
			_, err := tx.One(context.Background(), "SELECT error FROM outbox", nil, &reason)
			return err
		})
		return err == nil && reason == "the compiler is on fire"
	})
	if w.open(t) != 1 {
		t.Error("a failed row was finished")
	}
}

func TestEnqueueIsNeverASuccessWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := jobs.NewQueue(t.Context(), jobs.QueueConfig{DB: w.db, Redis: w.redis.Options(), Log: w.log})
	t.Cleanup(func() { _ = q.Close(context.Background()) })
	rows := []outbox.Row{{ID: "evt_1", Kind: "a", Attempt: 1, Payload: []byte("{}")}}
	for range 2 {
		if err := q.Enqueue(t.Context(), rows); err != nil {
			t.Fatalf("a batch that is queued already must be a success: %v", err)
		}
	}
	w.redis.Kill()
	if err := q.Enqueue(t.Context(), rows); err == nil {
		t.Error("enqueueing without Redis was a success")
	}
}

// Losing Redis with everything in it loses nothing and heals by itself.
func TestRedisMayVanish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newSeen()
	w.working(t, map[string][]jobs.Handler{"a.changed": {s.handle}})
	w.emit(t, "a.changed", 10)
	eventually(t, 10*time.Second, "first rows finished", func() bool { return w.open(t) == 0 })
	w.redis.Kill()
	w.emit(t, "a.changed", 50)
	w.redis.Restart()
	eventually(t, 20*time.Second, "rows of the outage finished", func() bool { return w.open(t) == 0 })
	if rows, _ := s.count(); rows != 60 {
		t.Errorf("handler saw %d rows, want 60", rows)
	}
}

// A row whose task Redis lost is sent again once it is forgotten.
func TestLostTasksAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emit(t, "a.changed", 3)
	lost := lossy{}
	if n, err := outbox.Dispatch(t.Context(), w.db, lost); n != 3 || err != nil {
		t.Fatalf("dispatched %d, %v", n, err)
	}
	err := w.db.InSystem(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE outbox SET not_before = $1", tx.Now.Add(-time.Second)) // outbox.Forgotten later
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newSeen()
	w.working(t, map[string][]jobs.Handler{"a.changed": {s.handle}})
	eventually(t, 10*time.Second, "rows finished", func() bool { return w.open(t) == 0 })
}

// Rows are given to the queue after their claim is committed, and what it does not take is open at once.
func TestAClaimIsCommittedBeforeTheQueueHears(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.emit(t, "a.changed", 3)
	claimed := func() (n int64) {
		err := w.db.InSystem(t.Context(), func(tx *pg.Tx) error {
			_, err := tx.One(t.Context(), "SELECT count(*) FROM outbox WHERE not_before > $1", []any{tx.Now}, &n)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	away := errors.New("away")
	n, err := outbox.Dispatch(t.Context(), w.db, queueFunc(func(rows []outbox.Row) error {
		if c := claimed(); c != 3 || len(rows) != 3 {
			t.Errorf("the queue hears of %d rows while %d are claimed", len(rows), c)
		}
		return away
	}))
	if n != 0 || !errors.Is(err, away) {
		t.Fatalf("dispatched %d, %v", n, err)
	}
	if c := claimed(); c != 0 {
		t.Errorf("%d rows that the queue refused are not open", c)
	}
	if n, err := outbox.Dispatch(t.Context(), w.db, lossy{}); n != 3 || err != nil {
		t.Errorf("dispatched again: %d, %v", n, err)
	}
}

type queueFunc func([]outbox.Row) error

func (f queueFunc) Enqueue(_ context.Context, rows []outbox.Row) error { return f(rows) }

type lossy struct{}

func (lossy) Enqueue(context.Context, []outbox.Row) error { return nil }

// From commit to handler: what an API change waits before a node's document is compiled.
func TestLatencyWhenIdle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heard := make(chan time.Time, 1)
	w.working(t, map[string][]jobs.Handler{"a.changed": {jobs.Each(func(context.Context, outbox.Row) error {
		heard <- time.Now()
		return nil
	})}})
	w.emit(t, "a.changed", 1)
	<-heard
	var took []time.Duration
	for range 30 {
		w.emit(t, "a.changed", 1)
		committed := time.Now()
		took = append(took, (<-heard).Sub(committed))
	}
	slices.Sort(took)
	t.Logf("commit to handler: median %s, worst %s", took[15], took[29])
	if took[15] > 500*time.Millisecond {
		t.Errorf("median of %s from commit to handler", took[15])
	}
}

func TestTwoReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newSeen()
	h := map[string][]jobs.Handler{"a.changed": {s.handle}}
	w.working(t, h)
	w.working(t, h)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				w.emit(t, "a.changed", 5)
			}
		})
	}
	wg.Wait()
	eventually(t, 20*time.Second, "rows finished", func() bool { return w.open(t) == 0 })
	if rows, _ := s.count(); rows != 200 {
		t.Errorf("handlers saw %d rows, want 200", rows)
	}
}

func BenchmarkEvents(b *testing.B) {
	w := newWorld(b)
	s := newSeen()
	w.working(b, map[string][]jobs.Handler{"a.changed": {s.handle}})
	for b.Loop() {
		w.emit(b, "a.changed", 300)
		eventually(b, time.Minute, "rows finished", func() bool { return w.open(b) == 0 })
	}
	b.ReportMetric(float64(300*b.N)/b.Elapsed().Seconds(), "events/s")
}
