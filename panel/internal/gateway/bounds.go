package gateway

import (
	"container/list"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"culvert/panel/internal/identity"
)

// bounds count what strangers and nodes take up.
type bounds struct {
	limits Limits

	mu          sync.Mutex
	strangers   list.List // of *stranger, oldest first
	bySource    map[string]int
	connections int
	nodes       map[string]*share
	enrolments  map[string]*rate.Limiter
}

// share is what one node's requests have in common.
type share struct {
	rate   *rate.Limiter
	atOnce chan struct{}
}

const (
	maxSources  = 4096
	perSource   = 8 // of the strangers allowed, the part (1/8) one network may take
	enrolEvery  = 1 // a second, for one source
	enrolAtOnce = 10
)

func newBounds(l Limits) *bounds {
	return &bounds{limits: l, bySource: map[string]int{}, nodes: map[string]*share{}, enrolments: map[string]*rate.Limiter{}}
}

// stranger is a connection that has not said who it is.
type stranger struct {
	network string
	conn    net.Conn
	place   *list.Element // nil once it has left; under the lock of bounds
}

// arrive lets a newcomer in, and ends another stranger when there is no room: the oldest of the newcomer's network when
// that has its share, else the oldest of the network with the most. A node needs a few round trips to say who it is and a
// silent stranger stays for as long as it may, so whoever fills all places keeps no node out. A network is what
// identity.NetworkOf says: IPv6 hands out whole /64s.
func (b *bounds) arrive(conn net.Conn, source string) *stranger {
	s := &stranger{network: networkOf(source), conn: conn}
	b.mu.Lock()
	victim := b.makeRoomLocked(s.network)
	s.place = b.strangers.PushBack(s)
	b.bySource[s.network]++
	b.mu.Unlock()
	if victim != nil {
		_ = victim.conn.Close() // who serves it finds out
	}
	return s
}

func (b *bounds) makeRoomLocked(newcomer string) (victim *stranger) {
	paysItself := b.bySource[newcomer] >= max(1, b.limits.Strangers/perSource)
	if !paysItself && b.strangers.Len() < b.limits.Strangers {
		return nil
	}
	for e := b.strangers.Front(); e != nil; e = e.Next() {
		s := e.Value.(*stranger)
		switch {
		case paysItself && s.network != newcomer:
		case victim == nil, b.bySource[s.network] > b.bySource[victim.network]:
			victim = s
		}
	}
	b.leaveLocked(victim)
	return victim
}

// known ends an arrival: the connection is identified, or gone. It may be called again.
func (b *bounds) known(s *stranger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaveLocked(s)
}

func (b *bounds) leaveLocked(s *stranger) {
	if s == nil || s.place == nil {
		return
	}
	b.strangers.Remove(s.place)
	s.place = nil
	if b.bySource[s.network]--; b.bySource[s.network] == 0 {
		delete(b.bySource, s.network)
	}
}

func networkOf(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	return identity.NetworkOf(a.WithZone(""))
}

func (b *bounds) connect() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connections >= b.limits.Connections {
		return false
	}
	b.connections++
	return true
}

func (b *bounds) disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connections--
}

func (b *bounds) of(node string) *share {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.nodes[node]
	if s == nil {
		s = &share{rate.NewLimiter(rate.Limit(b.limits.Requests), 2*b.limits.Requests), make(chan struct{}, b.limits.AtOnce)}
		b.nodes[node] = s
	}
	return s
}

// mayEnrol holds down a source that tries tokens. A flood from more sources than we remember is held down as one.
func (b *bounds) mayEnrol(source string) bool {
	source = networkOf(source)
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.enrolments[source]
	if l == nil {
		if len(b.enrolments) >= maxSources {
			for s, old := range b.enrolments {
				if old.Tokens() >= enrolAtOnce {
					delete(b.enrolments, s)
				}
			}
		}
		if len(b.enrolments) >= maxSources {
			source = ""
		}
		if l = b.enrolments[source]; l == nil {
			l = rate.NewLimiter(enrolEvery, enrolAtOnce)
			b.enrolments[source] = l
		}
	}
	return l.Allow()
}
