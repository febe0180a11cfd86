package identity

import (
	"net/netip"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	l := NewLimiter(Rate{}, Rate{PerSecond: 10, Burst: 2})
	now := time.Unix(1_700_000_000, 0)
	for i, want := range []bool{true, true, false, false} {
		if _, ok := l.Take("a", now); ok != want {
			t.Errorf("take %d: %v", i, ok)
		}
	}
	if wait, ok := l.Take("a", now); ok || wait != 100*time.Millisecond {
		t.Errorf("wait %v", wait)
	}
	if _, ok := l.Take("a", now.Add(100*time.Millisecond)); !ok {
		t.Error("no token after the wait")
	}
	if _, ok := l.Take("b", now); !ok {
		t.Error("names share a bucket")
	}
	for i := range maxBuckets + 10 {
		l.Take(string(rune('a'+i%26))+time.Duration(i).String(), now)
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(l.buckets))
	}
	if NetworkOf(netip.MustParseAddr("::ffff:192.0.2.1")) != "192.0.2.1" || NetworkOf(netip.MustParseAddr("2001:db8::1")) != "2001:db8::/64" {
		t.Error("networks")
	}
}
