// Package keyring knows the subscribers of this node and finds the one that a credential names.
//
// Rows are immutable and shared; the indexes are plain maps that change under a lock for as long as one change takes, so
// one changed subscriber among 50,000 costs one row. Fast credentials (generated secrets) are found by their SHA-256.
// Slow ones (passwords) cost a PBKDF2 once; after that an answer is remembered under a keyed hash for as long as the
// subscriber's credentials stay what they were. Guessing is bounded per source address, and unknown names cost what known
// ones cost.
package keyring

import (
	"sync"

	"culvert/shared/nodeapi"
)

// Ring is the set of subscribers. All methods are safe for concurrent use, but Plan and Commit, which one caller at a
// time may use.
type Ring struct {
	mu    sync.RWMutex
	rows  map[string]*row
	index map[indexKey]*row
	mixed [32]byte // order-free digest of all rows
	salt  []byte   // of PasswordID
	slow  *slowPath
}

// row is one subscriber; nothing in it changes.
type row struct {
	sub    *nodeapi.Subscriber
	digest [32]byte
}

// indexKey is one way to find a row: a space of names and a name in it.
type indexKey struct{ space, name string }

const (
	spaceLogin    = "login"
	spacePassword = "password"
	spaceSecret   = "secret/" // and the family
)

// New returns an empty ring: nobody can sign in.
func New() *Ring {
	return &Ring{rows: map[string]*row{}, index: map[indexKey]*row{}, slow: newSlowPath()}
}

// Len is the number of subscribers.
func (r *Ring) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.rows)
}

// Find returns the subscriber with this id, or nil. Nobody may write to it.
func (r *Ring) Find(id string) *nodeapi.Subscriber {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if w := r.rows[id]; w != nil {
		return w.sub
	}
	return nil
}

// All returns every subscriber, in no order.
func (r *Ring) All() []*nodeapi.Subscriber {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*nodeapi.Subscriber, 0, len(r.rows))
	for _, w := range r.rows {
		all = append(all, w.sub)
	}
	return all
}

func (r *Ring) lookup(space, name string) *nodeapi.Subscriber {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if w := r.index[indexKey{space, name}]; w != nil {
		return w.sub
	}
	return nil
}

// fold lowers ASCII letters: logins are compared without regard to their case, and nothing else is done to them.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
