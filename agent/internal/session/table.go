package session

import (
	"container/heap"
	"context"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/shared/nodeapi"
)

// KickBlock is how long a kick keeps out whom it ended.
const KickBlock = time.Minute

// expiryTick bounds how late a step of the wall clock is noticed; timers run on the monotonic one.
const expiryTick = time.Second

// Table lists the sessions of a node. Start runs its clock; Close ends it.
type Table struct {
	record func(nodeapi.SessionRecord)
	flows  atomic.Int64

	mu        sync.Mutex
	sessions  map[string]*Session
	groups    map[string]*group // by subscriber
	visits    map[visitKey]*visit
	visitByID map[string]*visit
	due       dueHeap
	gone      []nodeapi.DeviceUse // devices that left since Devices was asked
	blocks    map[block]time.Time
	wake      chan struct{}
	stop      context.CancelFunc
	stopped   chan struct{}
}

// group is the live sessions of one subscriber, with the instant they all end.
type group struct {
	subscriber string
	sessions   map[*Session]struct{}
	expires    int64 // Unix seconds; 0 = never
	at         int   // in the heap, -1 when not there
	flows      atomic.Int64
	devices    map[string]*device // of a subscriber whose devices are limited
}

// block keeps out whoever matches all its set fields.
type block struct {
	subscriber, ingress string
	source              netip.Addr
}

// NewTable returns an empty table. record is told of every session that opens or ends; it must not block.
func NewTable(record func(nodeapi.SessionRecord)) *Table {
	return &Table{
		record: record, sessions: map[string]*Session{}, groups: map[string]*group{},
		visits: map[visitKey]*visit{}, visitByID: map[string]*visit{}, blocks: map[block]time.Time{}, wake: make(chan struct{}, 1),
	}
}

// Find returns a live session by id, or nil.
func (t *Table) Find(id string) *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[id]
}

// Count returns the number of live sessions, as people count them, and of their flows.
func (t *Table) Count() (sessions, flows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range t.visits {
		if v.live > 0 {
			sessions++
		}
	}
	for _, s := range t.sessions {
		if s.visit == nil {
			sessions++
		}
	}
	return sessions, int(t.flows.Load())
}

// List returns a record of every live session.
func (t *Table) List() []nodeapi.SessionRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]nodeapi.SessionRecord, 0, len(t.sessions))
	for _, v := range t.visits {
		if v.live > 0 {
			out = append(out, v.record())
		}
	}
	for _, s := range t.sessions {
		if s.visit == nil {
			out = append(out, s.entry())
		}
	}
	return out
}

// Selector picks sessions: all set fields must match, and an empty selector matches nothing.
type Selector struct {
	Subscriber string
	Session    string
	Ingress    string
	Source     netip.Addr
}

func (q Selector) empty() bool { return q == Selector{} }

func (q Selector) matches(s *Session) bool {
	return (q.Subscriber == "" || q.Subscriber == s.principal.ID) &&
		(q.Session == "" || q.Session == s.principal.Session || s.visit != nil && q.Session == s.visit.id) &&
		(q.Ingress == "" || q.Ingress == s.ingress) &&
		(!q.Source.IsValid() || q.Source.Unmap() == s.source)
}

// Cut ends the sessions that q picks and returns how many.
func (t *Table) Cut(q Selector, c Cause) int {
	n := 0
	for _, s := range t.pick(q) {
		if t.end(s, c) {
			n++
		}
	}
	return n
}

// Kick ends the sessions that q picks and keeps what it names out for KickBlock. A kicked session keeps out its
// subscriber on the same ingress from the same address.
func (t *Table) Kick(q Selector) int {
	if q.empty() {
		return 0
	}
	picked := t.pick(q)
	until := time.Now().Add(KickBlock)
	t.mu.Lock()
	maps.DeleteFunc(t.blocks, func(_ block, end time.Time) bool { return !time.Now().Before(end) })
	if q.Session == "" {
		t.blocks[block{q.Subscriber, q.Ingress, q.Source.Unmap()}] = until
	} else {
		for _, s := range picked {
			t.blocks[block{s.principal.ID, s.ingress, s.source}] = until
		}
		if v := t.visitByID[q.Session]; v != nil && (q.Subscriber == "" || q.Subscriber == v.subscriber) {
			t.blocks[block{v.subscriber, v.ingress, v.source}] = until
		}
	}
	t.mu.Unlock()
	n := 0
	for _, s := range picked {
		if t.end(s, Kicked) {
			n++
		}
	}
	return n
}

