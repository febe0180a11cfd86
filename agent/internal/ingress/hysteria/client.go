package hysteria

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// client is one signed-in QUIC connection. The library knows it by its session id, so that one connection can be cut and
// not only a subscriber.
//
// How it is cut, when Session.Done closes or the ingress does:
//
//	over is set        -> every request is refused, every traffic event answers "disconnect"
//	its flows are cut  -> a blocked flow wakes (tcpConn.Read, udpConn.ReadFrom) and raises such an event:
//	                      the library closes the connection, the client is told at once
//	cutGrace passes    -> it was idle: nothing raised an event. From here writes to its address fail, and the library
//	                      destroys the connection when it next answers the client, a keep-alive included
type client struct {
	session ingress.Session
	source  netip.AddrPort // where it signed in from
	over    atomic.Bool
	gone    chan struct{} // closed when the library has let go of the connection
	flows   atomic.Int64  // open TCP flows and UDP associations

	mu    sync.Mutex
	addr  netip.AddrPort   // where it was heard of last: clients roam and hop ports
	muted []netip.AddrPort // what of it is in the cutSet

	open      map[server.HyStream]struct{} // streams that carry a request
	lingering []lingering                  // streams closed a moment ago, oldest first
	once      sync.Once                    // of reset
}

// cutGrace is how long a cut client may take to be told in the ordinary way.
const cutGrace = 250 * time.Millisecond

func newClient(s ingress.Session, from netip.AddrPort) *client {
	return &client{session: s, source: from, addr: from, gone: make(chan struct{})}
}

// ended reports whether the client may do nothing any more.
func (c *client) ended() bool {
	if c.over.Load() {
		return true
	}
	select {
	case <-c.session.Done():
		return true
	default:
		return false
	}
}

func (c *client) flow(ingressID string, network flow.Network, dest flow.Dest) flow.Flow {
	return flow.Flow{Principal: c.session.Principal(), Ingress: ingressID, Source: c.source, Network: network, Dest: dest}
}

// seen notes where the client speaks from now; a cut client stays cut when it moves.
func (c *client) seen(from netip.AddrPort, cut *cutSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from == c.addr || !from.IsValid() {
		return
	}
	c.addr = from
	if len(c.muted) > 0 {
		c.muteLocked(cut)
	}
}

// mute makes every write to the client fail until unmute.
func (c *client) mute(cut *cutSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.gone:
	default:
		c.muteLocked(cut)
	}
}

func (c *client) muteLocked(cut *cutSet) {
	cut.add(c.addr)
	c.muted = append(c.muted, c.addr)
}

// leave marks the connection as gone and frees its addresses for whoever comes next.
func (c *client) leave(cut *cutSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.gone)
	c.endLingeringLocked()
	for _, a := range c.muted {
		cut.remove(a)
	}
	c.muted = nil
}

// watch waits for the end of the session or of the connection, whichever is first.
func (c *client) watch(cut *cutSet) {
	select {
	case <-c.gone:
		return
	case <-c.session.Done():
	}
	c.over.Store(true)
	t := time.NewTimer(cutGrace)
	defer t.Stop()
	select {
	case <-c.gone:
	case <-t.C:
		c.mute(cut)
	}
}

// clients is the table of signed-in connections by session id.
type clients struct {
	mu     sync.RWMutex
	byID   map[string]*client
	closed bool
	wg     sync.WaitGroup // watchers
}

// add lists c and starts its watcher; it reports false when the table is closed or the id is taken.
func (t *clients) add(c *client, cut *cutSet) bool {
	id := c.session.Principal().Session
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.byID[id] != nil || id == "" {
		return false
	}
	if t.byID == nil {
		t.byID = map[string]*client{}
	}
	t.byID[id] = c
	t.wg.Go(func() { c.watch(cut) })
	return true
}

func (t *clients) get(id string) *client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// remove takes the client out, once.
func (t *clients) remove(id string) *client {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.byID[id]
	delete(t.byID, id)
	return c
}

// close refuses further clients and returns those there are.
func (t *clients) close() []*client {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	all := make([]*client, 0, len(t.byID))
	for _, c := range t.byID {
		all = append(all, c)
	}
	return all
}
