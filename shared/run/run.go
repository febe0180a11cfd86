// Package run keeps the long-lived parts of a program: it starts them in order, stops them in reverse, and
// says which one ended it all, and why.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Service is a part with a life. Start returns once the part does its work and leaves nothing behind when it
// fails. Close ends it and waits for its goroutines; it may be called more than once, and gives up with ctx.
type Service interface {
	Start(ctx context.Context) error
	Close(ctx context.Context) error
}

// Mortal is a Service that can end by itself. Done is closed then, and Err says why; a nil Err after Done is
// a death all the same, unless Close was called. Both are asked only after Start has succeeded.
type Mortal interface {
	Service
	Done() <-chan struct{}
	Err() error
}

// Member is a service with the name it is spoken of by.
type Member struct {
	Name    string
	Service Service
}

// patience is how long one service may take to close before the others are closed without it.
const patience = 20 * time.Second

// Group is a set of started services.
type Group struct {
	log     *slog.Logger
	members []Member // started, in order
	death   chan error
	watch   context.CancelFunc
}

// Start starts the members in order. If one fails, those before it are closed in reverse, and the error names it.
func Start(ctx context.Context, log *slog.Logger, members ...Member) (*Group, error) {
	g := &Group{log: log, death: make(chan error, len(members))}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g.watch = cancel
	for _, m := range members {
		begun := time.Now()
		if err := m.Service.Start(ctx); err != nil {
			err = fmt.Errorf("start %s: %w", m.Name, err)
			return nil, errors.Join(err, g.Close(context.WithoutCancel(ctx)))
		}
		g.members = append(g.members, m)
		log.Debug("started", "service", m.Name, "took", time.Since(begun))
		if mortal, ok := m.Service.(Mortal); ok {
			go g.attend(watching, m.Name, mortal)
		}
	}
	return g, nil
}

// attend ends with the service or with the group's Close, whichever comes first.
func (g *Group) attend(watching context.Context, name string, m Mortal) {
	select {
	case <-watching.Done():
	case <-m.Done():
		if watching.Err() != nil {
			return
		}
		err := m.Err()
		if err == nil {
			err = errors.New("ended without being asked to")
		}
		g.death <- fmt.Errorf("%s: %w", name, err)
	}
}

// Wait returns nil when ctx ends, or the first service's cause of death. The group is still to be closed.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-g.death:
		return err
	}
}

// Close closes every service, the last started first, each with its own patience. It goes on after an error.
func (g *Group) Close(ctx context.Context) error {
	g.watch()
	var errs []error
	for _, m := range slices.Backward(g.members) {
		begun := time.Now()
		one, cancel := context.WithTimeout(ctx, patience)
		err := m.Service.Close(one)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", m.Name, err))
			continue
		}
		g.log.Debug("stopped", "service", m.Name, "took", time.Since(begun))
	}
	return errors.Join(errs...)
}

// Run starts the members, waits for ctx to end or a member to die, and closes them. A clean run returns nil.
func Run(ctx context.Context, log *slog.Logger, members ...Member) error {
	g, err := Start(ctx, log, members...)
	if err != nil {
		return err
	}
	cause := g.Wait(ctx)
	if cause != nil {
		log.Error("a service died, stopping all", "err", cause)
	}
	return errors.Join(cause, g.Close(context.WithoutCancel(ctx)))
}
