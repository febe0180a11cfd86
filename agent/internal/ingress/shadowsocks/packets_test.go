package shadowsocks

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
)

// TestDatagramReplays: each datagram passes once, whatever its session has been through since.
func TestDatagramReplays(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, optionsOf(t, method, 10_000), "ann")
			dest, got := echoes(t)
			p := r.associate(t, "ann")
			b := p.sealed([]byte("once"), dest, forge{})
			for range 3 {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			p.hears(t, "once")
			p.silent(t)
			sess := r.host.Session(t, "ann")
			sess.Cut()
			<-sess.Ended
			until(t, "the session's rest", func() bool {
				r.packets.mu.Lock()
				defer r.packets.mu.Unlock()
				return r.packets.running == 0
			})
			if _, err := p.Write(b); err != nil {
				t.Fatal(err)
			}
			p.silent(t)
			if n := got.Load(); n != 1 {
				t.Errorf("it arrived %d times", n)
			}
			if n := len(r.host.Sessions()); n != 1 {
				t.Errorf("%d sessions", n)
			}
			// The same session goes on, after a moment, with a new sign-in.
			until(t, "the next datagram", func() bool {
				if _, err := p.Write(p.sealed([]byte("twice"), dest, forge{})); err != nil {
					t.Fatal(err)
				}
				return got.Load() > 1
			})
		})
	}
}

// TestHostileDatagrams: what is not right is dropped, and does not use up the number of what is.
func TestHostileDatagrams(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods() {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, optionsOf(t, method, 10_000), "ann")
			dest, got := echoes(t)
			p, eve := r.associate(t, "ann"), r.associate(t, "eve")
			good := p.sealed([]byte("good"), dest, forge{})
			bad := [][]byte{{}, {1}, random(16), random(47), random(48), random(60), random(1400), random(65_000), good[:len(good)-1], good[:20]}
			for i := range good {
				bent := append([]byte{}, good...)
				bent[i] ^= 1
				bad = append(bad, bent)
			}
			for _, f := range []forge{{kind: 1}, {at: time.Now().Add(-31 * time.Second)}, {at: time.Now().Add(40 * time.Second)}, {padding: 60_000}} {
				if r.suite.Modern {
					bad = append(bad, p.sealed([]byte("bad"), dest, f))
				}
			}
			for _, b := range bad {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
				if _, err := eve.Write(eve.sealed([]byte("bad"), dest, forge{})); err != nil {
					t.Fatal(err)
				}
			}
			until(t, "the good one", func() bool { // what comes too fast is lost, whatever it is
				if _, err := p.Write(good); err != nil {
					t.Fatal(err)
				}
				return got.Load() > 0
			})
			p.hears(t, "good")
			p.silent(t)
			if n := got.Load(); n != 1 {
				t.Errorf("%d datagrams arrived", n)
			}
			until(t, "memory of what waited", func() bool { return r.packets.bytes.Load() == 0 })
		})
	}
}

// TestClientMoves: answers go to where the client sent from last.
func TestClientMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-128-gcm", 10_000), "ann")
	dest := ingresstest.EchoUDP(t)
	p, q := r.associate(t, "ann"), r.associate(t, "ann")
	p.ping(t, dest, "here")
	q.id = p.id
	q.next.Store(p.next.Load())
	q.ping(t, dest, "there")
	p.silent(t)
	if n := len(r.host.Sessions()); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestSameSessionID: sessions are their subscribers' own. Everybody who has the server's key can see others' ids.
func TestSameSessionID(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-256-gcm", 10_000), "ann", "eve")
	dest := ingresstest.EchoUDP(t)
	p, q := r.associate(t, "ann"), r.associate(t, "eve")
	q.id = p.id
	for i := range 5 {
		p.ping(t, dest, fmt.Sprint("ann", i))
		q.ping(t, dest, fmt.Sprint("eve", i))
	}
	p.silent(t)
	q.silent(t)
	if r.host.Session(t, "ann") == r.host.Session(t, "eve") || len(r.host.Sessions()) != 2 {
		t.Errorf("%d sessions", len(r.host.Sessions()))
	}
}

// TestNewSubscriberAtAnAddress: in AEAD a session is an address; another key there begins another.
func TestNewSubscriberAtAnAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "aes-256-gcm", 10_000), "ann", "bob")
	dest := ingresstest.EchoUDP(t)
	p := r.associate(t, "ann")
	p.ping(t, dest, "ann")
	p.c = r.client("bob")
	p.ping(t, dest, "bob")
	<-r.host.Session(t, "ann").Ended
}

