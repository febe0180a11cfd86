package shadowsocks

import (
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of the search for whose key opens a message of the AEAD edition. A trial takes one or two microseconds.
const (
	sourceTrials  = 30_000  // a second, for one source: an IPv4 address or an IPv6 /64
	portTrials    = 100_000 // a second, for searches among everybody: some 15 % of one core
	trialsAtOnce  = 2       // seconds of either that may come at once
	sourcesMost   = 8192    // remembered, with their users
	usersBySource = 64      // the newest of one source; behind carrier NAT there may be more, who are searched for
	searchBatch   = 32
)

// search finds users by trying their keys: those first who were found at the same source before, the newest first, and
// then everybody. Both are paid for by the source, the second by the port as well; who cannot pay is not found. So garbage
// costs its sender's turns and, all senders together, a bounded part of the processor, and clients whose address is known
// are let in all the while.
//
// TCP and UDP have one each, because a datagram can lie about its source.
type search struct {
	users *users

	mu      sync.Mutex
	sources map[netip.Addr]*list.Element
	recent  list.List // of *origin, the newest first
	port    bucket
}

// origin is what is known of one source.
type origin struct {
	source netip.Addr
	purse  bucket
	users  []*user // the newest last
}

// bucket is a purse of trials, filled by the clock.
type bucket struct {
	left   float64
	filled time.Time
}

// take pays n trials out of a purse with such an income. Whoever has something left may take more than that, so that a
// search is whole however many users there are, and comes back when the debt is paid.
func (b *bucket) take(n int, income float64, now time.Time) bool {
	full := trialsAtOnce * income
	if b.filled.IsZero() {
		b.left = full
	} else if d := now.Sub(b.filled).Seconds(); d > 0 {
		b.left = min(b.left+d*income, full)
	}
	b.filled = now
	if b.left <= 0 {
		return false
	}
	b.left -= float64(n)
	return true
}

func newSearch(u *users) *search {
	return &search{users: u, sources: map[netip.Addr]*list.Element{}}
}

// sourceOf is what counts as one client: IPv6 hands out whole /64s.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// find returns the user for whom opens is true, or nil. opens is called from this goroutine only.
func (x *search) find(from netip.Addr, opens func(*user) bool) *user {
	source := sourceOf(from)
	var batch [usersBySource]*user
	n, ok := x.known(source, batch[:])
	if !ok {
		return nil
	}
	for _, u := range batch[:n] {
		if opens(u) {
			x.remember(source, u)
			return u
		}
	}
	paid := x.users.count()
	if paid == 0 || !x.pay(source, paid) {
		return nil
	}
	u, tried := x.everybody(opens, batch[:searchBatch])
	x.found(source, u, paid-tried)
	return u
}

// everybody tries all users, and tells how many it tried.
func (x *search) everybody(opens func(*user) bool, batch []*user) (found *user, tried int) {
	for at := 0; ; {
		n, next := x.users.batch(batch, at)
		for _, u := range batch[:n] {
			tried++
			if opens(u) {
				return u, tried
			}
		}
		if at = next; at == 0 {
			return nil, tried
		}
	}
}

// known lists the users of a source, the newest first, and lets the source pay for trying them.
func (x *search) known(source netip.Addr, to []*user) (int, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.originLocked(source)
	n := 0
	for _, u := range slices.Backward(o.users) {
		if now := x.users.current(u); now != nil {
			to[n] = now
			n++
		}
	}
	return n, n == 0 || o.purse.take(n, sourceTrials, time.Now())
}

// pay takes n trials from source and port.
func (x *search) pay(source netip.Addr, n int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	o := x.originLocked(source)
	if !o.purse.take(n, sourceTrials, now) {
		return false
	}
	if !x.port.take(n, portTrials, now) {
		o.purse.left += float64(n)
		return false
	}
	return true
}

// found ends a search among everybody: what was not needed goes back.
func (x *search) found(source netip.Addr, u *user, unused int) {
	x.mu.Lock()
	x.originLocked(source).purse.left += float64(unused)
	x.port.left += float64(unused)
	x.mu.Unlock()
	if u != nil {
		x.remember(source, u)
	}
}

// remember makes u the newest of its source.
func (x *search) remember(source netip.Addr, u *user) {
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.originLocked(source)
	if n := len(o.users); n > 0 && o.users[n-1] == u {
		return
	}
	// One with a new key, or of a new generation, takes the place of the old one.
	o.users = slices.DeleteFunc(o.users, func(v *user) bool { return v.id == u.id })
	if len(o.users) == usersBySource {
		o.users = slices.Delete(o.users, 0, 1)
	}
	o.users = append(o.users, u)
}

// originLocked returns what is known of a source, and makes it the most recent. The longest unheard of is forgotten for a
// new one.
func (x *search) originLocked(source netip.Addr) *origin {
	if e := x.sources[source]; e != nil {
		x.recent.MoveToFront(e)
		return e.Value.(*origin)
	}
	if x.recent.Len() >= sourcesMost {
		last := x.recent.Back()
		delete(x.sources, x.recent.Remove(last).(*origin).source)
	}
	o := &origin{source: source}
	x.sources[source] = x.recent.PushFront(o)
	return o
}
