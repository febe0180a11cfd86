// Package app is the agent's composition root: it makes this machine the node it is, puts the last good document into
// force, and joins engine, meter and the line to the panel.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"culvert/agent/internal/config"
	"culvert/agent/internal/control"
	"culvert/agent/internal/engine"
	"culvert/agent/internal/exit"
	"culvert/agent/internal/listen"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/route"
	"culvert/agent/internal/session"
	"culvert/agent/internal/state"
	"culvert/agent/internal/tunnel"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
	"culvert/shared/run"
)

const (
	firstReportInterval = 10 * time.Second
	healEvery           = 10 * time.Second
	stopWithin          = 15 * time.Second
	flushWithin         = 3 * time.Second
)

// Agent is a started node.
type Agent struct {
	log     *slog.Logger
	state   *state.Store
	meter   *meter.Meter
	engine  *engine.Engine
	tunnel  tunnel.Tunnel
	control *control.Agent
	healer  *run.Loop
	stop    context.CancelFunc
	lock    *os.File
	closing atomic.Bool // the meter takes nothing in any more
}

// Start becomes a node (waiting for the panel if it has to enrol), serves the last good document, and then looks for the
// panel. logs may be nil.
func Start(ctx context.Context, c config.Config, version string, logs control.Logs, log *slog.Logger) (*Agent, error) {
	lock, err := holdDir(c.DataDir)
	if err != nil {
		return nil, err
	}
	who, err := control.Join(ctx, control.JoinConfig{Dir: c.DataDir, Gateway: c.Gateway, Token: c.Token, CAPin: c.CAPin, Version: version, Log: log})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	a := &Agent{log: log, lock: lock}
	if err := a.start(ctx, c, who, version, logs); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return nil, errors.Join(err, a.Close(stopping))
	}
	return a, nil
}

