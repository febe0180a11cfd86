package pipe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tally is a gauge without limits, or with a fixed amount.
type tally struct {
	chunk int64
	left  atomic.Int64 // negative: no limit
	moved atomic.Int64
	steps atomic.Int64
}

var errSpent = errors.New("spent")

func newTally(chunk, limit int64) *tally {
	g := &tally{chunk: chunk}
	g.left.Store(limit)
	return g
}

func (g *tally) Chunk() int64 { return g.chunk }

func (g *tally) Take(n int64) (int64, error) {
	l := g.left.Load()
	if l == 0 {
		return 0, errSpent
	}
	if l > 0 {
		n = min(n, l)
	}
	return n, nil
}

func (g *tally) Passed(n int64) {
	if g.left.Load() > 0 {
		g.left.Add(-n)
	}
	g.moved.Add(n)
}

func (g *tally) Settle() error {
	g.steps.Add(1)
	return nil
}

// tcpPair is two ends of one TCP connection.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// tlsPair is a client and a server end; the server end is what a node has.
func tlsPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a, b := tcpPair(t)
	s := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	c := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	go func() { done <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return c, s
}

func pipePair(testing.TB) (a, b net.Conn) { return net.Pipe() }

func TestCopyIsExact(t *testing.T) {
	t.Parallel()
	tcp := func(t testing.TB) (net.Conn, net.Conn) { a, b := tcpPair(t); return a, b }
	for _, c := range []struct {
		name     string
		in, out  func(testing.TB) (net.Conn, net.Conn)
		size     int
		halfOpen bool
	}{
		{"tcp to tcp", tcp, tcp, 9 << 20, true},
		{"tls to tcp", tlsPair, tcp, 5 << 20, true},
		{"tcp to tls", tcp, tlsPair, 5 << 20, true},
		{"pipe to pipe", pipePair, pipePair, 1 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, src := c.in(t)
			dst, target := c.out(t)
			data := make([]byte, c.size)
			_, _ = rand.Read(data)
			sum := sha256.New()
			got := make(chan int64, 1)
			go func() {
				n, _ := io.Copy(sum, target)
				got <- n
			}()
			go func() {
				_, _ = client.Write(data)
				if ok, _ := CloseWrite(client); !ok {
					client.Close()
				}
			}()
			g := newTally(1<<20, -1)
			if err := new(Pump).Copy(dst, src, g); err != nil {
				t.Fatal(err)
			}
			if ok, _ := CloseWrite(dst); !ok {
				dst.Close()
			}
			if n := <-got; n != int64(c.size) || g.moved.Load() != n || !bytes.Equal(sum.Sum(nil), hash(data)) {
				t.Errorf("%d arrived, %d counted, of %d", n, g.moved.Load(), c.size)
			}
			for _, x := range []net.Conn{client, src, dst, target} {
				x.Close()
			}
		})
	}
}

func hash(b []byte) []byte { h := sha256.Sum256(b); return h[:] }

