package meter

import (
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Steps in which a slice is written as spent ahead of its bytes.
const (
	stepMin = 64 * unit.KiB
	stepMax = 4 * unit.MiB
	stepOf  = 8 // of what is left
)

// askAgain is how long an unanswered request for more is waited for before it is repeated.
const askAgain = time.Second

// believed is how long the panel's word that nothing more can be granted holds. What a customer buys reaches a node that
// holds nothing of theirs only because it asks.
const believed = 200 * time.Millisecond

// slice is what one metered subscriber may still move here in one period:
//
//	0 ....... sealed ....... passed ....... reserved ....... granted
//	          in reports     (not kept)     in the journal    by the panel
//	                         '---- left ----'
type slice struct {
	period  int64
	left    atomic.Int64 // reserved, not yet taken
	out     atomic.Int64 // taken, not yet returned
	waiting atomic.Int64 // flows that wait for more

	// Under the account's lock.
	granted   unit.Bytes
	reserved  unit.Bytes
	size      unit.Bytes // what was left when the last grant came
	exhausted bool
	told      time.Time // when the panel said so
	asked     time.Time
	changed   chan struct{} // closed and replaced when there may be more

	sealed  unit.Bytes // spent in sealed reports, and lost to crashes
	sealing unit.Bytes // sealed, as the report in the making says
	stated  unit.Bytes // newest statement in a report
	acked   unit.Bytes // newest statement that the panel has
}

// purse is the quota side of an account.
type purse struct {
	leaser  Leaser
	disk    *disk
	book    *book
	id      string
	metered atomic.Bool
	period  atomic.Int64
	slice   atomic.Pointer[slice] // nil until the first grant or byte of a metered subscriber

	mu    sync.Mutex         // of the whole account
	early *nodeapi.Allowance // of a period that the row has not reached yet
}

// Budget is bytes taken from a slice. It must be returned, whether they passed or not.
type Budget struct {
	N int64
	s *slice
}

// Take takes up to n bytes that may pass now. For a subscriber without a quota that is all of them; a result of zero
// means that nothing is left at this moment.
func (a *purse) Take(n int64) Budget {
	if !a.metered.Load() {
		return Budget{N: n}
	}
	if s := a.slice.Load(); s != nil {
		if got := s.take(n, true); got > 0 {
			return Budget{got, s}
		}
	}
	return a.takeSlow(n)
}

// crumb is what a flow may take of a rest without leaving some for the others.
const crumb = 16 << 10

// take takes n bytes; without whole, when less is left, about half of that: the other direction needs some, too.
func (s *slice) take(n int64, whole bool) int64 {
	for {
		l := s.left.Load()
		if l <= 0 || whole && l < n {
			return 0
		}
		got := n
		if l < n {
			got = max(l/2, min(l, crumb))
		}
		if s.left.CompareAndSwap(l, l-got) {
			s.out.Add(got)
			return got
		}
	}
}

// Return ends what Take began: it gives back what did not pass. Every budget must be returned, also with nothing unused.
func (a *purse) Return(b Budget, unused int64) {
	if b.s == nil {
		return
	}
	b.s.left.Add(max(unused, 0))
	b.s.out.Add(-b.N)
	if b.s.waiting.Load() > 0 {
		a.mu.Lock()
		b.s.broadcast()
		a.mu.Unlock()
	}
}

// takeSlow reserves the next step and takes from it.
func (a *purse) takeSlow(n int64) Budget {
	a.mu.Lock()
	s := a.sliceLocked()
	a.reserve(s, n)
	got := s.take(n, false)
	ask := a.wantMore(s)
	a.mu.Unlock()
	if ask {
		a.leaser.WantLease(a.id)
	}
	return Budget{got, s}
}

func (a *purse) sliceLocked() *slice {
	s := a.slice.Load()
	if s == nil {
		s = &slice{period: a.period.Load(), changed: make(chan struct{})}
		a.slice.Store(s)
	}
	return s
}

// reserve writes the next step as spent, then lets it pass. When the journal cannot be written, the step passes all the
// same: a full disk is a fault of the node's, and stopping every customer for it would be a second one.
func (a *purse) reserve(s *slice, n int64) {
	room := s.granted - s.reserved
	if room <= 0 || s.left.Load() >= n {
		return
	}
	step := min(max(room/stepOf, stepMin), stepMax)
	step = min(max(step, unit.Bytes(n)), room)
	s.reserved += step
	a.disk.journalSlice(a.id, s)
	s.left.Add(int64(step))
}

// drained reports whether the panel said, a moment ago, that it has nothing more; the caller holds the account's lock.
func (s *slice) drained() bool { return s.exhausted && time.Since(s.told) < believed }

// wantMore reports whether the leaser is to be asked: less than half is left of what was there at the last grant.
func (a *purse) wantMore(s *slice) bool {
	rest := s.granted - s.reserved + unit.Bytes(s.left.Load())
	if s.drained() || a.leaser == nil || rest > 0 && rest >= s.size/2 || time.Since(s.asked) < askAgain {
		return false
	}
	s.asked = time.Now()
	return true
}

// Wait takes up to n bytes, waiting for the panel to grant more for at most limit. It returns flow.ErrQuota when nothing
// came or nothing more will come, and flow.ErrCut when stop closes.
func (a *purse) Wait(n int64, limit time.Duration, stop <-chan struct{}) (Budget, error) {
	deadline, again := time.NewTimer(limit), time.NewTicker(askAgain)
	defer deadline.Stop()
	defer again.Stop()
	for {
		changed, s := a.watch()
		b := a.Take(n)
		err := flow.ErrQuota
		if b.N == 0 && !a.over(s) {
			select {
			case <-changed:
				err = nil
			case <-again.C: // Take asks once more: the first request may be lost
				err = nil
			case <-deadline.C:
			case <-stop:
				err = flow.ErrCut
			}
		}
		s.waiting.Add(-1)
		if b.N > 0 || err != nil {
			if b.N > 0 {
				err = nil
			}
			return b, err
		}
	}
}

// over reports whether s is spent and nothing more will be granted.
func (a *purse) over(s *slice) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return s.drained() && s.reserved >= s.granted && s.out.Load() <= 0 && s.left.Load() <= 0 && a.slice.Load() == s
}

