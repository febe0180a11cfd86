// Package meter counts every relayed byte, holds back what was not granted, and turns the counts into numbered reports.
//
// Data path: a flow has a Tap, which adds to two atomic counters of (subscriber, ingress, exit, period). Metered
// subscribers take bytes from a slice before they pass. Nothing there locks or allocates per packet.
//
// Disk: the journal gets what changed once a second, so a killed agent loses a second at most; a slice's bytes are
// written as spent before they pass, in steps, so that a crash can only lose allowance and never invent it. At the end of
// an interval the counts become a report in the spool (temporary file, fsync, rename, fsync of the folder), then the
// journal starts anew, and the report is deleted when the panel has it. At start, a journal that was never closed becomes
// the last report of its epoch. Nothing on disk is trusted without its checksum; what fails is set aside and told.
package meter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Leaser is asked for more when a metered subscriber is about to run out. It must not block; it may be asked for one
// subscriber again before the first answer, and the answer comes through Grant.
type Leaser interface{ WantLease(subscriber string) }

// Config of a meter.
type Config struct {
	Dir      string        // own folder; created with mode 0700
	Interval time.Duration // of reports; SetInterval changes it later
	Leaser   Leaser        // nil where nobody can grant
	Log      *slog.Logger
}

// Timing.
const (
	journalEvery = time.Second
	maxInterval  = 10 * time.Minute
	stretchAfter = 64 // unsent reports; from there on, intervals grow with the backlog
)

// Meter counts. All methods are safe for concurrent use.
type Meter struct {
	disk     *disk
	book     *book
	interval atomic.Int64
	seals    chan chan error
	stop     context.CancelFunc
	done     chan struct{}
}

