package control_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"culvert/agent/internal/control"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

// queue is a real Redis behind the fake panel's pipe, with asynq's scripts loaded as the panel does.
type queue struct {
	w     *world
	admin *redis.Client
	tasks *asynq.Client
}

func (w *world) withQueue() *queue {
	w.t.Helper()
	dir := w.t.TempDir()
	sock := filepath.Join(dir, "r.sock")
	cmd := exec.Command("redis-server", "--port", "0", "--unixsocket", sock, "--save", "", "--dir", dir, "--logfile", filepath.Join(dir, "log"))
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("redis-server: %v", err)
	}
	q := &queue{w: w, admin: redis.NewClient(&redis.Options{Network: "unix", Addr: sock, DialerRetries: 1})}
	w.t.Cleanup(func() {
		_ = q.admin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(w.t, "Redis answers", func() bool { return q.admin.Ping(context.Background()).Err() == nil })
	q.tasks = asynq.NewClientFromRedisClient(q.admin)
	q.load()
	w.panel.Queue = func(c net.Conn) {
		r, err := net.Dial("unix", sock)
		if err != nil {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(r, c); _ = r.Close() })
		both.Go(func() { _, _ = io.Copy(c, r); _ = c.Close() })
		both.Wait()
	}
	return q
}

func (q *queue) load() {
	files, err := filepath.Glob("../../../panel/internal/jobs/scripts/*.lua")
	if err != nil || len(files) == 0 {
		q.w.t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			q.w.t.Fatal(err)
		}
		if err := q.admin.ScriptLoad(context.Background(), string(text)).Err(); err != nil {
			q.w.t.Fatal(err)
		}
	}
}

func (q *queue) job(kind string, args any) nodeapi.Job {
	j := nodeapi.Job{ID: id.New(id.Job), Node: q.w.panel.Node, Kind: kind, Expires: time.Now().Add(time.Minute).Unix()}
	if args != nil {
		b, err := json.Marshal(args)
		if err != nil {
			q.w.t.Fatal(err)
		}
		j.Args = b
	}
	q.w.panel.Sign(&j)
	return j
}

func (q *queue) put(j nodeapi.Job, retries int) {
	q.w.t.Helper()
	b, err := json.Marshal(j)
	if err != nil {
		q.w.t.Fatal(err)
	}
	if _, err := q.tasks.Enqueue(asynq.NewTask(j.Kind, b), asynq.Queue("node:"+q.w.panel.Node), asynq.MaxRetry(retries)); err != nil {
		q.w.t.Fatal(err)
	}
}

// ask sends a job and returns the first answer to it.
func (q *queue) ask(kind string, args any, retries int) nodeapi.JobResult {
	q.w.t.Helper()
	j := q.job(kind, args)
	q.put(j, retries)
	return q.answer(j.ID)
}

func (q *queue) answer(jid string) nodeapi.JobResult {
	q.w.t.Helper()
	var out nodeapi.JobResult
	eventually(q.w.t, "answer", func() bool {
		for _, r := range q.w.panel.Seen().Results {
			if r.ID == jid {
				out = r
				return true
			}
		}
		return false
	})
	return out
}

