package ingresstest

import (
	"io"
	"net"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// cutTime is how soon a flow must end after what ended it.
const cutTime = time.Second

// cuts: whatever ends a subscriber's right ends its running flow within a second, and nobody else's.
func cuts(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		cut  func(w *World, u *User)
		back func(u *User) // what lets it in again; nil where nothing may
	}{
		{"new password", func(w *World, u *User) {
			u.Password, u.Row.Generation = "another", 2
			w.Set(u)
		}, func(*User) {}},
		{"suspend", func(w *World, u *User) {
			u.Row.Enabled, u.Row.Reason = false, "suspended"
			w.Set(u)
		}, func(u *User) { u.Row.Enabled, u.Row.Reason = true, "" }},
		{"limit", func(w *World, u *User) {
			u.Row.Enabled, u.Row.Reason = false, "limited"
			w.Set(u)
		}, func(u *User) { u.Row.Enabled, u.Row.Reason = true, "" }},
		{"expiry moved into the past", func(w *World, u *User) {
			u.Row.Expires = time.Now().Unix() - 1
			w.Set(u)
		}, func(u *User) { u.Row.Expires = 0 }},
		{"protocol taken away", func(w *World, u *User) {
			row := w.row(u)
			row.Protocols = []string{}
			w.setRows([]nodeapi.Subscriber{row})
		}, func(*User) {}},
		{"removed", func(w *World, u *User) { w.Remove(u) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			victim, other := NewUser("victim"), NewUser("other")
			w := NewWorld(t, h, victim, other)
			dest := Echo(t)
			stays := newPulse(t, w.Dial(other, dest))
			goes := newPulse(t, w.Dial(victim, dest))
			before := victim.Credential()
			c.cut(w, victim)
			goes.endsWithin(t, cutTime)
			stays.goesOn(t, 3)
			w.Refused("after the cut", before, dest)
			if c.back != nil {
				c.back(victim)
				w.Set(victim)
				if err := w.try(victim.Credential(), dest); err != nil {
					t.Errorf("not let in again: %v", err)
				}
			}
			stays.goesOn(t, 3)
			up, down := w.Counted(victim)
			if low, high := goes.rounds.Load()*pulseSize, (goes.rounds.Load()+1)*pulseSize+1; int64(down) < low || int64(up) > high || int64(down) > high {
				t.Errorf("counted %d up, %d down of %d rounds of %d", up, down, goes.rounds.Load(), pulseSize)
			}
		})
	}
}

// expiry holds by the node's own clock, without a word from the panel.
func expiry(t *testing.T, h Harness) {
	u, other := NewUser("brief"), NewUser("other")
	u.Row.Expires = time.Now().Unix() + 3
	w := NewWorld(t, h, u, other)
	dest := Echo(t)
	stays := newPulse(t, w.Dial(other, dest))
	goes := newPulse(t, w.Dial(u, dest))
	end := time.Unix(u.Row.Expires, 0)
	goes.endsWithin(t, time.Until(end)+cutTime)
	if now := time.Now(); now.Before(end) {
		t.Errorf("cut %s too early", end.Sub(now))
	}
	stays.goesOn(t, 3)
	w.Refused("expired", u.Credential(), dest)
}

// cutIdle: a flow that moves nothing is cut as soon as one that does; the client sees it unless the protocol hides it.
func cutIdle(t *testing.T, h Harness) {
	u := NewUser("idle")
	w := NewWorld(t, h, u)
	gone := make(chan struct{}, 1)
	dest := Serve(t, func(c *net.TCPConn) {
		_, _ = c.Write([]byte("hi"))
		_, _ = io.Copy(io.Discard, c)
		gone <- struct{}{}
	})
	c := w.Dial(u, dest)
	if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w.Engine.Kick(session.Selector{Subscriber: u.Row.ID})
	select {
	case <-gone:
	case <-time.After(cutTime):
		t.Error("the target's side stays open")
	}
	if err := c.SetReadDeadline(begin.Add(cutTime + h.Hidden)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("read a byte that nobody sent")
	} else if time.Since(begin) >= cutTime+h.Hidden {
		t.Errorf("the client does not see the cut: %v", err)
	}
}

