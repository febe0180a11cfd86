package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRefusedDocumentsChangeNothing(t *testing.T) {
	t.Parallel()
	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stranger.Close() })
	for _, c := range []struct {
		name   string
		change func(r *rig, s *nodeapi.Sections, u *nodeapi.Update)
		path   string
		is     error
	}{
		{"kind", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) { s.Ingresses[1].Kind = "gopher" }, "ingresses[1].kind", nil},
		{"option", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Options = []byte(`{"nope":1}`)
		}, "ingresses[1].options.nope", nil},
		{"what only the factory sees", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Name = "impossible"
		}, "ingresses[1].options.udp", nil},
		{"same address twice", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Listen = s.Ingresses[0].Listen
		}, "ingresses[1].listen", nil},
		{"port of another program", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Listen = stranger.Addr().String()
		}, "ingresses[1].listen", nil},
		{"no certificate", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Options = []byte(`{"tls":true}`)
		}, "ingresses[1].certificate", nil},
		{"unknown certificate", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Ingresses[1].Certificate = "crt_x"
		}, "ingresses[1].certificate", nil},
		{"broken certificate", func(_ *rig, s *nodeapi.Sections, _ *nodeapi.Update) {
			s.Certificates = []nodeapi.Certificate{{ID: "c", Chain: "rubbish", Key: "rubbish"}}
		}, "certificates[0]", nil},
		{"other node", func(_ *rig, _ *nodeapi.Sections, u *nodeapi.Update) { u.Node = id.New(id.Node) }, "node", nil},
		{"newer language", func(_ *rig, _ *nodeapi.Sections, u *nodeapi.Update) { u.Capability = 99 }, "capability", nil},
		{"hash", func(_ *rig, _ *nodeapi.Sections, u *nodeapi.Update) { u.Hash = "x" }, "hash", nil},
		{"login twice", func(r *rig, _ *nodeapi.Sections, u *nodeapi.Update) {
			u.Subscribers = append(u.Subscribers, r.row("old"))
		}, "subscribers[1].name", nil},
		{"stale", func(r *rig, _ *nodeapi.Sections, u *nodeapi.Update) {
			*u = *r.update(nodeapi.Update{Base: r.rev - 1}, r.s)
		}, "", ErrStale},
		{"diverged", func(r *rig, _ *nodeapi.Sections, u *nodeapi.Update) {
			*u = *r.update(nodeapi.Update{Base: r.rev}, r.s)
			u.Hash = "x"
		}, "", ErrStale},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.row("old")
			r.s.Ingresses = append(r.s.Ingresses, r.ingress("first"))
			r.apply(r.full())
			r.rev++
			first := r.update(nodeapi.Update{Base: r.rev - 1}, r.s)
			first.Revision = r.rev
			r.apply(first)
			before := r.e.State()
			r.events()

			s := r.s
			s.Ingresses = append([]nodeapi.Ingress{r.ingress("beside")}, r.ingress("second"))
			rows := r.rows
			u := r.update(nodeapi.Update{Settings: &s.Settings, Ingresses: &s.Ingresses, Certificates: &s.Certificates}, s)
			for _, row := range rows {
				u.Subscribers = append(u.Subscribers, row)
			}
			hash := u.Hash
			c.change(r, &s, u)
			if u.Hash == hash && c.path != "hash" {
				u.Hash = r.update(nodeapi.Update{}, s).Hash
			}
			err := r.e.Apply(t.Context(), u)
			var fe *nodeapi.FieldError
			if c.is != nil && !errors.Is(err, c.is) || c.is == nil && (!errors.As(err, &fe) || fe.Path != c.path) {
				t.Errorf("got %v, want a fault at %q", err, c.path)
			}
			if after := r.e.State(); after != before {
				t.Errorf("state was %+v, is %+v", before, after)
			}
			for _, ev := range strings.Split(r.events(), ", ") {
				if strings.HasPrefix(ev, "close first") {
					t.Error("the running ingress was closed")
				}
			}
			for _, l := range []string{s.Ingresses[0].Listen} {
				if x, err := net.Listen("tcp", l); err != nil {
					t.Errorf("a refused revision keeps %s: %v", l, err)
				} else {
					x.Close()
				}
			}
			if conn, err := net.Dial("tcp", r.s.Ingresses[0].Listen); err != nil {
				t.Errorf("the old ingress is gone: %v", err)
			} else {
				conn.Close()
			}
		})
	}
}

