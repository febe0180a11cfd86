package wireguard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"

	"culvert/agent/internal/ingress"
)

// batchSize is how many datagrams are handled at once.
const batchSize = conn.IdealBatchSize

// bind is WireGuard's UDP on the node's shared socket (conn.Bind).
type bind struct {
	sockets    ingress.Sockets
	listen     string
	initiation func(b []byte, from netip.AddrPort) bool // whether the device shall see a handshake

	mu  sync.Mutex
	pc  net.PacketConn
	raw *ipv6.PacketConn // recvmmsg and sendmmsg; the options of IPv6 are not used, so it serves IPv4 as well
	err error

	single atomic.Bool // the way out cannot cut messages
}

// Open implements conn.Bind.
func (b *bind) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pc, err := b.sockets.ListenPacket("udp", b.listen)
	if err != nil {
		b.err = err
		return nil, 0, err
	}
	enlarge(pc)
	joined(pc, true)
	b.pc, b.raw, b.err = pc, ipv6.NewPacketConn(pc), nil
	at, ok := pc.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, 0, errors.Join(fmt.Errorf("%T is no UDP address", pc.LocalAddr()), pc.Close())
	}
	return []conn.ReceiveFunc{b.receiver(b.raw)}, uint16(at.Port), nil
}

// bufferSize is what the kernel may hold for us: a burst of a thousand clients must not be lost while we are busy.
const bufferSize = 7 << 20

// enlarge asks for large socket buffers, beyond the system's limit where this process may; less is only slower.
func enlarge(pc net.PacketConn) {
	sc, ok := pc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for _, opt := range []int{unix.SO_RCVBUF, unix.SO_SNDBUF, unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, opt, bufferSize)
		}
	})
}

// failed is why Open did not open.
func (b *bind) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// join has received datagrams joined; an ingress that served this address before may have turned it off as it went.
func (b *bind) join() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pc != nil {
		joined(b.pc, true)
	}
}

func (b *bind) receiver(raw *ipv6.PacketConn) conn.ReceiveFunc {
	r := newReceiving()
	var known endpoints
	return func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		if err := r.read(raw); err != nil {
			return 0, err
		}
		n := 0
		for n < len(bufs) {
			p, from := r.datagram()
			if p == nil {
				break
			}
			ep := known.of(from)
			if len(p) == initiationLen && p[0] == initiationType && !b.initiation(p, ep.AddrPort) {
				continue
			}
			sizes[n], eps[n] = copy(bufs[n], p), ep
			n++
		}
		return n, nil
	}
}

// endpoints remembers the last senders, so that a stream of datagrams does not make one for each.
type endpoints [256]*conn.StdNetEndpoint

func (e *endpoints) of(from *net.UDPAddr) *conn.StdNetEndpoint {
	ap := from.AddrPort()
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	slot := &e[ap.Port()%uint16(len(e))]
	if *slot == nil || (*slot).AddrPort != ap {
		*slot = &conn.StdNetEndpoint{AddrPort: ap} // those in use keep the old one
	}
	return *slot
}

// Close implements conn.Bind.
func (b *bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pc == nil {
		return nil
	}
	joined(b.pc, false)
	err := b.pc.Close()
	b.pc = nil
	return err
}

var sendings = sync.Pool{New: func() any { return new(sending) }} //nolint:gochecknoglobals // a pool of scratch space

// Send implements conn.Bind.
func (b *bind) Send(bufs [][]byte, ep conn.Endpoint) error {
	to, ok := ep.(*conn.StdNetEndpoint)
	if !ok {
		return conn.ErrWrongEndpointType
	}
	b.mu.Lock()
	raw, open := b.raw, b.pc != nil
	b.mu.Unlock()
	if !open {
		return net.ErrClosed
	}
	addr := net.UDPAddrFromAddrPort(to.AddrPort)
	s, ok := sendings.Get().(*sending)
	if !ok {
		s = new(sending)
	}
	defer sendings.Put(s)
	offload := !b.single.Load()
	for len(bufs) > 0 {
		m, rest := s.fill(bufs, addr, offload)
		done, err := s.write(raw, m)
		if err != nil && offload && done < m && len(s.msgs[done].OOB) > 0 {
			// The card cannot sum up (EIO), or the path is narrower than the datagrams, which then travel in fragments.
			if errors.Is(err, unix.EIO) {
				b.single.Store(true)
			}
			offload = false
			for _, sent := range s.msgs[:done] {
				bufs = bufs[len(sent.Buffers):]
			}
			continue
		}
		if err != nil {
			return err
		}
		bufs = rest
	}
	return nil
}

// SetMark implements conn.Bind.
func (b *bind) SetMark(uint32) error { return nil }

// BatchSize implements conn.Bind.
func (b *bind) BatchSize() int { return batchSize }

// ParseEndpoint implements conn.Bind.
func (b *bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	return &conn.StdNetEndpoint{AddrPort: ap}, nil
}