// Open reads what an earlier run left in cfg.Dir and begins a new epoch. It fails only when the folder cannot be used at
// all; a full disk or a damaged file is a Fault, and the node serves.
func Open(cfg Config) (*Meter, error) {
	for _, d := range []string{cfg.Dir, filepath.Join(cfg.Dir, spoolDir), filepath.Join(cfg.Dir, asideDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil && !errors.Is(err, errNoSpace) {
			return nil, fmt.Errorf("open meter: %w", err)
		}
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &disk{dir: cfg.Dir, log: log, faults: faults{log: log}, journal: &journal{}, at: progress{from: time.Now(), seq: 1}}
	d.book = &book{leaser: cfg.Leaser, disk: d, accounts: map[string]*Account{}}
	m := &Meter{disk: d, book: d.book, seals: make(chan chan error)}
	m.SetInterval(cfg.Interval)
	return m, d.recover()
}

// Start begins to journal and to close reports.
func (m *Meter) Start(ctx context.Context) {
	ctx, m.stop = context.WithCancel(ctx)
	m.done = make(chan struct{})
	go m.run(ctx)
}

// Close seals the last report and marks the journal as complete. Flows must have ended before.
func (m *Meter) Close() error {
	if m.stop != nil {
		m.stop()
		<-m.done
	}
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return errors.Join(m.disk.seal(), m.disk.writeJournal(), m.disk.closeJournal())
}

func (m *Meter) run(ctx context.Context) {
	defer close(m.done)
	tick := time.NewTicker(journalEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.disk.mu.Lock()
			if time.Since(m.disk.at.from) >= m.currentInterval() {
				_ = m.disk.seal() // told by faults
			} else {
				_ = m.disk.writeJournal()
			}
			m.disk.mu.Unlock()
		case reply := <-m.seals:
			m.disk.mu.Lock()
			reply <- m.disk.seal()
			m.disk.mu.Unlock()
		}
	}
}

// Seal closes the interval now. It returns when the report is in the spool.
func (m *Meter) Seal(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case m.seals <- reply:
	case <-m.done:
		return errors.New("meter is closed")
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-reply
}

// SetInterval changes how often a report is closed.
func (m *Meter) SetInterval(d time.Duration) {
	m.interval.Store(int64(max(d, 50*time.Millisecond)))
}

// currentInterval is the set interval, longer while many reports wait: a panel that is away for days leaves hundreds of
// reports behind, not hundreds of thousands.
func (m *Meter) currentInterval() time.Duration {
	d := time.Duration(m.interval.Load())
	if n := m.disk.spool.len(); n > stretchAfter {
		d = max(d, min(maxInterval, d*time.Duration(1+n/stretchAfter)))
	}
	return d
}

// Epoch is this run's number in reports: larger than that of every run before.
func (m *Meter) Epoch() int64 { return m.disk.epoch }

// Pending is how many reports the panel has not acknowledged.
func (m *Meter) Pending() int { return m.disk.spool.len() }

// Fault says what is wrong with storage; empty when nothing is.
func (m *Meter) Fault() string { return m.disk.faults.String() }

// Ready receives a value after a report was sealed.
func (m *Meter) Ready() <-chan struct{} { return m.disk.spool.ready }

// Next returns the oldest report that waits; false when none does.
func (m *Meter) Next() (nodeapi.Report, bool) { return m.disk.spool.next(&m.disk.faults) }

// Ack deletes an acknowledged report. Unknown numbers are ignored: it was deleted before.
func (m *Meter) Ack(epoch, seq int64) error {
	r, ok, err := m.disk.spool.ack(epoch, seq)
	if !ok || err != nil {
		return err
	}
	for _, s := range r.Slices {
		if a := m.book.find(s.Subscriber); a != nil {
			a.confirmed(s)
		}
	}
	return nil
}

// SetAside takes a report that the panel will not have out of the way of those behind it. Its file is kept for a human,
// and the fault stays. Unknown numbers are ignored.
func (m *Meter) SetAside(epoch, seq int64, why string) error {
	e := entry{epoch, seq}
	if !m.disk.spool.has(e) {
		return nil
	}
	if err := aside(m.disk.dir, m.disk.spool.path(e)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("set report aside: %w", err)
	}
	m.disk.spool.drop(e)
	m.disk.faults.set("refused", fmt.Sprintf("report %s is not with the panel; it was set aside in %s: %s", e.name(), asideDir, why))
	return nil
}

// Record takes a session's opening or end into the next report. A session that ends in the interval it began in is
// told once.
func (m *Meter) Record(r nodeapi.SessionRecord) {
	if !m.disk.records.add(r) {
		m.disk.faults.set("sessions", "too many session records wait for the disk; old ones were dropped")
	}
}

// Account returns the account of a subscriber, set to what its row says, and holds it until Release.
func (m *Meter) Account(row *nodeapi.Subscriber) *Account {
	a := m.book.hold(row.ID)
	a.configure(row)
	return a
}

// Update brings a changed row to its account, if it has one.
func (m *Meter) Update(row *nodeapi.Subscriber) {
	if a := m.book.find(row.ID); a != nil {
		a.configure(row)
	}
}

// Forget drops the slice of a subscriber that is gone. Its counts are still reported.
func (m *Meter) Forget(subscriber string) {
	if a := m.book.find(subscriber); a != nil {
		a.forget()
	}
}

// Grant takes allowances in and returns the subscribers for whom nothing is left and nothing more will come.
func (m *Meter) Grant(allowances []nodeapi.Allowance) (limited []string) {
	for _, al := range allowances {
		a := m.book.openGranted(al)
		if a.grant(al) {
			limited = append(limited, al.Subscriber)
		}
	}
	return limited
}

// Slices says, for a lease request, what the panel can know to be spent: what its acknowledged reports say. (Bytes that
// it has not seen yet still count as outstanding there, so that nothing is granted twice.)
func (m *Meter) Slices(subscribers ...string) []nodeapi.SliceUse {
	var out []nodeapi.SliceUse
	for _, id := range subscribers {
		if a := m.book.find(id); a != nil && a.metered.Load() {
			out = append(out, a.use())
		}
	}
	return out
}

// Used is how many bytes of the present period's slice have passed or are lost, and how many were granted.
func (m *Meter) Used(subscriber string) (used, granted unit.Bytes) {
	if a := m.book.find(subscriber); a != nil {
		return a.used()
	}
	return 0, 0
}
