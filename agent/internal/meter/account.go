package meter

import (
	"sync/atomic"

	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Account is what one subscriber moves: its counters, its slice and its speed.
type Account struct {
	purse
	limits
	holders  atomic.Int64            // sessions; the account stays while there are any
	counters map[counterKey]*counter // under the purse's lock
}

type counterKey struct {
	ingress, exit string
	period        int64
}

// counter is one line of a report in the making. Bytes only grow; what was reported and journaled is remembered beside.
type counter struct {
	key      counterKey
	up, down atomic.Int64

	// Under the account's lock.
	refs        int
	idle        bool // had no refs and nothing new at the last sealing
	sealedUp    int64
	sealedDown  int64
	writtenUp   int64 // of the open interval, in the journal
	writtenDown int64
	index       uint64 // in the journal, from 1; 0 when the journal does not know the key
	journal     int64  // number of the journal that index belongs to
}

// configure takes over what the row says. A new period voids the slice of the old one.
func (a *Account) configure(row *nodeapi.Subscriber) {
	a.limits[Up].set(row.SpeedUp)
	a.limits[Down].set(row.SpeedDown)
	if a.metered.Load() == row.Metered && a.period.Load() == row.Period {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.period.Store(row.Period)
	a.metered.Store(row.Metered)
	s := a.slice.Load()
	if s != nil && (s.period != row.Period || !row.Metered) {
		if s.period > row.Period {
			a.early = &nodeapi.Allowance{Subscriber: a.id, Period: s.period, Granted: s.granted, Exhausted: s.exhausted}
		}
		a.slice.Store(nil)
		s.broadcast()
	}
	if e := a.early; e != nil && row.Metered && e.Period == row.Period {
		a.early = nil
		a.grantLocked(*e)
	}
}

func (a *Account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.metered.Store(false)
	a.early = nil
	if s := a.slice.Swap(nil); s != nil {
		s.broadcast()
	}
}

// Tap counts the bytes of one flow. It follows the subscriber into a new period.
type Tap struct {
	a             *Account
	ingress, exit string
	cur           atomic.Pointer[counter]
}

// Tap returns the counter of a flow that came in by ingress and leaves by exit.
func (a *Account) Tap(ingress, exit string) *Tap {
	t := &Tap{a: a, ingress: ingress, exit: exit}
	t.cur.Store(a.acquire(counterKey{ingress, exit, a.period.Load()}))
	return t
}

// Add counts bytes that were relayed.
func (t *Tap) Add(d Direction, n int64) {
	if n <= 0 {
		return
	}
	c := t.cur.Load()
	if c == nil || c.key.period != t.a.period.Load() {
		t.addSlow(d, n)
		return
	}
	c.add(d, n)
}

// addSlow counts in a new period, or after Close.
func (t *Tap) addSlow(d Direction, n int64) {
	a := t.a
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counterLocked(counterKey{t.ingress, t.exit, a.period.Load()})
	c.add(d, n)
	if old := t.cur.Load(); old != nil && old != c {
		old.refs--
		c.refs++
		t.cur.Store(c)
	}
}

// Close gives the counter back. Bytes that are added afterwards still count.
func (t *Tap) Close() {
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	if c := t.cur.Swap(nil); c != nil {
		c.refs--
	}
}

func (c *counter) add(d Direction, n int64) {
	if d == Up {
		c.up.Add(n)
	} else {
		c.down.Add(n)
	}
}

func (a *Account) acquire(k counterKey) *counter {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counterLocked(k)
	c.refs++
	return c
}

func (a *Account) counterLocked(k counterKey) *counter {
	c := a.counters[k]
	if c == nil {
		c = &counter{key: k}
		a.counters[k] = c
	}
	c.idle = false
	return c
}

// open is what a counter holds beyond what was sealed.
func (c *counter) open() (up, down int64) {
	return c.up.Load() - c.sealedUp, c.down.Load() - c.sealedDown
}

// sealing is one counter's part of a report that is being written.
type sealing struct {
	c        *counter
	up, down int64
}

// collect lists what this account adds to a report.
func (a *Account) collect(usage []nodeapi.Usage, uses []nodeapi.SliceUse) ([]nodeapi.Usage, []nodeapi.SliceUse, []sealing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var parts []sealing
	s := a.slice.Load()
	var spent unit.Bytes
	for _, c := range a.counters {
		up, down := c.open()
		if up == 0 && down == 0 {
			continue
		}
		parts = append(parts, sealing{c, up, down})
		usage = append(usage, nodeapi.Usage{
			Subscriber: a.id, Ingress: c.key.ingress, Exit: c.key.exit, Period: c.key.period,
			Up: unit.Bytes(up), Down: unit.Bytes(down),
		})
		if s != nil && c.key.period == s.period {
			spent += unit.Bytes(up + down)
		}
	}
	if s != nil && (spent > 0 || s.stated < s.sealed) {
		s.sealing = max(s.sealed, min(s.sealed+spent, s.reserved))
		uses = append(uses, nodeapi.SliceUse{Subscriber: a.id, Period: s.period, Spent: s.sealing})
	}
	return usage, uses, parts
}

// sealed moves what collect listed out of the open interval, and drops counters that nobody has used for a while.
func (a *Account) sealed(parts []sealing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range parts {
		p.c.sealedUp += p.up
		p.c.sealedDown += p.down
	}
	if s := a.slice.Load(); s != nil && s.sealing > 0 {
		s.sealed, s.stated, s.sealing = max(s.sealed, s.sealing), max(s.stated, s.sealing), 0
	}
	for k, c := range a.counters {
		up, down := c.open()
		c.writtenUp, c.writtenDown = 0, 0
		quiet := c.refs == 0 && up == 0 && down == 0
		if quiet && c.idle {
			delete(a.counters, k)
		}
		c.idle = quiet
	}
}

// Release gives the account back when its session has ended.
func (a *Account) Release() { a.holders.Add(-1) }

// disposable reports whether nothing would be lost with the account; the caller holds the meter's lock.
func (a *Account) disposable() bool {
	if a.holders.Load() > 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.counters) == 0 && a.slice.Load() == nil && a.early == nil
}
