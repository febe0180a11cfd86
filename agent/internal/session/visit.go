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
	progressGap = 30 * time.Second // between two reports of what a running session has moved
)

// counts is what a session moved, told and not yet told.
type counts struct {
	up, down atomic.Int64
	told     atomic.Int64 // up + down at the last record
}

func (c *counts) sum() int64 { return c.up.Load() + c.down.Load() }

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

// progress tells what running sessions have moved since they were told last.
func (t *Table) progress() {
	t.mu.Lock()
	var out []nodeapi.SessionRecord
	tell := func(c *counts, record func() nodeapi.SessionRecord) {
		if sum := c.sum(); c.told.Swap(sum) != sum {
			out = append(out, record())
		}
	}
	for _, v := range t.visits {
		tell(&v.counts, v.record)
	}
	for _, s := range t.sessions {
		if s.visit == nil {
			tell(s.count, s.entry)
		}
	}
	t.mu.Unlock()
	for _, r := range out {
		t.record(r)
	}
}
