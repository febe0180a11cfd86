package unit

import (
	"math"
	"testing"
)

func TestAddSat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want Bytes }{
		{1, 2, 3},
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MinInt64, -1, math.MinInt64},
		{math.MaxInt64, -1, math.MaxInt64 - 1},
	} {
		if got := AddSat(c.a, c.b); got != c.want {
			t.Errorf("AddSat(%d, %d) = %d, want %d", int64(c.a), int64(c.b), int64(got), int64(c.want))
		}
	}
}

func TestBytesString(t *testing.T) {
	t.Parallel()
	for b, want := range map[Bytes]string{
		0: "0 B", 1023: "1023 B", KiB: "1.00 KiB", 3 * MiB / 2: "1.50 MiB", GiB: "1.00 GiB", Unlimited: "unlimited",
	} {
		if got := b.String(); got != want {
			t.Errorf("%d prints %q, want %q", int64(b), got, want)
		}
	}
}

func TestPerSecond(t *testing.T) {
	t.Parallel()
	if got := (8 * Mbit).PerSecond(); got != 1_000_000 {
		t.Fatalf("8 Mbit/s = %d bytes per second", int64(got))
	}
}
