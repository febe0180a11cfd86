package meter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// leaser notes who asked and answers when told to.
type leaser struct {
	mu     sync.Mutex
	asked  int
	answer func(subscriber string)
}

func (l *leaser) WantLease(subscriber string) {
	l.mu.Lock()
	l.asked++
	answer := l.answer
	l.mu.Unlock()
	if answer != nil {
		go answer(subscriber)
	}
}

func (l *leaser) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func allowance(r *nodeapi.Subscriber, granted unit.Bytes) []nodeapi.Allowance {
	return []nodeapi.Allowance{{Subscriber: r.ID, Period: r.Period, Granted: granted}}
}

// takeAll takes and spends what there is.
func takeAll(a *Account) (n unit.Bytes) {
	for b := a.Take(1 << 20); b.N > 0; b = a.Take(1 << 20) {
		a.Return(b, 0)
		n += unit.Bytes(b.N)
	}
	return n
}

func TestTakeNeverPassesTheGrant(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	r := row(true, 1)
	a := m.Account(r)
	if b := a.Take(1); b.N != 0 {
		t.Fatal("took without a grant")
	}
	const granted = 10 << 20
	m.Grant(allowance(r, granted))
	var mu sync.Mutex
	var total int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				b := a.Take(10_000)
				if b.N == 0 {
					return
				}
				moved := (b.N*3 + 3) / 4
				a.Return(b, b.N-moved)
				mu.Lock()
				total += moved
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for b := a.Take(1); b.N > 0; b = a.Take(1) {
		a.Return(b, 0)
		total++
	}
	if total != granted {
		t.Errorf("moved %d of %d", total, granted)
	}
	m.Grant(allowance(r, granted-5)) // overtaken on its way
	if b := a.Take(1); b.N != 0 {
		t.Error("a smaller total gave bytes")
	}
	m.Grant(allowance(r, granted+5))
	m.Grant(allowance(r, granted+5))
	if got := takeAll(a); got != 5 {
		t.Errorf("took %d of 5", got)
	}
	crash(m)
}

func TestCrashSpendsWhatWasReserved(t *testing.T) {
	t.Parallel()
	for _, clean := range []bool{true, false} {
		dir := t.TempDir()
		m := openMeter(t, dir, nil)
		r := row(true, 1)
		m.Grant(allowance(r, 1<<20))
		a := m.Account(r)
		tap := a.Tap("i", "direct")
		b := a.Take(1000)
		tap.Add(Up, 600)
		a.Return(b, 400)
		tap.Close()
		if clean {
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			crash(m) // before the first second was over: the journal has the reservation, not the count
		}
		m = openMeter(t, dir, nil)
		_, _, reps := drain(t, m, map[string]bool{})
		if len(reps) != 1 || len(reps[0].Slices) != 1 || reps[0].Unclean == clean {
			t.Fatalf("clean %v: %+v", clean, reps)
		}
		want := unit.Bytes(600)
		if !clean {
			want = (1 << 20) / stepOf
		}
		if got := reps[0].Slices[0].Spent; got != want {
			t.Errorf("clean %v: spent %d, want %d", clean, got, want)
		}
		if used, granted := m.Used(r.ID); used != want || granted != 1<<20 {
			t.Errorf("clean %v: after the start %d of %d", clean, used, granted)
		}
		if got := takeAll(m.Account(r)); got != 1<<20-want {
			t.Errorf("clean %v: %d left", clean, got)
		}
		crash(m)
	}
}

func TestSlicesFollowTheReports(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	r := row(true, 3)
	m.Grant(allowance(r, 1<<20))
	a := m.Account(r)
	tap := a.Tap("i", "direct")
	move := func(n int64) {
		b := a.Take(n)
		tap.Add(Down, b.N)
		a.Return(b, 0)
	}
	spent := func() unit.Bytes { return m.Slices(r.ID)[0].Spent }
	move(100)
	if spent() != 0 {
		t.Error("stated what no report has said")
	}
	m.sealNow(t)
	move(50)
	if spent() != 0 {
		t.Error("stated what the panel has not acknowledged")
	}
	if _, _, reps := drain(t, m, map[string]bool{}); reps[0].Slices[0].Spent != 100 {
		t.Errorf("%+v", reps[0].Slices)
	}
	if spent() != 100 {
		t.Errorf("stated %d", spent())
	}
	m.sealNow(t)
	if _, _, reps := drain(t, m, map[string]bool{}); reps[0].Slices[0].Spent != 150 {
		t.Errorf("%+v", reps[0].Slices)
	}
	crash(m)
}

func TestPeriodVoidsTheSlice(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	r := row(true, 1)
	a := m.Account(r)
	m.Grant(allowance(r, 1000))
	b := a.Take(500)
	next := *r
	next.Period = 2
	m.Grant(allowance(&next, 70)) // the grant of the new period comes before the document
	m.Update(&next)
	a.Return(b, 500) // of the old slice: nothing of it may be used now
	if got := takeAll(a); got != 70 {
		t.Errorf("took %d, the new period grants 70", got)
	}
	m.Grant(allowance(r, 5000))
	if got := a.Take(1).N; got != 0 {
		t.Error("a grant of the old period was used")
	}
	unmetered := next
	unmetered.Metered = false
	m.Update(&unmetered)
	if got := a.Take(1 << 30).N; got != 1<<30 {
		t.Error("held back without a quota")
	}
	crash(m)
}

