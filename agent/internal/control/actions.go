package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"culvert/shared/nodeapi"
)

const (
	defaultProbe = 5 * time.Second
	defaultLines = 200
	maxLogBytes  = 256 << 10
)

func (a *Agent) handlers() map[string]handler {
	return map[string]handler{
		nodeapi.JobApply:          with(a.applyJob),
		nodeapi.JobKick:           with(a.kickJob),
		nodeapi.JobCheckPorts:     with(a.checkPortsJob),
		nodeapi.JobProbe:          with(a.probeJob),
		nodeapi.JobCollect:        with(a.collectJob),
		nodeapi.JobRestartIngress: with(a.restartJob),
		nodeapi.JobUpgrade:        with(a.upgradeJob),
		nodeapi.JobDiagnose:       with(a.diagnoseJob),
		nodeapi.JobLogTail:        with(a.logTailJob),
		nodeapi.JobDrain:          with(a.drainJob),
	}
}

// with decodes and checks the arguments of a job before it runs.
func with[T any, P interface {
	*T
	Validate() error
}](run func(context.Context, P) (any, error)) handler {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var args T
		if err := nodeapi.DecodeArgs(raw, P(&args)); err != nil {
			return nil, final("%w", err)
		}
		return run(ctx, P(&args))
	}
}

func (a *Agent) applyJob(ctx context.Context, q *nodeapi.ApplyArgs) (any, error) {
	if err := a.syncer.round(ctx, q.Revision); err != nil {
		return nil, err
	}
	st := a.cfg.Engine.Status()
	return nodeapi.ApplyResult{Revision: st.Revision, Hash: st.Hash}, nil
}

func (a *Agent) kickJob(_ context.Context, q *nodeapi.KickArgs) (any, error) {
	return nodeapi.KickResult{Ended: a.cfg.Actions.Kick(*q)}, nil
}

func (a *Agent) restartJob(ctx context.Context, q *nodeapi.RestartIngressArgs) (any, error) {
	return struct{}{}, a.cfg.Actions.RestartIngress(ctx, q.Ingress)
}

func (a *Agent) upgradeJob(ctx context.Context, q *nodeapi.UpgradeArgs) (any, error) {
	if a.cfg.Upgrader == nil {
		return nil, final("this node has no upgrader: install version %s the way the agent was installed (package, image, or `make build`)", q.Version)
	}
	return struct{}{}, a.cfg.Upgrader.Upgrade(ctx, q.Version)
}

