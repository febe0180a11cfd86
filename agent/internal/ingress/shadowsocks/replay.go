package shadowsocks

import (
	"sync"
	"time"
)

// window is how far a message's clock may be from ours in the 2022 edition (SIP022, 3.1.3).
const window = 30 * time.Second

// Bounds of salts.
const (
	saltsModern = 1 << 19 // a minute's; 8,700 new connections a second
	saltsStream = 1 << 18 // AEAD has no clock: this many and up to twice as many of the newest are known
	saltsPacket = 1 << 17
	saltsPeriod = 2 * window // after which a message is refused for its age
)

// salt is the beginning of a salt, or all of it. Two honest salts that agree in 16 random bytes do not happen, and nobody
// can make another's.
type salt [16]byte

// salts remembers what was used, in two generations that take turns:
//
//	now: fills  --period over, or (without a period) full-->  before: read only  --the next turn-->  forgotten
//
// With a period, a full generation takes no more until its period is over: what cannot be remembered is refused.
type salts struct {
	most   int
	period time.Duration // 0: a turn whenever a generation is full

	mu          sync.Mutex
	now, before map[salt]struct{}
	turned      time.Time
}

func newSalts(most int, period time.Duration) *salts {
	return &salts{most: most, period: period, now: map[salt]struct{}{}}
}

// fresh takes a salt in. It reports false for one that was used, or that there is no room for. Only salts of messages
// whose keys were right may be given to it.
func (f *salts) fresh(s []byte, at time.Time) bool {
	k := salt(s[:len(salt{})])
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.period > 0 && at.Sub(f.turned) >= f.period {
		f.turn(at)
	}
	if _, used := f.now[k]; used {
		return false
	}
	if _, used := f.before[k]; used {
		return false
	}
	if len(f.now) >= f.most {
		if f.period > 0 {
			return false
		}
		f.turn(at)
	}
	f.now[k] = struct{}{}
	return true
}

// turn lets the older generation go. When both are older than the period, both go.
func (f *salts) turn(at time.Time) {
	f.before = f.now
	if f.period > 0 && at.Sub(f.turned) >= 2*f.period {
		f.before = nil
	}
	f.now, f.turned = map[salt]struct{}{}, at
}

// timely reports whether a message's time is close enough to ours.
func timely(unix uint64, now time.Time) bool {
	d := now.Unix() - int64(unix) //nolint:gosec // wraps for absurd times, which are refused either way
	return d >= -int64(window/time.Second) && d <= int64(window/time.Second)
}
