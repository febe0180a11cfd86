// Package listen shares listening sockets by address, so that a new ingress takes over a port from the old one without a
// gap: no connection is refused and no datagram is lost while both exist.
//
// Each caller gets a handle of its own: a duplicate descriptor of one kernel socket. Closing a handle wakes and ends its
// own Accept or Read only; the kernel socket goes with the last handle. While two handles are open, either may receive
// the next connection or datagram.
package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"culvert/shared/nodeapi"
)

// Pool shares sockets. The zero Pool is ready to use.
type Pool struct {
	mu      sync.Mutex
	sockets map[key]*socket
}

type key struct {
	network string // tcp or udp
	addr    netip.AddrPort
}

// socket is one kernel socket and how many handles share it.
type socket struct {
	base syscall.Conn // the first descriptor: never read or accepted from, only duplicated
	end  func() error
	refs int
}

// Listen returns a handle on the TCP listener of address, which is "address:port" or ":port".
func (p *Pool) Listen(network, address string) (net.Listener, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("listen on %s: network must be tcp", address)
	}
	f, release, err := p.handle(network, address)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		release()
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	tl, ok := l.(*net.TCPListener)
	if !ok {
		release()
		return nil, errors.Join(fmt.Errorf("listen on %s: %T is no TCP listener", address, l), l.Close())
	}
	return &listener{TCPListener: tl, release: release}, nil
}

// ListenPacket returns a handle on the UDP socket of address.
func (p *Pool) ListenPacket(network, address string) (net.PacketConn, error) {
	if network != "udp" {
		return nil, fmt.Errorf("listen on %s: network must be udp", address)
	}
	f, release, err := p.handle(network, address)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		release()
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	uc, ok := c.(*net.UDPConn)
	if !ok {
		release()
		return nil, errors.Join(fmt.Errorf("listen on %s: %T is no UDP socket", address, c), c.Close())
	}
	return &packetConn{UDPConn: uc, release: release}, nil
}

// Reserve binds address, or joins who has, and holds it until release is called.
func (p *Pool) Reserve(network, address string) (release func(), err error) {
	f, release, err := p.handle(network, address)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		release()
		return nil, fmt.Errorf("reserve %s: %w", address, err)
	}
	return release, nil
}

// handle returns a duplicate descriptor of the socket of address and the function that gives the reference back.
func (p *Pool) handle(network, address string) (*os.File, func(), error) {
	addr, err := nodeapi.ParseListen(address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	k := key{network, addr}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sockets[k]
	if s == nil {
		if s, err = p.bind(k); err != nil {
			return nil, nil, fmt.Errorf("listen on %s/%s: %w", address, network, err)
		}
		if p.sockets == nil {
			p.sockets = map[key]*socket{}
		}
		p.sockets[k] = s
	}
	s.refs++
	f, err := duplicate(s.base)
	if err != nil {
		p.drop(k, s)
		return nil, nil, fmt.Errorf("listen on %s/%s: %w", address, network, err)
	}
	return f, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop(k, s)
	}), nil
}

// drop gives one reference back; the caller holds p.mu.
func (p *Pool) drop(k key, s *socket) {
	if s.refs--; s.refs > 0 {
		return
	}
	_ = s.end() // closing a socket that was bound cannot fail in a way that anyone could act on
	if p.sockets[k] == s {
		delete(p.sockets, k)
	}
}

// bind opens a new kernel socket. When the port is taken by a socket of this pool under a wider or narrower address (an
// ingress that moves from :1080 to 127.0.0.1:1080), both are told to share it; anyone else's socket stays an error.
func (p *Pool) bind(k key) (*socket, error) {
	s, err := open(k, false)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return s, err
	}
	var shared []*socket
	for other, os := range p.sockets {
		if other.network == k.network && other.addr.Port() == k.addr.Port() && (overlaps(other.addr.Addr(), k.addr.Addr())) {
			shared = append(shared, os)
		}
	}
	if len(shared) == 0 {
		return nil, err
	}
	for _, os := range shared {
		if err := reusePort(os.base, 1); err != nil {
			return nil, err
		}
	}
	s, err = open(k, true)
	for _, os := range shared {
		err = errors.Join(err, reusePort(os.base, 0))
	}
	if s != nil {
		err = errors.Join(err, reusePort(s.base, 0))
	}
	if err != nil && s != nil {
		err = errors.Join(err, s.end())
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// overlaps reports whether binding a and b to one port collides: one of them is the wildcard of the other's world.
func overlaps(a, b netip.Addr) bool {
	wild := func(w, o netip.Addr) bool { return w.IsUnspecified() && (w.Is6() || o.Is4()) }
	return a != b && (wild(a, b) || wild(b, a))
}

func open(k key, share bool) (*socket, error) {
	lc := net.ListenConfig{}
	if share {
		lc.Control = func(_, _ string, c syscall.RawConn) error { return setReusePort(c, 1) }
	}
	address := k.addr.String()
	if k.addr.Addr() == netip.IPv6Unspecified() {
		address = ":" + strconv.Itoa(int(k.addr.Port())) // both families, or the one that this host has
	}
	ctx := context.Background() // binding never waits
	if k.network == "tcp" {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &socket{base: l.(*net.TCPListener), end: l.Close}, nil
	}
	c, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	return &socket{base: c.(*net.UDPConn), end: c.Close}, nil
}

func reusePort(c syscall.Conn, on int) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return setReusePort(rc, on)
}

func setReusePort(rc syscall.RawConn, on int) error {
	var serr error
	if err := rc.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, on)
	}); err != nil {
		return err
	}
	return serr
}

func duplicate(c syscall.Conn) (*os.File, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, derr := -1, error(nil)
	if err := rc.Control(func(base uintptr) {
		fd, derr = unix.FcntlInt(base, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if derr != nil {
		return nil, fmt.Errorf("duplicate socket: %w", derr)
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// listener is a handle: closing it gives its reference back.
type listener struct {
	*net.TCPListener
	release func()
}

func (l *listener) Close() error {
	err := l.TCPListener.Close()
	l.release()
	return err
}

// packetConn is a handle with every method of *net.UDPConn.
type packetConn struct {
	*net.UDPConn
	release func()
}

func (c *packetConn) Close() error {
	err := c.UDPConn.Close()
	c.release()
	return err
}