func (a *Agent) drainJob(ctx context.Context, q *nodeapi.DrainArgs) (any, error) {
	if q.Resume {
		return nodeapi.DrainResult{}, a.cfg.Actions.Resume(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(q.GraceMS)*time.Millisecond)
	defer cancel()
	cut, err := a.cfg.Actions.Drain(ctx)
	return nodeapi.DrainResult{Cut: cut}, err
}

// collectJob closes a report now and sends it.
func (a *Agent) collectJob(ctx context.Context, _ *nodeapi.NoArgs) (any, error) {
	if err := a.cfg.Meter.Seal(ctx); err != nil {
		return nil, err
	}
	if err := a.uploader.flush(ctx); err != nil {
		return nil, err
	}
	return nodeapi.CollectResult{Pending: a.cfg.Meter.Pending()}, nil
}

func (a *Agent) diagnoseJob(context.Context, *nodeapi.NoArgs) (any, error) {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	st, f := a.cfg.Engine.Status(), a.stream.frame()
	return nodeapi.DiagnoseResult{
		Version: a.cfg.Version, OS: runtime.GOOS, Arch: runtime.GOARCH, Kinds: a.cfg.Kinds, Epoch: a.cfg.Meter.Epoch(),
		Revision: st.Revision, Hash: st.Hash, Sessions: st.Sessions, Spooled: f.Spooled, Fault: f.Fault,
		UptimeMS: time.Since(a.started).Milliseconds(), Clock: time.Now().UnixMilli(), SkewMS: time.Duration(a.skew.Load()).Milliseconds(),
		Goroutines: runtime.NumGoroutine(), HeapBytes: mem.HeapAlloc, Connected: a.Connected(),
	}, nil
}

func (a *Agent) logTailJob(_ context.Context, q *nodeapi.LogTailArgs) (any, error) {
	if a.cfg.Logs == nil {
		return nil, final("this agent keeps no log lines in memory: look at the host's log")
	}
	n := q.Lines
	if n == 0 {
		n = defaultLines
	}
	lines := a.cfg.Logs.Last(n)
	for size, i := 0, len(lines)-1; i >= 0; i-- {
		if size += len(lines[i]); size > maxLogBytes {
			lines = lines[i+1:]
			break
		}
	}
	return nodeapi.LogTailResult{Lines: append([]string{}, lines...)}, nil
}

// checkPortsJob tries to bind. What an ingress of this node has bound is not free, and is told as ours.
func (a *Agent) checkPortsJob(ctx context.Context, q *nodeapi.CheckPortsArgs) (any, error) {
	out := nodeapi.CheckPortsResult{Ports: make([]nodeapi.PortState, len(q.Ports))}
	for i, p := range q.Ports {
		out.Ports[i] = nodeapi.PortState{Port: p}
		err := tryPort(ctx, p)
		switch {
		case err == nil:
			out.Ports[i].Free = true
		case errors.Is(err, syscall.EADDRINUSE):
			out.Ports[i].Ours = a.listensOn(p)
			out.Ports[i].Reason = "taken by another program"
			if out.Ports[i].Ours {
				out.Ports[i].Reason = "taken by an ingress of this node"
			}
		case errors.Is(err, syscall.EACCES):
			out.Ports[i].Reason = "the agent may not bind it"
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			out.Ports[i].Reason = "the address is not this machine's"
		default:
			out.Ports[i].Reason = clip(err.Error(), 200)
		}
	}
	return out, nil
}

func tryPort(ctx context.Context, p nodeapi.Port) error {
	at, err := nodeapi.ParseListen(p.Listen)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	if p.Network == "udp" {
		c, err := lc.ListenPacket(ctx, "udp", at.String())
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := lc.Listen(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	return l.Close()
}

// listensOn reports whether an applied ingress has the port, on the same address or on all.
func (a *Agent) listensOn(p nodeapi.Port) bool {
	want, err := nodeapi.ParseListen(p.Listen)
	if err != nil {
		return false
	}
	for _, g := range *a.ingresses.Load() {
		have, err := nodeapi.ParseListen(g.Listen)
		if err == nil && have.Port() == want.Port() && overlap(have.Addr(), want.Addr()) {
			return true
		}
	}
	return false
}

func overlap(x, y netip.Addr) bool { return x == y || x.IsUnspecified() || y.IsUnspecified() }

// probeJob dials every target at once.
func (a *Agent) probeJob(ctx context.Context, q *nodeapi.ProbeArgs) (any, error) {
	limit := time.Duration(q.TimeoutMS) * time.Millisecond
	if limit == 0 {
		limit = defaultProbe
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := nodeapi.ProbeResult{Targets: make([]nodeapi.ProbeState, len(q.Targets))}
	var all sync.WaitGroup
	for i, t := range q.Targets {
		all.Go(func() { out.Targets[i] = probe(ctx, t) })
	}
	all.Wait()
	return out, nil
}

func probe(ctx context.Context, target string) nodeapi.ProbeState {
	var d net.Dialer
	at := time.Now()
	c, err := d.DialContext(ctx, "tcp", target)
	s := nodeapi.ProbeState{Target: target, OK: err == nil, TookMS: time.Since(at).Milliseconds()}
	if err != nil {
		s.Error = clip(err.Error(), 200)
		return s
	}
	s.Address = c.RemoteAddr().String()
	_ = c.Close()
	return s
}

// Tail keeps the last lines that are written through it. It implements io.Writer and Logs; put it where lines arrive
// redacted already.
type Tail struct {
	mu    sync.Mutex
	lines []string // a ring
	at    int
	part  string
}

// NewTail keeps n lines.
func NewTail(n int) *Tail { return &Tail{lines: make([]string, 0, n)} }

// Write implements io.Writer.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.part + string(b)
	t.part = ""
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			t.part = clip(line, 8<<10)
			break
		}
		line = clip(strings.TrimSuffix(line, "\n"), 4<<10)
		if len(t.lines) < cap(t.lines) {
			t.lines = append(t.lines, line)
			continue
		}
		t.lines[t.at] = line
		t.at = (t.at + 1) % len(t.lines)
	}
	return len(b), nil
}

// Last implements Logs.
func (t *Tail) Last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = min(n, len(t.lines))
	out := make([]string, 0, n)
	for i := len(t.lines) - n; i < len(t.lines); i++ {
		out = append(out, t.lines[(t.at+i)%len(t.lines)])
	}
	return out
}
