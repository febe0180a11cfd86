package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/session"
)

// How long a metered subscriber without allowance is kept waiting for the panel.
const (
	waitAtDial = 3 * time.Second
	waitInFlow = time.Second
)

// admission is what a flow of either network has in common: whose it is, what counts it, and how it is cut.
type admission struct {
	engine *Engine
	sess   *session.Session
	acc    *meter.Account
	tap    *meter.Tap
	stop   chan struct{} // closed by the cut
	once   sync.Once
	over   atomic.Bool // cut
}

// leave gives the flow's slot back.
func (a *admission) leave() { a.engine.slots.release(a.sess.Principal().ID) }

// open waits until a metered subscriber has something left.
func (a *admission) open(ctx context.Context) error {
	b := a.acc.Take(1)
	if b.N == 0 {
		var err error
		if b, err = a.acc.Wait(1, waitAtDial, ctx.Done()); err != nil {
			return err
		}
	}
	a.acc.Return(b, b.N)
	return nil
}

// cut marks the flow as cut and wakes what waits in it. It reports whether it is the first.
func (a *admission) cut() (first bool) {
	a.once.Do(func() {
		a.over.Store(true)
		close(a.stop)
		first = true
	})
	return first
}

// take takes bytes that may pass now. A subscriber who has none, and gets none in time, is cut everywhere.
func (a *admission) take(n int64) (meter.Budget, error) {
	if a.over.Load() {
		return meter.Budget{}, flow.ErrCut
	}
	b := a.acc.Take(n)
	if b.N > 0 {
		return b, nil
	}
	b, err := a.acc.Wait(n, waitInFlow, a.stop)
	if errors.Is(err, flow.ErrQuota) {
		a.engine.sessions.Cut(session.Selector{Subscriber: a.sess.Principal().ID}, session.Limited)
		return b, flow.ErrCut
	}
	return b, err
}

// count counts bytes that passed.
func (a *admission) count(d meter.Direction, n int64) {
	if n <= 0 {
		return
	}
	a.tap.Add(d, n)
	if d == meter.Up {
		a.sess.Add(n, 0)
	} else {
		a.sess.Add(0, n)
	}
}

// gauge governs one direction of a TCP flow (pipe.Gauge).
type gauge struct {
	*admission
	dir    meter.Direction
	budget meter.Budget
	passed int64 // of it
}

// Chunk implements pipe.Gauge.
func (g *gauge) Chunk() int64 { return g.acc.Chunk(g.dir) }

// Take implements pipe.Gauge.
func (g *gauge) Take(n int64) (int64, error) {
	b, err := g.take(n)
	g.budget, g.passed = b, 0
	return b.N, err
}

// Passed implements pipe.Gauge.
func (g *gauge) Passed(n int64) {
	g.count(g.dir, n)
	g.passed += n
}

// Settle implements pipe.Gauge.
func (g *gauge) Settle() error {
	g.acc.Return(g.budget, g.budget.N-g.passed)
	return g.acc.Pace(g.dir, g.passed, g.stop)
}
