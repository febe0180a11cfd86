// Package pipe copies bytes from one connection to another in steps, so that what passes is counted, paced and cut while
// it flows, at nearly the cost of a bare copy: between two TCP sockets the kernel does it (splice).
//
// A step ends by size or 250 ms after it began; within it, bytes count as the destination takes them, and its size follows
// the flow's own rate. So a reader that crawls is counted as it crawls, and holds little of its subscriber's allowance.
// Between steps, a silent direction waits for its socket to become readable and holds nothing: no buffer, no pipe, no timer.
package pipe

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Step bounds how long one step waits for bytes to come.
const Step = 250 * time.Millisecond

// Sizes of buffers. A direction that can be waited for holds one only while bytes come, so it may be wide: fewer system
// calls, and whole records for what seals them. The other kind holds its own for as long as it lives.
const (
	wideBuffer   = 128 << 10
	narrowBuffer = 32 << 10
)

// mostWide bounds the wide buffers in use at once, to 32 MiB: a destination that stops taking pins one. Beyond, directions
// use narrow ones, which cost system calls and no memory to speak of.
const mostWide = 256

// Gauge governs one direction of one flow. It is used by one goroutine.
type Gauge interface {
	// Chunk is how many bytes one step may move.
	Chunk() int64
	// Take waits until some of n bytes may pass and says how many; its error ends the flow.
	Take(n int64) (int64, error)
	// Passed counts bytes of the last Take. It may be called several times.
	Passed(n int64)
	// Settle follows every Take that did not fail: it gives back what did not pass and waits for the speed limit.
	Settle() error
}

// Pump copies. The zero Pump is ready to use; its buffers and pipes are shared by the copies that need one.
type Pump struct {
	wide, narrow sync.Pool // of *[wideBuffer]byte, *[narrowBuffer]byte
	pipes        pipes
	lent         atomic.Int64 // wide buffers
}

// get takes a buffer from its pool; the pointer is what goes back.
func get[T any](pool *sync.Pool) *T {
	if b, ok := pool.Get().(*T); ok {
		return b
	}
	return new(T)
}

// span lends a buffer for one step.
func (p *Pump) span() []byte {
	if p.lent.Add(1) > mostWide {
		p.lent.Add(-1)
		return get[[narrowBuffer]byte](&p.narrow)[:]
	}
	return get[[wideBuffer]byte](&p.wide)[:]
}

// back takes a span back.
func (p *Pump) back(b []byte) {
	if len(b) != wideBuffer {
		p.narrow.Put((*[narrowBuffer]byte)(b))
		return
	}
	p.wide.Put((*[wideBuffer]byte)(b))
	p.lent.Add(-1)
}

// Copy moves bytes from src to dst until src ends (nil) or something fails. It leaves both open.
func (p *Pump) Copy(dst, src net.Conn, g Gauge) error {
	raw := rawOf(src)
	if raw == nil {
		return p.plain(dst, src, g)
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return err
	}
	w := newWaiter(rc)
	s, stcp := src.(*net.TCPConn)
	if d, dtcp := dst.(*net.TCPConn); stcp && dtcp {
		return p.splice(d, s, w, g)
	}
	return p.stepped(dst, src, w, g)
}

// rawOf finds the TCP socket under c, through TLS and whatever else says what it runs over. Such a connection goes on after
// a read that timed out, and has then handed over all that it took from its socket and could decrypt.
func rawOf(c net.Conn) *net.TCPConn {
	for {
		switch t := c.(type) {
		case *net.TCPConn:
			return t
		case interface{ NetConn() net.Conn }: // *tls.Conn, a Shadowsocks stream
			c = t.NetConn()
		default:
			return nil
		}
	}
}

// stepped copies through a buffer where one side is not plain TCP. A read that times out has emptied whatever src keeps
// inside (decrypted TLS records), so only then is the socket waited for.
func (p *Pump) stepped(dst, src net.Conn, w *waiter, g Gauge) error {
	var pace stride
	for {
		quiet, err := p.step(dst, src, g, &pace)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if !quiet {
			continue
		}
		if _, err := w.wait(); err != nil {
			return err
		}
	}
}

// step moves up to one chunk. quiet means that nothing more came in time.
func (p *Pump) step(dst, src net.Conn, g Gauge, pace *stride) (quiet bool, err error) {
	b := p.span()
	defer p.back(b)
	if err := src.SetReadDeadline(time.Now().Add(Step)); err != nil {
		return false, err
	}
	for left := g.Chunk(); left > 0 && err == nil; {
		var n int
		if n, err = src.Read(b[:pace.next(min(int64(len(b)), left))]); n > 0 {
			left -= int64(n)
			if werr := move(dst, b[:n], g, pace); werr != nil {
				return false, werr
			}
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		quiet, err = true, nil
	}
	if err == nil {
		err = src.SetReadDeadline(time.Time{})
	}
	return quiet, err
}

// plain copies from a connection that cannot be waited for without reading.
func (p *Pump) plain(dst, src net.Conn, g Gauge) error {
	b := get[[narrowBuffer]byte](&p.narrow)
	defer p.narrow.Put(b)
	var pace stride
	for {
		n, err := src.Read(b[:pace.next(min(narrowBuffer, g.Chunk()))])
		if n > 0 {
			if werr := move(dst, b[:n], g, &pace); werr != nil {
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// move writes b as far as and as fast as g lets it.
func move(dst io.Writer, b []byte, g Gauge, pace *stride) error {
	for len(b) > 0 {
		n, err := g.Take(int64(len(b)))
		if err != nil {
			return err
		}
		begin := time.Now()
		w, werr := dst.Write(b[:n])
		pace.learn(n, int64(w), time.Since(begin))
		g.Passed(int64(w))
		if err := g.Settle(); err != nil {
			return err
		}
		if werr != nil {
			return werr
		}
		b = b[w:]
	}
	return nil
}

// CloseWrite passes an end of stream on to c; false when c cannot.
func CloseWrite(c net.Conn) (bool, error) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return true, h.CloseWrite()
	}
	return false, nil
}

// Abort closes c at once, without farewell and without waiting: a reset for TCP, also under TLS.
func Abort(c net.Conn) {
	if a, ok := c.(interface{ Abort() }); ok { // a connection of the packet tunnel
		a.Abort()
		return
	}
	if t := rawOf(c); t != nil {
		_ = t.SetLinger(0) // best effort: without it, the peer sees an ordinary end
		_ = t.Close()
		return
	}
	_ = c.Close()
}
