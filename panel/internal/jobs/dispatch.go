package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/logging"
	"culvert/shared/run"
)

// Timing of the dispatcher.
const (
	lookEvery   = 500 * time.Millisecond // for rows whose back-off is over, and for what a lost notification announced
	gap         = 10 * time.Millisecond  // between rounds: under load, rows gather into batches
	sweepEvery  = time.Hour
	firstPause  = 100 * time.Millisecond
	longestWait = 3 * time.Second
)

// Dispatcher moves rows of the outbox to a queue as soon as they are committed.
type Dispatcher struct {
	*run.Loop
	db    *pg.DB
	queue outbox.Queue
	log   *slog.Logger
	wake  chan struct{}
}

// NewDispatcher returns the service.
func NewDispatcher(db *pg.DB, q outbox.Queue, log *slog.Logger) *Dispatcher {
	d := &Dispatcher{db: db, queue: q, log: log, wake: make(chan struct{}, 1)}
	d.Loop = run.NewLoop(d.loop)
	return d
}

func (d *Dispatcher) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) loop(ctx context.Context) error {
	var listening sync.WaitGroup
	listening.Go(func() {
		d.db.Listen(ctx, []string{pg.ChannelOutbox}, d.poke, func(string, string) { d.poke() })
	})
	defer listening.Wait()
	look, sweep := time.NewTicker(lookEvery), time.NewTicker(sweepEvery)
	defer look.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-look.C:
		case <-sweep.C:
			if n, err := outbox.Sweep(ctx, d.db); err != nil {
				d.log.WarnContext(ctx, "old events could not be removed", logging.KeyErr, err)
			} else if n > 0 {
				d.log.DebugContext(ctx, "old events removed", "rows", n)
			}
		}
		d.drain(ctx)
	}
}

// drain dispatches until nothing is open. A queue or a database that is away is waited for, and told once.
func (d *Dispatcher) drain(ctx context.Context) {
	pause, failed := firstPause, false
	for ctx.Err() == nil {
		n, err := outbox.Dispatch(ctx, d.db, d.queue)
		switch {
		case err == nil && failed:
			d.log.InfoContext(ctx, "events flow again")
			failed, pause = false, firstPause
		case err == nil && n == 0:
			return
		case err == nil:
			wait(ctx, gap)
		default:
			if !failed && ctx.Err() == nil {
				d.log.WarnContext(ctx, "events wait", logging.KeyErr, err)
			}
			failed = true
			wait(ctx, pause)
			pause = min(2*pause, longestWait)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
