package session

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

type recorder struct {
	mu   sync.Mutex
	recs []nodeapi.SessionRecord
}

func (r *recorder) add(s nodeapi.SessionRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recs = append(r.recs, s)
}

type fakeFlow struct {
	once sync.Once
	cut  chan struct{}
}

func newFlow() *fakeFlow     { return &fakeFlow{cut: make(chan struct{})} }
func (f *fakeFlow) Cut()     { f.once.Do(func() { close(f.cut) }) }
func (f *fakeFlow) is() bool { return isClosed(f.cut) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

var (
	home   = netip.MustParseAddr("192.0.2.1")
	office = netip.MustParseAddr("2001:db8::9")
)

func open(t *testing.T, tab *Table, sub, ingress string, from netip.Addr, expires int64) (*Session, *fakeFlow) {
	t.Helper()
	s, err := tab.Open(Open{
		Principal: flow.Principal{Class: flow.Subscriber, ID: sub, Generation: 1},
		Ingress:   ingress, Kind: "socks5", Source: from, Expires: expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	f := newFlow()
	if !s.Attach(f) {
		t.Fatal("a fresh session takes no flow")
	}
	return s, f
}

func TestCutPicksByEveryField(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		q    func(a *Session) Selector
		want [4]bool
	}{
		{"nothing", func(*Session) Selector { return Selector{} }, [4]bool{}},
		{"subscriber", func(*Session) Selector { return Selector{Subscriber: "a"} }, [4]bool{true, true, false, false}},
		{"session", func(s *Session) Selector { return Selector{Session: s.principal.Session} }, [4]bool{true, false, false, false}},
		{"foreign session", func(s *Session) Selector { return Selector{Session: s.principal.Session, Subscriber: "b"} }, [4]bool{}},
		{"ingress", func(*Session) Selector { return Selector{Ingress: "i2"} }, [4]bool{false, true, false, true}},
		{"source", func(*Session) Selector { return Selector{Source: office} }, [4]bool{false, false, true, true}},
		{"both", func(*Session) Selector { return Selector{Source: office, Ingress: "i2"} }, [4]bool{false, false, false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			tab := NewTable(rec.add)
			var ss [4]*Session
			var fs [4]*fakeFlow
			ss[0], fs[0] = open(t, tab, "a", "i1", home, 0)
			ss[1], fs[1] = open(t, tab, "a", "i2", home, 0)
			ss[2], fs[2] = open(t, tab, "b", "i1", office, 0)
			ss[3], fs[3] = open(t, tab, "b", "i2", office, 0)
			n := tab.Cut(c.q(ss[0]), Revoked)
			for i, want := range c.want {
				if fs[i].is() != want || isClosed(ss[i].Done()) != want {
					t.Errorf("session %d: cut %v, want %v", i, fs[i].is(), want)
				}
				if want {
					n--
				}
			}
			if n != 0 {
				t.Errorf("count is off by %d", n)
			}
		})
	}
}

func TestEndedSessionTakesNoFlow(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	tab := NewTable(rec.add)
	s, f := open(t, tab, "a", "i", home, 0)
	s.Add(10, 20)
	s.Detach(f)
	s.End()
	s.End()
	if f.is() {
		t.Error("a detached flow was cut")
	}
	if s.Attach(newFlow()) {
		t.Error("an ended session took a flow")
	}
	if n, flows := tab.Count(); n != 0 || flows != 0 || len(tab.groups) != 0 {
		t.Errorf("%d sessions, %d flows, %d groups left", n, flows, len(tab.groups))
	}
	if len(rec.recs) != 2 || rec.recs[0].Closed != 0 || rec.recs[1].Cause != "ended" || rec.recs[1].Up != 10 || rec.recs[1].Down != 20 {
		t.Errorf("records: %+v", rec.recs)
	}
}

// The last record waits for the flows that were cut, and has what they moved on their way out.
func TestLastRecordKnowsEveryByte(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	tab := NewTable(rec.add)
	s, f := open(t, tab, "a", "i", home, 0)
	if tab.Cut(Selector{Subscriber: "a"}, Kicked) != 1 || !f.is() {
		t.Fatal("not cut")
	}
	if len(rec.recs) != 1 {
		t.Errorf("told before the flow was gone: %+v", rec.recs)
	}
	s.Add(7, 9)
	s.Detach(newFlow()) // a stranger
	s.Detach(f)
	s.Detach(f)
	if len(rec.recs) != 2 || rec.recs[1].Up != 7 || rec.recs[1].Down != 9 || rec.recs[1].Cause != "kicked" {
		t.Errorf("%+v", rec.recs)
	}
	if n, flows := tab.Count(); n != 0 || flows != 0 {
		t.Errorf("%d sessions, %d flows", n, flows)
	}
}

func TestKickKeepsOutForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tab := NewTable((&recorder{}).add)
		try := func(sub, ingress string, from netip.Addr) error {
			s, err := tab.Open(Open{Principal: flow.Principal{Class: flow.Subscriber, ID: sub}, Ingress: ingress, Source: from})
			if err == nil {
				s.End()
			}
			return err
		}
		open(t, tab, "a", "i1", home, 0)
		b, _ := open(t, tab, "b", "i1", home, 0)
		if n := tab.Kick(Selector{Subscriber: "a"}); n != 1 {
			t.Fatalf("kicked %d", n)
		}
		if n := tab.Kick(Selector{Session: b.principal.Session}); n != 1 {
			t.Fatalf("kicked %d", n)
		}
		if tab.Kick(Selector{}) != 0 {
			t.Error("an empty selector kicked")
		}
		for i, c := range []struct {
			sub, ingress string
			from         netip.Addr
			refused      bool
		}{
			{"a", "i2", office, true},
			{"b", "i1", home, true},
			{"b", "i2", home, false},
			{"b", "i1", office, false},
			{"c", "i1", home, false},
		} {
			if err := try(c.sub, c.ingress, c.from); errors.Is(err, flow.ErrRefused) != c.refused {
				t.Errorf("%d: %v", i, err)
			}
		}
		<-time.After(KickBlock + time.Second) // of the bubble
		if err := try("a", "i1", home); err != nil {
			t.Errorf("still out after a minute: %v", err)
		}
		tab.Kick(Selector{Subscriber: "x"})
		if len(tab.blocks) != 1 {
			t.Errorf("%d blocks kept", len(tab.blocks))
		}
	})
}

func TestExpiryEndsWithinASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		tab := NewTable(rec.add)
		tab.Start(context.Background())
		defer tab.Close()
		now := time.Now().Unix()
		a, af := open(t, tab, "a", "i", home, now+10)
		b, _ := open(t, tab, "b", "i", home, now+20)
		c, _ := open(t, tab, "c", "i", home, 0)
		tab.SetExpiry("b", now+5)
		<-b.Done()
		if d := time.Now().Unix() - now; d != 5 {
			t.Errorf("b ended after %d s", d)
		}
		tab.SetExpiry("c", now+7)
		tab.SetExpiry("c", 0)
		<-a.Done()
		synctest.Wait()
		if d := time.Now().Unix() - now; d != 10 || !af.is() || a.Cause() != Expired {
			t.Errorf("a ended after %d s, cut %v, cause %q", d, af.is(), a.Cause())
		}
		if isClosed(c.Done()) {
			t.Error("c ended")
		}
		if len(tab.due) != 0 {
			t.Errorf("%d groups still due", len(tab.due))
		}
	})
}
