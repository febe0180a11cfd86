package control

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"culvert/shared/nodeapi"
)

// What an Engine's Apply may return beside a *nodeapi.FieldError, which is a refusal.
var (
	ErrStale    = errors.New("update does not follow the applied revision")   // the full document is fetched
	ErrNotSaved = errors.New("update is applied but not on disk")             // not acknowledged until Save succeeds
	ErrClosed   = errors.New("engine is draining and applies no update")      // neither applied nor refused
	errFlush    = errors.New("some reports are not with the panel yet")       // they stay in the spool
	errRefused  = errors.New("report is refused by the panel, it stays here") // and is set aside when that does not change
)

// Status is where the engine stands.
type Status struct {
	Revision int64
	Hash     string
	Sessions int
	Fault    string
}

// Engine is the data plane.
type Engine interface {
	Apply(ctx context.Context, u *nodeapi.Update) error
	Save() error // tries again to store what Apply could not
	Status() Status
	Grant(allowances []nodeapi.Allowance)
	// Devices are those of limited subscribers that are connected, and those that have gone since the call before.
	Devices() (held, gone []nodeapi.DeviceUse)
	CutDevices(in []nodeapi.DeviceUse)
}

// Spool is the reports that the panel does not have yet.
type Spool interface {
	Ready() <-chan struct{}
	Next() (nodeapi.Report, bool)
	Ack(epoch, seq int64) error
	SetAside(epoch, seq int64, why string) error // keeps a report that the panel will not have, out of Next's way
	Pending() int
}

// Meter is the spool of reports, and what is known of slices.
type Meter interface {
	Spool
	Fault() string
	Slices(subscribers ...string) []nodeapi.SliceUse
	Seal(ctx context.Context) error
	Epoch() int64
}

// Actions are what jobs may ask of the node, beside what control does itself.
type Actions interface {
	Kick(a nodeapi.KickArgs) int
	RestartIngress(ctx context.Context, ingress string) error
	// Drain lets nobody in, waits until sessions end by themselves or ctx ends, cuts the rest and counts those.
	Drain(ctx context.Context) (cut int, err error)
	Resume(ctx context.Context) error
}

// Upgrader installs releases. A node without one refuses the job.
type Upgrader interface {
	Upgrade(ctx context.Context, version string) error
}

// Logs are the last lines of the agent's log, oldest first.
type Logs interface{ Last(n int) []string }

// Config of an Agent.
type Config struct {
	Identity *Identity
	Dir      string // where the identity lies; a renewed one is stored there
	Gateway  string // host:port
	Version  string
	Kinds    []string        // ingress kinds this build serves
	Restored *nodeapi.Update // the document the engine started from; nil when there was none
	Engine   Engine
	Meter    Meter
	Leases   *Leases     // the one that the meter asks; may be nil
	Admit    *Admissions // the one that the engine asks; may be nil
	Actions  Actions
	Upgrader Upgrader // may be nil
	Logs     Logs     // may be nil
	// Revoked is called, perhaps again and again, when the panel says that this node is none any more. May be nil.
	Revoked func()
	Log     *slog.Logger
}

// Agent keeps the node in touch with its panel. It is a run.Service; it starts and serves without the panel.
type Agent struct {
	*core
	stream   *stream
	syncer   *syncer
	uploader *uploader
	leases   *Leases
	admit    *Admissions
	renewer  *renewer
	worker   *worker

	end   context.CancelFunc
	loops sync.WaitGroup
}

// core is what the loops share.
type core struct {
	cfg       Config
	node      string
	log       *slog.Logger
	api       *client
	cert      atomic.Pointer[tls.Certificate]
	settings  atomic.Pointer[nodeapi.Settings]
	ingresses atomic.Pointer[[]nodeapi.Ingress]
	skew      atomic.Int64 // node's clock minus the panel's, nanoseconds
	connected atomic.Bool
	started   time.Time
	retune    chan struct{} // the worker's settings may have changed

	mu     sync.Mutex
	faults map[string]string
}

// Settings in force until a document says otherwise.
func defaultSettings(i *Identity) *nodeapi.Settings {
	return &nodeapi.Settings{
		HeartbeatIntervalMS: 5000, PollIntervalMS: 1000, CompareIntervalMS: 60_000, ReportIntervalMS: 10_000, JobKeys: i.JobKeys,
	}
}

// New returns an agent that does nothing yet.
func New(cfg Config) (*Agent, error) {
	pair, err := cfg.Identity.pair()
	if err != nil {
		return nil, err
	}
	roots, err := cfg.Identity.roots()
	if err != nil {
		return nil, err
	}
	c := &core{
		cfg: cfg, node: cfg.Identity.Node, log: cfg.Log, started: time.Now(), retune: make(chan struct{}, 1),
		faults: map[string]string{},
	}
	c.cert.Store(pair)
	c.settings.Store(defaultSettings(cfg.Identity))
	c.ingresses.Store(&[]nodeapi.Ingress{})
	if cfg.Restored != nil {
		c.learn(cfg.Restored)
	}
	c.api = newClient(cfg.Gateway, trust(roots, c.cert.Load, "h2"))
	a := &Agent{core: c, leases: cfg.Leases, admit: cfg.Admit}
	if a.admit == nil {
		a.admit = &Admissions{}
	}
	if a.leases == nil {
		a.leases = NewLeases()
	}
	a.syncer = newSyncer(c)
	a.uploader = newUploader(c)
	a.stream = newStream(c, a.syncer, a.uploader)
	a.renewer = newRenewer(c, a.stream)
	a.worker = newWorker(c, trust(roots, c.cert.Load, nodeapi.ALPNQueue), a.handlers())
	return a, nil
}

// Start begins to talk. It needs nobody to listen.
func (a *Agent) Start(ctx context.Context) error {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.end = cancel
	for _, loop := range []func(context.Context){
		a.stream.run, a.syncer.run, a.uploader.run, a.renewer.run, a.worker.run,
		func(ctx context.Context) { a.leases.run(ctx, a.core) },
		func(ctx context.Context) { a.admit.run(ctx, a.core) },
	} {
		a.loops.Go(func() { loop(life) })
	}
	return nil
}

// Flush uploads what is in the spool now: the last report of a clean stop. It gives up when the panel is away.
func (a *Agent) Flush(ctx context.Context) error { return a.uploader.flush(ctx) }

// Close ends every loop and waits for them.
func (a *Agent) Close(ctx context.Context) error {
	if a.end == nil {
		return nil
	}
	a.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.loops.Wait()
		a.api.close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Connected reports whether the held stream is up.
func (a *Agent) Connected() bool { return a.connected.Load() }

// learn takes over what an applied document says to this package.
func (c *core) learn(u *nodeapi.Update) {
	if u.Settings != nil {
		c.settings.Store(u.Settings)
		poke(c.retune)
	}
	if u.Ingresses != nil {
		c.ingresses.Store(u.Ingresses)
	}
}

// now is the panel's time, as far as we know it: the expiry of a job is the panel's word.
func (c *core) now() time.Time { return time.Now().Add(-time.Duration(c.skew.Load())) }

func (c *core) heartbeat() time.Duration {
	return time.Duration(c.settings.Load().HeartbeatIntervalMS) * time.Millisecond
}

// fault notes what is not well; an empty text clears it.
func (c *core) fault(part, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text == "" {
		delete(c.faults, part)
		return
	}
	c.faults[part] = text
}
