package shadowsocks

import (
	"context"
	"slices"
	"sync"

	"lukechampine.com/blake3"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	options "culvert/shared/protocol/shadowsocks"
)

// user is a subscriber's key. It never changes: another key is another user.
type user struct {
	id         string
	generation int64
	key        []byte
	name       identity // what the 2022 edition calls it on the wire
	slot       int
}

// identity is the beginning of the BLAKE3 hash of a key (SIP023).
type identity [blockSize]byte

// users are all that may try. The 2022 edition finds one by identity, AEAD tries the slots.
//
// A slot keeps its user until the user goes, so that a search which lets go of the lock between two batches misses nobody
// who was there all the time.
type users struct {
	method options.Method

	mu    sync.RWMutex
	byID  map[string]*user
	named map[identity]*user
	slots []*user // nil where free
	free  []int
}

func newUsers(m options.Method) *users {
	return &users{method: m, byID: map[string]*user{}, named: map[identity]*user{}}
}

// find returns the user that an identity header names.
func (t *users) find(name identity) *user {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.named[name]
}

// current returns what a user has become: itself, its heir with the same key, or nil.
func (t *users) current(u *user) *user {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if now := t.byID[u.id]; now != nil && slices.Equal(now.key, u.key) {
		return now
	}
	return nil
}

// count is how many users there are.
func (t *users) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID)
}

// batch copies the users of some slots from at on, and returns where the next batch begins; zero after the last.
func (t *users) batch(to []*user, at int) (n, next int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for ; at < len(t.slots) && n < len(to); at++ {
		if u := t.slots[at]; u != nil {
			to[n] = u
			n++
		}
	}
	if at >= len(t.slots) {
		at = 0
	}
	return n, at
}

// change takes the panel's rows in. A row costs its own key and nothing else.
func (t *users) change(c ingress.KeyChange) {
	fresh := make([]*user, len(c.Rows))
	for i, row := range c.Rows {
		fresh[i] = t.userOf(row) // outside of the lock: sign-ins go on
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.Full {
		t.byID, t.named, t.slots, t.free = make(map[string]*user, len(fresh)), map[identity]*user{}, nil, nil
	}
	for _, id := range c.Removed {
		t.drop(id)
	}
	for i, row := range c.Rows {
		t.put(row.ID, fresh[i])
	}
}

// userOf makes a row's key; nil for a row that may not connect.
func (t *users) userOf(row *nodeapi.Subscriber) *user {
	if !row.Enabled || !slices.Contains(row.Protocols, options.Name) {
		return nil
	}
	for _, s := range row.Secrets {
		if s.Family != options.Name || s.Clear == "" {
			continue
		}
		u := &user{id: row.ID, generation: row.Generation, key: t.method.UserKey(s.Clear)}
		if t.method.Modern {
			sum := blake3.Sum256(u.key)
			u.name = identity(sum[:])
		}
		return u
	}
	return nil
}

// put gives id its user, or none.
func (t *users) put(id string, u *user) {
	old := t.byID[id]
	if old != nil && u != nil && old.generation == u.generation && slices.Equal(old.key, u.key) {
		return // what changed is no affair of ours
	}
	t.drop(id)
	if u == nil {
		return
	}
	t.byID[id] = u
	if t.method.Modern {
		t.named[u.name] = u
		return
	}
	if n := len(t.free); n > 0 {
		u.slot, t.free = t.free[n-1], t.free[:n-1]
		t.slots[u.slot] = u
		return
	}
	u.slot = len(t.slots)
	t.slots = append(t.slots, u)
}

func (t *users) drop(id string) {
	u := t.byID[id]
	if u == nil {
		return
	}
	delete(t.byID, id)
	if t.method.Modern {
		if t.named[u.name] == u {
			delete(t.named, u.name)
		}
		return
	}
	t.slots[u.slot] = nil
	t.free = append(t.free, u.slot)
}

// manyUsers is how many AEAD users one port carries well: a search takes about as long as a handshake of TLS.
const manyUsers = 300

// KeysChanged implements ingress.KeysChanged.
func (s *Server) KeysChanged(_ context.Context, c ingress.KeyChange) error {
	s.users.change(c)
	if n := s.users.count(); !s.suite.Modern && n > manyUsers {
		s.warned.Do(func() {
			s.log.Warn("many subscribers on one port of an AEAD method: new clients are found by trying keys; the 2022 methods need no search",
				"subscribers", n, "method", s.suite.Name)
		})
	}
	return nil
}
