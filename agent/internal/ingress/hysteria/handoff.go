package hysteria

import (
	"sync"
	"unsafe"

	"culvert/agent/internal/flow"
)

// handoff carries who asks from the library's event to its outbound, which is told only what is asked for.
//
// The server calls EventLogger.TCPRequest (UDPRequest) and then, in the same goroutine and with the same string value,
// Outbound.TCP (UDP). Equal addresses of different clients are different strings in memory, so the address of the
// string's bytes names the request. A ticket holds the string: its memory cannot be reused while the ticket waits.
//
// Everything that does not fit is refused: no ticket, a ticket of the other network or of another text, two tickets at
// one address. Should the library ever copy the string or change the order of its calls, no flow opens at all. The
// library's version is pinned by a test for that reason.
type handoff struct {
	shards [handoffShards]handoffShard
}

const (
	handoffShards = 64
	// minRequest is the shortest host:port. Go keeps the bytes of empty and one-character strings in shared places, so
	// these would meet at one address; they are no destinations anyway.
	minRequest = 3
)

type handoffShard struct {
	mu      sync.Mutex
	waiting map[*byte]ticket
	_       [48]byte // neighbours on cache lines of their own
}

// ticket says that client is about to ask for addr. One without a client was offered twice and serves nobody.
type ticket struct {
	client  *client
	network flow.Network
	addr    string
}

// offer announces that the next outbound call with this very string belongs to c.
func (h *handoff) offer(network flow.Network, addr string, c *client) {
	if len(addr) < minRequest {
		return
	}
	key, s := h.shard(addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[*byte]ticket{}
	}
	if _, twice := s.waiting[key]; twice {
		c = nil
	}
	s.waiting[key] = ticket{client: c, network: network, addr: addr}
}

// take returns whose request addr is, once.
func (h *handoff) take(network flow.Network, addr string) (*client, bool) {
	if len(addr) < minRequest {
		return nil, false
	}
	key, s := h.shard(addr)
	s.mu.Lock()
	t, ok := s.waiting[key]
	delete(s.waiting, key)
	s.mu.Unlock()
	if !ok || t.client == nil || t.network != network || t.addr != addr {
		return nil, false
	}
	return t.client, true
}

func (h *handoff) shard(addr string) (*byte, *handoffShard) {
	key := unsafe.StringData(addr) //nolint:gosec // the pointer is compared, never followed
	// Small allocations are 8 or 16 bytes apart; a multiplicative hash spreads them over the shards.
	const golden = 0x9e3779b97f4a7c15
	at := uint64(uintptr(unsafe.Pointer(key))) * golden >> (64 - 6) //nolint:gosec // as above
	return key, &h.shards[at]
}

// len counts tickets that nobody took.
func (h *handoff) len() int {
	n := 0
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		n += len(s.waiting)
		s.mu.Unlock()
	}
	return n
}