func output[T any](t *testing.T, r nodeapi.JobResult) T {
	t.Helper()
	var v T
	if !r.OK {
		t.Fatalf("job failed: %s", r.Error)
	}
	if err := json.Unmarshal(r.Output, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryKindOfJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.withQueue()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	w.panel.Put(full(1), nil)
	w.agent(func(c *control.Config) {
		c.Restored.Ingresses = &[]nodeapi.Ingress{{Listen: taken.Addr().String()}}
	})
	sub := id.New(id.Subscriber)
	if got := output[nodeapi.KickResult](t, q.ask(nodeapi.JobKick, nodeapi.KickArgs{Subscriber: sub}, 2)); got.Ended != 2 || w.actions.kicked[0].Subscriber != sub {
		t.Errorf("kick: %+v", got)
	}
	if got := output[nodeapi.ApplyResult](t, q.ask(nodeapi.JobApply, nodeapi.ApplyArgs{Revision: 1}, 0)); got.Revision != 1 || got.Hash != "h1" {
		t.Errorf("apply: %+v", got)
	}
	if r := q.ask(nodeapi.JobApply, nodeapi.ApplyArgs{Revision: 9}, 0); r.OK || !strings.Contains(r.Error, "revision 9") {
		t.Errorf("apply of the future: %+v", r)
	}
	ports := output[nodeapi.CheckPortsResult](t, q.ask(nodeapi.JobCheckPorts, nodeapi.CheckPortsArgs{Ports: []nodeapi.Port{
		{Network: "tcp", Listen: taken.Addr().String()}, {Network: "udp", Listen: taken.Addr().String()}, {Network: "tcp", Listen: "192.0.2.1:80"},
	}}, 0)).Ports
	if ports[0].Free || !ports[0].Ours || !ports[1].Free || ports[2].Free || ports[2].Reason == "" {
		t.Errorf("ports: %+v", ports)
	}
	targets := output[nodeapi.ProbeResult](t, q.ask(nodeapi.JobProbe, nodeapi.ProbeArgs{Targets: []string{taken.Addr().String(), "127.0.0.1:1"}}, 0)).Targets
	if !targets[0].OK || targets[1].OK || targets[1].Error == "" {
		t.Errorf("probe: %+v", targets)
	}
	if got := output[nodeapi.CollectResult](t, q.ask(nodeapi.JobCollect, nil, 0)); got.Pending != 0 || w.meter.sealed != 1 {
		t.Errorf("collect: %+v", got)
	}
	if d := output[nodeapi.DiagnoseResult](t, q.ask(nodeapi.JobDiagnose, nil, 0)); d.Version != "test" || d.Revision != 1 || !d.Connected || d.HeapBytes == 0 {
		t.Errorf("diagnose: %+v", d)
	}
	if _, err := io.WriteString(w.tail, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if got := output[nodeapi.LogTailResult](t, q.ask(nodeapi.JobLogTail, nodeapi.LogTailArgs{Lines: 1}, 0)); len(got.Lines) != 1 || got.Lines[0] != "hello" {
		t.Errorf("log tail: %+v", got)
	}
	if got := output[nodeapi.DrainResult](t, q.ask(nodeapi.JobDrain, nodeapi.DrainArgs{GraceMS: 50}, 0)); got.Cut != 3 {
		t.Errorf("drain: %+v", got)
	}
	if r := q.ask(nodeapi.JobDrain, nodeapi.DrainArgs{Resume: true}, 0); r.OK || !strings.Contains(r.Error, "restart") {
		t.Errorf("resume: %+v", r)
	}
	if r := q.ask(nodeapi.JobUpgrade, nodeapi.UpgradeArgs{Version: "2.0"}, 0); r.OK || !strings.Contains(r.Error, "no upgrader") {
		t.Errorf("upgrade: %+v", r)
	}
	w.actions.failed = 1
	if r := q.ask(nodeapi.JobRestartIngress, nodeapi.RestartIngressArgs{Ingress: id.New(id.Ingress)}, 1); !r.OK || w.actions.tries != 2 {
		t.Errorf("a job that fails once is tried again: %+v after %d tries", r, w.actions.tries)
	}
	w.actions.failed = 100
	if r := q.ask(nodeapi.JobRestartIngress, nodeapi.RestartIngressArgs{Ingress: id.New(id.Ingress)}, 0); r.OK || r.Error != "port is taken" {
		t.Errorf("restart: %+v", r)
	}
	if r := q.ask("dance", nil, 0); r.OK || !strings.Contains(r.Error, "does not know") {
		t.Errorf("unknown kind: %+v", r)
	}
	if r := q.ask(nodeapi.JobKick, nodeapi.KickArgs{}, 5); r.OK || !strings.Contains(r.Error, "must name") {
		t.Errorf("bad arguments: %+v", r)
	}
}

// Only what the panel signed for this node, in time, is run; and it is run once.
func TestJobsAreBelievedForTheirSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.withQueue()
	w.agent(nil)
	kick := nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)}
	good := q.job(nodeapi.JobKick, kick)
	stranger, other, old, changed := good, q.job(nodeapi.JobKick, kick), q.job(nodeapi.JobKick, kick), q.job(nodeapi.JobKick, kick)
	stranger.ID = id.New(id.Job)
	other.Node = id.New(id.Node)
	w.panel.Sign(&other)
	old.Expires = time.Now().Add(-time.Hour).Unix()
	w.panel.Sign(&old)
	changed.Args = json.RawMessage(`{"subscriber":"` + id.New(id.Subscriber) + `"}`)
	for _, j := range []nodeapi.Job{stranger, other, old, changed} {
		q.put(j, 0)
	}
	if _, err := q.tasks.Enqueue(asynq.NewTask("kick", []byte("no JSON")), asynq.Queue("node:"+w.panel.Node)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		q.put(good, 0)
		q.answer(good.ID)
	}
	eventually(t, "each delivery is answered", func() bool { return len(w.panel.Seen().Results) == 3 })
	w.actions.mu.Lock()
	defer w.actions.mu.Unlock()
	if len(w.actions.kicked) != 1 {
		t.Errorf("%d kicks, want 1", len(w.actions.kicked))
	}
}

// A node whose clock is wrong judges expiry by the panel's.
func TestExpiryIsByThePanelsClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Skew = -3 * time.Hour // the node's clock is three hours ahead
	q := w.withQueue()
	a := w.agent(nil)
	eventually(t, "connected", a.Connected)
	j := q.job(nodeapi.JobKick, nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)})
	j.Expires = time.Now().Add(-3*time.Hour + time.Minute).Unix()
	w.panel.Sign(&j)
	q.put(j, 0)
	if r := q.answer(j.ID); !r.OK {
		t.Errorf("answer: %+v", r)
	}
}

// The queue goes and comes back; results wait for a panel that is away.
func TestWorkerHeals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.withQueue()
	a := w.agent(nil)
	eventually(t, "connected", a.Connected)
	w.panel.Refuse(nodeapi.PathResult, &nodeapi.Problem{Code: nodeapi.CodeUnavailable, Message: "away"})
	j := q.job(nodeapi.JobKick, nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)})
	q.put(j, 0)
	eventually(t, "the job has run", func() bool {
		w.actions.mu.Lock()
		defer w.actions.mu.Unlock()
		return len(w.actions.kicked) == 1
	})
	w.panel.Down()
	if err := q.admin.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	w.panel.Refuse(nodeapi.PathResult, nil)
	w.panel.Up()
	q.answer(j.ID)
	next := q.job(nodeapi.JobKick, nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)})
	q.put(next, 0)
	q.load()
	q.answer(next.ID)
	quick := w.settings()
	quick.PollIntervalMS = 60
	u := full(1)
	u.Settings = quick
	w.panel.Put(u, nil)
	eventually(t, "new settings applied", func() bool { return w.engine.Status().Revision == 1 })
	last := q.job(nodeapi.JobKick, nodeapi.KickArgs{Subscriber: id.New(id.Subscriber)})
	q.put(last, 0)
	q.answer(last.ID)
}
