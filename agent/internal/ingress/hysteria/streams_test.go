package hysteria

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/ingress/ingresstest"
)

// TestSlowReaderLeavesNothing: a client that does not read blocks the server's write; its flow ends from the other side,
// and then its connection goes. TestMain finds the goroutine if one stays.
func TestSlowReaderLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan *net.TCPConn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(c, ingresstest.Zeros{}) // until every buffer on the way is full
		sent <- c.(*net.TCPConn)
	}()
	c := r.connect(t, "user-a")
	conn, err := c.TCP(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	target := within(t, "full buffers", sent)
	_ = target.SetLinger(0)
	target.Close()                                     // a reset: what the client says next fails at the target
	if _, err := conn.Write([]byte("x")); err != nil { // and ends the other direction
		t.Fatal(err)
	}
	waitFor(t, func() bool { return r.in.flows.count() == 0 })
	c.Close()
	within(t, "end of the session", r.host.Session(t, "user-a").Ended)
}

// fakeStream notes its deadline.
type fakeStream struct {
	server.HyStream
	deadline time.Time
}

func (s *fakeStream) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func TestLingering(t *testing.T) {
	t.Parallel()
	var s streams
	var cut cutSet
	now := time.Now()
	c := newClient(nil, addrPort(&net.UDPAddr{}))
	old, fresh, late, stray := &fakeStream{}, &fakeStream{}, &fakeStream{}, &fakeStream{}
	c.linger(old, now.Add(-2*writeGrace))
	s.open(fresh, c)
	s.closed(fresh)
	if len(c.lingering) != 1 || c.lingering[0].stream != fresh {
		t.Errorf("%d streams linger, want the fresh one only", len(c.lingering))
	}
	if d := fresh.deadline.Sub(now); d < writeGrace/2 || d > 2*writeGrace {
		t.Errorf("grace of %v", d)
	}
	s.open(late, c)
	c.leave(&cut)
	s.closed(late)
	s.closed(stray)
	for name, f := range map[string]*fakeStream{"fresh": fresh, "late": late, "stray": stray} {
		if !f.deadline.Before(now) {
			t.Errorf("%s: a write may wait until %v after the connection has gone", name, f.deadline)
		}
	}
	if len(s.owners) != 0 {
		t.Errorf("%d streams are still listed", len(s.owners))
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}