// watch announces a waiting flow and returns the channel that closes when there may be more.
func (a *purse) watch() (<-chan struct{}, *slice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slice.Load()
	if s == nil {
		s = &slice{period: a.period.Load(), changed: make(chan struct{})}
		if a.metered.Load() {
			a.slice.Store(s)
		}
	}
	s.waiting.Add(1)
	return s.changed, s
}

// broadcast wakes the flows that wait; the caller holds the account's lock.
func (s *slice) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// grant takes an allowance in. It reports whether the subscriber has nothing left and will get nothing more.
func (a *purse) grant(al nodeapi.Allowance) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if al.Period > a.period.Load() {
		a.early = &al
		return false
	}
	if al.Period < a.period.Load() || !a.metered.Load() {
		return false
	}
	return a.grantLocked(al)
}

func (a *purse) grantLocked(al nodeapi.Allowance) bool {
	fresh := a.slice.Load() == nil
	s := a.sliceLocked()
	if al.Granted < s.granted {
		return false // an answer that was overtaken
	}
	if fresh && a.book.distrust {
		s.reserved, s.sealed = al.Granted, al.Granted
	}
	s.granted, s.exhausted, s.told = al.Granted, al.Exhausted, time.Now()
	rest := s.granted - s.reserved + unit.Bytes(s.left.Load())
	s.size, s.asked = rest, time.Time{}
	a.disk.journalSlice(a.id, s)
	s.broadcast()
	return s.exhausted && rest <= 0
}

// confirmed notes what the panel has of the slice.
func (a *purse) confirmed(u nodeapi.SliceUse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.slice.Load(); s != nil && s.period == u.Period {
		s.acked = max(s.acked, u.Spent)
	}
}

func (a *purse) use() nodeapi.SliceUse {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := nodeapi.SliceUse{Subscriber: a.id, Period: a.period.Load()}
	if s := a.slice.Load(); s != nil {
		u.Spent = s.acked
	}
	return u
}

func (a *purse) used() (used, granted unit.Bytes) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.slice.Load(); s != nil {
		return s.reserved - unit.Bytes(s.left.Load()), s.granted
	}
	return 0, 0
}

// state appends the slice of a.
func (a *purse) state(b []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slice.Load()
	if s == nil || s.granted == 0 && s.reserved == 0 {
		return b
	}
	return appendSlice(b, a.id, s.period, s.granted, s.reserved, s.exhausted)
}

// settle gives the reserved rest back and appends the slice.
func (a *purse) settle(b []byte) []byte {
	a.mu.Lock()
	if s := a.slice.Load(); s != nil {
		s.reserved -= unit.Bytes(s.left.Swap(0))
	}
	a.mu.Unlock()
	return a.state(b)
}
