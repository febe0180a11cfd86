package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/internal/control"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
	"culvert/shared/nodeapi/nodeapitest"
	"culvert/shared/secret"
)

// The Redis library looks once a second whether a server that was away is back, and notices its pool's end then.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// engine is a data plane that only remembers.
type engine struct {
	mu      sync.Mutex
	st      control.Status
	fail    map[int64]error // by revision
	strays  bool            // every delta is stale
	unsaved int             // Save fails that many times more
	applied []int64
	bases   []int64
	granted []nodeapi.Allowance
	held    []nodeapi.DeviceUse
	gone    []nodeapi.DeviceUse
	cut     []nodeapi.DeviceUse
}

func (e *engine) Devices() (held, gone []nodeapi.DeviceUse) {
	e.mu.Lock()
	defer e.mu.Unlock()
	gone, e.gone = e.gone, nil
	return e.held, gone
}

func (e *engine) CutDevices(in []nodeapi.DeviceUse) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut = append(e.cut, in...)
}

func (e *engine) Apply(_ context.Context, u *nodeapi.Update) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if u.Base != 0 && (e.strays || u.Base != e.st.Revision) {
		return fmt.Errorf("%w: base %d", control.ErrStale, u.Base)
	}
	err := e.fail[u.Revision]
	if err != nil && !errors.Is(err, control.ErrNotSaved) {
		return err
	}
	e.st.Revision, e.st.Hash = u.Revision, u.Hash
	e.applied, e.bases = append(e.applied, u.Revision), append(e.bases, u.Base)
	return err
}

func (e *engine) Save() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unsaved > 0 {
		e.unsaved--
		return errors.New("no space left on device")
	}
	return nil
}

func (e *engine) Status() control.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.st
}

func (e *engine) Grant(a []nodeapi.Allowance) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.granted = append(e.granted, a...)
}

func (e *engine) grants() []nodeapi.Allowance {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]nodeapi.Allowance{}, e.granted...)
}

// meter is a spool in memory.
type meter struct {
	mu     sync.Mutex
	seq    int64
	spool  []nodeapi.Report
	ready  chan struct{}
	sealed int
	aside  []int64
}

func (m *meter) Ready() <-chan struct{} { return m.ready }

func (m *meter) Next() (nodeapi.Report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.spool) == 0 {
		return nodeapi.Report{}, false
	}
	return m.spool[0], true
}

func (m *meter) Ack(_, seq int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.spool) > 0 && m.spool[0].Seq == seq {
		m.spool = m.spool[1:]
	}
	return nil
}

func (m *meter) SetAside(_, seq int64, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spool = slices.DeleteFunc(m.spool, func(r nodeapi.Report) bool { return r.Seq == seq })
	m.aside = append(m.aside, seq)
	return nil
}

func (m *meter) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.spool)
}

func (m *meter) Fault() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.aside) > 0 {
		return fmt.Sprintf("set aside: %v", m.aside)
	}
	return ""
}

func (m *meter) Slices(subscribers ...string) []nodeapi.SliceUse {
	var out []nodeapi.SliceUse
	for _, s := range subscribers {
		out = append(out, nodeapi.SliceUse{Subscriber: s, Period: 1})
	}
	return out
}

func (m *meter) Seal(context.Context) error {
	m.add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sealed++
	return nil
}

func (m *meter) Epoch() int64 { return 7 }

func (m *meter) add(n int) {
	m.mu.Lock()
	for range n {
		m.seq++
		m.spool = append(m.spool, nodeapi.Report{Epoch: 7, Seq: m.seq, Usage: []nodeapi.Usage{}})
	}
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// actions remembers what jobs asked for.
type actions struct {
	mu     sync.Mutex
	kicked []nodeapi.KickArgs
	failed int // RestartIngress fails that many times
	tries  int
}

func (a *actions) Kick(q nodeapi.KickArgs) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kicked = append(a.kicked, q)
	return 2
}

func (a *actions) RestartIngress(context.Context, string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tries++; a.tries <= a.failed {
		return errors.New("port is taken")
	}
	return nil
}

func (a *actions) Drain(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 3, nil
}

func (a *actions) Resume(context.Context) error { return errors.New("restart the agent") }

type world struct {
	t       *testing.T
	panel   *nodeapitest.Panel
	dir     string
	engine  *engine
	meter   *meter
	actions *actions
	leases  *control.Leases
	admit   *control.Admissions
	tail    *control.Tail
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, panel: nodeapitest.NewPanel(t), dir: t.TempDir(), engine: &engine{fail: map[int64]error{}},
		meter: &meter{ready: make(chan struct{}, 1)}, actions: &actions{}, leases: control.NewLeases(), admit: &control.Admissions{}, tail: control.NewTail(100),
	}
}

func quiet() *slog.Logger {
	out := io.Discard
	if os.Getenv("CULVERT_TEST_LOG") != "" {
		out = os.Stderr
	}
	return logging.New(out, slog.LevelDebug)
}

func (w *world) joinConfig() control.JoinConfig {
	return control.JoinConfig{
		Dir: w.dir, Gateway: w.panel.Addr(), Token: secret.New(nodeapitest.Token), CAPin: w.panel.Pin(), Version: "test", Log: quiet(),
	}
}

func (w *world) join() *control.Identity {
	w.t.Helper()
	i, err := control.Join(w.t.Context(), w.joinConfig())
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// agent starts an agent with quick settings.
func (w *world) agent(change func(*control.Config)) *control.Agent {
	w.t.Helper()
	cfg := control.Config{
		Identity: w.join(), Dir: w.dir, Gateway: w.panel.Addr(), Version: "test", Kinds: []string{"socks5"}, Engine: w.engine, Meter: w.meter,
		Leases: w.leases, Admit: w.admit, Actions: w.actions, Logs: w.tail, Log: quiet(),
		Restored: &nodeapi.Update{Settings: w.settings()},
	}
	if change != nil {
		change(&cfg)
	}
	a, err := control.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
	return a
}

func (w *world) settings() *nodeapi.Settings {
	return &nodeapi.Settings{
		HeartbeatIntervalMS: 100, PollIntervalMS: 50, CompareIntervalMS: 1000, ReportIntervalMS: 1000, JobKeys: w.panel.JobKeys(),
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%s: not in time", what)
		}
	}
}

func full(rev int64) *nodeapi.Update {
	return &nodeapi.Update{Revision: rev, Hash: fmt.Sprintf("h%d", rev), Capability: 1}
}

func delta(base, rev int64) *nodeapi.Update {
	u := full(rev)
	u.Base = base
	return u
}
