package meter

import (
	"log/slog"
	"sync"
	"time"

	"culvert/shared/nodeapi"
)

// disk is the storage side of a meter: journal, spool and the numbering between them.
type disk struct {
	dir     string
	log     *slog.Logger
	epoch   int64
	journal *journal
	spool   *spool
	faults  faults
	book    *book
	records records

	mu sync.Mutex // one sealing or journal write at a time; guards at
	at progress
}

// progress is where the numbering stands.
type progress struct {
	from      time.Time // start of the open interval
	seq       int64     // its number
	headerDue bool      // the journal does not know of this interval yet
	epochDue  bool      // the epoch is not on the disk yet
	leftovers []string  // journals of earlier runs that are not in the spool yet
}

// book is the accounts that hold something or are held by a session.
type book struct {
	leaser Leaser
	disk   *disk

	mu       sync.RWMutex
	accounts map[string]*Account
	distrust bool // slices of before are lost: what turns out to have been granted is taken for spent
}

func (b *book) find(id string) *Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.accounts[id]
}

// open returns the account of a subscriber, new when there is none.
func (b *book) open(id string) *Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openLocked(id)
}

// hold is open, with the account held until Release.
func (b *book) hold(id string) *Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.openLocked(id)
	a.holders.Add(1)
	return a
}

// openGranted returns the account of an allowance; of someone who has not connected yet, it is taken to be as al says.
func (b *book) openGranted(al nodeapi.Allowance) *Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[al.Subscriber]
	if a == nil {
		a = b.openLocked(al.Subscriber)
		a.period.Store(al.Period)
		a.metered.Store(true)
	}
	return a
}

func (b *book) openLocked(id string) *Account {
	a := b.accounts[id]
	if a == nil {
		a = &Account{counters: map[counterKey]*counter{}}
		a.id, a.leaser, a.disk, a.book = id, b.leaser, b.disk, b
		b.accounts[id] = a
	}
	return a
}

func (b *book) all() []*Account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]*Account, 0, len(b.accounts))
	for _, a := range b.accounts {
		out = append(out, a)
	}
	return out
}

// dispose drops accounts that nobody uses and that hold nothing.
func (b *book) dispose(accounts []*Account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range accounts {
		if b.accounts[a.id] == a && a.disposable() {
			delete(b.accounts, a.id)
		}
	}
}

// records are the openings and ends of sessions since the last report.
type records struct {
	mu   sync.Mutex
	list []nodeapi.SessionRecord
}

// add reports false when records had to be dropped.
func (r *records) add(rec nodeapi.SessionRecord) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := len(r.list) >= maxHeldSessions
	if full {
		r.list = r.list[len(r.list)/2:]
	}
	r.list = append(r.list, rec)
	return !full
}

func (r *records) take() []nodeapi.SessionRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.list
	r.list = nil
	return s
}

func (r *records) giveBack(s []nodeapi.SessionRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(s, r.list...)
}
