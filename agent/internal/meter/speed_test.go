package meter

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/unit"
)

func TestSpeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		m := openMeter(t, dir, nil)
		defer crash(m)
		r := row(false, 1)
		r.SpeedDown = 8 * unit.Mbit
		a := m.Account(r)
		begin := time.Now()
		for range 50 { // 5 MB over two connections' worth of calls
			if err := a.Pace(Down, 100_000, nil); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d < 4500*time.Millisecond || d > 5*time.Second {
			t.Errorf("5 MB at 8 Mbit/s took %s", d)
		}
		if err := a.Pace(Up, 1<<40, nil); err != nil || a.Chunk(Up) != maxChunk || a.Chunk(Down) >= maxChunk {
			t.Errorf("the other direction is held too: %v", err)
		}
		stop := make(chan struct{})
		close(stop)
		if err := a.Pace(Down, 10<<20, stop); !errors.Is(err, flow.ErrCut) {
			t.Errorf("a cut flow waits: %v", err)
		}
		faster := *r
		faster.SpeedDown = 0
		m.Update(&faster)
		if !a.Allow(Down, 60_000) {
			t.Error("the limit was not lifted")
		}
		slow := *r
		slow.SpeedDown = 80_000
		m.Update(&slow)
		n := 0
		for range 100 {
			if a.Allow(Down, 1000) {
				n++
			}
		}
		if n > minBurst/1000 {
			t.Errorf("%d datagrams passed at once", n)
		}
	})
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := openMeter(t, t.TempDir(), nil)
	defer crash(m)
	r := row(true, 1)
	m.Grant(allowance(r, 1<<40))
	a := m.Account(r)
	tap := a.Tap("i", "direct")
	a.Take(1)
	if n := testing.AllocsPerRun(1000, func() {
		b := a.Take(1400)
		tap.Add(Down, 1000)
		a.Return(b, 400)
		_ = a.Allow(Up, 1400)
	}); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	m := openMeter(b, b.TempDir(), nil)
	defer crash(m)
	r := row(true, 1)
	m.Grant(allowance(r, 1<<50))
	a := m.Account(r)
	tap := a.Tap("i", "direct")
	b.ReportAllocs()
	for b.Loop() {
		bud := a.Take(1400)
		tap.Add(Down, 1400)
		a.Return(bud, 0)
	}
}
