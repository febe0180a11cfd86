package meter

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"culvert/agent/internal/flow"
	"culvert/shared/unit"
)

// Direction of bytes, seen from the subscriber.
type Direction int

// The directions.
const (
	Up   Direction = iota // subscriber to internet
	Down                  // internet to subscriber
)

// Sizes of one uninterrupted step of a copy.
const (
	maxChunk    = 4 << 20
	minChunk    = 4 << 10
	meteredStep = 1 << 20
	minBurst    = 64 << 10 // holds the largest datagram
)

// pacer is one direction's speed limit, shared by all connections of a subscriber. nil inside means no limit.
type pacer struct{ limit atomic.Pointer[rate.Limiter] }

// limits are both directions' speed limits.
type limits [2]pacer

func (p *pacer) set(r unit.BitRate) {
	bytes := int64(r.PerSecond())
	if r <= 0 || bytes <= 0 {
		if r > 0 {
			bytes = 1
		} else {
			if p.limit.Load() != nil {
				p.limit.Store(nil)
			}
			return
		}
	}
	l := p.limit.Load()
	if l != nil && int64(l.Limit()) == bytes {
		return
	}
	burst := int(min(max(bytes/4, minBurst), maxChunk))
	if l == nil {
		p.limit.Store(rate.NewLimiter(rate.Limit(bytes), burst))
		return
	}
	l.SetLimit(rate.Limit(bytes))
	l.SetBurst(burst)
}

// Chunk is how many bytes a copy may move before it must count, pay and look round.
func (a *Account) Chunk(d Direction) int64 {
	n := int64(maxChunk)
	if a.metered.Load() {
		n = meteredStep
	}
	if l := a.limits[d].limit.Load(); l != nil {
		n = min(n, max(minChunk, int64(l.Limit())/8))
	}
	return n
}

// Pace waits until the subscriber's speed allows n bytes that were moved. It ends early, with flow.ErrCut, when stop
// closes.
func (s *limits) Pace(d Direction, n int64, stop <-chan struct{}) error {
	l := s[d].limit.Load()
	if l == nil {
		return nil
	}
	for n > 0 {
		step := min(n, int64(l.Burst()))
		r := l.ReserveN(time.Now(), int(step))
		n -= step
		wait := r.Delay()
		if !r.OK() || wait <= 0 {
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-stop:
			t.Stop()
			return flow.ErrCut
		}
	}
	return nil
}

// Allow reports whether a datagram of n bytes may pass at once; one that may not is to be dropped.
func (s *limits) Allow(d Direction, n int) bool {
	l := s[d].limit.Load()
	return l == nil || l.AllowN(time.Now(), n)
}
