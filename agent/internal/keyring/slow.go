package keyring

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

// Bounds of the slow path.
const (
	maxRemembered = 32_768
	maxSources    = 16_384
	maxWaiting    = 512             // slow checks that may wait for a processor
	failBurst     = 8               // wrong passwords in a row that one address may have checked
	failDebt      = 64              // how far below zero its account may go
	failEvery     = 2 * time.Second // one more after this long
	defaultCost   = 4096            // iterations of the dummy while no verifier is known
)

// slowPath guards the processor from password checks: answers are remembered, few run at once, guessing is bounded.
type slowPath struct {
	hashers         sync.Pool // of *hasher, keyed with one random key of this process
	dummySalt       [16]byte
	dummyIterations atomic.Int64
	slots           chan struct{}
	waiting         atomic.Int64

	mu         sync.Mutex
	remembered aging[[32]byte, answer]
	sources    aging[netip.Addr, *account]
}

type answer struct {
	id         string
	generation int64
}

// account is how many more wrong passwords an address may try.
type account struct {
	left float64
	at   time.Time
}

func newSlowPath() *slowPath {
	p := &slowPath{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	_, _ = rand.Read(p.dummySalt[:])
	p.dummyIterations.Store(defaultCost)
	p.hashers.New = func() any { return &hasher{mac: hmac.New(sha256.New, key)} }
	p.remembered.limit, p.sources.limit = maxRemembered/2, maxSources/2
	return p
}

func (p *slowPath) dummy() *nodeapi.Verifier {
	return &nodeapi.Verifier{Salt: p.dummySalt[:], Iterations: int(p.dummyIterations.Load()), Hash: p.dummySalt[:]}
}

// hasher is a keyed hash with its buffers, so that a remembered sign-in allocates nothing.
type hasher struct {
	mac hash.Hash
	in  [3*maxCredential + 64]byte
	out [sha256.Size]byte
}

// tag is the keyed hash that an answer is remembered under; no password is kept.
func (p *slowPath) tag(q Query) [32]byte {
	h := p.hashers.Get().(*hasher)
	b := append(h.in[:0], q.Family...)
	for _, part := range [...]string{q.Secret, q.Login, q.Password} {
		b = append(append(b, 0), part...)
	}
	h.mac.Reset()
	_, _ = h.mac.Write(b)
	h.mac.Sum(h.out[:0])
	clear(b)
	tag := h.out
	p.hashers.Put(h)
	return tag
}

func (p *slowPath) recall(tag [32]byte) (id string, generation int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.remembered.get(tag)
	return a.id, a.generation, ok
}

func (p *slowPath) remember(tag [32]byte, id string, generation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remembered.put(tag, answer{id, generation})
}

func (p *slowPath) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remembered.young, p.remembered.old = nil, nil
}

// enter waits for a processor's turn; release tells how the check went. An address out of attempts is turned away before
// and after the wait, so that a flood of guesses costs little more than its first few.
func (p *slowPath) enter(ctx context.Context, from netip.Addr) (release func(right bool), err error) {
	if !p.mayTry(from) {
		return nil, flow.ErrCredential
	}
	if p.waiting.Add(1) > maxWaiting {
		p.waiting.Add(-1)
		return nil, flow.ErrOverload
	}
	defer p.waiting.Add(-1)
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !p.mayTry(from) {
		<-p.slots
		return nil, flow.ErrCredential
	}
	return func(right bool) {
		<-p.slots
		if !right {
			p.charge(from)
		}
	}, nil
}

func (p *slowPath) mayTry(from netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.sources.get(network(from))
	return !ok || a.refill(time.Now()) >= 1
}

func (p *slowPath) charge(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), network(from)
	a, ok := p.sources.get(n)
	if !ok {
		a = &account{left: failBurst, at: now}
		p.sources.put(n, a)
	}
	a.left = max(a.refill(now)-1, -failDebt)
}

func (a *account) refill(now time.Time) float64 {
	a.left = min(failBurst, a.left+float64(now.Sub(a.at))/float64(failEvery))
	a.at = now
	return a.left
}

// network is what counts as one source: an IPv4 address, or an IPv6 /64, which one customer line usually is.
func network(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// aging is a bounded map: when the young half is full it becomes the old half, whose unused entries are then forgotten.
type aging[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func (m *aging[K, V]) get(k K) (V, bool) {
	v, ok := m.young[k]
	if !ok {
		if v, ok = m.old[k]; ok {
			m.put(k, v)
		}
	}
	return v, ok
}

func (m *aging[K, V]) put(k K, v V) {
	if m.young == nil || len(m.young) >= m.limit {
		m.old, m.young = m.young, map[K]V{}
	}
	m.young[k] = v
}
