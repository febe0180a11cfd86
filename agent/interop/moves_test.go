package interop

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
)

// counted is an HTTP server that counts bytes as they pass its sockets.
type counted struct {
	url     string
	in, out atomic.Int64
}

func newSite(t *testing.T) *counted {
	t.Helper()
	s := &counted{}
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, r.Method+" "+strconv.FormatInt(n, 10))
	}))
	h.Listener = countingListener{h.Listener, s}
	h.Start()
	t.Cleanup(h.Close)
	s.url = h.URL
	return s
}

type countingListener struct {
	net.Listener
	to *counted
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.to}, err
}

type countingConn struct {
	net.Conn
	to *counted
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.to.in.Add(int64(n))
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	c.to.out.Add(int64(len(b))) // before: the client may have its answer before this returns
	n, err := c.Conn.Write(b)
	c.to.out.Add(int64(n - len(b)))
	return n, err
}

// bulk sends 32 MB through the proxy and gets them back; it returns how many bytes went each way.
func bulk(t *testing.T, proxy, target string) int64 {
	t.Helper()
	conn, err := foreigntest.DialSOCKS(proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	const blocks = 32
	want := sha256.New()
	for range blocks {
		want.Write(block)
	}
	go func() {
		for range blocks {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}()
	total := int64(blocks * len(block))
	sum := sha256.New()
	if n, err := io.CopyN(sum, conn, total); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if !bytes.Equal(sum.Sum(nil), want.Sum(nil)) {
		t.Error("bytes were changed on the way")
	}
	return total
}

// datagrams sends some that fit a packet and one that does not; it returns how many bytes went each way.
func datagrams(t *testing.T, proxy, target string) (moved int64) {
	t.Helper()
	a, err := foreigntest.AssociateSOCKS(proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 512, 1100, 3000} {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		if err := a.Send(msg, target); err != nil {
			t.Fatal(err)
		}
		got, from, err := a.Receive()
		if err != nil || from != target || !bytes.Equal(got, msg) {
			t.Fatalf("sent %d bytes, received %d from %s: %v", n, len(got), from, err)
		}
		moved += int64(n)
	}
	return moved
}

// running is a download that goes on until it is cut.
type running struct {
	conn  net.Conn
	bytes atomic.Int64
	ended chan struct{}
}

func download(t *testing.T, proxy, target string) *running {
	t.Helper()
	conn, err := foreigntest.DialSOCKS(proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{conn: conn, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		b := make([]byte, 32<<10)
		for {
			n, err := conn.Read(b)
			r.bytes.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-r.ended })
	r.progress(t)
	return r
}

// progress waits until more bytes have come.
func (r *running) progress(t *testing.T) {
	t.Helper()
	had := r.bytes.Load()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); r.bytes.Load() <= had; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the download stands still")
		}
	}
}

func (r *running) end(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatal("the download was not cut")
	}
}

// again tries until the client is let in: it may need a moment to notice that its connection is gone.
func again(t *testing.T, proxy, target string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		c, err := foreigntest.DialSOCKS(proxy, target)
		if err != nil {
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, _ := c.Read(make([]byte, 1))
		c.Close()
		if n > 0 {
			return
		}
	}
	t.Error("unsuspended, and never let in again")
}

// source sends without end.
func source(t *testing.T) string {
	b := make([]byte, 64<<10)
	return ingresstest.Serve(t, func(c *net.TCPConn) {
		tick := time.NewTicker(5 * time.Millisecond) // some 12 MB/s: many run at once here
		defer tick.Stop()
		for ; ; <-tick.C {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
}
