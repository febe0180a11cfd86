package pipe

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// splice lets the kernel move the bytes, from socket to pipe to socket. We drive it ourselves, because io.Copy tells how
// much has passed only when a whole pipe (1 MiB) is through: a slow reader would take minutes for that, and all of it
// would be free if the node were killed meanwhile. Here every piece counts when the destination has taken it.
func (p *Pump) splice(dst, src *net.TCPConn, w *waiter, g Gauge) error {
	s, err := newSplicer(dst, src, &p.pipes)
	if err != nil {
		return err
	}
	for {
		if end, err := w.wait(); end || err != nil {
			return err
		}
		end, err := s.step(src, g)
		if errors.Is(err, errNoPipe) {
			return p.stepped(dst, src, w, g)
		}
		if end || err != nil {
			return err
		}
	}
}

// errNoPipe: the process has no descriptors left. It comes before anything was taken.
var errNoPipe = errors.New("no kernel pipe")

// splicer is one direction between two sockets.
type splicer struct {
	from, to    syscall.RawConn
	pipes       *pipes
	fill, drain func(fd uintptr) bool // once, so that moving allocates nothing
	pace        stride

	pipe *kernelPipe // during a step
	want int         // of the next system call
	n    int         // what it moved
	err  error
}

func newSplicer(dst, src *net.TCPConn, pool *pipes) (*splicer, error) {
	from, err := src.SyscallConn()
	if err != nil {
		return nil, err
	}
	to, err := dst.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &splicer{from: from, to: to, pipes: pool}
	s.fill = func(fd uintptr) bool { return s.call(int(fd), s.pipe.w) }
	s.drain = func(fd uintptr) bool { return s.call(s.pipe.r, int(fd)) }
	return s, nil
}

// call reports whether it is done; if not, the socket has to be waited for. The other end, our pipe, never blocks: it is
// empty when it is filled, and nobody else drains it.
func (s *splicer) call(from, to int) bool {
	for {
		n, err := unix.Splice(from, nil, to, nil, s.want, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		s.n, s.err = int(max(n, 0)), err
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			s.err = os.NewSyscallError("splice", err)
			return true
		default:
			return true
		}
	}
}

// step moves one chunk, or what comes in one Step.
func (s *splicer) step(src *net.TCPConn, g Gauge) (end bool, err error) {
	if s.pipe = s.pipes.get(); s.pipe == nil {
		return false, errNoPipe
	}
	defer s.letGo()
	n, err := g.Take(s.pace.next(g.Chunk()))
	if err != nil {
		return false, err
	}
	begin := time.Now()
	if err := src.SetReadDeadline(begin.Add(Step)); err != nil {
		return false, errors.Join(err, g.Settle())
	}
	moved, err := s.move(n, g)
	s.pace.learn(n, moved, time.Since(begin))
	if serr := g.Settle(); serr != nil {
		return false, serr
	}
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
		return false, err
	}
	return false, src.SetReadDeadline(time.Time{})
}

func (s *splicer) letGo() {
	s.pipes.put(s.pipe)
	s.pipe = nil
}

// move moves up to n bytes, all of them counted; io.EOF when src has ended.
func (s *splicer) move(n int64, g Gauge) (moved int64, err error) {
	for moved < n {
		s.want = int(min(n-moved, pipeSize))
		if err := s.from.Read(s.fill); err != nil {
			return moved, err
		}
		if s.err != nil {
			return moved, s.err
		}
		if s.n == 0 {
			return moved, io.EOF
		}
		for s.pipe.held = s.n; s.pipe.held > 0; s.pipe.held -= s.n {
			s.want, s.n = s.pipe.held, 0
			if err := s.to.Write(s.drain); err != nil {
				return moved, err
			}
			if s.err != nil {
				return moved, s.err
			}
			moved += int64(s.n)
			g.Passed(int64(s.n))
		}
	}
	return moved, nil
}

// pipeSize is asked for; a kernel that is short of pipe memory gives less.
const pipeSize = 1 << 20

type kernelPipe struct {
	ends
	held    int // bytes in it
	dropped runtime.Cleanup
}

// ends is what must be closed.
type ends struct{ r, w int }

func (e ends) close() {
	_ = unix.Close(e.r)
	_ = unix.Close(e.w)
}

// pipes keeps kernel pipes between steps. What the garbage collector takes from it is closed.
type pipes struct{ pool sync.Pool }

// get returns an empty pipe; nil when there is none to have.
func (p *pipes) get() *kernelPipe {
	if k, ok := p.pool.Get().(*kernelPipe); ok {
		return k
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize) // a smaller one works, only slower
	k := &kernelPipe{ends: ends{fds[0], fds[1]}}
	k.dropped = runtime.AddCleanup(k, ends.close, k.ends)
	return k
}

// put takes a pipe back, or closes it when bytes of a broken flow are in it.
func (p *pipes) put(k *kernelPipe) {
	if k.held == 0 {
		p.pool.Put(k)
		return
	}
	k.dropped.Stop()
	k.close()
}
