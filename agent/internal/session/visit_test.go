package session

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

func brief(t *testing.T, tab *Table, sub string, from netip.Addr) *Session {
	t.Helper()
	s, err := tab.Open(Open{
		Principal: flow.Principal{Class: flow.Subscriber, ID: sub, Generation: 1}, Ingress: "i", Kind: "http", Source: from, Brief: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *recorder) take() []nodeapi.SessionRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.recs
	r.recs = nil
	return out
}

// TestConnectionsOfOneAddressAreOneSession: a hundred connections are told once, with all they moved, a minute after the
// last; another address, and a return after the minute, are sessions of their own.
func TestConnectionsOfOneAddressAreOneSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		tab := NewTable(rec.add)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tab.Start(ctx)
		defer tab.Close()
		for range 100 {
			s := brief(t, tab, "a", home)
			s.Add(1, 10)
			s.End()
		}
		other := brief(t, tab, "a", office)
		opened := rec.take()
		if len(opened) != 2 || opened[0].Closed != 0 || opened[0].ID == opened[1].ID {
			t.Fatalf("openings: %+v", opened)
		}
		if n, _ := tab.Count(); n != 1 {
			t.Errorf("%d sessions live, want the other address's", n)
		}
		time.Sleep(30 * time.Second)
		again := brief(t, tab, "a", home) // within the grace: the same session
		again.Add(5, 5)
		again.End()
		time.Sleep(50 * time.Second)
		synctest.Wait()
		for _, r := range rec.take() {
			if r.Closed != 0 {
				t.Errorf("closed within its grace: %+v", r)
			}
		}
		last := time.Now().Add(-50 * time.Second).UnixMilli()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		closed := rec.take()
		if len(closed) != 1 || closed[0].ID != opened[0].ID || closed[0].Up != 105 || closed[0].Down != 1005 || closed[0].Closed != last || closed[0].Cause != "ended" {
			t.Errorf("end: %+v, want one at %d", closed, last)
		}
		brief(t, tab, "a", home).End()
		if fresh := rec.take(); len(fresh) != 1 || fresh[0].ID == opened[0].ID {
			t.Errorf("a return after the grace: %+v", fresh)
		}
		other.End()
	})
}

// TestKickOfAVisit ends every connection of it, tells the cause at once, and keeps its address out.
func TestKickOfAVisit(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	tab := NewTable(rec.add)
	a, b, other := brief(t, tab, "a", home), brief(t, tab, "a", home), brief(t, tab, "a", office)
	opened := rec.take()
	if n := tab.Kick(Selector{Session: opened[0].ID, Subscriber: "b"}); n != 0 {
		t.Errorf("somebody else's kick ended %d connections", n)
	}
	if n := tab.Kick(Selector{Session: opened[0].ID, Subscriber: "a"}); n != 2 || !isClosed(a.Done()) || !isClosed(b.Done()) || isClosed(other.Done()) {
		t.Errorf("%d connections ended", n)
	}
	if r := rec.take(); len(r) != 1 || r[0].Cause != "kicked" || r[0].ID != opened[0].ID {
		t.Errorf("told: %+v", r)
	}
	_, err := tab.Open(Open{Principal: flow.Principal{Class: flow.Subscriber, ID: "a"}, Ingress: "i", Source: home, Brief: true})
	if !errors.Is(err, flow.ErrRefused) {
		t.Errorf("a kicked address is let in: %v", err)
	}
	if l := tab.List(); len(l) != 1 || l[0].Source != office.String() {
		t.Errorf("live: %+v", l)
	}
}

// TestRunningSessionsAreToldAsTheyGo: what a long session moved is known before it ends; a silent one says nothing.
func TestRunningSessionsAreToldAsTheyGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		tab := NewTable(rec.add)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tab.Start(ctx)
		defer tab.Close()
		s, f := open(t, tab, "a", "i", home, 0)
		open(t, tab, "b", "i", home, 0)
		rec.take()
		s.Add(10, 50)
		time.Sleep(progressGap + time.Second)
		synctest.Wait()
		if r := rec.take(); len(r) != 1 || r[0].Subscriber != "a" || r[0].Up != 10 || r[0].Down != 50 || r[0].RateUp != 8 || r[0].RateDown != 40 || r[0].Closed != 0 {
			t.Errorf("after ten seconds: %+v", r)
		}
		time.Sleep(2 * progressGap)
		synctest.Wait()
		if r := rec.take(); len(r) != 1 || r[0].Down != 50 || r[0].RateUp != 0 || r[0].RateDown != 0 {
			t.Errorf("come to rest, told once: %+v", r)
		}
		at := time.Now()
		s.Seen(netip.MustParseAddrPort("[::ffff:192.0.2.7]:4500"), at)
		time.Sleep(2 * progressGap)
		synctest.Wait()
		if r := rec.take(); len(r) != 1 || r[0].Endpoint != "192.0.2.7:4500" || r[0].Source != "192.0.2.7" || r[0].Handshake != at.UnixMilli() {
			t.Errorf("roamed, told once: %+v", r)
		}
		s.Detach(f)
	})
}
