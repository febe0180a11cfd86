package tunnel

import (
	"testing"
	"time"
)

// TestInFlight: near clients have little in flight, far ones as much as a fast way there holds.
func TestInFlight(t *testing.T) {
	t.Parallel()
	for rtt, want := range map[time.Duration]int64{
		0: sendNear, time.Millisecond: sendNear, 20 * time.Millisecond: 2_500_000, 200 * time.Millisecond: sendMost, time.Hour: sendMost,
	} {
		if got := inFlight(rtt); got != want {
			t.Errorf("%s: %d, not %d", rtt, got, want)
		}
	}
}
