package httpproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/agent/internal/ingress/ingresstest"
)

const soon = 5 * time.Second // far more than anything here takes

const ann = "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n" // ann:secret

// raw is a client that sends exactly what a test says.
type raw struct {
	net.Conn
	r *bufio.Reader
}

func (r *rig) dial(t *testing.T) *raw {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	return &raw{c, bufio.NewReader(c)}
}

func (c *raw) send(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// answer reads one answer to a request of method and its whole body.
func (c *raw) answer(t *testing.T, method string) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer: %v", err)
	}
	if method == http.MethodConnect && resp.StatusCode == http.StatusOK {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	return resp, string(body)
}

// ended checks that the server closes the connection.
func (c *raw) ended(t *testing.T) {
	t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		t.Fatalf("connection is open and sent %q", b)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("connection is still open")
	}
}

func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(soon):
		t.Fatalf("%s did not happen in %v", what, soon)
		panic("unreachable")
	}
}

// origin is a server that answers with script and hands over the bytes of each request's header.
func rawOrigin(t testing.TB, script string) (addr string, requests <-chan string) {
	t.Helper()
	ch := make(chan string, 16)
	return ingresstest.Serve(t, func(c *net.TCPConn) {
		r := bufio.NewReader(c)
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		ch <- head.String()
		_, _ = io.WriteString(c, script)
	}), ch
}
