package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// handler does what a job of its kind asks for. Its result is marshalled.
type handler func(ctx context.Context, args json.RawMessage) (any, error)

// finalError is a failure that trying again would not change.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(format string, a ...any) error { return finalError{fmt.Errorf(format, a...)} }

// jobs judges and runs what comes out of the queue. An id is remembered until its job expires: the same job again is not
// run again, its result is sent again.
type jobs struct {
	*core
	handlers map[string]handler

	mu     sync.Mutex
	known  map[string]*known
	outbox []nodeapi.JobResult
	wake   chan struct{}
}

type known struct {
	until  time.Time
	result *nodeapi.JobResult // nil while it runs
}

const (
	maxKnown    = 10_000
	maxResults  = 1_000
	maxJob      = 64 << 10
	resultFirst = 200 * time.Millisecond
	resultLong  = 30 * time.Second
	expirySlack = time.Minute // ids are remembered that much longer: clocks differ
)

func newJobs(c *core, handlers map[string]handler) *jobs {
	return &jobs{core: c, handlers: handlers, known: map[string]*known{}, wake: make(chan struct{}, 1)}
}

// process implements asynq's handler. A job that is not for us, not signed, or seen before leaves the queue at once.
func (s *jobs) process(ctx context.Context, t *asynq.Task) error {
	var j nodeapi.Job
	if err := nodeapi.DecodeStrict(bytes.NewReader(t.Payload()), maxJob, &j); err != nil {
		s.log.WarnContext(ctx, "job cannot be read", logging.KeyErr, err)
		return nil
	}
	if err := j.Verify(s.node, s.keys(), s.now()); err != nil {
		s.log.WarnContext(ctx, "job is not believed", logging.KeyJob, j.ID, logging.KeyErr, err)
		return nil
	}
	spec, ok := nodeapi.LookupJob(j.Kind)
	if !ok || s.handlers[j.Kind] == nil {
		s.finish(nodeapi.JobResult{ID: j.ID, Error: fmt.Sprintf("this agent does not know jobs of kind %q", j.Kind)})
		return nil
	}
	if s.seen(&j) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, spec.Limit)
	defer cancel()
	out, err := s.call(ctx, &j)
	var last finalError
	if err != nil && !errors.As(err, &last) && mayRetry(ctx) {
		s.forget(j.ID)
		return err
	}
	s.finish(result(j.ID, out, err))
	return nil
}

// keys are those the panel names now, or those pinned at enrolment while it has named none.
func (s *jobs) keys() []nodeapi.JobKey {
	if k := s.settings.Load().JobKeys; len(k) > 0 {
		return k
	}
	return s.cfg.Identity.JobKeys
}

func mayRetry(ctx context.Context) bool {
	done, ok := asynq.GetRetryCount(ctx)
	most, ok2 := asynq.GetMaxRetry(ctx)
	return ok && ok2 && done < most
}

func (s *jobs) call(ctx context.Context, j *nodeapi.Job) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "job panicked", logging.KeyJob, j.ID, "panic", p, "stack", string(debug.Stack()))
			out, err = nil, final("the handler panicked")
		}
	}()
	s.log.InfoContext(ctx, "job", logging.KeyJob, j.ID, "kind", j.Kind)
	return s.handlers[j.Kind](ctx, j.Args)
}

func result(id string, out any, err error) nodeapi.JobResult {
	r := nodeapi.JobResult{ID: id, OK: err == nil}
	if err != nil {
		r.Error = clip(err.Error(), 1000)
		return r
	}
	b, merr := json.Marshal(out)
	if merr != nil {
		return nodeapi.JobResult{ID: id, Error: "the result cannot be written: " + merr.Error()}
	}
	r.Output = b
	return r
}

// seen remembers a job. A second one of the same id is not run; if the first is over, its result is sent again.
func (s *jobs) seen(j *nodeapi.Job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(s.known) >= maxKnown {
		for id, k := range s.known {
			if now.After(k.until) {
				delete(s.known, id)
			}
		}
	}
	if k := s.known[j.ID]; k != nil {
		if k.result != nil {
			s.queue(*k.result)
		}
		return true
	}
	s.known[j.ID] = &known{until: time.Unix(j.Expires, 0).Add(expirySlack)}
	return false
}

func (s *jobs) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, id)
}

func (s *jobs) finish(r nodeapi.JobResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.known[r.ID]; k != nil {
		k.result = &r
	}
	s.queue(r)
}

// queue puts a result in line for delivery; the oldest gives way. The caller holds the lock.
func (s *jobs) queue(r nodeapi.JobResult) {
	if len(s.outbox) >= maxResults {
		s.outbox = s.outbox[1:]
	}
	s.outbox = append(s.outbox, r)
	poke(s.wake)
}

func (s *jobs) next() (nodeapi.JobResult, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.outbox) == 0 {
		return nodeapi.JobResult{}, false
	}
	return s.outbox[0], true
}

func (s *jobs) delivered(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.outbox) > 0 && s.outbox[0].ID == id {
		s.outbox = s.outbox[1:]
	}
}

// deliver sends results over the node API. What the panel refuses, such as the answer to a job that it has deleted, is
// dropped: it would be refused again.
func (s *jobs) deliver(ctx context.Context) {
	b := newBackoff(resultFirst, resultLong)
	for {
		r, ok := s.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			continue
		}
		err := s.api.post(ctx, nodeapi.PathResult, r, nil)
		if code := nodeapi.CodeOf(err); err == nil || code == nodeapi.CodeInvalid {
			if err != nil {
				s.log.WarnContext(ctx, "result is refused by the panel", logging.KeyJob, r.ID, logging.KeyErr, err)
			}
			s.delivered(r.ID)
			b.reset()
			continue
		}
		if !b.wait(ctx) {
			return
		}
	}
}
