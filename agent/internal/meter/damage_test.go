package meter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/shared/nodeapi"
)

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

// What the panel will not have makes way, stays on the disk and is told.
func TestRefusedReportIsSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openMeter(t, dir, nil)
	tap := m.Account(row(false, 0)).Tap("i", "direct")
	for range 2 {
		tap.Add(Up, 1)
		m.sealNow(t)
	}
	r, _ := m.Next()
	name := entry{r.Epoch, r.Seq}.name()
	for range 2 { // the second time, it is gone already
		if err := m.SetAside(r.Epoch, r.Seq, "from lies after to"); err != nil {
			t.Fatal(err)
		}
	}
	if n, ok := m.Next(); !ok || n.Seq != r.Seq+1 || m.Pending() != 1 {
		t.Errorf("next is %+v, %d wait", n, m.Pending())
	}
	if f := m.Fault(); !strings.Contains(f, name) || !strings.Contains(f, "from lies after to") {
		t.Errorf("fault %q", f)
	}
	if _, err := os.Stat(filepath.Join(dir, asideDir, name)); err != nil {
		t.Error(err)
	}
	crash(m)
}

// A wall clock that steps back does not make an interval end before it began: the panel would refuse it.
func TestClockThatStepsBack(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	m.disk.at.from = time.Now().Add(time.Hour)
	m.Account(row(false, 0)).Tap("i", "direct").Add(Up, 1)
	m.sealNow(t)
	if r, ok := m.Next(); !ok || r.To < r.From {
		t.Errorf("report %v from %d to %d", ok, r.From, r.To)
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
