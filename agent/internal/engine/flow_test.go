package engine

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"culvert/agent/internal/exit"
	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/route"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
)

var home = netip.MustParseAddrPort("192.0.2.7:4000")

// signedIn is a rig with one ingress and one subscriber's session.
func signedIn(t testing.TB, metered bool, change ...func(*Config)) (*rig, ingress.Host, ingress.Session, nodeapi.Subscriber) {
	t.Helper()
	r := newRig(t, change...)
	row := r.row("a")
	row.Metered, row.Period = metered, 1
	row.Password = &nodeapi.Verifier{Salt: []byte("12345678"), Iterations: 1, Hash: pbkdf2One(t, "pw", "12345678")}
	r.rows[row.ID] = row
	r.s.Ingresses = []nodeapi.Ingress{r.ingress("x")}
	r.apply(r.full())
	h := r.built[0].host
	s, err := h.Authenticate(t.Context(), ingress.Credential{Name: "a", Password: "pw"}, home)
	if err != nil {
		t.Fatal(err)
	}
	return r, h, s, row
}

func sink(t testing.TB) flow.Dest {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() { _, _ = io.Copy(c, c); c.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	d, err := flow.ParseDest(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A principal is only worth something while its session lives, and only as it was handed out.
func TestPrincipalsCannotBeMade(t *testing.T) {
	t.Parallel()
	_, h, s, row := signedIn(t, false)
	dest := sink(t)
	good := s.Principal()
	if c, err := h.Dial(t.Context(), flow.Flow{Principal: good, Dest: dest}); err != nil {
		t.Fatal(err)
	} else if err := c.Close(); err != nil {
		t.Error(err)
	}
	made := []flow.Principal{
		{},
		{Class: flow.Subscriber, ID: row.ID, Generation: 1},
		{Class: flow.Node, ID: good.ID, Generation: good.Generation, Session: good.Session},
		{Class: good.Class, ID: "sub_other", Generation: good.Generation, Session: good.Session},
		{Class: good.Class, ID: good.ID, Generation: 2, Session: good.Session},
	}
	s.End()
	for _, p := range append(made, good) {
		f := flow.Flow{Principal: p, Dest: dest}
		if _, err := h.Dial(t.Context(), f); !errors.Is(err, flow.ErrCut) {
			t.Errorf("dial as %+v: %v", p, err)
		}
		if _, err := h.Associate(t.Context(), f); !errors.Is(err, flow.ErrCut) {
			t.Errorf("associate as %+v: %v", p, err)
		}
		if _, err := h.Lease(t.Context(), p, ingress.LeaseSpec{}); !errors.Is(err, flow.ErrCut) {
			t.Errorf("lease as %+v: %v", p, err)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	_, h, s, _ := signedIn(t, false, func(c *Config) { c.PerUser = 3 })
	f := flow.Flow{Principal: s.Principal(), Dest: sink(t)}
	for i := range 4 {
		_, err := h.Dial(t.Context(), f)
		if (i < 3) != (err == nil) || i == 3 && !errors.Is(err, flow.ErrOverload) {
			t.Errorf("flow %d: %v", i, err)
		}
	}
	if _, err := h.Lease(t.Context(), s.Principal(), ingress.LeaseSpec{}); !errors.Is(err, flow.ErrOverload) {
		t.Error(err)
	}
	s.End()
	_, h, s, _ = signedIn(t, false)
	if _, err := h.Lease(t.Context(), s.Principal(), ingress.LeaseSpec{}); !errors.Is(err, flow.ErrNoRoute) {
		t.Errorf("a lease without a tunnel: %v", err)
	}
}

// blackhole is an exit whose dials hang until their context ends.
type blackhole struct {
	exit.Exit
	pending chan struct{}
}

func (b *blackhole) DialTCP(ctx context.Context, _ flow.Dest, _ exit.Allow) (net.Conn, error) {
	b.pending <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

// Flows count from the moment they are admitted: dials that hang fill the bound, and give it back when they fail.
func TestPendingDialsAreBounded(t *testing.T) {
	t.Parallel()
	for name, bound := range map[string]func(*Config){
		"per user": func(c *Config) { c.PerUser = 3 },
		"node":     func(c *Config) { c.MaxFlows = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hole := &blackhole{Exit: &exit.Direct{}, pending: make(chan struct{}, 10)}
			r, h, s, _ := signedIn(t, false, bound, func(c *Config) { c.Exits = map[string]exit.Exit{route.Direct: hole} })
			f := flow.Flow{Principal: s.Principal(), Dest: flow.Dest{Addr: netip.MustParseAddr("127.0.0.1"), Port: 9}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			failed := make(chan error, 10)
			for range 10 {
				go func() { _, err := h.Dial(ctx, f); failed <- err }()
			}
			for range 7 {
				select {
				case err := <-failed:
					if !errors.Is(err, flow.ErrOverload) {
						t.Errorf("a dial beyond the bound: %v", err)
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("%d dials hang", len(hole.pending))
				}
			}
			if _, err := h.Associate(t.Context(), f); !errors.Is(err, flow.ErrOverload) {
				t.Errorf("an association beyond the bound: %v", err)
			}
			cancel()
			for range 3 {
				if err := <-failed; !errors.Is(err, context.Canceled) {
					t.Errorf("a hanging dial: %v", err)
				}
			}
			var open []ingress.PacketConn
			for range 3 {
				p, err := h.Associate(t.Context(), flow.Flow{Principal: s.Principal()})
				if err != nil {
					t.Fatalf("the slots did not come back: %v", err)
				}
				open = append(open, p)
			}
			for _, p := range open {
				_ = p.Close()
				_ = p.Close()
			}
			if r.e.slots.total != 0 || len(r.e.slots.by) != 0 {
				t.Errorf("%d slots are still taken", r.e.slots.total)
			}
		})
	}
}

// Without an allowance, Dial waits for the panel; in flow, more is fetched before the rest is gone.
func TestLeaserKeepsAFlowGoing(t *testing.T) {
	t.Parallel()
	r, h, s, row := signedIn(t, true)
	var mu sync.Mutex
	granted := nodeapi.Allowance{Subscriber: row.ID, Period: 1}
	r.mu.Lock()
	r.lease = func(string) {
		mu.Lock()
		defer mu.Unlock()
		granted.Granted += 1 << 20
		r.e.Grant([]nodeapi.Allowance{granted})
	}
	r.mu.Unlock()
	c, err := h.Dial(t.Context(), flow.Flow{Principal: s.Principal(), Dest: sink(t)})
	if err != nil {
		t.Fatal(err)
	}
	const size = 6 << 20
	sent := make(chan error, 1)
	go func() { _, err := c.Write(make([]byte, size)); sent <- err }()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-sent, c.Close()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if used, _ := r.m.Used(row.ID); used < 2*size || granted.Granted > 2*size+(4<<20) {
		t.Errorf("%d used, %d granted, %d moved", used, granted.Granted, 2*size)
	}
}

// A conn's own Read and Write see a cut as what it is.
func TestCutIsNamed(t *testing.T) {
	t.Parallel()
	r, h, s, row := signedIn(t, false)
	c, err := h.Dial(t.Context(), flow.Flow{Principal: s.Principal(), Dest: sink(t)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Associate(t.Context(), flow.Flow{Principal: s.Principal()})
	if err != nil {
		t.Fatal(err)
	}
	reads := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); reads <- err }()
	go func() { _, _, err := p.ReadFrom(make([]byte, 1)); reads <- err }()
	r.e.Kick(session.Selector{Subscriber: row.ID})
	for range 2 {
		if err := <-reads; !errors.Is(err, flow.ErrCut) {
			t.Errorf("read: %v", err)
		}
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, flow.ErrCut) {
		t.Errorf("write: %v", err)
	}
	if _, err := p.WriteTo([]byte("x"), flow.Dest{Addr: netip.MustParseAddr("127.0.0.1"), Port: 9}); !errors.Is(err, flow.ErrCut) {
		t.Errorf("write to: %v", err)
	}
	if err := errors.Join(c.Close(), p.Close(), p.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := h.Authenticate(t.Context(), ingress.Credential{Name: "a", Password: "pw"}, home); !errors.Is(err, flow.ErrRefused) {
		t.Errorf("after the kick: %v", err)
	}
}

// relays opens n idle relayed flows and returns the clients' ends.
func relays(t testing.TB, h ingress.Host, s ingress.Session, n int) {
	t.Helper()
	dest := sink(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	clients := make([]net.Conn, n)
	for i := range n {
		if clients[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		client, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c, err := h.Dial(t.Context(), flow.Flow{Principal: s.Principal(), Dest: dest})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _ = c.Relay(client, nil) })
		// One byte through and back: every goroutine and buffer that a flow ever needs has been there.
		if _, err := clients[i].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := clients[i].Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, c := range clients {
			c.Close()
		}
		wg.Wait()
		l.Close()
	})
}

// An idle proxied connection costs less than 20 KB, with the test's own client and target in the figure.
func TestIdleFlowIsSmall(t *testing.T) {
	const n = 1500
	_, h, s, _ := signedIn(t, false)
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := inUse()
	relays(t, h, s, n)
	idle := time.NewTimer(time.Second) // longer than a step: nobody holds a buffer for it any more
	<-idle.C
	per := (inUse() - before) / n
	t.Logf("%d bytes for each idle flow, client and target included", per)
	if per > 20_000+10_000 { // the test's target holds a goroutine and io.Copy's splice state, and two more sockets
		t.Errorf("%d bytes for each idle flow", per)
	}
}

// BenchmarkApplyOne applies a change of one subscriber among 10,000, with the write to disk.
func BenchmarkApplyOne(b *testing.B) {
	r := newRig(b)
	var rows []nodeapi.Subscriber
	for i := range 10_000 {
		rows = append(rows, r.row(fmt.Sprint("user", i)))
	}
	r.s.Ingresses = []nodeapi.Ingress{r.ingress("x")}
	doc := r.full()
	begin := time.Now()
	r.apply(doc)
	full := time.Since(begin)
	var mixed [32]byte
	for i := range rows {
		nodeapi.Mix(&mixed, rows[i].Digest())
	}
	some := rows[5000]
	for b.Loop() {
		nodeapi.Mix(&mixed, some.Digest()) // the panel's part: out with the old row, in with the new
		some.Generation++
		nodeapi.Mix(&mixed, some.Digest())
		u := &nodeapi.Update{
			Node: r.node, Base: r.rev, Revision: r.rev + 1, Capability: nodeapi.Capability,
			Hash: nodeapi.HashState(r.s, len(rows), mixed), Subscribers: []nodeapi.Subscriber{some},
		}
		r.apply(u)
	}
	b.ReportMetric(float64(full.Milliseconds()), "ms/full-sync")
}

func pbkdf2One(t testing.TB, password, salt string) []byte {
	t.Helper()
	b, err := pbkdf2.Key(sha256.New, password, []byte(salt), 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
