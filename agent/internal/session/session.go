// Package session knows who is connected to this node now, and ends it: by subscriber, session, ingress or source address,
// by the clock, or for a minute after a kick. It holds flows only as something that can be cut.
package session

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// Cause says why a session ended, in the words of nodeapi.SessionRecord.
type Cause string

// The causes.
const (
	Ended     Cause = "ended" // by the client
	Kicked    Cause = "kicked"
	Suspended Cause = "suspended"
	Expired   Cause = "expired"
	Limited   Cause = "limited"
	Revoked   Cause = "revoked"
	Drained   Cause = "drained"
	Replaced  Cause = "replaced" // another device has its place
)

// Flow is what a session can cut. Cut must not block, and must not call back into the session's table.
type Flow interface{ Cut() }

// Session is one signed-in connection.
type Session struct {
	principal  flow.Principal
	ingress    string
	kind       string
	source     netip.Addr
	device     string
	service    int64
	holder     Holder
	opened     time.Time
	table      *Table
	group      *group
	done       chan struct{}
	visit      *visit       // nil where each connection is a session of its own
	own        counts       // without a visit
	count      *counts      // the visit's or own
	mine       atomic.Int64 // bytes of this session alone, both ways
	path       atomic.Pointer[path]
	roamed     atomic.Bool // path is not told yet
	deviceName string      // where devices are limited; under Table.mu

	mu     sync.Mutex
	flows  map[Flow]struct{}
	cause  Cause // empty while it lives
	closed time.Time
}

// Principal is who the session belongs to.
func (s *Session) Principal() flow.Principal { return s.principal }

// Done is closed when the session has ended, by whomever.
func (s *Session) Done() <-chan struct{} { return s.done }

// Ingress is the id of the ingress the session came in by.
func (s *Session) Ingress() string { return s.ingress }

// Kind is the ingress's protocol.
func (s *Session) Kind() string { return s.kind }

// Service is the running instance of the ingress: it changes when the ingress is built anew.
func (s *Session) Service() int64 { return s.service }

// Holder is what was given to Open.
func (s *Session) Holder() Holder { return s.holder }

// Flows is how many flows the session's subscriber has on this node.
func (s *Session) Flows() int64 { return s.group.flows.Load() }

// Source is the client's address.
func (s *Session) Source() netip.Addr { return s.source }

// End closes the session from the protocol's side.
func (s *Session) End() { s.table.end(s, Ended) }

// Cause is why it ended; empty while it lives.
func (s *Session) Cause() Cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Add counts bytes for the session's record.
func (s *Session) Add(up, down int64) {
	s.mine.Add(up + down)
	if up != 0 {
		s.count.up.Add(up)
	}
	if down != 0 {
		s.count.down.Add(down)
	}
}

// path is how a device reaches the node now.
type path struct {
	endpoint  netip.AddrPort
	handshake time.Time
}

// Seen implements ingress.Roaming.
func (s *Session) Seen(endpoint netip.AddrPort, handshake time.Time) {
	p := &path{netip.AddrPortFrom(endpoint.Addr().Unmap(), endpoint.Port()), handshake}
	if old := s.path.Load(); old != nil && *old == *p {
		return
	}
	s.path.Store(p)
	s.roamed.Store(true)
}

// Attach puts f under the session: it is cut with it. It fails when the session has ended.
func (s *Session) Attach(f Flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != "" {
		return false
	}
	if s.flows == nil {
		s.flows = make(map[Flow]struct{}, 1)
	}
	s.flows[f] = struct{}{}
	s.group.flows.Add(1)
	s.table.flows.Add(1)
	return true
}

// Detach forgets f, which has ended and counts no more. Every attached flow is detached, also after it was cut: the
// session's last record waits for that, so that it knows every byte.
func (s *Session) Detach(f Flow) {
	s.mu.Lock()
	_, had := s.flows[f]
	delete(s.flows, f)
	last := had && s.cause != "" && len(s.flows) == 0
	if had && s.cause == "" {
		s.group.flows.Add(-1)
		s.table.flows.Add(-1)
	}
	s.mu.Unlock()
	if last {
		s.finish()
	}
}

// stop marks the session as ended and hands out what must be cut. It reports false if it had ended before.
func (s *Session) stop(c Cause) ([]Flow, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != "" {
		return nil, false
	}
	s.cause, s.closed = c, time.Now()
	s.group.flows.Add(-int64(len(s.flows)))
	s.table.flows.Add(-int64(len(s.flows)))
	close(s.done)
	return slices.Collect(maps.Keys(s.flows)), true
}

