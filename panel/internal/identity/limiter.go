package identity

import (
	"sync"
	"time"

	"culvert/panel/internal/errs"
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

// Limiter holds one bucket a name: how often somebody may ask, whoever they are and however it ends. It lives in this
// process: each replica of the panel counts for itself. Failed proofs are counted in the database, for all of them
// (throttle.go).
type Limiter struct {
	rate Rate

	mu      sync.Mutex
	buckets map[string]*bucket
}

// NewLimiter makes a limiter of rate r, or of the rate without when r is none.
func NewLimiter(r, without Rate) *Limiter {
	if r.PerSecond <= 0 || r.Burst < 1 {
		r = without
	}
	return &Limiter{rate: r, buckets: map[string]*bucket{}}
}

// Take spends one token of name, or tells how long to wait for it.
func (l *Limiter) Take(name string, now time.Time) (wait time.Duration, ok bool) {
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

func (l *Limiter) refill(b *bucket, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(l.rate.Burst, b.tokens+d.Seconds()*l.rate.PerSecond)
		b.at = now
	}
}

// forget drops what has refilled; when nothing has, the flood is forgotten as a whole.
func (l *Limiter) forget(now time.Time) {
	for n, b := range l.buckets {
		if l.refill(b, now); b.tokens >= l.rate.Burst {
			delete(l.buckets, n)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// Admit is Take with an error to answer.
func (l *Limiter) Admit(name string, now time.Time) error {
	wait, ok := l.Take(name, now)
	if ok {
		return nil
	}
	return &Throttled{wait, errs.New(errs.Throttled, "too many requests; try again in %d s", int(wait/time.Second)+1)}
}
