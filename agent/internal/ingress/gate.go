package ingress

import (
	"container/list"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds of a Gate. Behind one address there may be a thousand subscribers (carrier NAT) who all come back after the same
// outage; an idle stranger costs a descriptor and some 20 KiB, so that all of them together stay at about 100 MiB.
const (
	gatePerSource = 1024
	gateTotal     = 4096
	gateShare     = 64 // a source that holds this many of a full gate makes its own room
	gateWarnEvery = time.Minute
)

// Gate bounds the connections of a listener whose clients have not signed in yet. Strangers can open as many as they
// like, and each costs a descriptor and memory until its handshake times out.
//
// A newcomer is never refused: the one who waits longest is closed for it, because a client needs a few round trips to
// sign in and a stranger stays for as long as it may. Refusing would hand the door to whoever came first.
//
//	newcomer's source is full          -> the oldest of that source goes
//	gate is full, its source has many  -> the oldest of that source goes: a crowd pays for itself
//	gate is full, its source has few   -> the oldest of all goes
//
// So one address, or a few dozen, cannot lock anybody else out, and many of them only by opening gateTotal connections
// within the time of one handshake. A source is an IPv4 address or an IPv6 /64. Every step takes constant time.
type Gate struct {
	log *slog.Logger

	mu      sync.Mutex
	waiting list.List // of *Entrant, oldest first
	sources map[netip.Addr]*list.List

	closed int // since the last warning
	warned time.Time
}

// NewGate returns an open gate. It warns at most once a minute, with a count.
func NewGate(log *slog.Logger) *Gate { return &Gate{log: log, sources: map[netip.Addr]*list.List{}} }

// Entrant is a connection that has not signed in.
type Entrant struct {
	gate   *Gate
	source netip.Addr
	conn   net.Conn

	// Under the gate's lock; nil once it has left.
	inAll, inSource *list.Element
}

// Enter lets c in, and may close another connection for it. The caller reaches Leave when the client has signed in and
// when the connection has ended, whichever is first.
func (g *Gate) Enter(c net.Conn, from netip.Addr) *Entrant {
	e := &Entrant{gate: g, source: source(from), conn: bare(c)}
	g.mu.Lock()
	victim := g.makeRoomLocked(e.source)
	own := g.sources[e.source]
	if own == nil {
		own = list.New()
		g.sources[e.source] = own
	}
	e.inAll, e.inSource = g.waiting.PushBack(e), own.PushBack(e)
	closed := g.reckonLocked(victim)
	g.mu.Unlock()
	if victim != nil {
		_ = victim.conn.Close() // its reader finds out
	}
	if closed > 0 {
		g.log.Warn("too many connections that do not sign in: the oldest were closed", "count", closed)
	}
	return e
}

// makeRoomLocked takes out the entrant who has to go for a newcomer of source from, if anybody has to.
func (g *Gate) makeRoomLocked(from netip.Addr) *Entrant {
	queue, held := &g.waiting, 0
	if own := g.sources[from]; own != nil {
		held = own.Len()
		if held >= gateShare {
			queue = own
		}
	}
	if held < gatePerSource && g.waiting.Len() < gateTotal {
		return nil
	}
	oldest := queue.Front().Value.(*Entrant)
	oldest.leaveLocked()
	return oldest
}

// reckonLocked counts victims; it returns how many there were when it is time to tell.
func (g *Gate) reckonLocked(victim *Entrant) (tell int) {
	if victim == nil {
		return 0
	}
	g.closed++
	now := time.Now()
	if now.Sub(g.warned) < gateWarnEvery {
		return 0
	}
	tell, g.closed, g.warned = g.closed, 0, now
	return tell
}

// Leave makes room. It may be called again.
func (e *Entrant) Leave() {
	e.gate.mu.Lock()
	defer e.gate.mu.Unlock()
	e.leaveLocked()
}

func (e *Entrant) leaveLocked() {
	if e.inAll == nil {
		return
	}
	g := e.gate
	g.waiting.Remove(e.inAll)
	own := g.sources[e.source]
	own.Remove(e.inSource)
	if own.Len() == 0 {
		delete(g.sources, e.source)
	}
	e.inAll, e.inSource = nil, nil
}

// source is what counts as one client: IPv6 hands out whole /64s.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// bare is the socket under TLS: closing that one waits for nothing.
func bare(c net.Conn) net.Conn {
	for {
		t, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = t.NetConn()
	}
}
