package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/gateway"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/nodeapi/nodeapitest"
)

func TestNodeAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{})
	a := w.enrol(g, "ams1")
	w.panel.wanted = 3
	w.panel.update = &nodeapi.Update{Node: a.Node, Revision: 3, Subscribers: make([]nodeapi.Subscriber, 500)}
	var h nodeapi.HelloResponse
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Version: "1", Capability: 1, Clock: time.Now().UnixMilli()}, &h); p != nil || h.Node != a.Node || h.Wanted != 3 {
		t.Fatalf("hello: %+v, %v", h, p)
	}
	var u nodeapi.Update
	if p := a.Send(http.MethodGet, nodeapi.PathState+"?since=0", nil, &u); p != nil || u.Revision != 3 || len(u.Subscribers) != 500 {
		t.Fatalf("state: %d, %v", u.Revision, p)
	}
	if status := a.Status(nodeapi.PathState + "?since=3&hash=x"); status != http.StatusNotModified {
		t.Fatalf("nothing newer: %d", status)
	}
	if p := a.Post(nodeapi.PathAck, nodeapi.Ack{Revision: 3, Applied: true}, nil); p != nil || len(w.panel.acks) != 1 {
		t.Errorf("ack: %v", p)
	}
	var ack nodeapi.ReportAck
	if p := a.Post(nodeapi.PathReport, nodeapi.Report{Epoch: 1, Seq: 7}, &ack); p != nil || ack.Seq != 7 {
		t.Errorf("report: %v", p)
	}
	var lease nodeapi.LeaseResponse
	if p := a.Post(nodeapi.PathLease, nodeapi.LeaseRequest{Slices: []nodeapi.SliceUse{{Subscriber: "s"}}}, &lease); p != nil || len(lease.Allowances) != 1 {
		t.Errorf("lease: %v", p)
	}
	if p := a.Post(nodeapi.PathResult, nodeapi.JobResult{ID: "j", OK: true}, nil); p != nil || len(w.panel.results) != 1 {
		t.Errorf("result: %v", p)
	}
	csr := nodeapitest.CSR(t, nil)
	var renewed nodeapi.RenewResponse
	if p := a.Post(nodeapi.PathRenew, nodeapi.RenewRequest{CSR: csr}, &renewed); p != nil || !strings.Contains(renewed.Certificate, "BEGIN CERTIFICATE") {
		t.Errorf("renew: %v", p)
	}
}

func TestBadRequestsGetAClearError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{})
	a := w.enrol(g, "ams1")
	for name, c := range map[string]struct {
		method, path, body, code, path2 string
	}{
		"field":          {"POST", nodeapi.PathReport, `{"epoch":1,"seq":0}`, nodeapi.CodeInvalid, "seq"},
		"not JSON":       {"POST", nodeapi.PathReport, `hello`, nodeapi.CodeInvalid, ""},
		"cut JSON":       {"POST", nodeapi.PathReport, `{"epoch":`, nodeapi.CodeInvalid, ""},
		"wrong type":     {"POST", nodeapi.PathAck, `{"revision":"x"}`, nodeapi.CodeInvalid, ""},
		"two documents":  {"POST", nodeapi.PathAck, `{}{}`, nodeapi.CodeInvalid, ""},
		"oversized":      {"POST", nodeapi.PathAck, `{"reason":"` + strings.Repeat("x", 100<<10) + `"}`, nodeapi.CodeInvalid, ""},
		"huge":           {"POST", nodeapi.PathReport, `{"usage":[` + strings.Repeat(" ", 9<<20), nodeapi.CodeInvalid, ""},
		"since":          {"GET", nodeapi.PathState + "?since=-1", "", nodeapi.CodeInvalid, "since"},
		"no capability":  {"POST", nodeapi.PathHello, `{}`, nodeapi.CodeInvalid, "capability"},
		"unknown path":   {"POST", "/v1/other", `{}`, nodeapi.CodeInvalid, ""},
		"unknown method": {"DELETE", nodeapi.PathReport, ``, nodeapi.CodeInvalid, ""},
		"panel in need":  {"POST", nodeapi.PathReport, `{"epoch":1,"seq":99}`, nodeapi.CodeUnavailable, ""},
		"bad CSR":        {"POST", nodeapi.PathRenew, `{"csr":"x"}`, nodeapi.CodeInvalid, "csr"},
		"bad token":      {"POST", nodeapi.PathEnrol, `{"token":"x","csr":"x"}`, nodeapi.CodeInvalid, "csr"},
	} {
		p := a.Send(c.method, c.path, strings.NewReader(c.body), nil)
		if p == nil || p.Code != c.code || p.Path != c.path2 || p.Message == "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := a.Post(nodeapi.PathReport, nodeapi.Report{Epoch: 1, Seq: 1, Usage: make([]nodeapi.Usage, 10)}, nil); p != nil {
		t.Errorf("the connection does not survive bad requests: %v", p)
	}
}

