package run

import (
	"context"
	"errors"
	"sync"
)

// Loop is a Service of one goroutine: work that goes on until its context ends.
type Loop struct {
	work func(context.Context) error

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

// NewLoop makes a service of work. Work must return soon after its context ends; what it returns then is no
// failure. Returning earlier is a death: work that is finished is not a service.
func NewLoop(work func(ctx context.Context) error) *Loop {
	return &Loop{work: work, done: make(chan struct{})}
}

// Start starts the goroutine. It may be called once.
func (l *Loop) Start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		return errors.New("loop started twice")
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	go func() {
		defer close(l.done)
		err := l.work(life)
		if life.Err() == nil {
			l.err = err
		}
	}()
	return nil
}

// Close ends the goroutine and waits for it.
func (l *Loop) Close(ctx context.Context) error {
	l.mu.Lock()
	cancel := l.cancel
	l.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when the work has returned.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Err is what the work returned before it was asked to end. Call it after Done.
func (l *Loop) Err() error { return l.err }
