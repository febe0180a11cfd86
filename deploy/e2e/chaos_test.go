package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Bounds of the chaos loop. Traffic trickles at a known rate, so that "one second of counts" is a number of bytes.
const (
	shortRounds = 6
	soakRounds  = 60
	// One lost second at 4096 bytes each 10 ms, twice over for a flow on each of two ingresses, and what lay in sockets.
	lossPerKill = 2 * (410_000 + 512_000)
)

// breaker is a TCP relay in front of the gateway that the test can cut.
type breaker struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool // nobody gets through
	wg    sync.WaitGroup
}

func newBreaker(t testing.TB, to string) *breaker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{Listener: ln, to: to, conns: map[net.Conn]bool{}}
	b.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.wg.Go(func() { b.relay(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		b.cut()
		b.wg.Wait()
	})
	return b
}

func (b *breaker) relay(c net.Conn) {
	defer c.Close()
	b.mu.Lock()
	down := b.down
	b.mu.Unlock()
	if down {
		return
	}
	up, err := net.Dial("tcp", b.to)
	if err != nil {
		return
	}
	defer up.Close()
	b.hold(c, true)
	b.hold(up, true)
	defer b.hold(c, false)
	defer b.hold(up, false)
	var wg sync.WaitGroup
	for _, d := range [][2]net.Conn{{c, up}, {up, c}} {
		wg.Go(func() {
			_, _ = io.Copy(d[0], d[1])
			_ = d[0].Close()
			_ = d[1].Close()
		})
	}
	wg.Wait()
}

func (b *breaker) hold(c net.Conn, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if on {
		b.conns[c] = true
	} else {
		delete(b.conns, c)
	}
}

// set lets nobody through, or everybody again.
func (b *breaker) set(down bool) {
	b.mu.Lock()
	b.down = down
	b.mu.Unlock()
	if down {
		b.cut()
	}
}

func (b *breaker) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		_ = c.Close()
	}
}

// child returns the process of that name below the panel.
func (in *installation) child(name string) (int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, f := range stats {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue // it ended meanwhile
		}
		open, shut := strings.IndexByte(string(raw), '('), strings.LastIndexByte(string(raw), ')')
		fields := strings.Fields(string(raw[shut+1:]))
		if ppid, _ := strconv.Atoi(fields[1]); ppid == in.cmd.Process.Pid && strings.HasPrefix(string(raw[open+1:shut]), name) {
			pid, err := strconv.Atoi(strings.TrimSpace(string(raw[:open])))
			return pid, err
		}
	}
	return 0, fmt.Errorf("no process %s below the panel", name)
}

// flood keeps one slow download after another running through a proxy until ctx ends; a broken one is begun anew.
func flood(ctx context.Context, h *http.Client, url string) {
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		if s, err := follow(ctx, h, url); err == nil {
			<-s.done
		}
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// TestChaosAccounting kills the agent, the panel, Redis and PostgreSQL and cuts the gateway at random while known traffic
// flows. The ledger ends within one second of counts for each kill of the agent, and never above the truth.
func TestChaosAccounting(t *testing.T) {
	rounds := shortRounds
	if os.Getenv("CULVERT_TEST_SOAK") == "1" {
		rounds = soakRounds
	}
	in := install(t)
	b := in.behindBreaker()
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	bob := in.customer(hash, s.node, "bob", "gold")
	in.applies(s.node, func() { in.must("PATCH", "/subscribers/"+bob.id, map[string]any{"traffic_limit": 1 << 40}) })
	socks, web, hy := newTarget(t), newTarget(t), newTarget(t)
	ctx, end := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { flood(ctx, through(ann.proxy("socks5", s.socks)), socks.url("/slow")) })
	wg.Go(func() { flood(ctx, through(ann.proxy("http", s.web)), web.url("/slow")) })
	wg.Go(func() { flood(ctx, overHysteria(t, s.hysteria, bob.secret), hy.url("/slow")) }) // metered: slices live through it, too

	victims := []string{"agent", "panel", "redis", "postgres", "gateway"}
	rand.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	lost := int64(0)
	for i := range rounds {
		in.moves(socks, web, hy)
		victim := victims[i%len(victims)]
		t.Logf("round %d: %s", i, victim)
		if victim == "agent" || victim == "panel" {
			lost += lossPerKill
		}
		in.strike(victim, b)
	}
	in.moves(socks, web, hy)
	end()
	wg.Wait()
	in.within("SOCKS5", ann.id, s.socksID, socks, lost)
	in.within("HTTP", ann.id, s.webID, web, lost)
	in.within("Hysteria", bob.id, s.hysteriaID, hy, lost)
}

// behindBreaker puts the node's line to the panel through a relay that the test can cut.
func (in *installation) behindBreaker() *breaker {
	in.t.Helper()
	in.stop()
	b := newBreaker(in.t, in.variable("CULVERT_GATEWAY_LISTEN"))
	in.env = append(in.env, "CULVERT_GATEWAY_PUBLIC="+b.Addr().String())
	in.start()
	in.signIn()
	return b
}

func (in *installation) variable(name string) string {
	for _, v := range in.env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			return rest
		}
	}
	in.t.Fatalf("no %s", name)
	return ""
}

// moves waits until both flows move again.
func (in *installation) moves(xs ...*target) {
	in.t.Helper()
	for _, x := range xs {
		before := x.out.Load()
		eventually(in.t, time.Minute, "traffic", func() error {
			if x.out.Load() < before+200_000 {
				return errors.New("does not flow")
			}
			return nil
		})
	}
}

func (in *installation) strike(victim string, b *breaker) {
	in.t.Helper()
	switch victim {
	case "gateway":
		b.cut()
	case "panel":
		if err := in.cmd.Process.Kill(); err != nil {
			in.t.Fatal(err)
		}
		<-in.exited
		in.start()
	default:
		name := map[string]string{"agent": "culvert-agent", "redis": "redis-server", "postgres": "postgres"}[victim]
		pid, err := in.child(name)
		if err != nil {
			in.t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			in.t.Fatal(err)
		}
	}
}

// within waits until the ledger stands within the bound below the truth; above it is an error at once.
func (in *installation) within(what, sid, ingress string, x *target, bound int64) {
	in.t.Helper()
	eventually(in.t, time.Minute, what, func() error {
		status, _ := in.call("GET", "/me", nil)
		if status != http.StatusOK {
			return fmt.Errorf("panel answers %d", status)
		}
		up, down := in.booked(sid, ingress)
		wantUp, wantDown := x.in.Load(), x.out.Load()
		if up > wantUp || down > wantDown {
			in.t.Fatalf("%s: the ledger says %d/%d, only %d/%d moved", what, up, down, wantUp, wantDown)
		}
		if wantDown-down > bound {
			return fmt.Errorf("ledger %d of %d, %d missing, allowed %d", down, wantDown, wantDown-down, bound)
		}
		return nil
	})
	up, down := in.booked(sid, ingress)
	in.t.Logf("%s: ledger %d/%d, truth %d/%d", what, up, down, x.in.Load(), x.out.Load())
}
