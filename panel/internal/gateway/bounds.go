package gateway

import (
	"sync"

	"golang.org/x/time/rate"
)

// bounds count what strangers and nodes take up.
type bounds struct {
	limits Limits

	mu          sync.Mutex
	strangers   int
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
	perSource   = 8 // of the strangers allowed, the part (1/8) one source may take
	enrolEvery  = 1 // a second, for one source
	enrolAtOnce = 10
)

func newBounds(l Limits) *bounds {
	return &bounds{limits: l, bySource: map[string]int{}, nodes: map[string]*share{}, enrolments: map[string]*rate.Limiter{}}
}

func (b *bounds) arrive(source string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.strangers >= b.limits.Strangers || b.bySource[source] >= max(1, b.limits.Strangers/perSource) {
		return false
	}
	b.strangers++
	b.bySource[source]++
	return true
}

// known ends an arrival: the connection is identified, or gone.
func (b *bounds) known(source string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.strangers--
	if b.bySource[source]--; b.bySource[source] == 0 {
		delete(b.bySource, source)
	}
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
