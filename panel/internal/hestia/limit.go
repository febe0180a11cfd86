package hestia

import (
	"net/netip"
	"sync"
	"time"
)

// Rate is a token bucket's measure.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// maxBuckets bounds memory: full buckets are forgotten first, they say nothing.
const maxBuckets = 20_000

type bucket struct {
	tokens float64
	at     time.Time
}

// limiter holds one bucket a name.
type limiter struct {
	rate Rate

	mu      sync.Mutex
	buckets map[string]*bucket
}

func newLimiter(r Rate) *limiter { return &limiter{rate: r, buckets: map[string]*bucket{}} }

// take spends one token of name, or tells how long to wait for it.
func (l *limiter) take(name string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[name]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.forget(now)
		}
		b = &bucket{tokens: l.rate.Burst, at: now}
		l.buckets[name] = b
	}
	l.refill(b, now)
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / l.rate.PerSecond * float64(time.Second)), false
	}
	b.tokens--
	return 0, true
}

func (l *limiter) refill(b *bucket, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(l.rate.Burst, b.tokens+d.Seconds()*l.rate.PerSecond)
		b.at = now
	}
}

// forget drops what has refilled; when nothing has, the flood is forgotten as a whole.
func (l *limiter) forget(now time.Time) {
	for n, b := range l.buckets {
		if l.refill(b, now); b.tokens >= l.rate.Burst {
			delete(l.buckets, n)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// networkOf is what the rate of an address is counted under: IPv6 callers own a /64.
func networkOf(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
