package ingresstest

import (
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"culvert/shared/unit"
)

// The limit of the test: low, so that no machine is what holds the bytes up.
const (
	paceLimit  = 8 * unit.Mbit
	paceFlows  = 2
	paceWindow = 2 * time.Second
)

// pace: both directions of a subscriber keep to their limits, each for itself, whatever the number of connections; these
// get equal shares; and nobody else waits behind them. The long form (make soak) asks for the limit within 5 % over 10 s;
// the short one cannot blame a busy machine for too little, so it looks for too much, and for a connection that starves.
func pace(t *testing.T, h Harness) {
	u, other := NewUser("limited"), NewUser("other")
	u.Row.SpeedDown, u.Row.SpeedUp = paceLimit, paceLimit
	w := NewWorld(t, h, u, other)
	long := os.Getenv("CULVERT_TEST_SOAK") != ""
	window := paceWindow
	if long {
		window = 10 * time.Second
	}
	var up, down [paceFlows]atomic.Int64
	next := atomic.Int64{}
	both := Serve(t, func(c *net.TCPConn) {
		i := next.Add(1) - 1
		if i >= paceFlows {
			return
		}
		go pour(c)
		count(c, &up[i])
	})
	for i := range paceFlows {
		c := w.Dial(u, both)
		t.Cleanup(func() {
			_ = c.SetDeadline(time.Now()) // a QUIC stream's Close does not end a write that waits
			_ = c.Close()
		})
		go pour(c)
		go count(c, &down[i])
	}
	at, before := settle(t, &up, &down)
	p := newPulse(t, w.Dial(other, Echo(t)))
	<-time.After(window)
	taken, got := time.Since(at).Seconds(), [2]int64{total(&up), total(&down)}
	if n := p.rounds.Load(); n < 10 {
		t.Errorf("another subscriber got %d small answers in %.1f s", n, taken)
	}
	for _, d := range []struct {
		name  string
		flows *[paceFlows]atomic.Int64
		moved int64
	}{{"up", &up, got[0] - before[0]}, {"down", &down, got[1] - before[1]}} {
		want, got := float64(paceLimit.PerSecond())*taken, float64(d.moved)
		const burst = 0.3 // seconds' worth that an idle limit saves up, and a packet
		if most := want * 1.05; got > most && (long || got > want+burst*float64(paceLimit.PerSecond())) {
			t.Errorf("%s: %.0f bytes in %.2f s, the limit allows %.0f", d.name, got, taken, want)
		}
		if long && got < want*0.95 {
			t.Errorf("%s: only %.0f bytes in %.2f s of the %.0f that the limit allows", d.name, got, taken, want)
		}
		for i := range d.flows {
			if share := float64(d.flows[i].Load()) / float64(total(d.flows)); share < 0.25 {
				t.Errorf("%s: connection %d of %d got %.0f %% of the traffic", d.name, i, paceFlows, share*100)
			}
		}
	}
}

// settle waits until every flow moves in both directions and what the limits had saved up is spent, and returns the
// instant with what was moved until then.
func settle(t *testing.T, up, down *[paceFlows]atomic.Int64) (at time.Time, moved [2]int64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	saved := int64(paceLimit.PerSecond()) / 2
	for total(up) < saved || total(down) < saved {
		if time.Now().After(deadline) {
			t.Fatalf("only %d bytes up and %d down have moved", total(up), total(down))
		}
		<-tick.C
	}
	return time.Now(), [2]int64{total(up), total(down)}
}

func total(flows *[paceFlows]atomic.Int64) (n int64) {
	for i := range flows {
		n += flows[i].Load()
	}
	return n
}

// pour writes until the connection ends.
func pour(c net.Conn) {
	block := make([]byte, 16<<10)
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// count reads until the connection ends.
func count(c net.Conn, n *atomic.Int64) {
	block := make([]byte, 64<<10)
	for {
		m, err := c.Read(block)
		n.Add(int64(m))
		if err != nil {
			return
		}
	}
}
