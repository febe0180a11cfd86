package meter

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/shared/id"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openMeter(t testing.TB, dir string, l Leaser) *Meter {
	t.Helper()
	m, err := Open(Config{Dir: dir, Interval: time.Hour, Leaser: l})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// crash leaves a meter as SIGKILL would: its files are closed by the system and nothing is written any more.
func crash(m *Meter) { _ = m.disk.journal.close() }

func row(metered bool, period int64) *nodeapi.Subscriber {
	return &nodeapi.Subscriber{ID: id.New(id.Subscriber), Enabled: true, Metered: metered, Period: period}
}

func (m *Meter) tick(t testing.TB) {
	t.Helper()
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if err := m.disk.writeJournal(); err != nil {
		t.Fatal(err)
	}
}

func (m *Meter) sealNow(t testing.TB) {
	t.Helper()
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if err := m.disk.seal(); err != nil {
		t.Fatal(err)
	}
}

// drain takes all reports as the panel does: each number once.
func drain(t testing.TB, m *Meter, seen map[string]bool) (up, down unit.Bytes, reports []nodeapi.Report) {
	t.Helper()
	for {
		r, ok := m.Next()
		if !ok {
			return up, down, reports
		}
		if k := fmt.Sprint(r.Epoch, "/", r.Seq); !seen[k] {
			seen[k] = true
			reports = append(reports, r)
			for _, u := range r.Usage {
				up += u.Up
				down += u.Down
			}
		}
		if err := m.Ack(r.Epoch, r.Seq); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReportEqualsBytes(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	r := row(false, 7)
	a := m.Account(r)
	x, y := a.Tap("ing_x", "direct"), a.Tap("ing_y", "direct")
	x.Add(Up, 10)
	x.Add(Down, 1000)
	y.Add(Down, 5)
	m.sealNow(t)
	x.Add(Up, 1)
	m.sealNow(t)
	m.sealNow(t) // nothing happened: no report
	next := *r
	next.Period = 8
	m.Update(&next)
	x.Add(Up, 2)
	x.Close()
	x.Add(Up, 3)
	m.sealNow(t)
	_, _, reports := drain(t, m, map[string]bool{})
	if len(reports) != 3 {
		t.Fatalf("%d reports", len(reports))
	}
	want := []nodeapi.Usage{
		{Subscriber: r.ID, Ingress: "ing_x", Exit: "direct", Period: 7, Up: 10, Down: 1000},
		{Subscriber: r.ID, Ingress: "ing_y", Exit: "direct", Period: 7, Down: 5},
		{Subscriber: r.ID, Ingress: "ing_x", Exit: "direct", Period: 7, Up: 1},
		{Subscriber: r.ID, Ingress: "ing_x", Exit: "direct", Period: 8, Up: 5},
	}
	var got []nodeapi.Usage
	for i, rep := range reports {
		if rep.Epoch != m.Epoch() || rep.Seq != int64(i+1) || rep.Unclean {
			t.Errorf("report %d is %d/%d unclean=%v", i, rep.Epoch, rep.Seq, rep.Unclean)
		}
		got = append(got, rep.Usage...)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	a.Release()
	y.Close()
	for range 3 {
		m.sealNow(t)
	}
	if len(m.book.accounts) != 0 {
		t.Errorf("%d accounts kept for nobody", len(m.book.accounts))
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// The life of a node in random order: whatever happens, no byte is told twice, and only what a crash caught in its last
// second is missing.
func TestRandomLifeIsExact(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1))
			dir, seen := t.TempDir(), map[string]bool{}
			rows := []*nodeapi.Subscriber{row(false, 1), row(false, 1), row(true, 1)}
			var truth, told, sinceTick int64
			m := openMeter(t, dir, nil)
			grant := nodeapi.Allowance{Subscriber: rows[2].ID, Period: 1, Granted: 1 << 40}
			m.Grant([]nodeapi.Allowance{grant})
			for range 400 {
				switch n := rnd.IntN(20); {
				case n < 12:
					a := m.Account(rows[rnd.IntN(3)])
					tap := a.Tap(fmt.Sprint("i", rnd.IntN(3)), "direct")
					b := a.Take(rnd.Int64N(200_000) + 1)
					moved := rnd.Int64N(b.N + 1)
					tap.Add(Direction(rnd.IntN(2)), moved)
					a.Return(b, b.N-moved)
					tap.Close()
					a.Release()
					truth += moved
					sinceTick += moved
				case n < 15:
					m.tick(t)
					sinceTick = 0
				case n < 17:
					m.sealNow(t)
					sinceTick = 0
				case n < 18:
					up, down, _ := drain(t, m, seen)
					told += int64(up + down)
				case n < 19:
					crash(m)
					truth -= sinceTick
					sinceTick = 0
					m = openMeter(t, dir, nil)
				default:
					if err := m.Close(); err != nil {
						t.Fatal(err)
					}
					sinceTick = 0
					m = openMeter(t, dir, nil)
				}
				if told > truth {
					t.Fatalf("told %d of %d", told, truth)
				}
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			m = openMeter(t, dir, nil)
			up, down, _ := drain(t, m, seen)
			if told += int64(up + down); told != truth {
				t.Errorf("told %d of %d", told, truth)
			}
			if f := m.Fault(); f != "" {
				t.Error(f)
			}
			crash(m)
		})
	}
}

func TestSessionsAreToldOnceEach(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	m.Record(nodeapi.SessionRecord{ID: "short", Opened: 1})
	m.Record(nodeapi.SessionRecord{ID: "long", Opened: 1})
	m.Record(nodeapi.SessionRecord{ID: "short", Opened: 1, Closed: 2, Cause: "ended"})
	m.sealNow(t)
	m.Record(nodeapi.SessionRecord{ID: "long", Opened: 1, Closed: 3, Cause: "kicked"})
	m.sealNow(t)
	_, _, reps := drain(t, m, map[string]bool{})
	if len(reps) != 2 || len(reps[0].Sessions) != 2 || len(reps[1].Sessions) != 1 || reps[0].Sessions[1].Closed != 2 {
		t.Errorf("%+v", reps)
	}
	crash(m)
}

func TestRunSealsAndStops(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	m.Start(context.Background())
	tap := m.Account(row(false, 0)).Tap("i", "direct")
	tap.Add(Up, 3)
	if err := m.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-m.Ready()
	tap.Add(Up, 4)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if up, _, reps := drain(t, m, map[string]bool{}); up != 7 || len(reps) != 2 {
		t.Errorf("told %d in %d reports", up, len(reps))
	}
	if m.Seal(t.Context()) == nil {
		t.Error("sealed after Close")
	}
}

func TestBacklogStretchesIntervals(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	m.SetInterval(time.Second)
	if d := m.currentInterval(); d != time.Second {
		t.Errorf("%s without a backlog", d)
	}
	m.disk.spool.entries = make([]entry, 10*stretchAfter)
	if d := m.currentInterval(); d != 11*time.Second {
		t.Errorf("%s with %d waiting", d, len(m.disk.spool.entries))
	}
	m.disk.spool.entries = make([]entry, 100_000)
	if d := m.currentInterval(); d != maxInterval {
		t.Errorf("%s with %d waiting", d, len(m.disk.spool.entries))
	}
	crash(m)
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte{opHeader, version, 2, 2, 2, opKey, 1, 1, 'a', 1, 'b', 1, 'c', 0, opCount, 1, 2, 4})
	f.Add(appendSlice(nil, "sub", 1, 2, 3, true))
	f.Fuzz(func(_ *testing.T, ops []byte) {
		l := &ledger{usage: map[usageKey]*nodeapi.Usage{}, byIndex: map[uint64]*nodeapi.Usage{}, slices: map[string]sliceState{}}
		_ = l.apply(ops) // must not panic
		_ = l.report()
		_, _ = frames(bytes.NewReader(ops), l.apply)
	})
}
