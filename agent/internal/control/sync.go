package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// syncer brings the engine to the wanted revision and tells the panel.
type syncer struct {
	*core
	wake    chan struct{}
	applied chan struct{} // the stream beats at once

	mu      sync.Mutex
	refused int64        // not tried again before the next comparison, or a job that asks for it
	ack     *nodeapi.Ack // not delivered yet; only the newest matters
	waiters []*waiter
	unsaved bool
}

// waiter is a job that waits for a round.
type waiter struct {
	revision int64
	done     chan error
}

const (
	syncFirst   = 200 * time.Millisecond
	syncLongest = 30 * time.Second
)

func newSyncer(c *core) *syncer {
	return &syncer{core: c, wake: make(chan struct{}, 1), applied: make(chan struct{}, 1)}
}

// want notes a wanted revision.
func (s *syncer) want(revision int64) {
	s.mu.Lock()
	refused := s.refused == revision
	s.mu.Unlock()
	if !refused && revision > s.cfg.Engine.Status().Revision {
		poke(s.wake)
	}
}

// greet has the panel told where the node stands: it may have missed the last answer.
func (s *syncer) greet(st Status) {
	if st.Revision == 0 {
		return
	}
	s.mu.Lock()
	if s.ack == nil && !s.unsaved {
		s.ack = &nodeapi.Ack{Revision: st.Revision, Hash: st.Hash, Applied: true}
	}
	s.mu.Unlock()
	poke(s.wake)
}

// round makes a round and waits for its outcome.
func (s *syncer) round(ctx context.Context, revision int64) error {
	w := &waiter{revision, make(chan error, 1)}
	s.mu.Lock()
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	poke(s.wake)
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *syncer) run(ctx context.Context) {
	b := newBackoff(syncFirst, syncLongest)
	for next := b.pause(); waitFor(ctx, next, s.wake); {
		err := s.once(ctx)
		s.answer(err)
		switch {
		case err != nil:
			s.log.DebugContext(ctx, "not in line with the panel", logging.KeyErr, err)
			next = b.pause()
		default:
			b.reset()
			next = s.compareIn()
		}
	}
}

// compareIn is when the revisions are compared though nothing woke us.
func (s *syncer) compareIn() time.Duration {
	return time.Duration(s.settings.Load().CompareIntervalMS) * time.Millisecond
}

func (s *syncer) answer(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.cfg.Engine.Status().Revision
	for _, w := range s.waiters {
		if err == nil && at < w.revision {
			w.done <- fmt.Errorf("the panel has no revision %d for this node, the newest is %d", w.revision, at)
			continue
		}
		w.done <- err
	}
	s.waiters = nil
}

// once delivers what is to be told, fetches until nothing is newer, and tells.
func (s *syncer) once(ctx context.Context) error {
	if err := s.saveAgain(); err != nil {
		return err
	}
	for full := false; ; {
		if err := s.tell(ctx); err != nil {
			return err
		}
		u, err := s.fetch(ctx, full)
		if err != nil || u == nil {
			return err
		}
		err = s.cfg.Engine.Apply(ctx, u)
		if errors.Is(err, ErrStale) && !full {
			full = true
			continue
		}
		full = false
		if done, err := s.settle(ctx, u, err); done || err != nil {
			return err
		}
	}
}

// fetch asks for what is newer; nil when nothing is.
func (s *syncer) fetch(ctx context.Context, full bool) (*nodeapi.Update, error) {
	st := s.cfg.Engine.Status()
	if full {
		st = Status{}
	}
	ctx, cancel := context.WithTimeout(ctx, stateLimit)
	defer cancel()
	q := url.Values{"since": {strconv.FormatInt(st.Revision, 10)}, "hash": {st.Hash}}
	res, err := s.api.do(ctx, http.MethodGet, nodeapi.PathState+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusNotModified {
		return nil, nil //nolint:nilnil // nothing newer
	}
	var u nodeapi.Update
	if err := nodeapi.DecodeStrict(res.Body, nodeapi.MaxUpdate, &u); err != nil {
		return nil, fmt.Errorf("fetch document: %w", err)
	}
	return &u, nil
}

// settle notes what became of an update. done means that there is nothing to go on with now.
func (s *syncer) settle(ctx context.Context, u *nodeapi.Update, err error) (done bool, _ error) {
	var refusal *nodeapi.FieldError
	switch {
	case err == nil:
		s.learn(u)
		s.note(nodeapi.Ack{Revision: u.Revision, Hash: u.Hash, Applied: true})
		poke(s.applied)
		return false, nil
	case errors.Is(err, ErrNotSaved):
		s.learn(u)
		s.mu.Lock()
		s.unsaved = true
		s.mu.Unlock()
		return true, err
	case errors.As(err, &refusal):
		s.log.WarnContext(ctx, "revision is refused", logging.KeyRevision, u.Revision, "path", refusal.Path, logging.KeyErr, err)
		s.note(nodeapi.Ack{Revision: u.Revision, Hash: u.Hash, Path: refusal.Path, Reason: refusal.Rule})
		s.mu.Lock()
		s.refused = u.Revision
		s.mu.Unlock()
		if terr := s.tell(ctx); terr != nil {
			return true, terr
		}
		return true, nil
	}
	return true, fmt.Errorf("apply revision %d: %w", u.Revision, err)
}

func (s *syncer) note(a nodeapi.Ack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ack = &a
}

// saveAgain tries to store a state that could not be stored; only then it is acknowledged.
func (s *syncer) saveAgain() error {
	s.mu.Lock()
	unsaved := s.unsaved
	s.mu.Unlock()
	if !unsaved {
		return nil
	}
	if err := s.cfg.Engine.Save(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	st := s.cfg.Engine.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved, s.ack = false, &nodeapi.Ack{Revision: st.Revision, Hash: st.Hash, Applied: true}
	return nil
}

// tell delivers the newest acknowledgement.
func (s *syncer) tell(ctx context.Context) error {
	s.mu.Lock()
	a := s.ack
	s.mu.Unlock()
	if a == nil {
		return nil
	}
	err := s.api.post(ctx, nodeapi.PathAck, *a, nil)
	if err != nil && nodeapi.CodeOf(err) != nodeapi.CodeInvalid {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ack == a {
		s.ack = nil
	}
	return nil
}
