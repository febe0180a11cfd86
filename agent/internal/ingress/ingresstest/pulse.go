package ingresstest

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// pulse is a flow that goes to and fro through an echo service until it ends.
type pulse struct {
	rounds atomic.Int64
	beat   chan struct{} // receives after a round, when someone waits
	ended  chan struct{}
	err    error // after ended
}

const pulseSize = 100

// newPulse starts a pulse over c and waits for its first round.
func newPulse(t testing.TB, c net.Conn) *pulse {
	t.Helper()
	p := &pulse{beat: make(chan struct{}), ended: make(chan struct{})}
	go p.run(c)
	p.goesOn(t, 1)
	t.Cleanup(func() {
		_ = c.Close()
		<-p.ended
	})
	return p
}

func (p *pulse) run(c net.Conn) {
	defer close(p.ended)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, pulseSize)
	for {
		if _, p.err = c.Write(buf); p.err != nil {
			return
		}
		if _, p.err = io.ReadFull(c, buf); p.err != nil {
			return
		}
		p.rounds.Add(1)
		select {
		case p.beat <- struct{}{}:
		default:
		}
		<-tick.C
	}
}

// goesOn waits for n more rounds.
func (p *pulse) goesOn(t testing.TB, n int) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for range n {
		select {
		case <-p.beat:
		case <-p.ended:
			t.Fatalf("a flow that must go on ended: %v", p.err)
		case <-limit.C:
			t.Fatal("a flow that must go on stands still")
		}
	}
}

// endsWithin checks that the flow ends in time.
func (p *pulse) endsWithin(t testing.TB, d time.Duration) {
	t.Helper()
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-p.ended:
	case <-limit.C:
		t.Errorf("the flow still runs after %s", d)
	}
}