// CutIf ends every session of a subscriber for which judge names a cause. judge runs without locks.
func (t *Table) CutIf(subscriber string, judge func(*Session) Cause) int {
	n := 0
	for _, s := range t.pick(Selector{Subscriber: subscriber}) {
		if c := judge(s); c != "" && t.end(s, c) {
			n++
		}
	}
	return n
}

// All returns every live session for which keep is true.
func (t *Table) All(keep func(*Session) bool) []*Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*Session
	for _, s := range t.sessions {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}

// End ends s for cause c.
func (t *Table) End(s *Session, c Cause) bool { return t.end(s, c) }

func (t *Table) pick(q Selector) []*Session {
	if q.empty() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*Session
	switch {
	case q.Session != "":
		if s := t.sessions[q.Session]; s != nil && q.matches(s) {
			out = append(out, s)
		}
		if v := t.visitByID[q.Session]; v != nil && t.groups[v.subscriber] != nil {
			for s := range t.groups[v.subscriber].sessions {
				if s.visit == v && q.matches(s) {
					out = append(out, s)
				}
			}
		}
	case q.Subscriber != "":
		if g := t.groups[q.Subscriber]; g != nil {
			for s := range g.sessions {
				if q.matches(s) {
					out = append(out, s)
				}
			}
		}
	default:
		for _, s := range t.sessions {
			if q.matches(s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// SetExpiry changes when the sessions of a subscriber end; 0 = never.
func (t *Table) SetExpiry(subscriber string, unix int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.groups[subscriber]; g != nil {
		t.expire(g, unix)
	}
}

// expire sets the end of a group; the caller holds t.mu.
func (t *Table) expire(g *group, unix int64) {
	g.expires = unix
	switch {
	case unix == 0 && g.at >= 0:
		heap.Remove(&t.due, g.at)
	case unix != 0 && g.at < 0:
		heap.Push(&t.due, g)
	case unix != 0:
		heap.Fix(&t.due, g.at)
	}
	if len(t.due) > 0 && t.due[0] == g {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// blocked reports whether a kick keeps this client out; the caller holds t.mu.
func (t *Table) blocked(subscriber, ingress string, source netip.Addr, now time.Time) bool {
	if len(t.blocks) == 0 {
		return false
	}
	for set := 1; set < 8; set++ { // every way in which a kick could have named this client
		var b block
		if set&1 != 0 {
			b.subscriber = subscriber
		}
		if set&2 != 0 {
			b.ingress = ingress
		}
		if set&4 != 0 {
			b.source = source
		}
		if until, ok := t.blocks[b]; ok && now.Before(until) {
			return true
		}
	}
	return false
}

// Start runs the clock that ends expired sessions.
func (t *Table) Start(ctx context.Context) {
	ctx, t.stop = context.WithCancel(ctx)
	t.stopped = make(chan struct{})
	go t.run(ctx)
}

// Close stops the clock. Sessions stay as they are.
func (t *Table) Close() {
	if t.stop != nil {
		t.stop()
		<-t.stopped
	}
	t.leaveIdle(time.Now().Add(VisitGrace)) // the process ends: whoever comes next opens a visit of its own
}

func (t *Table) run(ctx context.Context) {
	defer close(t.stopped)
	timer, visits, progress := time.NewTimer(expiryTick), time.NewTicker(visitTick), time.NewTicker(progressGap)
	defer timer.Stop()
	defer visits.Stop()
	defer progress.Stop()
	for {
		timer.Reset(t.sweep(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-t.wake:
		case now := <-visits.C:
			t.leaveIdle(now.Add(-VisitGrace))
			lookAtDevices(t, now)
		case <-progress.C:
			t.progress()
		}
	}
}

// idleTick is the wait while nobody's expiry is known: a new one wakes the clock.
const idleTick = time.Hour

// sweep ends what is due and returns how long to wait.
func (t *Table) sweep(now time.Time) time.Duration {
	for {
		t.mu.Lock()
		if len(t.due) == 0 {
			t.mu.Unlock()
			return idleTick
		}
		g := t.due[0]
		if wait := time.Unix(g.expires, 0).Sub(now); wait > 0 {
			t.mu.Unlock()
			return min(wait, expiryTick)
		}
		t.expire(g, 0)
		t.mu.Unlock()
		t.Cut(Selector{Subscriber: g.subscriber}, Expired)
	}
}

// dueHeap orders groups by expiry.
type dueHeap []*group

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].expires < h[j].expires }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	g := x.(*group)
	g.at = len(*h)
	*h = append(*h, g)
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	*h, g.at = old[:len(old)-1], -1
	return g
}
