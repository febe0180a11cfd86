package engine

import "sync"

// slots counts flows from the moment they are admitted, so that those still being dialled are bounded too.
type slots struct {
	mu    sync.Mutex
	total int
	by    map[string]int // subscriber
}

// take reserves a slot; false when the node or the subscriber has no more. perUser and all are the bounds.
func (s *slots) take(subscriber string, perUser, all int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= all || s.by[subscriber] >= perUser {
		return false
	}
	if s.by == nil {
		s.by = map[string]int{}
	}
	s.by[subscriber]++
	s.total++
	return true
}

// release gives a slot back: once for each that was taken.
func (s *slots) release(subscriber string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.by[subscriber]--; s.by[subscriber] <= 0 {
		delete(s.by, subscriber)
	}
}
