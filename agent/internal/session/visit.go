package session

import (
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/shared/id"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Protocols that sign in with every connection (SOCKS5, HTTP, Shadowsocks) would make a session of each: a browser's page is
// a hundred. There, what a subscriber opens through an ingress from one address is one session to people: a visit, which
// ends when nothing is open for VisitGrace, or at once when it was cut.

// VisitGrace is how long a visit without connections is still one.
const VisitGrace = time.Minute

// Timing of the table's slow work.
const (
	visitTick   = 5 * time.Second
	progressGap = 10 * time.Second // between two reports of what a running session has moved
)

// counts is what a session moved, told and not yet told.
type counts struct {
	up, down atomic.Int64
	last     told // under Table.mu
}

// told is what a session had moved at its last record.
type told struct {
	up, down int64
	at       time.Time // zero: nothing was told but its opening
	moving   bool      // the record had a rate
}

// news puts what was moved since the last record into r as rates. It reports false when there is nothing to tell.
func (c *counts) news(r *nodeapi.SessionRecord, now time.Time) bool {
	t := told{up: int64(r.Up), down: int64(r.Down), at: now}
	up, down := t.up-c.last.up, t.down-c.last.down
	t.moving = up != 0 || down != 0
	if !t.moving && !c.last.moving {
		return false
	}
	since := c.last.at
	if since.IsZero() {
		since = time.UnixMilli(r.Opened)
	}
	if s := now.Sub(since).Seconds(); s > 0 {
		r.RateUp, r.RateDown = unit.BitRate(float64(up)*8/s), unit.BitRate(float64(down)*8/s)
	}
	c.last = t
	return true
}

type visitKey struct {
	subscriber, ingress string
	source              netip.Addr
}

// visit is guarded by Table.mu, but for its counts.
type visit struct {
	visitKey
	counts
	id     string
	kind   string
	opened time.Time
	live   int       // connections that have not finished
	idle   time.Time // since when there is none
	cause  Cause     // of the last end that was not the client's own
}

func (v *visit) record() nodeapi.SessionRecord {
	return nodeapi.SessionRecord{
		ID: v.id, Subscriber: v.subscriber, Ingress: v.ingress, Kind: v.kind, Source: v.source.String(), Opened: v.opened.UnixMilli(),
		Up: unit.Bytes(v.up.Load()), Down: unit.Bytes(v.down.Load()),
	}
}

// join puts s under the visit it belongs to; fresh tells that the visit begins. The caller holds t.mu.
func join(t *Table, s *Session) (fresh bool) {
	k := visitKey{s.principal.ID, s.ingress, s.source}
	v := t.visits[k]
	if v == nil {
		v, fresh = &visit{visitKey: k, id: id.New(id.Session), kind: s.kind, opened: s.opened}, true
		t.visits[k] = v
		t.visitByID[v.id] = v
	}
	v.live++
	s.visit, s.count = v, &v.counts
	return fresh
}

// part takes a finished session out of its visit.
func (t *Table) part(v *visit, c Cause, closed time.Time) {
	t.mu.Lock()
	v.live--
	v.idle = closed
	if c != Ended {
		v.cause = c
	}
	over := v.live == 0 && v.cause != ""
	var r nodeapi.SessionRecord
	if over {
		r = leaveLocked(t, v)
	}
	t.mu.Unlock()
	if over {
		t.record(r)
	}
}

// leaveLocked ends a visit without connections and returns its last record; the caller holds t.mu.
func leaveLocked(t *Table, v *visit) nodeapi.SessionRecord {
	delete(t.visits, v.visitKey)
	delete(t.visitByID, v.id)
	r := v.record()
	r.Closed, r.Cause = v.idle.UnixMilli(), string(v.cause)
	if v.cause == "" {
		r.Cause = string(Ended)
	}
	return r
}

// leaveIdle ends the visits that have been without connections since before the instant.
func (t *Table) leaveIdle(before time.Time) {
	t.mu.Lock()
	var out []nodeapi.SessionRecord
	for _, v := range t.visits {
		if v.live == 0 && v.idle.Before(before) {
			out = append(out, leaveLocked(t, v))
		}
	}
	t.mu.Unlock()
	for _, r := range out {
		t.record(r)
	}
}

// progress tells what running sessions have moved since they were told last, once more when one has come to rest, and where
// devices are that roamed.
func (t *Table) progress() {
	t.mu.Lock()
	var out []nodeapi.SessionRecord
	now := time.Now()
	tell := func(c *counts, r nodeapi.SessionRecord, moved bool) {
		if c.news(&r, now) || moved {
			out = append(out, r)
		}
	}
	for _, v := range t.visits {
		tell(&v.counts, v.record(), false)
	}
	for _, s := range t.sessions {
		if s.visit == nil {
			tell(s.count, s.entry(), s.roamed.Swap(false))
		}
	}
	t.mu.Unlock()
	for _, r := range out {
		t.record(r)
	}
}
