package httpproxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"culvert/agent/internal/ingress/ingresstest"
)

func longHeader() string { return strings.Repeat("a", 64<<10) }

func (r *rig) dialTLS(t *testing.T) *raw {
	t.Helper()
	c, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: r.roots, ServerName: "node.test", NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("negotiated %q", p)
	}
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return &raw{c, bufio.NewReader(c)}
}

// TestForwardedRequest shows the very bytes that the origin gets, and that they are what is counted.
func TestForwardedRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, requests := rawOrigin(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	c := r.dial(t)
	c.send(t, "GET http://u:p@"+addr+"/a%2Fb;c?q=1;2&%zz HTTP/1.1\r\nHost: other.example\r\n"+ann+
		"Proxy-Connection: keep-alive\r\nProxy-Made-Up: 1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"+
		"TE: gzip\r\nX-Forwarded-For: 192.0.2.9\r\nAccept: */*\r\n\r\n")
	if resp, body := c.answer(t, http.MethodGet); resp.StatusCode != http.StatusOK || body != "ok" {
		t.Fatalf("answer %d %q", resp.StatusCode, body)
	}
	got := within(t, "the request", requests)
	want := "GET /a%2Fb;c?q=1;2&%zz HTTP/1.1\r\nHost: " + addr + "\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.9\r\nConnection: close\r\n\r\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("origin got (-want +got):\n%s", d)
	}
	if up := r.host.Up.Load(); up != int64(len(got)) {
		t.Errorf("counted %d bytes up, origin got %d", up, len(got))
	}
	if down := r.host.Down.Load(); down != int64(len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) {
		t.Errorf("counted %d bytes down", down)
	}
}

func TestForwardedAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 299 Odd\r\nContent-Length: 6\r\nConnection: X-Hop\r\nX-Hop: 1\r\nProxy-Authenticate: Basic realm=\"origin\"\r\n"+
		"Keep-Alive: 5\r\nDate: Tue, 01 Sep 2026 00:00:00 GMT\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n<html>")
	c := r.dial(t)
	c.send(t, "GET http://"+addr+"/ HTTP/1.1\r\nHost: x\r\n"+ann+"\r\n")
	resp, body := c.answer(t, http.MethodGet)
	want := http.Header{"Content-Length": {"6"}, "Date": {"Tue, 01 Sep 2026 00:00:00 GMT"}, "Set-Cookie": {"a=1", "b=2"}}
	if d := cmp.Diff(want, resp.Header); d != "" || resp.StatusCode != 299 || body != "<html>" {
		t.Errorf("answer %d %q (-want +got):\n%s", resp.StatusCode, body, d)
	}
}

