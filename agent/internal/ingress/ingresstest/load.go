package ingresstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"culvert/shared/unit"
)

// slowReader: what the client does not read is not fetched without bound, and is all there when it does.
func slowReader(t *testing.T, h Harness) {
	const total, bound = 64 << 20, 44 << 20
	u := NewUser("slow")
	w := NewWorld(t, h, u)
	progress := make(chan int, total>>20)
	dest := Serve(t, func(c *net.TCPConn) {
		block := make([]byte, 1<<20)
		for range total / len(block) {
			n, err := c.Write(block)
			progress <- n
			if err != nil {
				return
			}
		}
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	c := w.Dial(u, dest)
	sent := 0
	for still := true; still; {
		select {
		case n := <-progress:
			sent += n
		case <-time.After(time.Second):
			still = false
		}
	}
	if sent > bound {
		t.Errorf("%s left the target for a client that reads nothing", unit.Bytes(sent))
	}
	if err := c.SetReadDeadline(time.Now().Add(4 * patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, c, total); n != total {
		t.Fatalf("read %d of %d: %v", n, total, err)
	}
	w.Expect(u, 0, total)
}

// thousandFlows: many at once, each subscriber is billed for its own bytes and for nothing else.
func thousandFlows(t *testing.T, h Harness) {
	const users, flows = 8, 1000
	all := make([]*User, users)
	for i := range all {
		all[i] = NewUser(fmt.Sprint("user", i))
	}
	w := NewWorld(t, h, all...)
	dest := Echo(t)
	clients := make([]Client, users)
	for i, u := range all {
		clients[i] = w.Connect(u)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*patience)
	defer cancel()
	var open, done sync.WaitGroup
	open.Add(flows)
	goOn := make(chan struct{})
	// So many move at once. All of them together overflow the packet queue of a test client that brings a TCP of its own
	// (WireGuard's): what it drops waits for timers that double, and the test would measure those.
	turns := make(chan struct{}, flows/8)
	for i := range flows {
		done.Go(func() {
			once := sync.OnceFunc(open.Done)
			defer once()
			c, err := clients[i%users].Dial(ctx, dest)
			if err != nil {
				t.Errorf("flow %d: %v", i, err)
				return
			}
			defer c.Close()
			once()
			<-goOn // all are open at once
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := oneFlow(ctx, c, flowSize(i)); err != nil {
				t.Errorf("flow %d: %v", i, err)
			}
		})
	}
	open.Wait()
	if !t.Failed() {
		w.flows(flows) // not every protocol tells its client when a flow is open
	}
	close(goOn)
	done.Wait()
	for i, u := range all {
		var want int64
		for f := i; f < flows; f += users {
			want += int64(flowSize(f))
		}
		w.Expect(u, want, want)
	}
	w.noFlows()
}

// flowSize gives each subscriber sizes of its own, so that a mix-up cannot cancel out.
func flowSize(i int) int { return 1000 + i*7 + (i%8)*5000 }

func oneFlow(ctx context.Context, c net.Conn, size int) error {
	if d, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(d); err != nil {
			return err
		}
	}
	sent := make(chan error, 1)
	go func() { _, err := c.Write(make([]byte, size)); sent <- err }()
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		return err
	}
	return <-sent
}

// speed: a limit holds, is shared by the subscriber's connections, and can be lifted while they run.
func speed(t *testing.T, h Harness) {
	u, other := NewUser("limited"), NewUser("other")
	u.Row.SpeedDown = 8 * unit.Mbit // 1 MB/s
	w := NewWorld(t, h, u, other)
	source := Serve(t, func(c *net.TCPConn) {
		block := make([]byte, 64<<10)
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	read := func(c net.Conn, n int64) <-chan time.Duration {
		took := make(chan time.Duration, 1)
		begin := time.Now()
		go func() {
			_, _ = io.CopyN(io.Discard, c, n)
			took <- time.Since(begin)
		}()
		return took
	}
	a, b := w.Dial(u, source), w.Dial(u, source)
	x, y := read(a, 1<<20), read(b, 1<<20)
	slow := max(<-x, <-y)
	if slow < 1100*time.Millisecond {
		t.Errorf("2 MiB over two connections at 8 Mbit/s took %s", slow)
	}
	u.Row.SpeedDown = 0
	w.Set(u)
	// At the old limit this takes 32 s and more; a loaded machine needs some, because congestion control has to find out.
	if fast := <-read(a, 32<<20); fast > 28*time.Second {
		t.Errorf("32 MiB without a limit took %s", fast)
	}
}

// drain: closing lets flows that run finish, takes nobody new, and ends in time what does not finish.
func drain(t *testing.T, h Harness) {
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest := Echo(t)
	p := newPulse(t, w.Dial(u, dest))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	begin := time.Now()
	closed := make(chan error, 1)
	go func() { closed <- w.Engine.Close(ctx) }()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("close: %v", err)
		}
	case <-time.After(2*time.Second + patience):
		t.Fatal("Close does not return")
	}
	if d := time.Since(begin); d > 2*time.Second+cutTime {
		t.Errorf("draining for 2 s took %s", d)
	}
	p.endsWithin(t, cutTime)
	w.Refused("after closing", u.Credential(), dest)
	if s := w.Engine.State(); s.Sessions != 0 || s.Flows != 0 {
		t.Errorf("%d sessions and %d flows are left", s.Sessions, s.Flows)
	}
}
