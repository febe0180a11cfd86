// Package engine is the node's data plane: it applies desired states, and it is the Host that every ingress asks for
// connections.
//
// Applying: everything is checked, new services are built and started beside the old on shared sockets, then subscribers,
// routes and services are swapped at once, and what is no longer allowed is cut. A refused document changes nothing. A
// change of subscribers touches no listener; a change of one ingress touches no other.
//
// A flow passes: session -> admission (allowance, bounds) -> route -> exit -> a connection that counts, paces and can be
// cut.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/engine/pipe"
	"culvert/agent/internal/exit"
	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/keyring"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/route"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// Store keeps what survives a restart (package state).
type Store interface {
	Save(u *nodeapi.Update, full func() *nodeapi.Update) error
	Keep(ingress, name string, fresh func() ([]byte, error)) ([]byte, error)
}

// Tunnel leases inner addresses for packet VPNs. It calls the Host it is given for every flow it finds.
type Tunnel interface {
	Lease(ctx context.Context, host ingress.Host, p flow.Principal, spec ingress.LeaseSpec) (ingress.Lease, error)
}

// Config of an engine.
type Config struct {
	Node      string // this node's id; documents for another are refused
	Factories map[string]ingress.Factory
	Exits     map[string]exit.Exit // must hold route.Direct
	Sockets   ingress.Sockets      // package listen's Pool
	Store     Store
	Meter     *meter.Meter
	Admitter  Admitter      // nil: devices are limited on this node alone
	Tunnel    Tunnel        // nil where packet VPNs are not served
	Drain     time.Duration // how long flows of a replaced ingress may go on; default 30 s
	MaxFlows  int           // of the node; default 100,000
	PerUser   int           // flows of one subscriber; default 8192
	Log       *slog.Logger
}

// Engine is a node's data plane. All methods are safe for concurrent use.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	kinds    map[string]protocol.Kind
	ring     *keyring.Ring
	sessions *session.Table
	meter    *meter.Meter
	slots    slots
	pump     pipe.Pump
	routes   atomic.Pointer[route.Table]
	serial   atomic.Int64 // of services
	oldest   atomic.Bool  // Settings.DropOldest

	// gate is held shared to open a session or flow, and alone to swap states: nobody is let in by what no longer holds.
	gate     sync.RWMutex
	draining bool

	apply   sync.Mutex // one change at a time; guards current
	current current
	retired sync.WaitGroup
	life    context.Context // of services; ends with Close
	end     context.CancelFunc
}

// current is the applied state.
type current struct {
	revision int64
	hash     string
	sections nodeapi.Sections
	certs    map[string]*keyPair
	services map[string]*service
	broken   map[string]error // services of a restored document that did not start
	unsaved  error
}

// Defaults.
const (
	defaultDrain    = 30 * time.Second
	defaultMaxFlows = 100_000
	defaultPerUser  = 8192
)

// New returns an engine that serves nobody yet.
func New(cfg Config) (*Engine, error) {
	if cfg.Node == "" || cfg.Meter == nil || cfg.Store == nil || cfg.Sockets == nil || cfg.Exits[route.Direct] == nil {
		return nil, errors.New("engine: node, meter, store, sockets and the direct exit must be given")
	}
	if cfg.Drain <= 0 {
		cfg.Drain = defaultDrain
	}
	if cfg.MaxFlows <= 0 {
		cfg.MaxFlows = defaultMaxFlows
	}
	if cfg.PerUser <= 0 {
		cfg.PerUser = defaultPerUser
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		cfg: cfg, log: cfg.Log, kinds: map[string]protocol.Kind{}, ring: keyring.New(), meter: cfg.Meter,
		sessions: session.NewTable(cfg.Meter.Record),
		current: current{
			certs: map[string]*keyPair{}, services: map[string]*service{}, broken: map[string]error{},
			sections: nodeapi.Sections{Ingresses: []nodeapi.Ingress{}, Certificates: []nodeapi.Certificate{}},
		},
	}
	for name := range cfg.Factories {
		k, ok := protocol.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("engine: ingress kind %q is not in the registry", name)
		}
		e.kinds[name] = k
	}
	e.routes.Store(route.Compile(nodeapi.Settings{}))
	return e, nil
}

// Start lets the engine live until Close. It comes before the first Apply. ctx bounds its services' lives.
func (e *Engine) Start(ctx context.Context) {
	ctx, e.end = context.WithCancel(ctx)
	e.life = ctx
	e.sessions.Start(ctx)
}

// State is where an engine stands.
type State struct {
	Revision    int64
	Hash        string
	Subscribers int
	Ingresses   int
	Sessions    int
	Flows       int
	Fault       string // services that did not start after a restart, a document that could not be saved
}

// State returns where the engine stands.
func (e *Engine) State() State {
	e.apply.Lock()
	defer e.apply.Unlock()
	s := State{
		Revision: e.current.revision, Hash: e.current.hash, Subscribers: e.ring.Len(), Ingresses: len(e.current.services),
	}
	s.Sessions, s.Flows = e.sessions.Count()
	var faults []error
	for id, err := range e.current.broken {
		faults = append(faults, fmt.Errorf("ingress %s: %w", id, err))
	}
	slices.SortFunc(faults, func(a, b error) int { return compareText(a, b) })
	if err := errors.Join(append(faults, e.current.unsaved)...); err != nil {
		s.Fault = err.Error()
	}
	return s
}

func compareText(a, b error) int {
	if a.Error() < b.Error() {
		return -1
	}
	return 1
}

// Sessions lists who is connected.
func (e *Engine) Sessions() []nodeapi.SessionRecord { return e.sessions.List() }

// Kick ends the sessions that q picks and keeps them out for a minute (see session.Table.Kick).
func (e *Engine) Kick(q session.Selector) int { return e.sessions.Kick(q) }

// Grant takes allowances in and cuts those who have nothing left and will get nothing more.
func (e *Engine) Grant(allowances []nodeapi.Allowance) {
	for _, id := range e.meter.Grant(allowances) {
		e.sessions.Cut(session.Selector{Subscriber: id}, session.Limited)
	}
}

// Drain lets nobody in any more, waits until flows end by themselves or ctx ends, and then ends every session. Services
// stay closed afterwards, and no update is applied.
func (e *Engine) Drain(ctx context.Context) error {
	e.gate.Lock()
	e.draining = true
	e.gate.Unlock()
	e.apply.Lock()
	services := e.current.services
	e.current.services = map[string]*service{}
	e.apply.Unlock()
	var wg sync.WaitGroup
	errs := make(chan error, len(services))
	for _, s := range services {
		wg.Go(func() { errs <- e.close(ctx, s) })
	}
	wg.Wait()
	close(errs)
	var all error
	for err := range errs {
		all = errors.Join(all, err)
	}
	for _, s := range e.sessions.All(func(*session.Session) bool { return true }) {
		e.sessions.End(s, session.Drained)
	}
	return all
}

// Close drains until ctx ends and stops everything. The meter is closed by its owner, afterwards.
func (e *Engine) Close(ctx context.Context) error {
	err := e.Drain(ctx)
	if e.end != nil {
		e.end()
	}
	e.retired.Wait()
	e.sessions.Close()
	return err
}