// TestCredentialsMayChange: each request is its sender's, also on a shared connection.
func TestCredentialsMayChange(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 204 No Content\r\n\r\n")
	c := r.dial(t)
	for _, user := range []string{"ann", "ann", "bob", "ann"} {
		c.send(t, "GET http://"+addr+"/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic "+b64(user+":secret")+"\r\n\r\n")
		if resp, _ := c.answer(t, http.MethodGet); resp.StatusCode != http.StatusNoContent {
			t.Fatalf("%s got %d", user, resp.StatusCode)
		}
	}
	var who []string
	for _, f := range r.host.Flows() {
		who = append(who, f.Principal.ID)
	}
	if d := cmp.Diff([]string{"ann", "ann", "bob", "ann"}, who); d != "" {
		t.Errorf("flows belong to (-want +got):\n%s", d)
	}
	s := r.host.Sessions()
	if len(s) != 3 {
		t.Fatalf("%d sessions, want 3", len(s))
	}
	within(t, "end of ann's first session", s[0].Ended)
	within(t, "end of bob's session", s[1].Ended)
	select {
	case <-s[2].Ended:
		t.Error("the session in use was ended")
	default:
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %v %v %v", len(b), r.TransferEncoding, r.Trailer, err)
	}))
	t.Cleanup(site.Close)
	host := strings.TrimPrefix(site.URL, "http://")
	for name, c := range map[string]struct {
		head, body string
		want       string
		first      int // status before the body is sent
	}{
		"length":              {"Content-Length: 5\r\n", "hello", "5 [] map[] <nil>", 0},
		"chunked":             {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", "5 [chunked] map[] <nil>", 0},
		"chunked and trailer": {"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", "5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n", "5 [chunked] map[X-Sum:[9]] <nil>", 0},
		"expect":              {"Content-Length: 5\r\nExpect: 100-continue\r\n", "hello", "5 [] map[] <nil>", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, `{}`)
			conn := r.dial(t)
			conn.send(t, "POST "+site.URL+"/ HTTP/1.1\r\nHost: "+host+"\r\n"+ann+c.head+"\r\n")
			if c.first != 0 {
				resp, err := http.ReadResponse(conn.r, nil)
				if err != nil || resp.StatusCode != c.first {
					t.Fatalf("first answer %v, %v", resp, err)
				}
			}
			conn.send(t, c.body)
			if resp, body := conn.answer(t, http.MethodPost); resp.StatusCode != http.StatusOK || body != c.want {
				t.Errorf("answer %d %q, want %q", resp.StatusCode, body, c.want)
			}
		})
	}
	t.Run("expectation refused", func(t *testing.T) {
		t.Parallel()
		conn := newRig(t, `{}`).dial(t)
		conn.send(t, "POST "+site.URL+"/no HTTP/1.1\r\nHost: "+host+"\r\n"+ann+"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		if resp, _ := conn.answer(t, http.MethodPost); resp.StatusCode != http.StatusExpectationFailed {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}

func TestHTTP10Client(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
	c := r.dial(t)
	c.send(t, "GET http://"+addr+"/ HTTP/1.0\r\n"+ann+"\r\n")
	all, err := io.ReadAll(c.r)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if body != "abcdef" || strings.Contains(head, "chunked") || !strings.HasPrefix(head, "HTTP/1.0 200") {
		t.Errorf("answer %q", all)
	}
}

// TestUpgrade: a WebSocket handshake in absolute form becomes a stream both ways, cut with its session.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr := ingresstest.Serve(t, func(c *net.TCPConn) {
		br := bufio.NewReader(c)
		req, err := http.ReadRequest(br)
		if err != nil || req.Header.Get("Upgrade") != "websocket" {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ")
		_, _ = io.Copy(c, br)
	})
	c := r.dial(t)
	c.send(t, "GET http://"+addr+"/ws HTTP/1.1\r\nHost: x\r\n"+ann+"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("answer %v, %v", resp, err)
	}
	c.send(t, "world")
	b := make([]byte, 11)
	if _, err := io.ReadFull(c.r, b); err != nil || string(b) != "hello world" {
		t.Fatalf("read %q, %v", b, err)
	}
	s := r.host.Sessions()[0]
	s.Cut()
	c.ended(t)
	within(t, "end of the session", s.Ended)
}

// TestBrokenAnswer: a client must be able to tell half an answer from a whole one.
func TestBrokenAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, _ := rawOrigin(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	c := r.dial(t)
	c.send(t, "GET http://"+addr+"/ HTTP/1.1\r\nHost: x\r\n"+ann+"\r\n")
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("half an answer looks whole")
	}
	for name, script := range map[string]string{"nothing": "", "garbage": "SMTP ready\r\n\r\n"} {
		addr, _ := rawOrigin(t, script)
		c := r.dial(t)
		c.send(t, "GET http://"+addr+"/ HTTP/1.1\r\nHost: x\r\n"+ann+"\r\n")
		if resp, _ := c.answer(t, http.MethodGet); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
}

func TestMaxForwards(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	addr, requests := rawOrigin(t, "HTTP/1.1 204 No Content\r\n\r\n")
	for _, c := range []struct {
		method, hops string
		status       int
		passed       string
	}{
		{"OPTIONS", "0", 200, ""},
		{"TRACE", "0", 405, ""},
		{"OPTIONS", "2", 204, "Max-Forwards: 1\r\n"},
		{"GET", "0", 204, "Max-Forwards: 0\r\n"},
		{"OPTIONS", "many", 204, "Max-Forwards: many\r\n"},
	} {
		conn := r.dial(t)
		conn.send(t, c.method+" http://"+addr+"/ HTTP/1.1\r\nHost: x\r\n"+ann+"Max-Forwards: "+c.hops+"\r\n\r\n")
		if resp, _ := conn.answer(t, c.method); resp.StatusCode != c.status {
			t.Errorf("%s with %s: status %d, want %d", c.method, c.hops, resp.StatusCode, c.status)
		}
		if c.passed == "" {
			continue
		}
		if got := within(t, "the request", requests); !strings.Contains(got, c.passed) {
			t.Errorf("%s with %s was passed on as\n%s", c.method, c.hops, got)
		}
	}
}