// Slow bytes are counted within a step of their passing, and the copy goes on after silence.
func TestSlowFlowIsCountedAsItGoes(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		var client, src net.Conn
		if secure {
			client, src = tlsPair(t)
		} else {
			client, src = tcpPair(t)
		}
		dst, target := tcpPair(t)
		g := newTally(4<<20, -1)
		done := make(chan error, 1)
		go func() { done <- new(Pump).Copy(dst, src, g) }()
		buf := make([]byte, 16)
		tick := time.NewTicker(Step + Step/2)
		for i := range int64(3) {
			if _, err := client.Write([]byte("four")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(target, buf[:4]); err != nil {
				t.Fatal(err)
			}
			<-tick.C
			if n := g.moved.Load(); n != 4*(i+1) {
				t.Errorf("secure %v: %d counted after %d", secure, n, 4*(i+1))
			}
		}
		tick.Stop()
		client.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCopyStopsAtTheAllowance(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	client, src := tcpPair(t)
	dst, target := tcpPair(t)
	go func() { _, _ = client.Write(make([]byte, 1<<20)) }()
	got := make(chan int64, 1)
	go func() { n, _ := io.Copy(io.Discard, target); got <- n }()
	g := newTally(1<<20, limit)
	if err := new(Pump).Copy(dst, src, g); !errors.Is(err, errSpent) {
		t.Fatal(err)
	}
	dst.Close()
	if n := <-got; n != limit || g.moved.Load() != limit {
		t.Errorf("%d passed, %d counted, %d allowed", n, g.moved.Load(), limit)
	}
	src.Close()
}

// A silent direction has no deadline, so no timer; and it is woken by an end and by a cut.
func TestIdleWaitsForTheSocketOnly(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"end", "cut"} {
		client, src := tcpPair(t)
		dst, _ := tcpPair(t)
		g := newTally(1<<20, -1)
		done := make(chan error, 1)
		go func() { done <- new(Pump).Copy(dst, src, g) }()
		idle := time.NewTimer(3 * Step)
		select {
		case err := <-done:
			t.Fatalf("an idle copy ended: %v", err)
		case <-idle.C:
		}
		if n := g.steps.Load(); n != 0 {
			t.Errorf("%d steps without a byte", n)
		}
		if how == "cut" {
			Abort(src)
		} else {
			client.Close()
		}
		if err := <-done; (err == nil) != (how == "end") {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestAbortResets(t *testing.T) {
	t.Parallel()
	client, server := tlsPair(t)
	// The peer reads nothing and our buffers are full: a polite TLS close would wait here.
	if err := server.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := server.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	Abort(server)
	_, err := io.Copy(io.Discard, client.(*tls.Conn).NetConn())
	if !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the peer saw %v", err)
	}
}

// BenchmarkRelay compares a bare io.Copy between two TCP sockets with ours, in turns, so that a busy machine burdens both
// alike. Targets: throughput at least 0.9, CPU per GB at most 1.15.
func BenchmarkRelay(b *testing.B) {
	bare := func(dst, src *net.TCPConn) error { _, err := io.Copy(dst, src); return err }
	ours := func(dst, src *net.TCPConn) error { return new(Pump).Copy(dst, src, newTally(4<<20, -1)) }
	var wall, cpu [2]time.Duration
	b.SetBytes(2 * relayed)
	for b.Loop() {
		for i, copy := range []func(dst, src *net.TCPConn) error{bare, ours} {
			w, c := relay(b, copy)
			wall[i] += w
			cpu[i] += c
		}
	}
	gb := float64(b.N) * relayed / 1e9
	b.ReportMetric(wall[0].Seconds()/wall[1].Seconds(), "throughput-ratio")
	b.ReportMetric(cpu[1].Seconds()/cpu[0].Seconds(), "cpu-ratio")
	b.ReportMetric(cpu[1].Seconds()/gb, "cpu-s/GB")
}

const relayed = 256 << 20

// relay sends relayed bytes through copy and returns what that took, of time and of the whole process's CPU.
func relay(b *testing.B, copy func(dst, src *net.TCPConn) error) (wall, cpu time.Duration) {
	client, src := tcpPair(b)
	dst, target := tcpPair(b)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 256<<10)
		for {
			if _, err := target.Read(buf); err != nil {
				return
			}
		}
	}()
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	begin := time.Now()
	go func() {
		block := make([]byte, 256<<10)
		for range relayed / len(block) {
			if _, err := client.Write(block); err != nil {
				return
			}
		}
		client.Close()
	}()
	if err := copy(dst, src); err != nil {
		b.Fatal(err)
	}
	dst.Close()
	<-done
	wall = time.Since(begin)
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	return wall, time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
}

// stuffed is a destination that takes nothing until it is closed.
type stuffed struct {
	net.Conn
	reached chan<- int // told how much is written at once
	closed  <-chan struct{}
}

func (s *stuffed) Write(b []byte) (int, error) {
	s.reached <- len(b)
	<-s.closed
	return 0, net.ErrClosed
}

// Destinations that stop taking pin a bounded number of wide buffers, and flows beside them go on.
func TestStalledFlowsHoldLittle(t *testing.T) {
	t.Parallel()
	const flows = mostWide + 40
	p, reached, closed, done := new(Pump), make(chan int), make(chan struct{}), make(chan error, flows)
	block := make([]byte, wideBuffer)
	for range flows {
		client, src := tcpPair(t)
		go func() { _, _ = client.Write(block) }()
		go func() { done <- p.Copy(&stuffed{reached: reached, closed: closed}, src, newTally(4<<20, -1)) }()
	}
	for range flows {
		<-reached
	}
	if n := p.lent.Load(); n != mostWide {
		t.Errorf("%d wide buffers are out, the bound is %d", n, mostWide)
	}
	client, src := tcpPair(t)
	dst, target := pipePair(t)
	go func() { done <- p.Copy(dst, src, newTally(4<<20, -1)) }()
	go func() { _, _ = client.Write(block) }()
	if n, err := io.ReadFull(target, make([]byte, len(block))); err != nil {
		t.Errorf("a flow beside them: %d bytes, %v", n, err)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Errorf("a flow beside them: %v", err)
	}
	close(closed)
	for range flows {
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a stalled flow: %v", err)
		}
	}
	if n := p.lent.Load(); n != 0 {
		t.Errorf("%d wide buffers are out at the end", n)
	}
}