func TestOnlyWhatChangedIsBuilt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.ingress("a"), r.ingress("b")
	r.s.Ingresses = []nodeapi.Ingress{a, b}
	r.apply(r.full())
	if got := r.events(); got != "build a, build b" {
		t.Fatal(got)
	}
	step := func(what, want string, in ...nodeapi.Ingress) {
		t.Helper()
		r.s.Ingresses = in
		r.apply(r.update(nodeapi.Update{Base: r.rev, Ingresses: &r.s.Ingresses}, r.s))
		if got := r.events(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		for _, g := range in {
			if c, err := net.Dial("tcp", g.Listen); err != nil {
				t.Errorf("%s: %s does not listen: %v", what, g.Name, err)
			} else {
				c.Close()
			}
		}
	}
	renamed := a
	renamed.Name = "a2"
	step("nothing", "", a, b)
	step("name and order", "", b, renamed)
	changed := b
	changed.Options = []byte(`{"udp":false}`)
	step("options on the same address", "build b, close b", a, changed)
	spelled := changed
	spelled.Options = []byte(`{ "udp": false, "tls": false }`)
	step("options in other words", "", a, spelled)
	moved, other := a, spelled
	moved.Listen, other.Listen = other.Listen, moved.Listen
	r.s.Ingresses = []nodeapi.Ingress{moved, other}
	r.apply(r.update(nodeapi.Update{Base: r.rev, Ingresses: &r.s.Ingresses}, r.s))
	if got := r.events(); !strings.HasPrefix(got, "build a, build b, close") {
		t.Errorf("two that swap addresses: %q", got)
	}
	step("removed", "close b", moved)
	wide := moved
	wide.Listen = ":" + moved.Listen[strings.LastIndex(moved.Listen, ":")+1:]
	step("wider address, same port", "build a, close a", wide)
}

func TestKeysTravelAsChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.row("a")
	r.row("b")
	r.s.Ingresses = []nodeapi.Ingress{r.ingress("x")}
	r.apply(r.full())
	row.Generation = 2
	r.set(row)
	delete(r.rows, row.ID)
	r.apply(r.update(nodeapi.Update{Base: r.rev, Removed: []string{row.ID}}, r.s))
	k := r.built[0].keys
	if len(k) != 4 || !k[0].Full || len(k[0].Rows) != 0 || len(k[1].Rows) != 2 || len(k[2].Rows) != 1 ||
		k[2].Rows[0].Generation != 2 || len(k[3].Removed) != 1 {
		t.Errorf("%+v", k)
	}
}

func TestRestoreServesWhatCan(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.row("a")
	r.s.Ingresses = []nodeapi.Ingress{r.ingress("good"), r.ingress("bad")}
	r.apply(r.full())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := errors.Join(r.e.Close(ctx), r.m.Close(), r.store.Close()); err != nil {
		t.Fatal(err)
	}
	stranger, err := net.Listen("tcp", r.s.Ingresses[1].Listen)
	if err != nil {
		t.Fatal(err)
	}
	r.open()
	doc, err := r.store.Load()
	if err != nil || doc == nil {
		t.Fatal(err)
	}
	if err := r.e.Restore(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	s := r.e.State()
	if s.Revision != r.rev || s.Ingresses != 1 || s.Subscribers != 1 || !strings.Contains(s.Fault, r.s.Ingresses[1].ID) {
		t.Errorf("%+v", s)
	}
	r.set(r.row("b")) // a change of subscribers goes through all the same
	if r.e.Heal(t.Context()) == nil {
		t.Error("healed while the port is taken")
	}
	stranger.Close()
	if err := r.e.Heal(t.Context()); err != nil {
		t.Error(err)
	}
	if s := r.e.State(); s.Ingresses != 2 || s.Fault != "" {
		t.Errorf("%+v", s)
	}
	if err := r.e.Restart(t.Context(), r.s.Ingresses[0].ID); err != nil {
		t.Error(err)
	}
	if r.e.Restart(t.Context(), "ing_none") == nil {
		t.Error("restarted what is not there")
	}
}

func TestAppliedButNotSaved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.apply(r.full())
	r.store.fail = errors.New("disk full")
	row := r.row("a")
	u := r.update(nodeapi.Update{Base: r.rev, Subscribers: []nodeapi.Subscriber{row}}, r.s)
	if err := r.e.Apply(t.Context(), u); !errors.Is(err, ErrNotSaved) {
		t.Fatal(err)
	}
	r.rev = u.Revision
	if s := r.e.State(); s.Subscribers != 1 || s.Revision != r.rev || !strings.Contains(s.Fault, "disk full") {
		t.Errorf("%+v", s)
	}
	if r.e.Save() == nil {
		t.Error("saved on a full disk")
	}
	r.store.fail = nil
	if err := r.e.Save(); err != nil || r.e.State().Fault != "" {
		t.Errorf("%v, %+v", err, r.e.State())
	}
	if doc, err := r.store.Load(); err != nil || doc.Revision != r.rev || len(doc.Subscribers) != 1 {
		t.Errorf("%+v, %v", doc, err)
	}
}

func TestDrainedEngineAppliesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.s.Ingresses = []nodeapi.Ingress{r.ingress("x")}
	r.apply(r.full())
	if err := r.e.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.e.Apply(t.Context(), r.update(nodeapi.Update{Base: r.rev}, r.s)); !errors.Is(err, flow.ErrClosed) {
		t.Error(err)
	}
	if _, err := r.built[0].host.Authenticate(t.Context(), ingress.Credential{Name: "a", Password: "b"}, netip.AddrPort{}); err == nil {
		t.Error("let in while draining")
	}
}

func TestNewRefusesHalfAnEngine(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil {
		t.Error("an engine of nothing")
	}
	r := newRig(t)
	cfg := r.e.cfg
	cfg.Factories = map[string]ingress.Factory{"gopher": r.factory}
	if _, err := New(cfg); err == nil || !strings.Contains(fmt.Sprint(err), "gopher") {
		t.Errorf("an unknown kind: %v", err)
	}
}
