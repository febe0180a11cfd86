package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// uploader sends reports, strictly in order, and deletes each when the panel has it.
type uploader struct {
	*core
	wake chan struct{}

	one     sync.Mutex // one upload at a time: order
	refused refusals   // of the report that is next
}

// refusals counts how often the panel called one report invalid.
type refusals struct {
	epoch, seq int64
	times      int
}

const (
	uploadFirst   = 200 * time.Millisecond
	uploadLongest = 30 * time.Second
	lookInSpool   = 10 * time.Second
	refusedOften  = 5 // refusals after which a report is set aside
)

func newUploader(c *core) *uploader { return &uploader{core: c, wake: make(chan struct{}, 1)} }

func (u *uploader) run(ctx context.Context) {
	b := newBackoff(uploadFirst, uploadLongest)
	for {
		err := u.flush(ctx)
		pause, ready := lookInSpool, u.cfg.Meter.Ready()
		if err == nil {
			b.reset()
		} else {
			u.log.DebugContext(ctx, "reports wait", logging.KeyErr, err)
			pause, ready = b.pause(), nil // a new report does not make the panel answer
		}
		if !u.idle(ctx, pause, ready) {
			return
		}
	}
}

// idle waits for a report, a reconnection, or the pause.
func (u *uploader) idle(ctx context.Context, d time.Duration, ready <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-u.wake:
	case <-ready:
	case <-t.C:
	}
	return ctx.Err() == nil
}

// flush sends what waits. A report that the panel refuses stays for some tries, and those behind it wait. Then it is set
// aside: its bytes are never dropped silently, the fault is shown to the operator.
func (u *uploader) flush(ctx context.Context) error {
	u.one.Lock()
	defer u.one.Unlock()
	for {
		r, ok := u.cfg.Meter.Next()
		if !ok {
			u.fault("upload", "")
			return nil
		}
		var ack nodeapi.ReportAck
		if err := u.api.post(ctx, nodeapi.PathReport, &r, &ack); err != nil {
			if nodeapi.CodeOf(err) == nodeapi.CodeInvalid {
				return u.refusal(ctx, &r, err)
			}
			return fmt.Errorf("%w: %w", errFlush, err)
		}
		if ack.Epoch != r.Epoch || ack.Seq != r.Seq {
			return fmt.Errorf("%w: the panel acknowledged %d.%d for %d.%d", errFlush, ack.Epoch, ack.Seq, r.Epoch, r.Seq)
		}
		if err := u.cfg.Meter.Ack(r.Epoch, r.Seq); err != nil {
			return fmt.Errorf("delete report: %w", err)
		}
		if len(ack.Allowances) > 0 {
			u.cfg.Engine.Grant(ack.Allowances)
		}
	}
}

// refusal notes that the panel called r invalid. Its error keeps the pauses growing, also from one such report to the
// next: a panel that refuses them all does not empty the spool in a moment.
func (u *uploader) refusal(ctx context.Context, r *nodeapi.Report, why error) error {
	if u.refused.epoch != r.Epoch || u.refused.seq != r.Seq {
		u.refused = refusals{epoch: r.Epoch, seq: r.Seq}
	}
	u.refused.times++
	u.fault("upload", fmt.Sprintf("report %d.%d is refused by the panel: %v", r.Epoch, r.Seq, why))
	if u.refused.times >= refusedOften {
		u.log.ErrorContext(ctx, "refused report is set aside", "epoch", r.Epoch, "seq", r.Seq, logging.KeyErr, why)
		if err := u.cfg.Meter.SetAside(r.Epoch, r.Seq, why.Error()); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errRefused, why)
}

// Leases asks the panel for slices. It is made before the meter, which wants it from the start.
type Leases struct {
	wake chan struct{}

	mu     sync.Mutex
	wanted map[string]bool
}

// NewLeases returns a collector of wishes.
func NewLeases() *Leases { return &Leases{wake: make(chan struct{}, 1), wanted: map[string]bool{}} }

// WantLease notes that a subscriber needs more. It does not block.
func (l *Leases) WantLease(subscriber string) {
	l.mu.Lock()
	l.wanted[subscriber] = true
	l.mu.Unlock()
	poke(l.wake)
}

const (
	leaseFirst   = 100 * time.Millisecond
	leaseLongest = 5 * time.Second
	leaseBatch   = 1000
)

func (l *Leases) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Sorted(maps.Keys(l.wanted))
	out = out[:min(len(out), leaseBatch)]
	for _, s := range out {
		delete(l.wanted, s)
	}
	if len(l.wanted) > 0 {
		poke(l.wake)
	}
	return out
}

func (l *Leases) putBack(subscribers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range subscribers {
		l.wanted[s] = true
	}
}

func (l *Leases) run(ctx context.Context, c *core) {
	b := newBackoff(leaseFirst, leaseLongest)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		subscribers := l.take()
		held := c.cfg.Meter.Slices(subscribers...)
		if len(held) == 0 {
			continue
		}
		var out nodeapi.LeaseResponse
		err := c.api.post(ctx, nodeapi.PathLease, nodeapi.LeaseRequest{Slices: held}, &out)
		if err == nil {
			b.reset()
			c.cfg.Engine.Grant(out.Allowances)
			continue
		}
		c.log.DebugContext(ctx, "slices are asked for again", "subscribers", len(subscribers), logging.KeyErr, err)
		l.putBack(subscribers)
		poke(l.wake)
		if !b.wait(ctx) {
			return
		}
	}
}
