package engine

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/agent/internal/exit"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/listen"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/route"
	"culvert/agent/internal/state"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

// fake is an ingress that listens and hands its host out; it notes what is done to it.
type fake struct {
	spec ingress.Spec
	host ingress.Host
	rig  *rig

	mu       sync.Mutex
	listener net.Listener
	closed   bool
	keys     []ingress.KeyChange
}

func (f *fake) Start(context.Context) error {
	l, err := f.spec.Sockets.Listen("tcp", f.spec.Listen)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listener = l
	return nil
}

func (f *fake) Close(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener == nil || f.closed {
		return nil
	}
	f.closed = true
	f.rig.note("close " + f.spec.Name)
	return f.listener.Close()
}

func (f *fake) KeysChanged(_ context.Context, c ingress.KeyChange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, c)
	return nil
}

// rig is an engine with fake ingresses and the panel's side of it.
type rig struct {
	t     testing.TB
	dir   string
	e     *Engine
	m     *meter.Meter
	store *brokenStore
	pool  *listen.Pool
	node  string
	rev   int64
	s     nodeapi.Sections
	rows  map[string]nodeapi.Subscriber

	mu    sync.Mutex
	built []*fake
	log   []string
	lease func(subscriber string) // answers requests for more; nil: nobody does
}

// WantLease implements meter.Leaser.
func (r *rig) WantLease(subscriber string) {
	r.mu.Lock()
	lease := r.lease
	r.mu.Unlock()
	if lease != nil {
		go lease(subscriber)
	}
}

// brokenStore is a state.Store that can be told to fail.
type brokenStore struct {
	*state.Store
	fail error
}

func (s *brokenStore) Save(u *nodeapi.Update, full func() *nodeapi.Update) error {
	if s.fail != nil {
		return s.fail
	}
	return s.Store.Save(u, full)
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), pool: &listen.Pool{}, node: id.New(id.Node), rows: map[string]nodeapi.Subscriber{}}
	r.s = nodeapi.Sections{
		Settings: nodeapi.Settings{
			ReportIntervalMS: 3_600_000, HeartbeatIntervalMS: 1000, PollIntervalMS: 1000, CompareIntervalMS: 1000,
			PasswordSalt: make([]byte, 16),
		},
		Ingresses: []nodeapi.Ingress{}, Certificates: []nodeapi.Certificate{},
	}
	r.open(change...)
	return r
}

func (r *rig) open(change ...func(*Config)) {
	r.t.Helper()
	st, err := state.Open(r.dir+"/state", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = &brokenStore{Store: st}
	cfg := Config{
		Node: r.node, Sockets: r.pool, Store: r.store, Exits: map[string]exit.Exit{route.Direct: &exit.Direct{}},
		Drain: 50 * time.Millisecond, Factories: map[string]ingress.Factory{"socks5": r.factory, "http": r.factory},
	}
	for _, c := range change {
		c(&cfg)
	}
	if r.m, err = meter.Open(meter.Config{Dir: r.dir + "/meter", Interval: time.Hour, Leaser: r}); err != nil {
		r.t.Fatal(err)
	}
	cfg.Meter = r.m
	if r.e, err = New(cfg); err != nil {
		r.t.Fatal(err)
	}
	e, m := r.e, r.m
	e.Start(context.Background())
	m.Start(context.Background())
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := errors.Join(e.Close(ctx), m.Close(), st.Close()); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) factory(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	if spec.Name == "impossible" {
		return nil, nodeapi.Fault("udp", "cannot be")
	}
	f := &fake{spec: spec, host: host, rig: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.built = append(r.built, f)
	r.log = append(r.log, "build "+spec.Name)
	return f, nil
}

func (r *rig) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, s)
}

// events returns and forgets what happened to ingresses.
func (r *rig) events() string {
	r.e.retired.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := strings.Join(r.log, ", ")
	r.log = nil
	return s
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *rig) ingress(name string) nodeapi.Ingress {
	return nodeapi.Ingress{ID: id.New(id.Ingress), Kind: "socks5", Name: name, Listen: freeAddr(r.t)}
}

// update completes u with numbers and the hash of sections s and the rig's rows.
func (r *rig) update(u nodeapi.Update, s nodeapi.Sections) *nodeapi.Update {
	var mixed [32]byte
	for _, row := range r.rows {
		nodeapi.Mix(&mixed, row.Digest())
	}
	u.Node, u.Revision, u.Capability = r.node, r.rev+1, nodeapi.Capability
	u.Hash = nodeapi.HashState(s, len(r.rows), mixed)
	return &u
}

func (r *rig) full() *nodeapi.Update {
	u := nodeapi.Update{Settings: &r.s.Settings, Ingresses: &r.s.Ingresses, Certificates: &r.s.Certificates}
	for _, row := range r.rows {
		u.Subscribers = append(u.Subscribers, row)
	}
	return r.update(u, r.s)
}

func (r *rig) apply(u *nodeapi.Update) {
	r.t.Helper()
	if err := r.e.Apply(context.Background(), u); err != nil {
		r.t.Fatal(err)
	}
	r.rev = u.Revision
}

func (r *rig) row(name string) nodeapi.Subscriber {
	row := nodeapi.Subscriber{
		ID: id.New(id.Subscriber), Name: name, Enabled: true, Generation: 1, Protocols: []string{"socks5"},
		Secrets: []nodeapi.Secret{{Family: "test", Clear: name}},
	}
	r.rows[row.ID] = row
	return row
}

func (r *rig) set(row nodeapi.Subscriber) {
	r.t.Helper()
	r.rows[row.ID] = row
	r.apply(r.update(nodeapi.Update{Base: r.rev, Subscribers: []nodeapi.Subscriber{row}}, r.s))
}