// cutUDP: an association dies with its session.
func cutUDP(t *testing.T, h Harness) {
	u, other := NewUser("victim"), NewUser("other")
	w := NewWorld(t, h, u, other)
	dest, _ := udpEcho(t)
	p, q := w.associate(u), w.associate(other)
	buf := make([]byte, 64)
	for _, x := range []Packets{p, q} {
		if err := x.Send([]byte("hello"), dest); err != nil {
			t.Fatal(err)
		}
		receive(t, x, buf)
	}
	u.Row.Enabled, u.Row.Reason = false, "suspended"
	w.Set(u)
	for range 3 {
		_ = p.Send([]byte("after"), dest) // refused, or lost: either will do
	}
	if err := p.SetReadDeadline(time.Now().Add(cutTime)); err != nil {
		t.Logf("the association is closed: %v", err)
	} else if n, _, err := p.Receive(buf); err == nil {
		t.Errorf("answer %q after the cut", buf[:n])
	}
	if err := q.Send([]byte("still"), dest); err != nil {
		t.Fatal(err)
	}
	if n, _ := receive(t, q, buf); string(buf[:n]) != "still" {
		t.Errorf("got %q", buf[:n])
	}
	w.Expect(u, 5, 5)
}

// quota: no byte above the allowance, the cut when it is gone, more when more is granted.
func quota(t *testing.T, h Harness) {
	u, other := NewUser("metered"), NewUser("other")
	u.Row.Metered, u.Row.Period = true, 4
	w := NewWorld(t, h, u, other)
	dest := Echo(t)
	grant := func(n unit.Bytes) {
		w.Engine.Grant([]nodeapi.Allowance{{Subscriber: u.Row.ID, Period: 4, Granted: n, Exhausted: true}})
	}
	grant(0)
	w.Refused("without an allowance", u.Credential(), dest)
	const first = 300_000
	grant(first)
	stays := newPulse(t, w.Dial(other, dest))
	c := w.Dial(u, dest)
	go func() { _, _ = c.Write(make([]byte, 4*first)) }()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, c)
	if n > first {
		t.Errorf("%d bytes came back of an allowance of %d", n, first)
	}
	w.flows(1) // the other's
	up, down := w.Counted(u)
	if up+down > first || int64(down) < n {
		t.Errorf("%d up and %d down of an allowance of %d; %d came back (%v)", up, down, first, n, err)
	}
	w.Refused("with a spent allowance", u.Credential(), dest)
	stays.goesOn(t, 3)
	grant(first * 2)
	if err := w.try(u.Credential(), dest); err != nil {
		t.Errorf("with a larger allowance: %v", err)
	}
	p := newPulse(t, w.Dial(u, dest))
	u.Row.Period = 5
	w.Set(u)
	p.endsWithin(t, cutTime*5/2) // a request for the new period's slice is waited for first
	stays.goesOn(t, 3)
	if h.UDP {
		quotaUDP(t, h)
	}
}

// quotaUDP: datagrams count against the allowance, too.
func quotaUDP(t *testing.T, h Harness) {
	u := NewUser("metered")
	u.Row.Metered, u.Row.Period = true, 1
	w := NewWorld(t, h, u)
	dest, _ := udpEcho(t)
	const granted = 10_000
	w.Engine.Grant([]nodeapi.Allowance{{Subscriber: u.Row.ID, Period: 1, Granted: granted, Exhausted: true}})
	p := w.associate(u)
	data, buf := make([]byte, 900), make([]byte, 2000)
	for range 2 * granted / len(data) {
		if p.Send(data, dest) != nil {
			break
		}
		if err := p.SetReadDeadline(time.Now().Add(cutTime)); err != nil {
			break
		}
		if _, _, err := p.Receive(buf); err != nil {
			break
		}
	}
	w.noFlows()
	if up, down := w.Counted(u); up+down > granted || up+down < granted*3/4 {
		t.Errorf("UDP: %d up and %d down of an allowance of %d", up, down, granted)
	}
}

