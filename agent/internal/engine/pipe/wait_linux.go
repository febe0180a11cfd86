package pipe

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// waiter waits until a socket is readable without reading from it. The runtime's poller is edge-triggered, so each wait
// looks first, and sleeps only when there is nothing.
type waiter struct {
	rc   syscall.RawConn
	look func(fd uintptr) bool
	one  [1]byte
	end  bool
}

func newWaiter(rc syscall.RawConn) *waiter {
	w := &waiter{rc: rc}
	w.look = w.peek // once, so that waiting allocates nothing
	return w
}

// peek reports whether there is something to read: data, an end, or an error for the read to find.
func (w *waiter) peek(fd uintptr) bool {
	for {
		n, _, err := unix.Recvfrom(int(fd), w.one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		default:
			w.end = err == nil && n == 0
			return true
		}
	}
}

// wait returns when the socket can be read from; end tells that its peer has finished.
func (w *waiter) wait() (end bool, err error) {
	w.end = false
	err = w.rc.Read(w.look)
	return w.end, err
}
