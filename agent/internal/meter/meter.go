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
	"sync"
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

// progress is where the numbering stands.
type progress struct {
	from      time.Time // start of the open interval
	seq       int64     // its number
	headerDue bool      // the journal does not know of this interval yet
	epochDue  bool      // the epoch is not on the disk yet
	leftovers []string  // journals of earlier runs that are not in the spool yet
}

// Meter counts. All methods are safe for concurrent use.
type Meter struct {
	dir      string
	log      *slog.Logger
	leaser   Leaser
	interval atomic.Int64
	epoch    int64
	journal  *journal
	spool    *spool
	faults   faults

	mu       sync.RWMutex
	accounts map[string]*Account
	distrust bool // slices of before are lost: what turns out to have been granted is taken for spent

	recMu    sync.Mutex
	sessions []nodeapi.SessionRecord

	sealMu sync.Mutex // one sealing or journal write at a time; guards progress
	at     progress
	seals  chan chan error
	stop   context.CancelFunc
	done   chan struct{}
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
	m := &Meter{
		dir: cfg.Dir, log: log, leaser: cfg.Leaser, accounts: map[string]*Account{}, seals: make(chan chan error),
		faults: faults{log: log}, journal: &journal{}, at: progress{from: time.Now(), seq: 1},
	}
	m.SetInterval(cfg.Interval)
	return m, m.recover()
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
	m.sealMu.Lock()
	defer m.sealMu.Unlock()
	return errors.Join(m.seal(), m.writeJournal(), m.closeJournal())
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
			m.sealMu.Lock()
			if time.Since(m.at.from) >= m.currentInterval() {
				_ = m.seal() // told by faults
			} else {
				_ = m.writeJournal()
			}
			m.sealMu.Unlock()
		case reply := <-m.seals:
			m.sealMu.Lock()
			reply <- m.seal()
			m.sealMu.Unlock()
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
	if n := m.spool.len(); n > stretchAfter {
		d = max(d, min(maxInterval, d*time.Duration(1+n/stretchAfter)))
	}
	return d
}

// Epoch is this run's number in reports: larger than that of every run before.
func (m *Meter) Epoch() int64 { return m.epoch }

// Pending is how many reports the panel has not acknowledged.
func (m *Meter) Pending() int { return m.spool.len() }

// Fault says what is wrong with storage; empty when nothing is.
func (m *Meter) Fault() string { return m.faults.String() }

// Ready receives a value after a report was sealed.
func (m *Meter) Ready() <-chan struct{} { return m.spool.ready }

// Next returns the oldest report that waits; false when none does.
func (m *Meter) Next() (nodeapi.Report, bool) { return m.spool.next(&m.faults) }

// Ack deletes an acknowledged report. Unknown numbers are ignored: it was deleted before.
func (m *Meter) Ack(epoch, seq int64) error {
	r, ok, err := m.spool.ack(epoch, seq)
	if !ok || err != nil {
		return err
	}
	for _, s := range r.Slices {
		if a := m.find(s.Subscriber); a != nil {
			a.confirmed(s)
		}
	}
	return nil
}

// Record takes a session's opening or end into the next report. A session that ends in the interval it began in is
// told once.
func (m *Meter) Record(r nodeapi.SessionRecord) {
	m.recMu.Lock()
	defer m.recMu.Unlock()
	if len(m.sessions) >= maxHeldSessions {
		m.sessions = m.sessions[len(m.sessions)/2:]
		m.faults.set("sessions", "too many session records wait for the disk; old ones were dropped")
	}
	m.sessions = append(m.sessions, r)
}

// Account returns the account of a subscriber, set to what its row says, and holds it until Release.
func (m *Meter) Account(row *nodeapi.Subscriber) *Account {
	m.mu.Lock()
	a := m.accounts[row.ID]
	if a == nil {
		a = newAccount(m, row.ID)
		m.accounts[row.ID] = a
	}
	a.holders.Add(1)
	m.mu.Unlock()
	a.configure(row)
	return a
}

// Update brings a changed row to its account, if it has one.
func (m *Meter) Update(row *nodeapi.Subscriber) {
	if a := m.find(row.ID); a != nil {
		a.configure(row)
	}
}

// Forget drops the slice of a subscriber that is gone. Its counts are still reported.
func (m *Meter) Forget(subscriber string) {
	if a := m.find(subscriber); a != nil {
		a.forget()
	}
}

// Grant takes allowances in and returns the subscribers for whom nothing is left and nothing more will come.
func (m *Meter) Grant(allowances []nodeapi.Allowance) (limited []string) {
	for _, al := range allowances {
		m.mu.Lock()
		a := m.accounts[al.Subscriber]
		if a == nil {
			a = newAccount(m, al.Subscriber)
			a.period.Store(al.Period)
			a.metered.Store(true)
			m.accounts[al.Subscriber] = a
		}
		m.mu.Unlock()
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
		if a := m.find(id); a != nil && a.metered.Load() {
			out = append(out, a.use())
		}
	}
	return out
}

// Used is how many bytes of the present period's slice have passed or are lost, and how many were granted.
func (m *Meter) Used(subscriber string) (used, granted unit.Bytes) {
	if a := m.find(subscriber); a != nil {
		return a.used()
	}
	return 0, 0
}

func (m *Meter) find(id string) *Account {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.accounts[id]
}

func (m *Meter) all() []*Account {
	m.mu.RLock()
	defer m.mu.RUnlock()
	out := make([]*Account, 0, len(m.accounts))
	for _, a := range m.accounts {
		out = append(out, a)
	}
	return out
}
