package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/agent/internal/control"
	"culvert/shared/nodeapi"
	"culvert/shared/secret"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.join()
	if first.Node != w.panel.Node || len(first.JobKeys) != 1 {
		t.Fatalf("joined as %+v", first)
	}
	fi, err := os.Stat(filepath.Join(w.dir, control.IdentityFile))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("identity file: %v, %v", fi, err)
	}
	if again := w.join(); again.Key != first.Key {
		t.Error("the same token enrolled a second time")
	}
	w.panel.Down()
	c := w.joinConfig()
	c.Token = secret.String{}
	if again, err := control.Join(t.Context(), c); err != nil || again.Key != first.Key {
		t.Errorf("an enrolled node needs its panel to start: %v", err)
	}
	w.panel.Up()
	c.Token = secret.New("cvt_other")
	if again, err := control.Join(t.Context(), c); err != nil || again.Key != first.Key {
		t.Errorf("a refused token stops a node that is enrolled: %v", err)
	}
}

func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*control.JoinConfig)
		want   string
	}{
		"no token":    {func(c *control.JoinConfig) { c.Token = secret.String{} }, "not enrolled"},
		"wrong token": {func(c *control.JoinConfig) { c.Token = secret.New("cvt_wrong") }, "not valid"},
		"wrong CA":    {func(c *control.JoinConfig) { c.CAPin = make([]byte, 32) }, "stranger"},
	} {
		cfg := w.joinConfig()
		cfg.Dir = t.TempDir()
		c.change(&cfg)
		if _, err := control.Join(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(cfg.Dir); err != nil || len(left) != 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}
	cfg := w.joinConfig()
	cfg.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.Dir, control.IdentityFile), []byte(`{"node":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Join(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged identity: %v", err)
	}
}

func TestJoinWaitsForThePanel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Down()
	cfg := w.joinConfig() // here: Up writes the panel's address
	done := make(chan error, 1)
	go func() {
		_, err := control.Join(context.Background(), cfg)
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	w.panel.Up()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRevisionsAreAppliedAndAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Put(full(1), nil)
	a := w.agent(nil)
	eventually(t, "first revision acknowledged", func() bool { return len(w.panel.Seen().Acks) == 1 && a.Connected() })
	var took []time.Duration
	for rev := int64(2); rev < 22; rev++ {
		at := time.Now()
		w.panel.Put(delta(rev-1, rev), full(rev))
		eventually(t, "delta acknowledged", func() bool { return int64(len(w.panel.Seen().Acks)) == rev })
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	t.Logf("revision wanted to acknowledged: median %s, worst %s", took[10], took[19])
	s := w.panel.Seen()
	if last := s.Acks[20]; !last.Applied || last.Revision != 21 || last.Hash != "h21" {
		t.Errorf("last answer is %+v", last)
	}
	if h := s.Hellos[0]; h.Epoch != 7 || h.Kinds[0] != "socks5" || h.Version != "test" {
		t.Errorf("hello is %+v", h)
	}
	eventually(t, "a heartbeat tells the revision", func() bool {
		b := w.panel.Seen().Beats
		return len(b) > 0 && b[len(b)-1].Applied == 21
	})
	w.panel.Put(delta(100, 101), full(101)) // a stray base: the panel serves the full one, as for any other since
	eventually(t, "full document applied", func() bool { return w.engine.Status().Revision == 101 })
}

// A delta that does not fit is followed by a fetch of everything.
func TestStaleMeansFullFetch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.st = control.Status{Revision: 4, Hash: "h4"}
	w.engine.strays = true
	w.panel.Put(delta(4, 5), full(5))
	w.agent(nil)
	eventually(t, "full document applied", func() bool { return w.engine.Status().Revision == 5 })
	if b := w.engine.bases; b[0] != 0 || !slices.Contains(w.panel.Seen().Fetched, "hash=&since=0") {
		t.Errorf("applied from base %v after asking for %q", b, w.panel.Seen().Fetched)
	}
}

func TestRefusalNamesTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.fail[2] = nodeapi.Fault("ingresses[1].listen", "port 443 is taken")
	w.panel.Put(full(2), nil)
	w.agent(nil)
	eventually(t, "refusal told", func() bool { return len(w.panel.Seen().Acks) > 0 })
	got := w.panel.Seen().Acks[0]
	if got.Applied || got.Revision != 2 || got.Path != "ingresses[1].listen" || got.Reason != "port 443 is taken" {
		t.Errorf("answer is %+v", got)
	}
	before := len(w.panel.Seen().Fetched)
	eventually(t, "some heartbeats later", func() bool { return len(w.panel.Seen().Beats) > 8 })
	if n := len(w.panel.Seen().Fetched) - before; n > 2 {
		t.Errorf("a refused revision was fetched %d more times within a second", n)
	}
	w.panel.Put(full(3), nil)
	eventually(t, "the next revision is applied", func() bool { return w.engine.Status().Revision == 3 })
}

func TestUnsavedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.fail[2] = fmt.Errorf("%w: no space left on device", control.ErrNotSaved)
	w.engine.unsaved = 2
	w.panel.Put(full(2), nil)
	w.agent(nil)
	eventually(t, "applied", func() bool { return w.engine.Status().Revision == 2 })
	eventually(t, "acknowledged once saved", func() bool {
		acks := w.panel.Seen().Acks
		return len(acks) == 1 && acks[0].Applied && acks[0].Revision == 2
	})
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.unsaved != 0 {
		t.Error("acknowledged before it was saved")
	}
}

func TestDrainingEngineNeitherAppliesNorRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.fail[2] = control.ErrClosed
	w.panel.Put(full(2), nil)
	w.agent(nil)
	eventually(t, "some tries", func() bool { return len(w.panel.Seen().Fetched) > 1 })
	if acks := w.panel.Seen().Acks; len(acks) != 0 {
		t.Errorf("answered %+v", acks)
	}
}

func TestReportsGoInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Grant(nodeapi.Allowance{Subscriber: "sub_x", Period: 1, Granted: 5})
	w.meter.add(3)
	a := w.agent(nil)
	eventually(t, "reports delivered", func() bool { return w.meter.Pending() == 0 })
	if got := w.engine.grants(); len(got) != 3 || got[0].Granted != 5 {
		t.Errorf("allowances passed on: %v", got)
	}
	w.panel.Refuse(nodeapi.PathReport, &nodeapi.Problem{Code: nodeapi.CodeUnavailable, Message: "the database is away"})
	w.meter.add(5)
	w.panel.Cut()
	w.panel.Refuse(nodeapi.PathReport, nil)
	eventually(t, "reports of the outage delivered", func() bool { return w.meter.Pending() == 0 })
	var seqs []int64
	for _, r := range w.panel.Seen().Reports {
		seqs = append(seqs, r.Seq)
	}
	if !slices.Equal(slices.Compact(seqs), []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("reports came as %v", seqs)
	}
	w.panel.Refuse(nodeapi.PathReport, &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: "from lies after to"})
	w.meter.add(1)
	eventually(t, "the operator hears of a refused report", func() bool {
		b := w.panel.Seen().Beats
		return len(b) > 0 && strings.Contains(b[len(b)-1].Fault, "from lies after to") && b[len(b)-1].Spooled == 1
	})
	if err := a.Flush(t.Context()); err == nil || w.meter.Pending() != 1 {
		t.Errorf("a refused report was dropped: %v", err)
	}
	w.panel.Refuse(nodeapi.PathReport, nil)
	if err := a.Flush(t.Context()); err != nil || w.meter.Pending() != 0 {
		t.Errorf("flush: %v", err)
	}
}

// One report that the panel never takes does not hold up those behind it for ever.
func TestRefusedReportIsSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := control.New(control.Config{
		Identity: w.join(), Dir: w.dir, Gateway: w.panel.Addr(), Version: "test", Engine: w.engine, Meter: w.meter, Actions: w.actions, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.meter.add(2)
	refuse := func(code string, times int) {
		t.Helper()
		w.panel.Refuse(nodeapi.PathReport, &nodeapi.Problem{Code: code, Message: "from lies after to"})
		for range times {
			if err := a.Flush(t.Context()); err == nil {
				t.Fatal("a refused report counts as sent")
			}
		}
	}
	refuse(nodeapi.CodeUnavailable, 10)
	refuse(nodeapi.CodeInvalid, 4)
	if w.meter.Pending() != 2 {
		t.Fatalf("set aside too early: %d wait", w.meter.Pending())
	}
	refuse(nodeapi.CodeInvalid, 1)
	w.panel.Refuse(nodeapi.PathReport, nil)
	if err := a.Flush(t.Context()); err != nil || w.meter.Pending() != 0 {
		t.Errorf("%d wait behind the refused report: %v", w.meter.Pending(), err)
	}
	if got := w.panel.Seen().Reports; len(got) != 1 || got[0].Seq != 2 || !slices.Equal(w.meter.aside, []int64{1}) {
		t.Errorf("delivered %+v, set aside %v", got, w.meter.aside)
	}
}

func TestLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Grant(nodeapi.Allowance{Subscriber: "sub_x", Period: 1, Granted: 9})
	w.panel.Refuse(nodeapi.PathLease, &nodeapi.Problem{Code: nodeapi.CodeUnavailable, Message: "away"})
	w.agent(nil)
	w.leases.WantLease("sub_x")
	w.leases.WantLease("sub_x")
	w.panel.Refuse(nodeapi.PathLease, nil)
	eventually(t, "slice granted", func() bool { return len(w.engine.grants()) > 0 })
	if got := w.panel.Seen().Leases; len(got[0].Slices) != 1 || got[0].Slices[0].Subscriber != "sub_x" {
		t.Errorf("asked for %v", got)
	}
}

// TestDevices: newcomers are asked for, what is connected and what has gone is told, and what has no room any more is cut.
func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two, three := nodeapi.DeviceUse{Subscriber: "sub_x", Device: "a"}, nodeapi.DeviceUse{Subscriber: "sub_x", Device: "b"}, nodeapi.DeviceUse{Subscriber: "sub_x", Device: "c"}
	if _, err := w.admit.Admit(t.Context(), one); err == nil {
		t.Error("an answer before the agent runs")
	}
	w.engine.held, w.engine.gone = []nodeapi.DeviceUse{one, two}, []nodeapi.DeviceUse{three}
	w.panel.NoRoom(two)
	a := w.agent(nil)
	eventually(t, "connected", a.Connected)
	for u, want := range map[nodeapi.DeviceUse]bool{one: true, two: false} {
		if ok, err := w.admit.Admit(t.Context(), u, three); err != nil || ok != want {
			t.Errorf("%s: %v, %v", u.Device, ok, err)
		}
	}
	eventually(t, "the one without room is cut", func() bool {
		w.engine.mu.Lock()
		defer w.engine.mu.Unlock()
		return slices.Contains(w.engine.cut, two) && !slices.Contains(w.engine.cut, one)
	})
	eventually(t, "what has gone is told", func() bool {
		return slices.ContainsFunc(w.panel.Seen().Admits, func(q nodeapi.AdmitRequest) bool { return len(q.Ask) == 0 && slices.Contains(q.Gone, three) })
	})
	w.panel.Down()
	eventually(t, "the loss is noticed", func() bool { return !a.Connected() })
	if _, err := w.admit.Admit(t.Context(), one); err == nil {
		t.Error("an answer from a panel that is away")
	}
}

// The panel may be away at the start, go away, and come back: nothing needs a restart.
func TestPanelMayBeAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.join()
	w.panel.Down()
	w.meter.add(2)
	a := w.agent(nil)
	for round := range 3 {
		w.panel.Put(full(int64(round+1)), nil)
		w.panel.Up()
		eventually(t, "back in line", func() bool {
			return a.Connected() && w.engine.Status().Revision == int64(round+1) && w.meter.Pending() == 0
		})
		w.panel.Down()
		eventually(t, "the loss is noticed", func() bool { return !a.Connected() })
		w.meter.add(1)
	}
	w.panel.Up()
	eventually(t, "back at last", func() bool { return a.Connected() && w.meter.Pending() == 0 })
}

// A panel that accepts and says nothing is given up.
func TestSilentPanelIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Heartbeat = time.Hour
	a := w.agent(nil)
	eventually(t, "connected", a.Connected)
	eventually(t, "given up and connected again", func() bool { return len(w.panel.Seen().Hellos) >= 2 })
}

func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.panel.Life = 3 * time.Second
	first := *w.join()
	a := w.agent(nil)
	eventually(t, "renewed", func() bool { return w.panel.Seen().Renewed > 0 })
	eventually(t, "connected with the new one", func() bool { return a.Connected() && len(w.panel.Seen().Hellos) > 1 })
	stored, err := control.Join(t.Context(), control.JoinConfig{Dir: w.dir, Log: quiet()})
	if err != nil || stored.Certificate == first.Certificate || stored.Key == first.Key || stored.Node != first.Node {
		t.Errorf("stored identity: %v", err)
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	tail := control.NewTail(3)
	for i := range 5 {
		fmt.Fprintf(tail, "line %d\nhalf", i)
		fmt.Fprint(tail, " of it\n")
	}
	if got := tail.Last(10); !slices.Equal(got, []string{"half of it", "line 4", "half of it"}) {
		t.Errorf("tail is %q", got)
	}
	if got := tail.Last(1); len(got) != 1 {
		t.Errorf("one line is %q", got)
	}
}

func TestBadDocumentsDoNotStopTheAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.fail[2] = errors.New("something inside broke")
	w.panel.Put(full(2), nil)
	w.agent(nil)
	eventually(t, "tried", func() bool { return len(w.panel.Seen().Fetched) > 0 })
	w.panel.Refuse(nodeapi.PathState, &nodeapi.Problem{Code: nodeapi.CodeInternal, Message: "oh"})
	w.panel.Put(full(3), nil)
	w.panel.Refuse(nodeapi.PathState, nil)
	eventually(t, "the good one is applied", func() bool { return w.engine.Status().Revision == 3 })
}
