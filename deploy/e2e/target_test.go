package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// target is a server on loopback that counts every byte of its connections: the truth that the ledger is held against.
type target struct {
	addr     string
	in, out  atomic.Int64 // in: from subscribers (up), out: to subscribers (down)
	datagram *net.UDPConn
}

type countedListener struct {
	net.Listener
	t *target
}

func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{c, l.t}, nil
}

type countedConn struct {
	net.Conn
	t *target
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.t.in.Add(int64(n))
	return n, err
}

func (c countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.t.out.Add(int64(n))
	return n, err
}

// newTarget serves GET /bytes/N (N bytes), GET /slow (bytes without end, one chunk each 10 ms), POST / (reads a body),
// and echoes datagrams on the same port.
func newTarget(t testing.TB) *target {
	t.Helper()
	return newTargetOn(t, "127.0.0.1")
}

// newTargetOn is newTarget on another address of this machine.
func newTargetOn(t testing.TB, host string) *target {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	x := &target{addr: ln.Addr().String()}
	if x.datagram, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(ln.Addr().(*net.TCPAddr).AddrPort())); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.ParseInt(r.PathValue("n"), 10, 64)
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.CopyN(w, zeros{}, n)
	})
	mux.HandleFunc("GET /slow", trickle)
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(countedListener{ln, x}) })
	wg.Go(x.echo)
	t.Cleanup(func() {
		_ = srv.Close()
		_ = x.datagram.Close()
		wg.Wait()
	})
	return x
}

// trickle sends a chunk every 10 ms until the client is gone.
func trickle(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	chunk := make([]byte, 4096)
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func (x *target) echo() {
	b := make([]byte, 65535)
	for {
		n, from, err := x.datagram.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		x.in.Add(int64(n))
		if m, err := x.datagram.WriteToUDPAddrPort(b[:n], from); err == nil {
			x.out.Add(int64(m))
		}
	}
}

func (x *target) url(path string) string { return "http://" + x.addr + path }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// stream is a download that runs until it is cut; last tells when it last moved.
type stream struct {
	last atomic.Int64 // Unix nanoseconds
	n    atomic.Int64
	done chan struct{}
	err  error
}

// follow reads a response body to its end.
func follow(ctx context.Context, client *http.Client, url string) (*stream, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	s := &stream{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer resp.Body.Close()
		b := make([]byte, 32<<10)
		for {
			n, err := resp.Body.Read(b)
			if n > 0 {
				s.n.Add(int64(n))
				s.last.Store(time.Now().UnixNano())
			}
			if err != nil {
				s.err = err
				return
			}
		}
	}()
	return s, nil
}
