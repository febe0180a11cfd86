package keyring

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"culvert/shared/nodeapi"
)

// Plan is a checked change that has not happened yet.
type Plan struct {
	ring    *Ring
	full    bool
	salt    []byte
	put     []*row
	removed []string
	mixed   [32]byte
	count   int
}

// Change is one subscriber before and after a commit; nil means not there.
type Change struct{ Old, New *nodeapi.Subscriber }

// Plan checks a change: with full, rows are all there are; otherwise rows are new or changed and removed are gone. salt
// is Settings.PasswordSalt after the change. Two subscribers with one login, secret or password are a fault that names
// the row. Nothing changes before Commit.
func (r *Ring) Plan(full bool, rows []nodeapi.Subscriber, removed []string, salt []byte) (*Plan, error) {
	p := &Plan{ring: r, full: full, salt: salt, put: make([]*row, len(rows)), removed: removed}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !full {
		p.mixed, p.count = r.mixed, len(r.rows)
		for _, id := range removed {
			p.take(id)
		}
	}
	seen := make(map[string]bool, len(rows))
	for i := range rows {
		s := &rows[i]
		if seen[s.ID] {
			return nil, nodeapi.Fault(fmt.Sprintf("subscribers[%d].id", i), "%s appears twice", s.ID)
		}
		seen[s.ID] = true
		p.put[i] = &row{sub: s, digest: s.Digest()}
		if !full {
			p.take(s.ID)
		}
		nodeapi.Mix(&p.mixed, p.put[i].digest)
		p.count++
	}
	for _, id := range removed {
		if seen[id] {
			return nil, nodeapi.Fault("removed", "%s is both changed and removed", id)
		}
		seen[id] = true
	}
	return p, p.conflicts(seen)
}

// take counts a present row out of the plan's totals.
func (p *Plan) take(id string) {
	if w := p.ring.rows[id]; w != nil {
		nodeapi.Mix(&p.mixed, w.digest)
		p.count--
	}
}

// conflicts refuses two owners of one key. touched are the ids whose present keys go away.
func (p *Plan) conflicts(touched map[string]bool) error {
	claimed := make(map[indexKey]string, 2*len(p.put))
	for i, w := range p.put {
		for _, k := range keysOf(w.sub) {
			owner := claimed[k]
			if have := p.ring.index[k]; owner == "" && !p.full && have != nil && !touched[have.sub.ID] {
				owner = have.sub.ID
			}
			if owner != "" && owner != w.sub.ID {
				return nodeapi.Fault(fmt.Sprintf("subscribers[%d].%s", i, fieldOf(k)), "is the same as that of %s", owner)
			}
			claimed[k] = w.sub.ID
		}
	}
	return nil
}

// Rows and Mixed are what nodeapi.HashState needs of the ring after the plan.
func (p *Plan) Rows() int { return p.count }

// Mixed is the order-free digest of the rows after the plan.
func (p *Plan) Mixed() [32]byte { return p.mixed }

// Commit makes the change and returns what it did to each subscriber that it touched.
func (p *Plan) Commit() []Change {
	r := p.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	if !bytes.Equal(r.salt, p.salt) {
		r.slow.forget()
	}
	r.salt, r.mixed = p.salt, p.mixed
	if p.full {
		return r.replaceAll(p.put)
	}
	changes := make([]Change, 0, len(p.put)+len(p.removed))
	for _, id := range p.removed {
		if old := r.remove(id); old != nil {
			changes = append(changes, Change{Old: old})
		}
	}
	// All old keys go before any new one comes: two subscribers may swap names.
	olds := make([]*nodeapi.Subscriber, len(p.put))
	for i, w := range p.put {
		olds[i] = r.remove(w.sub.ID)
	}
	for i, w := range p.put {
		r.insert(w)
		changes = append(changes, Change{Old: olds[i], New: w.sub})
	}
	return changes
}

func (r *Ring) replaceAll(put []*row) []Change {
	old := r.rows
	r.rows = make(map[string]*row, len(put))
	r.index = make(map[indexKey]*row, 2*len(put))
	var changes []Change
	for _, w := range put {
		had := old[w.sub.ID]
		delete(old, w.sub.ID)
		switch {
		case had == nil:
			changes = append(changes, Change{New: w.sub})
		case had.digest != w.digest:
			changes = append(changes, Change{Old: had.sub, New: w.sub})
		}
		r.insert(w)
	}
	for _, gone := range old {
		changes = append(changes, Change{Old: gone.sub})
	}
	return changes
}

func (r *Ring) remove(id string) *nodeapi.Subscriber {
	w := r.rows[id]
	if w == nil {
		return nil
	}
	delete(r.rows, id)
	for _, k := range keysOf(w.sub) {
		delete(r.index, k)
	}
	return w.sub
}

func (r *Ring) insert(w *row) {
	r.rows[w.sub.ID] = w
	for _, k := range keysOf(w.sub) {
		r.index[k] = w
	}
	if w.sub.Password != nil {
		r.slow.dummyIterations.Store(int64(w.sub.Password.Iterations))
	}
}

// keysOf lists every way to find s.
func keysOf(s *nodeapi.Subscriber) []indexKey {
	keys := append(make([]indexKey, 0, 2+len(s.Secrets)), indexKey{spaceLogin, fold(s.Login())})
	if len(s.PasswordID) != 0 {
		keys = append(keys, indexKey{spacePassword, string(s.PasswordID)})
	}
	for _, c := range s.Secrets {
		sum := c.SHA256
		if c.Clear != "" {
			h := sha256.Sum256([]byte(c.Clear))
			sum = h[:]
		}
		keys = append(keys, indexKey{spaceSecret + c.Family, string(sum)})
	}
	return keys
}

func fieldOf(k indexKey) string {
	switch k.space {
	case spaceLogin:
		return "name"
	case spacePassword:
		return "password_id"
	}
	return "secrets"
}