func (a *Agent) start(ctx context.Context, c config.Config, who *control.Identity, version string, logs control.Logs) error {
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	a.stop = stop
	leases, admit := control.NewLeases(), &control.Admissions{}
	var err error
	if a.state, err = state.Open(filepath.Join(c.DataDir, "state"), a.log); err != nil {
		return err
	}
	a.meter, err = meter.Open(meter.Config{Dir: filepath.Join(c.DataDir, "meter"), Interval: firstReportInterval, Leaser: leases, Log: a.log})
	if err != nil {
		return err
	}
	a.meter.Start(life)
	kinds := factories()
	a.engine, err = engine.New(engine.Config{
		Node: who.Node, Factories: kinds, Exits: map[string]exit.Exit{route.Direct: &exit.Direct{}}, Sockets: &listen.Pool{},
		Store: a.state, Meter: a.meter, Tunnel: &a.tunnel, Admitter: admit, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.engine.Start(life)
	restored := a.restore(ctx)
	a.healer = run.NewLoop(a.heal)
	if err := a.healer.Start(life); err != nil {
		return err
	}
	a.control, err = control.New(control.Config{
		Identity: who, Dir: c.DataDir, Gateway: c.Gateway, Version: version, Kinds: slices.Sorted(maps.Keys(kinds)), Restored: restored,
		Engine: plane{a.engine, &a.closing}, Meter: a.meter, Leases: leases, Admit: admit, Actions: actions{a.engine}, Logs: logs, Log: a.log,
		Revoked: sync.OnceFunc(func() { a.revoked(life, c.DataDir) }),
	})
	if err != nil {
		return err
	}
	return a.control.Start(ctx)
}

// restore puts the last good document into force. A node that cannot read it starts empty and says so.
func (a *Agent) restore(ctx context.Context) *nodeapi.Update {
	doc, problem := a.state.Load()
	if problem != nil {
		a.log.ErrorContext(ctx, "stored state", logging.KeyErr, problem)
	}
	if doc == nil {
		return nil
	}
	if err := a.engine.Restore(ctx, doc); err != nil {
		a.log.ErrorContext(ctx, "stored state cannot be put into force, waiting for the panel", logging.KeyErr, err)
		return nil
	}
	return doc
}

// revoked stops serving and forgets what the node held: a machine that is no node any more must not act as one.
func (a *Agent) revoked(ctx context.Context, dir string) {
	a.log.ErrorContext(ctx, "this node was revoked: it serves nobody any more")
	at, now := context.WithCancel(ctx)
	now()
	if err := ignoreCut(a.engine.Drain(at)); err != nil {
		a.log.ErrorContext(ctx, "stop serving", logging.KeyErr, err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
		a.log.ErrorContext(ctx, "forget the document", logging.KeyErr, err)
	}
}

// holdDir makes sure that one agent alone works on a data directory; the kernel lets go when the process ends.
func holdDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("CULVERT_AGENT_DATA_DIR: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "agent.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("CULVERT_AGENT_DATA_DIR: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("CULVERT_AGENT_DATA_DIR: another agent works in %s", dir), f.Close())
	}
	return f, nil
}

// heal tries again to start what could not be started, such as an ingress whose port another program had.
func (a *Agent) heal(ctx context.Context) error {
	tick := time.NewTicker(healEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.engine.Heal(ctx); err != nil {
				a.log.DebugContext(ctx, "still not healed", logging.KeyErr, err)
			}
		}
	}
}

// Close lets flows end until ctx does, closes the last report, sends it if the panel is there, and stops.
func (a *Agent) Close(ctx context.Context) error {
	var err error
	if a.healer != nil {
		err = a.healer.Close(ctx)
	}
	if a.engine != nil {
		err = errors.Join(err, a.engine.Close(ctx))
	}
	a.tunnel.Close()
	a.closing.Store(true)
	if a.meter != nil {
		err = errors.Join(err, a.meter.Close())
	}
	if a.control != nil {
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		if ferr := a.control.Flush(flushing); ferr != nil {
			a.log.InfoContext(ctx, "reports wait on the disk for the next start", logging.KeyErr, ferr)
		}
		err = errors.Join(err, a.control.Close(flushing))
	}
	if a.stop != nil {
		a.stop()
	}
	if a.state != nil {
		err = errors.Join(err, a.state.Close())
	}
	return errors.Join(err, a.lock.Close())
}

// Run is `culvert-agent run`: it returns when ctx ends, with everything stopped.
func Run(ctx context.Context, c config.Config, version string, logs control.Logs, log *slog.Logger) error {
	a, err := Start(ctx, c, version, logs, log)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	// Flows are cut at once: the program is told to go, and clients reconnect elsewhere sooner than they time out.
	cut, now := context.WithCancel(stopping)
	now()
	return errors.Join(ignoreCut(a.engine.Drain(cut)), a.Close(stopping))
}

func ignoreCut(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// plane is the engine as control sees it.
type plane struct {
	e       *engine.Engine
	closing *atomic.Bool
}

// Apply implements control.Engine.
func (p plane) Apply(ctx context.Context, u *nodeapi.Update) error {
	err := p.e.Apply(ctx, u)
	switch {
	case errors.Is(err, engine.ErrStale):
		return fmt.Errorf("%w: %w", control.ErrStale, err)
	case errors.Is(err, engine.ErrNotSaved):
		return fmt.Errorf("%w: %w", control.ErrNotSaved, err)
	}
	return err
}

// Save implements control.Engine.
func (p plane) Save() error { return p.e.Save() }

// Grant implements control.Engine. What arrives while the node stops is asked for again at the next start.
func (p plane) Grant(allowances []nodeapi.Allowance) {
	if !p.closing.Load() {
		p.e.Grant(allowances)
	}
}

// Devices implements control.Engine.
func (p plane) Devices() (held, gone []nodeapi.DeviceUse) { return p.e.Devices() }

// CutDevices implements control.Engine.
func (p plane) CutDevices(in []nodeapi.DeviceUse) { p.e.CutDevices(in) }

// Status implements control.Engine.
func (p plane) Status() control.Status {
	s := p.e.State()
	return control.Status{Revision: s.Revision, Hash: s.Hash, Sessions: s.Sessions, Fault: s.Fault}
}

// actions are what jobs may ask of the engine.
type actions struct{ e *engine.Engine }

// Kick implements control.Actions.
func (a actions) Kick(k nodeapi.KickArgs) int {
	q := session.Selector{Subscriber: k.Subscriber, Session: k.Session, Ingress: k.Ingress}
	if k.Source != "" {
		q.Source, _ = netip.ParseAddr(k.Source) // KickArgs.Validate checked it
	}
	return a.e.Kick(q)
}

// RestartIngress implements control.Actions.
func (a actions) RestartIngress(ctx context.Context, id string) error { return a.e.Restart(ctx, id) }

// Drain implements control.Actions: what is left when ctx ends is what was cut.
func (a actions) Drain(ctx context.Context) (int, error) {
	left := make(chan int, 1)
	stop := context.AfterFunc(ctx, func() { left <- a.e.State().Sessions })
	err := a.e.Drain(ctx)
	if stop() {
		return 0, err
	}
	return <-left, err
}

// Resume implements control.Actions.
func (a actions) Resume(ctx context.Context) error { return a.e.Resume(ctx) }
