package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/fleet"
	"culvert/panel/internal/gateway"
	"culvert/shared/nodeapi"
	"culvert/shared/nodeapi/nodeapitest"
)

func TestBoundsPerNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{PerNode: 2, Requests: 10, AtOnce: 2})
	a, b := w.enrol(g, "ams1"), w.enrol(g, "ams2")
	w.panel.mu.Lock()
	w.panel.block = make(chan struct{})
	block := w.panel.block
	w.panel.mu.Unlock()
	answers := make(chan *nodeapi.Problem, 2)
	for seq := range int64(2) {
		go func() { answers <- a.Post(nodeapi.PathReport, nodeapi.Report{Epoch: 1, Seq: seq + 1}, nil) }()
	}
	eventually(t, 5*time.Second, "two requests are under way", func() bool {
		w.panel.mu.Lock()
		defer w.panel.mu.Unlock()
		return len(w.panel.reports) == 2
	})
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p == nil || p.Code != nodeapi.CodeTooMany {
		t.Errorf("a third request at once: %+v", p)
	}
	if p := b.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("the other node: %v", p)
	}
	close(block)
	for range 2 {
		if p := <-answers; p != nil {
			t.Errorf("request under way: %v", p)
		}
	}
	refused := 0
	for range 40 {
		if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil && p.Code == nodeapi.CodeTooMany {
			refused++
		}
	}
	if refused == 0 {
		t.Error("40 requests pass at 10 a second")
	}
	first := w.client(g, b.Node, b.Cert)
	s := w.watch(first)
	for range 2 {
		w.watch(w.client(g, b.Node, b.Cert))
	}
	select {
	case <-s.Ended:
	case <-time.After(5 * time.Second):
		t.Error("a third connection did not end the oldest")
	}
}

// A source that opens connections and says nothing keeps nobody else out.
func TestSilentStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{Strangers: 16})
	a := w.enrol(g, "ams1")
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Fatal(p)
	}
	var d net.Dialer
	for range 30 {
		c, err := d.DialContext(t.Context(), "tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("a node that is connected: %v", p)
	}
	plain, err := d.DialContext(t.Context(), "tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	if _, err := io.WriteString(plain, "GET / HTTP/1.1\r\n\r\n"); err == nil {
		_ = plain.SetReadDeadline(time.Now().Add(5 * time.Second))
		b, err := io.ReadAll(plain)
		if isTimeout(err) || strings.Contains(string(b), "HTTP/1.1 200") {
			t.Errorf("plain HTTP is answered %q, %v", b, err)
		}
	}
}

// Strangers who hold every place keep no node out: the newcomer gets the place of the oldest of them.
func TestNewcomersGetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const places = 16
	g := w.gateway(gateway.Limits{Strangers: places})
	a := w.enrol(g, "ams1")
	fill := func(each int) {
		for i := range 8 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i))}}
			for range each {
				c, err := d.DialContext(t.Context(), "tcp", g.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
			}
		}
	}
	for round, each := range []int{places / 8, 3 * places / 8} {
		fill(each)
		if p := w.client(g, a.Node, a.Cert).Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
			t.Errorf("round %d: a node that connects anew: %v", round, p)
		}
	}
}

func TestEnrolmentIsPaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.client(w.gateway(gateway.Limits{}), "", nil)
	csr := nodeapitest.CSR(t, nil)
	codes := map[string]int{}
	for range 15 {
		p := a.Post(nodeapi.PathEnrol, nodeapi.EnrolRequest{Token: "cvt_guess", CSR: csr}, nil)
		codes[p.Code]++
	}
	if codes[nodeapi.CodeDenied] < 10 || codes[nodeapi.CodeTooMany] == 0 {
		t.Errorf("answers are %v", codes)
	}
}

func TestCloseEndsHeldStreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{})
	a := w.enrol(g, "ams1")
	s := w.watch(a)
	<-s.Frames
	at := time.Now()
	if err := g.Close(context.Background()); err != nil {
		t.Error(err)
	}
	<-s.Ended
	if took := time.Since(at); took > 5*time.Second {
		t.Errorf("closing took %s", took)
	}
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.redis.Kill()
	a := w.enrol(w.gateway(gateway.Limits{}), "ams1")
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("the node API needs Redis: %v", p)
	}
	var n *fleet.Node
	n, err := w.fleet.Get(t.Context(), w.op, a.Node)
	if err != nil || n.Status != fleet.StatusActive {
		t.Errorf("%v, %v", n, err)
	}
	raw, err := json.Marshal(n)
	if err != nil || !strings.Contains(string(raw), `"online":true`) {
		t.Errorf("node is %s, %v", raw, err)
	}
}