// kick: ends the flow and keeps its subscriber out, without a word to anyone else.
func kick(t *testing.T, h Harness) {
	victim, other := NewUser("victim"), NewUser("other")
	w := NewWorld(t, h, victim, other)
	dest := Echo(t)
	stays := newPulse(t, w.Dial(other, dest))
	goes := newPulse(t, w.Dial(victim, dest))
	var id string
	for _, s := range w.Engine.Sessions() {
		if s.Subscriber == victim.Row.ID {
			id = s.ID
		}
	}
	if n := w.Engine.Kick(session.Selector{Session: id}); n != 1 {
		t.Errorf("kicked %d sessions", n)
	}
	goes.endsWithin(t, cutTime)
	w.Refused("kicked a moment ago", victim.Credential(), dest)
	stays.goesOn(t, 3)
	if err := w.try(other.Credential(), dest); err != nil {
		t.Errorf("another subscriber is kept out as well: %v", err)
	}
}

// sessions: each client is reported with whom, where from, how much and why it ended.
func sessions(t *testing.T, h Harness) {
	a, b := NewUser("a"), NewUser("b")
	w := NewWorld(t, h, a, b)
	dest := Echo(t)
	pa := newPulse(t, w.Dial(a, dest))
	pb := newPulse(t, w.Dial(b, dest))
	w.collect()
	if n := len(w.sessions); n != 2 {
		t.Errorf("%d openings reported", n)
	}
	w.Engine.Kick(session.Selector{Subscriber: a.Row.ID})
	pa.endsWithin(t, cutTime)
	b.Row.Enabled, b.Row.Reason = false, "suspended"
	w.Set(b)
	pb.endsWithin(t, cutTime)
	causes := w.causes(2)
	if causes[a.Row.ID] != "kicked" || causes[b.Row.ID] != "suspended" {
		t.Errorf("causes %v", causes)
	}
}

// causes waits for n ended sessions to be reported, checks every record and returns why they ended, by subscriber.
func (w *World) causes(n int) map[string]string {
	w.t.Helper()
	causes := map[string]string{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); len(causes) < n && time.Now().Before(deadline); <-tick.C {
		w.collect()
		for _, s := range w.sessions {
			if s.Closed != 0 {
				causes[s.Subscriber] = s.Cause
			}
		}
	}
	for _, s := range w.sessions {
		if s.Ingress != w.Spec.ID || s.Kind != w.h.Kind || s.Source != "127.0.0.1" || s.Opened == 0 {
			w.t.Errorf("record %+v", s)
		}
		if s.Closed != 0 && (s.Up == 0 || s.Down == 0) {
			w.t.Errorf("record without bytes: %+v", s)
		}
	}
	return causes
}

// refusedTargets: a destination that refuses, or is not allowed, is told to the client as far as the protocol can.
func refusedTargets(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	good := Echo(t)
	check := func(what, dest string) {
		t.Helper()
		begin := time.Now()
		if err := w.try(u.Credential(), dest); err == nil {
			t.Errorf("%s: reached", what)
		} else if time.Since(begin) >= patience {
			t.Errorf("%s: silence", what)
		}
		if !h.Refusal {
			return
		}
		cl := w.Connect(u)
		if c, err := cl.Dial(t.Context(), dest); err == nil {
			_ = c.Close()
			t.Errorf("%s: the client is told that it is connected", what)
		}
		if c, err := cl.Dial(t.Context(), good); err != nil && dest != good {
			t.Logf("%s: the client cannot be used again: %v", what, err)
		} else if err == nil {
			_ = c.Close()
		}
	}
	check("closed port", closedPort(t))
	check("name that does not exist", "no-such-name.invalid:80")
	w.Configure(func(s *nodeapi.Sections, up *nodeapi.Update) {
		s.Settings.BlockPrivate = true
		up.Settings = &s.Settings
	})
	check("loopback", good)
	if d, err := flow.ParseDest(good); err == nil {
		d.Addr, d.Domain = d.Addr.Next(), "localhost"
		check("loopback by name", d.String())
	}
	if built := w.Built.Load(); built != 1 {
		t.Errorf("a change of settings built the ingress %d times", built)
	}
}
