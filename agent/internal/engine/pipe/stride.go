package pipe

import "time"

// stride is how much one step takes on: about what passes in one Step, at the pace that the steps before found. The zero
// stride is ready to use.
type stride struct{ n int64 }

const (
	minStride   = 4 << 10
	firstStride = 64 << 10
	maxStride   = 4 << 20
)

// next is the size of the next step, at most most.
func (s *stride) next(most int64) int64 {
	if s.n == 0 {
		s.n = firstStride
	}
	return min(s.n, most)
}

// learn takes in that moved of asked bytes took so long. A step that waited only for its source ends after a Step and
// teaches nothing.
func (s *stride) learn(asked, moved int64, took time.Duration) {
	switch {
	case took > 2*Step:
		s.n = max(minStride, int64(float64(moved)*Step.Seconds()/took.Seconds()))
	case moved == asked && took < Step:
		s.n = min(max(s.n, 2*asked), maxStride)
	}
}