// TestSessionBounds: a subscriber's quietest session makes room for its next; others' are not touched.
func TestSessionBounds(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		o := optionsOf(t, method, 10_000)
		o.UDPSessionsEach, o.UDPSessions = 2, 3
		r := newRig(t, o, "ann", "bob", "cid")
		dest := ingresstest.EchoUDP(t)
		bob := r.associate(t, "bob")
		bob.ping(t, dest, "bob")
		var all []*testPackets
		for i := range 4 {
			p := r.associate(t, "ann")
			p.ping(t, dest, fmt.Sprint(i))
			all = append(all, p)
		}
		bob.ping(t, dest, "bob")
		all[3].ping(t, dest, "newest")
		if n := len(r.host.Sessions()); n != 5 {
			t.Errorf("%s: %d sessions", method, n)
		}
		// The port is full, and cid has none that could go.
		cid := r.associate(t, "cid")
		if err := cid.Send([]byte("x"), must(flow.ParseDest(dest))); err != nil {
			t.Fatal(err)
		}
		cid.silent(t)
		ended := 0
		for _, s := range r.host.Sessions() {
			select {
			case <-s.Ended:
				ended++
			default:
			}
		}
		if ended != 2 {
			t.Errorf("%s: %d sessions ended", method, ended)
		}
	}
}

// TestSilentSessionsEnd: a session without datagrams ends; its numbers are known as long as they could come again.
func TestSilentSessionsEnd(t *testing.T) {
	t.Parallel()
	o := optionsOf(t, "2022-blake3-aes-128-gcm", 10_000)
	o.UDPIdleTimeoutMS = 1000
	r := newRig(t, o, "ann")
	dest := ingresstest.EchoUDP(t)
	p := r.associate(t, "ann")
	p.ping(t, dest, "hello")
	<-r.host.Session(t, "ann").Ended
	count := func() int {
		r.packets.mu.Lock()
		defer r.packets.mu.Unlock()
		return len(r.packets.sessions)
	}
	until(t, "the session's rest", func() bool {
		r.packets.mu.Lock()
		defer r.packets.mu.Unlock()
		return r.packets.running == 0
	})
	if r.packets.forget(time.Now().Add(remembered / 2)); count() != 1 {
		t.Error("its numbers are forgotten while its datagrams are not too old")
	}
	if r.packets.forget(time.Now().Add(remembered + time.Second)); count() != 0 {
		t.Error("it is remembered for ever")
	}
	p.ping(t, dest, "again")
}

// TestRefusedDatagrams: who is refused is asked for again only after a moment, and hears nothing.
func TestRefusedDatagrams(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		r := newRig(t, optionsOf(t, method, 10_000), "ann")
		r.host.Fail(flow.ErrRefused, nil)
		dest, got := echoes(t)
		p := r.associate(t, "ann")
		for range 100 {
			if err := p.Send([]byte("x"), must(flow.ParseDest(dest))); err != nil {
				t.Fatal(err)
			}
		}
		p.silent(t)
		r.host.Fail(nil, nil)
		until(t, "after the refusal", func() bool {
			if err := p.Send([]byte("y"), must(flow.ParseDest(dest))); err != nil {
				t.Fatal(err)
			}
			return got.Load() > 0
		})
	}
}

// TestWindow: late datagrams pass, very late ones do not, and a jump far ahead costs nothing.
func TestWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-128-gcm", 10_000), "ann")
	dest := ingresstest.EchoUDP(t)
	p := r.associate(t, "ann")
	at := func(n uint64, text string) []byte {
		p.next.Store(n)
		return p.sealed([]byte(text), dest, forge{})
	}
	for _, n := range []uint64{5, 0, 9000, 1 << 60, 1<<60 - 4000} {
		text := fmt.Sprint(n)
		if _, err := p.Write(at(n, text)); err != nil {
			t.Fatal(err)
		}
		p.hears(t, text)
	}
	for _, n := range []uint64{6, 9001, 1<<60 - 20_000, 1 << 60, 1<<64 - 1} {
		if _, err := p.Write(at(n, "late")); err != nil {
			t.Fatal(err)
		}
	}
	p.silent(t)
}

// TestServerNumbers: the server's sessions are its own, and count from zero.
func TestServerNumbers(t *testing.T) {
	t.Parallel()
	r := newRig(t, optionsOf(t, "2022-blake3-aes-128-gcm", 10_000), "ann")
	w, err := (&session{p: r.packets, key: sessionKey{id: [8]byte{1}}, user: r.users.byID["ann"]}).newAnswers()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, firstAnswer)
	for want := range uint64(3) {
		b, err := w.seal(buf, 10, must(flow.ParseDest("192.0.2.1:53")))
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 16)
		w.block.Decrypt(head, b[:16])
		if n := binary.BigEndian.Uint64(head[8:]); n != want || string(head[:8]) != string(w.id[:]) || w.id == w.ss.key.id {
			t.Errorf("separate header %x", head)
		}
	}
	if w.number = 1<<64 - 1; true {
		if _, err := w.seal(buf, 10, flow.Dest{}); err == nil {
			t.Error("a number is used again")
		}
	}
}
