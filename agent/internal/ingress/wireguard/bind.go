package wireguard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"

	"culvert/agent/internal/ingress"
)

// batchSize is how many datagrams one system call moves.
const batchSize = 64

// bind is WireGuard's UDP on the node's shared socket (conn.Bind).
type bind struct {
	sockets    ingress.Sockets
	listen     string
	initiation func(b []byte, from netip.AddrPort) bool // whether the device shall see a handshake

	mu  sync.Mutex
	pc  net.PacketConn
	raw *ipv6.PacketConn // recvmmsg and sendmmsg; the options of IPv6 are not used, so it serves IPv4 as well
	err error
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

func (b *bind) receiver(raw *ipv6.PacketConn) conn.ReceiveFunc {
	msgs := make([]ipv6.Message, batchSize)
	for i := range msgs {
		msgs[i].Buffers = make([][]byte, 1)
	}
	return func(bufs [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		n := min(len(bufs), len(msgs))
		for i := range n {
			msgs[i].Buffers[0] = bufs[i]
		}
		got, err := raw.ReadBatch(msgs[:n], 0)
		if err != nil {
			return 0, err
		}
		for i := range got {
			sizes[i] = 0 // the device skips what is empty
			from, ok := msgs[i].Addr.(*net.UDPAddr)
			if !ok {
				continue
			}
			ap := from.AddrPort()
			ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
			if p := bufs[i][:msgs[i].N]; len(p) == initiationLen && p[0] == initiationType && !b.initiation(p, ap) {
				continue
			}
			sizes[i], eps[i] = msgs[i].N, &conn.StdNetEndpoint{AddrPort: ap}
		}
		return got, nil
	}
}

// Close implements conn.Bind.
func (b *bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pc == nil {
		return nil
	}
	err := b.pc.Close()
	b.pc = nil
	return err
}

// sending is what one Send needs.
type sending struct {
	msgs [batchSize]ipv6.Message
	bufs [batchSize][1][]byte
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
	for len(bufs) > 0 {
		n := min(len(bufs), batchSize)
		for i := range n {
			s.bufs[i][0] = bufs[i]
			s.msgs[i] = ipv6.Message{Buffers: s.bufs[i][:], Addr: addr}
		}
		for done := 0; done < n; {
			k, err := raw.WriteBatch(s.msgs[done:n], 0)
			if err != nil {
				return err
			}
			done += k
		}
		bufs = bufs[n:]
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
