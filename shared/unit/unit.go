// Package unit gives quantities their units in the type, so that bytes, rates and times cannot be mixed up.
package unit

import (
	"fmt"
	"math"
)

// Bytes is a number of octets. Limits use Unlimited for "no limit".
type Bytes int64

// BitRate is a speed in bits per second; zero means no limit.
type BitRate int64

// Sizes. MB and MiB are kept apart: billing systems speak of 2^20 bytes as MB (hestia-api.md §7.2).
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30

	Unlimited Bytes = -1

	Mbit BitRate = 1_000_000
)

// AddSat returns a+b, held at the largest value instead of overflowing.
func AddSat(a, b Bytes) Bytes {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	if b < 0 && a < math.MinInt64-b {
		return math.MinInt64
	}
	return a + b
}

// String prints the size for people, with a binary unit.
func (b Bytes) String() string {
	switch {
	case b == Unlimited:
		return "unlimited"
	case b >= GiB:
		return fmt.Sprintf("%.2f GiB", float64(b)/float64(GiB))
	case b >= MiB:
		return fmt.Sprintf("%.2f MiB", float64(b)/float64(MiB))
	case b >= KiB:
		return fmt.Sprintf("%.2f KiB", float64(b)/float64(KiB))
	}
	return fmt.Sprintf("%d B", int64(b))
}

// PerSecond returns the rate in bytes per second, rounded down.
func (r BitRate) PerSecond() Bytes { return Bytes(r / 8) }