func TestAsksWhenHalfIsGone(t *testing.T) {
	t.Parallel()
	l := &leaser{}
	m := openMeter(t, t.TempDir(), l)
	r := row(true, 1)
	a := m.Account(r)
	m.Grant(allowance(r, 8<<20))
	for range 3 {
		a.Take(1 << 20)
	}
	if l.count() != 0 {
		t.Error("asked with more than half left")
	}
	for range 3 {
		a.Take(1 << 20)
	}
	if l.count() != 1 {
		t.Errorf("asked %d times, want one request until it is answered", l.count())
	}
	m.Grant(allowance(r, 16<<20))
	for range 9 {
		a.Take(1 << 20)
	}
	if l.count() != 2 {
		t.Errorf("asked %d times", l.count())
	}
	crash(m)
}

func TestWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer func(m *Meter, r *nodeapi.Subscriber)
		stop   bool
		want   error
		within time.Duration
	}{
		{"granted", func(m *Meter, r *nodeapi.Subscriber) { m.Grant(allowance(r, 10)) }, false, nil, 0},
		{"exhausted", func(m *Meter, r *nodeapi.Subscriber) {
			m.Grant([]nodeapi.Allowance{{Subscriber: r.ID, Period: r.Period, Exhausted: true}})
		}, false, flow.ErrQuota, 0},
		{"no answer", nil, false, flow.ErrQuota, 3 * time.Second},
		{"cut", nil, true, flow.ErrCut, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				l := &leaser{}
				m := openMeter(t, dir, l)
				defer crash(m)
				r := row(true, 1)
				a := m.Account(r)
				if c.answer != nil {
					l.answer = func(string) { <-time.After(100 * time.Millisecond); c.answer(m, r) }
					c.within += 200 * time.Millisecond
				}
				stop := make(chan struct{})
				if c.stop {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					context.AfterFunc(ctx, func() { close(stop) })
				}
				begin := time.Now()
				b, err := a.Wait(100, 3*time.Second, stop)
				if !errors.Is(err, c.want) || (err == nil) != (b.N == 10) {
					t.Errorf("took %d, %v", b.N, err)
				}
				if d := time.Since(begin); d > c.within {
					t.Errorf("it took %s", d)
				}
				<-time.After(time.Second) // of the bubble: late answers arrive
			})
		})
	}
}

func TestGrantTellsWhoIsDone(t *testing.T) {
	t.Parallel()
	m := openMeter(t, t.TempDir(), nil)
	r := row(true, 1)
	a := m.Account(r)
	done := func(granted unit.Bytes) int {
		return len(m.Grant([]nodeapi.Allowance{{Subscriber: r.ID, Period: 1, Granted: granted, Exhausted: true}}))
	}
	if done(100) != 0 {
		t.Error("done with 100 bytes left")
	}
	takeAll(a)
	if done(100) != 1 {
		t.Error("not done with nothing left")
	}
	if _, err := a.Wait(1, time.Hour, nil); !errors.Is(err, flow.ErrQuota) {
		t.Errorf("waited for what will not come: %v", err)
	}
	crash(m)
}

// Slices whose records are lost are taken for spent: a damaged disk must not turn into free traffic.
func TestLostSlicesAreSpent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := openMeter(t, dir, nil)
	r := row(true, 1)
	m.Grant(allowance(r, 1000))
	crash(m)
	if err := writeFile(m.disk.journalPath(m.Epoch()), []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	m = openMeter(t, dir, nil)
	a := m.Account(r)
	m.Grant(allowance(r, 1000))
	if got := a.Take(1).N; got != 0 {
		t.Errorf("took %d of a slice that may be spent", got)
	}
	m.sealNow(t)
	_, _, reps := drain(t, m, map[string]bool{})
	if len(reps) != 1 || reps[0].Slices[0].Spent != 1000 {
		t.Errorf("%+v", reps)
	}
	m.Grant(allowance(r, 1100))
	if got := takeAll(a); got != 100 {
		t.Errorf("took %d of what was granted since", got)
	}
	crash(m)
}

// TestWhatWasBoughtIsAskedFor: the panel's word that nothing more is left holds for a moment. After that a customer who
// bought more is served, in a running transfer and after a restart.
func TestWhatWasBoughtIsAskedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := &leaser{}
		m := openMeter(t, dir, l)
		r := row(true, 1)
		a := m.Account(r)
		last := allowance(r, 100)
		last[0].Exhausted = true
		m.Grant(last)
		b := a.Take(100)
		a.Return(b, 0)
		if b.N != 100 {
			t.Fatalf("took %d", b.N)
		}
		asked := l.count()
		if _, err := a.Wait(1, time.Minute, nil); !errors.Is(err, flow.ErrQuota) || l.count() != asked {
			t.Errorf("the panel's word a moment ago: %v, asked %d times", err, l.count()-asked)
		}
		<-time.After(believed)
		l.answer = func(string) { m.Grant(allowance(r, 300)) }
		b, err := a.Wait(50, time.Minute, nil)
		if err != nil || b.N != 50 {
			t.Fatalf("after more was bought: %d, %v", b.N, err)
		}
		a.Return(b, 0)
		crash(m)
	})
}