// finish tells the session's end; nothing counts for it any more.
func (s *Session) finish() {
	s.mu.Lock()
	closed, cause := s.closed, s.cause
	s.mu.Unlock()
	if s.visit != nil {
		s.table.part(s.visit, cause, closed)
	} else {
		r := s.entry()
		r.Closed, r.Cause = closed.UnixMilli(), string(cause)
		s.table.record(r)
	}
	if s.holder != nil {
		s.holder.Release()
	}
}

// entry is the session as it is told.
func (s *Session) entry() nodeapi.SessionRecord {
	r := nodeapi.SessionRecord{
		ID: s.principal.Session, Subscriber: s.principal.ID, Ingress: s.ingress, Kind: s.kind,
		Source: s.source.String(), Device: s.device, Opened: s.opened.UnixMilli(),
		Up: unit.Bytes(s.count.up.Load()), Down: unit.Bytes(s.count.down.Load()),
	}
	if p := s.path.Load(); p != nil {
		r.Source, r.Endpoint = p.endpoint.Addr().String(), p.endpoint.String()
		if !p.handshake.IsZero() {
			r.Handshake = p.handshake.UnixMilli()
		}
	}
	return r
}

// Holder is what a session holds until it ends.
type Holder interface{ Release() }

// maxPerSubscriber bounds the sessions of one subscriber: a valid password must not open a node's every descriptor.
const maxPerSubscriber = 8192

// Open describes a session to open.
type Open struct {
	Principal  flow.Principal // Session is filled in
	Ingress    string
	Kind       string
	Source     netip.Addr
	Device     string // id, where the protocol knows it
	Devices    int    // that the subscriber may have connected at once; 0 = no limit
	DropOldest bool   // over the limit, the oldest device makes way; otherwise the new one is refused
	Brief      bool   // the protocol signs in with every connection: see VisitGrace
	Expires    int64  // Unix seconds; 0 = never
	Service    int64
	Holder     Holder // released when the session ends; not when Open fails
}

// Open lists a new session. It returns flow.ErrRefused while a kick blocks it, flow.ErrOverload when the subscriber has
// too many.
func (t *Table) Open(o Open) (*Session, error) {
	now := time.Now()
	o.Principal.Session = id.New(id.Session)
	s := &Session{
		principal: o.Principal, ingress: o.Ingress, kind: o.Kind, source: o.Source.Unmap(), device: o.Device, opened: now,
		table: t, done: make(chan struct{}), service: o.Service, holder: o.Holder,
	}
	s.count = &s.own
	t.mu.Lock()
	if t.blocked(o.Principal.ID, o.Ingress, s.source, now) {
		t.mu.Unlock()
		return nil, flow.ErrRefused
	}
	g := t.groups[o.Principal.ID]
	if g != nil && len(g.sessions) >= maxPerSubscriber {
		t.mu.Unlock()
		return nil, flow.ErrOverload
	}
	name := DeviceName(o.Device, o.Kind, s.source)
	way, ok := room(t, g, name, o.Devices, o.DropOldest, now)
	if !ok {
		t.mu.Unlock()
		return nil, flow.ErrRefused
	}
	t.sessions[s.principal.Session] = s
	if g == nil {
		g = &group{subscriber: o.Principal.ID, sessions: map[*Session]struct{}{}, at: -1}
		t.groups[o.Principal.ID] = g
	}
	s.group = g
	g.sessions[s] = struct{}{}
	if o.Devices > 0 {
		g.enter(s, name, now)
	}
	t.expire(g, o.Expires)
	tell := !o.Brief || join(t, s)
	r := s.entry()
	if s.visit != nil {
		r = s.visit.record()
	}
	t.mu.Unlock()
	for _, old := range way {
		t.end(old, Replaced)
	}
	if tell {
		t.record(r)
	}
	return s, nil
}

// end closes s for cause c and cuts its flows; when they are gone, it is told. It reports false if it had ended before.
func (t *Table) end(s *Session, c Cause) bool {
	flows, first := s.stop(c)
	if !first {
		return false
	}
	t.mu.Lock()
	delete(t.sessions, s.principal.Session)
	if g := t.groups[s.principal.ID]; g != nil {
		delete(g.sessions, s)
		exit(t, g, s)
		if len(g.sessions) == 0 {
			t.expire(g, 0)
			delete(t.groups, g.subscriber)
		}
	}
	t.mu.Unlock()
	if len(flows) == 0 {
		s.finish()
	}
	for _, f := range flows {
		f.Cut()
	}
	return true
}
