package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/api"
	"culvert/panel/internal/identity"
)

func TestRequestsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, identity.Rate{PerSecond: 0.001, Burst: 6}, nil)
	auth := w.signIn(t, w.Operator, "", "ann")
	from := func(address string) map[string]string { return map[string]string{addressHeader: address} }
	key := w.key(t, auth)
	for i := range 5 { // the sixth with the key's making, from ever other addresses
		w.want(t, 200, call{method: "GET", path: "/me", auth: auth, header: from("192.0.2." + strconv.Itoa(i+1))})
	}
	r := w.want(t, 429, call{method: "GET", path: "/me", auth: auth, header: from("192.0.2.9")})
	if s, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || s < 1 || r.header.Get("Content-Type") != "application/problem+json" || r.body["trace"] == nil {
		t.Errorf("Retry-After %q, %s", r.header.Get("Retry-After"), r.raw)
	}
	w.want(t, 200, call{method: "GET", path: "/me", auth: key, header: from("192.0.2.9")}) // another credential
	last := 0
	for i := range 13 { // one network, whatever is asked
		last = w.do(t, call{method: "GET", path: "/nope", header: from("2001:db8::" + strconv.Itoa(i+1))}).status
	}
	if last != 429 {
		t.Errorf("the thirteenth request of one network: %d", last)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Operator, "", "ann")
	chain := strings.Repeat("x", 60_000)
	big := func(n int) string { return `{"name":"c","chain":"` + strings.Repeat("x", n) + `"}` }
	for name, c := range map[string]struct {
		call   call
		status int
	}{
		"larger than what is read before": {call{method: "POST", path: "/certificates", auth: auth, body: map[string]any{"name": "c1", "chain": chain, "key": "x"}}, 422},
		"larger than allowed":             {call{method: "POST", path: "/certificates", auth: auth, body: big(1 << 20)}, 413},
		"a stranger's":                    {call{method: "POST", path: "/certificates", body: big(api.PreRead)}, 413},
		"at sign-in":                      {call{method: "POST", path: "/sessions", body: big(api.PreRead)}, 413},
		"with a wrong token":              {call{method: "POST", path: "/certificates", auth: "Bearer x", body: big(1 << 20)}, 401},
		"to nowhere":                      {call{method: "POST", path: "/nope", auth: auth, body: big(2 << 20)}, 413},
		"compressed":                      {call{method: "POST", path: "/plans", auth: auth, body: "{}", header: map[string]string{"Content-Encoding": "gzip"}}, 415},
		"a compressed sign-in":            {call{method: "POST", path: "/sessions", body: "{}", header: map[string]string{"Content-Encoding": "br"}}, 415},
		"under an Idempotency-Key":        {call{method: "POST", path: "/certificates", auth: auth, body: big(100_000), header: map[string]string{"Idempotency-Key": "k1"}}, 422},
		"the same, again":                 {call{method: "POST", path: "/plans", auth: auth, body: map[string]any{"name": "p"}, header: map[string]string{"Idempotency-Key": "k2"}}, 201},
		"where none is wanted":            {call{method: "GET", path: "/plans", auth: auth, body: big(100_000)}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.want(t, c.status, c.call)
			if c.status >= 400 && (r.header.Get("Content-Type") != "application/problem+json" || r.body["trace"] == nil) {
				t.Errorf("%s: %s", r.header.Get("Content-Type"), r.raw)
			}
		})
	}
}

// What is left of a body that nobody read must not be taken for a request: on a real connection, the one that carried it
// ends, and what looked like a second request in it is not answered.
func TestABodyIsNeverARequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Operator, "", "ann")
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.app.Listener(ln) }()
	t.Cleanup(func() {
		_ = w.app.Shutdown()
		<-done
	})
	hidden := "GET " + api.Prefix + "/plans HTTP/1.1\r\nHost: x\r\nAuthorization: " + auth + "\r\n\r\n"
	filler := strings.Repeat("x", api.PreRead+100)
	for name, body := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s%s", len(filler)+len(hidden), filler, hidden),
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", len(filler), filler, len(hidden), hidden),
	} {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST "+api.Prefix+"/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+body); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
			t.Errorf("%s: %d, closing %v", name, resp.StatusCode, resp.Close)
		}
		if rest, _ := io.ReadAll(r); len(rest) > 0 {
			t.Errorf("%s: the body was answered as a request: %.80s", name, rest)
		}
		_ = conn.Close()
	}
}
