package meter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
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

// A journal that is cut anywhere is survived, and what is told of it is never above the truth.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openMeter(t, dir, nil)
	r := row(true, 1)
	m.Grant([]nodeapi.Allowance{{Subscriber: r.ID, Period: 1, Granted: 1 << 30}})
	a := m.Account(r)
	tap := a.Tap("ing", "direct")
	for range 5 {
		a.Take(1000)
		tap.Add(Down, 1000)
		m.tick(t)
	}
	crash(m)
	path := m.disk.journalPath(m.Epoch())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 3 {
		for _, flip := range []bool{false, true} {
			sub := t.TempDir()
			b := bytes.Clone(whole)
			if flip {
				b[cut] ^= 0x40
			} else {
				b = b[:cut]
			}
			if err := os.WriteFile(filepath.Join(sub, filepath.Base(path)), b, 0o600); err != nil {
				t.Fatal(err)
			}
			n := openMeter(t, sub, nil)
			if n.Epoch() <= m.Epoch() {
				t.Fatalf("epoch %d after %d", n.Epoch(), m.Epoch())
			}
			up, down, reps := drain(t, n, map[string]bool{})
			if up != 0 || down > 5000 || down%1000 != 0 {
				t.Errorf("cut at %d, flip %v: told %d up %d down", cut, flip, up, down)
			}
			for _, rep := range reps {
				if !rep.Unclean || rep.Epoch != m.Epoch() {
					t.Errorf("report %+v", rep)
				}
			}
			if flip && !strings.Contains(n.Fault(), "journal") {
				t.Errorf("flip at %d: no fault told: %q", cut, n.Fault())
			}
			crash(n)
		}
	}
}

func TestCorruptReportIsSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openMeter(t, dir, nil)
	tap := m.Account(row(false, 0)).Tap("i", "direct")
	for range 3 {
		tap.Add(Up, 1)
		m.sealNow(t)
	}
	bad := m.disk.spool.path(m.disk.spool.entries[1])
	b, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, bytes.Replace(b, []byte(`"up":1`), []byte(`"up":9`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	up, _, reps := drain(t, m, map[string]bool{})
	if up != 2 || len(reps) != 2 || m.Pending() != 0 {
		t.Errorf("told %d in %d reports, %d wait", up, len(reps), m.Pending())
	}
	if !strings.Contains(m.Fault(), "damaged") {
		t.Errorf("fault %q", m.Fault())
	}
	if _, err := os.Stat(filepath.Join(dir, asideDir, filepath.Base(bad))); err != nil {
		t.Error(err)
	}
	crash(m)
}

// When nothing can be written, counts wait in memory and the fault shows; then all of it is told once.
func TestStorageThatFailsForAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openMeter(t, dir, nil)
	a := m.Account(row(false, 0))
	tap := a.Tap("i", "direct")
	tap.Add(Up, 1)
	m.tick(t)
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(filepath.Join(dir, spoolDir), away); err != nil {
		t.Fatal(err)
	}
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	good := m.disk.journal.f
	m.disk.journal.f = readOnly
	m.Record(nodeapi.SessionRecord{ID: "s"})
	for range 3 {
		tap.Add(Up, 1)
		m.disk.mu.Lock()
		if m.disk.seal() == nil {
			t.Error("sealed without a spool")
		}
		m.disk.mu.Unlock()
	}
	if f := m.Fault(); !strings.Contains(f, "spool") || !strings.Contains(f, "journal") {
		t.Errorf("fault %q", f)
	}
	m.disk.journal.f = good
	if err := errors.Join(readOnly.Close(), os.Rename(away, filepath.Join(dir, spoolDir))); err != nil {
		t.Fatal(err)
	}
	tap.Add(Up, 1)
	m.tick(t)
	crash(m)
	m = openMeter(t, dir, nil)
	if up, _, _ := drain(t, m, map[string]bool{}); up != 5 {
		t.Errorf("told %d of 5", up)
	}
	if m.Fault() != "" {
		t.Errorf("fault stays: %q", m.Fault())
	}
	crash(m)
}

// A crash between the report's file and the journal's next header must not tell an interval twice, nor half of it.
func TestCrashInsideASealing(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		dir := t.TempDir()
		m := openMeter(t, dir, nil)
		a := m.Account(row(false, 0))
		taps := make([]*Tap, maxUsageRows+10)
		for i := range taps {
			taps[i] = a.Tap(fmt.Sprint("i", i), "direct")
			taps[i].Add(Up, 1)
		}
		m.tick(t)
		journal, err := os.ReadFile(m.disk.journalPath(m.Epoch()))
		if err != nil {
			t.Fatal(err)
		}
		m.sealNow(t)
		if m.Pending() != 2 {
			t.Fatalf("%d reports", m.Pending())
		}
		if err := os.WriteFile(m.disk.journalPath(m.Epoch()), journal, 0o600); err != nil {
			t.Fatal(err)
		}
		if !first { // killed between the two renames: the later report has its name, the first has not
			if err := os.Remove(m.disk.spool.path(m.disk.spool.entries[0])); err != nil {
				t.Fatal(err)
			}
		}
		crash(m)
		m = openMeter(t, dir, nil)
		if up, _, reps := drain(t, m, map[string]bool{}); int(up) != len(taps) || len(reps) != 2 {
			t.Errorf("first present %v: told %d of %d in %d reports", first, up, len(taps), len(reps))
		}
		crash(m)
	}
}

func TestEpochGrowsWithoutTheClock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	future := time.Now().Unix() + 1_000_000 // the clock stepped back since
	if err := os.WriteFile(filepath.Join(dir, epochFile), fmt.Appendf(nil, "%d", future), 0o600); err != nil {
		t.Fatal(err)
	}
	for want := future + 1; want < future+4; want++ {
		m := openMeter(t, dir, nil)
		if m.Epoch() != want {
			t.Fatalf("epoch %d, want %d", m.Epoch(), want)
		}
		crash(m)
	}
	if err := os.WriteFile(filepath.Join(dir, epochFile), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := openMeter(t, dir, nil)
	if m.Epoch() != future+4 || !strings.Contains(m.Fault(), "epoch") {
		t.Errorf("epoch %d, fault %q", m.Epoch(), m.Fault())
	}
	crash(m)
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