// What the TLS layer cannot say, the answer says: over the API and over the queue.
func TestBadCertificatesGetAClearError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{})
	node, now := w.enrol(g, "ams1").Node, time.Now()
	other := newWorld(t)
	alien := other.enrol(other.gateway(gateway.Limits{}), "elsewhere").Cert
	for name, c := range map[string]struct {
		cert *tls.Certificate
		code string
		text string
	}{
		"none":          {nil, nodeapi.CodeCertificate, "certificate is needed"},
		"another panel": {alien, nodeapi.CodeCertificate, "not one of this panel's"},
		"expired":       {w.forge(node, now.Add(-48*time.Hour), now.Add(-24*time.Hour), true), nodeapi.CodeExpired, "enrol the node again"},
		"not yet valid": {w.forge(node, now.Add(24*time.Hour), now.Add(48*time.Hour), true), nodeapi.CodeClock, "one of the clocks is wrong"},
		"not listed":    {w.forge(node, now.Add(-time.Hour), now.Add(time.Hour), false), nodeapi.CodeRevoked, "revoked"},
	} {
		a := w.client(g, node, c.cert)
		if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p == nil || p.Code != c.code || !strings.Contains(p.Message, c.text) {
			t.Errorf("%s: the API says %+v", name, p)
		}
		q, err := a.Queue()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		line, _ := bufio.NewReader(q).ReadString('\n')
		if !strings.HasPrefix(line, "-ERR culvert: ") || !strings.Contains(line, c.text) {
			t.Errorf("%s: the queue says %q", name, line)
		}
		_ = q.Close()
	}
	good := w.client(g, node, w.forge(node, now.Add(-time.Hour), now.Add(time.Hour), true))
	if p := good.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("a listed certificate is refused: %v", p)
	}
}

func TestHeldStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.gateway(gateway.Limits{})
	a := w.enrol(g, "ams1")
	w.panel.wanted = 5
	s := w.watch(a)
	if f := <-s.Frames; f.Wanted != 5 {
		t.Fatalf("first frame says %d", f.Wanted)
	}
	var took []time.Duration
	for rev := int64(6); rev < 36; rev++ {
		notify(t, w.db, pg.ChannelRevision, fmt.Sprintf("%s %d", a.Node, rev))
		at := time.Now()
		for f := range s.Frames {
			if f.Wanted == rev {
				break
			}
		}
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	t.Logf("commit of a revision to frame: median %s, worst %s", took[15], took[29])
	if took[15] > 50*time.Millisecond {
		t.Errorf("median of %s from commit to frame", took[15])
	}
	eventually(t, 10*time.Second, "the heartbeat is stored", func() bool {
		n, err := w.fleet.Get(t.Context(), w.op, a.Node)
		return err == nil && n.Fault == "disk full" && n.Online
	})
	s.Silence()
	select {
	case <-s.Ended:
	case <-time.After(10 * heartbeat):
		t.Error("the stream of a silent node is held for ever")
	}
	eventually(t, 10*time.Second, "the node is offline", func() bool {
		n, err := w.fleet.Get(t.Context(), w.op, a.Node)
		return err == nil && !n.Online
	})
}

func notify(t testing.TB, db *pg.DB, channel, payload string) {
	t.Helper()
	if err := db.InSystem(context.Background(), func(tx *pg.Tx) error { return tx.Notify(context.Background(), channel, payload) }); err != nil {
		t.Fatal(err)
	}
}

// Revocation ends everything of the node, on every replica, within a second, and nothing of another node.
func TestRevokeEndsConnectionsEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.gateway(gateway.Limits{}), w.gateway(gateway.Limits{})
	a, b := w.enrol(one, "ams1"), w.enrol(one, "ams2")
	elsewhere := w.client(two, a.Node, a.Cert)
	streams := []*nodeapitest.Stream{w.watch(a), w.watch(elsewhere)}
	q, err := elsewhere.Queue()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(q, "*1\r\n$4\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 7)
	if _, err := io.ReadFull(q, line); err != nil || string(line) != "+PONG\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	others := w.watch(b)
	<-others.Frames
	if _, err := w.fleet.Revoke(t.Context(), w.op, a.Node, 0); err != nil {
		t.Fatal(err)
	}
	limit := time.After(time.Second)
	for i, s := range streams {
		select {
		case <-s.Ended:
		case <-limit:
			t.Errorf("stream %d outlives the revocation by a second", i)
		}
	}
	_ = q.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := q.Read(line); err == nil || isTimeout(err) {
		t.Errorf("queue connection after revocation: %v", err)
	}
	for _, x := range []*nodeapitest.Agent{a, elsewhere} {
		if p := x.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p == nil || p.Code != nodeapi.CodeRevoked {
			t.Errorf("after revocation: %+v", p)
		}
	}
	if p := b.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("the other node: %v", p)
	}
	select {
	case <-others.Ended:
		t.Error("the other node's stream ended")
	default:
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // as the deadline's error comes
	return ok && ne.Timeout()
}

// Without the notification, the sweep does it.
func TestSweepEndsWhatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.enrol(w.gateway(gateway.Limits{}), "ams1")
	s := w.watch(a)
	<-s.Frames
	err := w.db.InSystem(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE node_certificate SET revoked_at = now()")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	<-s.Ended
	if took := time.Since(at); took > 2500*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

func TestSuspendedNodesStayConnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.enrol(w.gateway(gateway.Limits{}), "ams1")
	if _, err := w.fleet.Suspend(t.Context(), w.op, a.Node, 0); err != nil {
		t.Fatal(err)
	}
	if p := a.Post(nodeapi.PathHello, nodeapi.Hello{Capability: 1}, nil); p != nil {
		t.Errorf("a suspended node cannot be told to stop serving: %v", p)
	}
}
