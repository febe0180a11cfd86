package hysteria

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

// udpSocket is what QUIC needs of a socket to use its fast path (GSO, ECN, batched reads, large buffers): the methods of
// *net.UDPConn. A plain net.PacketConn would work at half the speed.
type udpSocket interface {
	net.PacketConn
	net.Conn
	SyscallConn() (syscall.RawConn, error)
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
	ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error)
	WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error)
}

// errCutAddress ends the QUIC connection that tries to write: the library destroys a connection whose write fails. What
// that client sends afterwards belongs to no connection and is answered with a stateless reset.
var errCutAddress = errors.New("client was cut")

// socket passes everything through, except what is sent to a cut client. Reads stay untouched, so the library reads from
// the descriptor in batches.
type socket struct {
	udpSocket
	cut *cutSet
}

func newSocket(pc net.PacketConn, cut *cutSet) (*socket, error) {
	u, ok := pc.(udpSocket)
	if !ok {
		return nil, fmt.Errorf("socket %T lacks methods of *net.UDPConn", pc)
	}
	return &socket{udpSocket: u, cut: cut}, nil
}

// WriteMsgUDP is how the library sends.
func (s *socket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if s.cut.has(addr) {
		return 0, 0, errCutAddress
	}
	return s.udpSocket.WriteMsgUDP(b, oob, addr)
}

// cutSet holds the addresses of clients that were cut and whose connections still linger.
type cutSet struct {
	size  atomic.Int32 // nearly always 0: the data path then takes no lock
	mu    sync.RWMutex
	addrs map[netip.AddrPort]int
}

func (s *cutSet) has(addr *net.UDPAddr) bool {
	if s.size.Load() == 0 {
		return false
	}
	ap := unmap(addr.AddrPort())
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.addrs[ap] > 0
}

func (s *cutSet) add(ap netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addrs == nil {
		s.addrs = map[netip.AddrPort]int{}
	}
	s.addrs[ap]++
	s.size.Add(1)
}

func (s *cutSet) remove(ap netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addrs[ap]--; s.addrs[ap] <= 0 {
		delete(s.addrs, ap)
	}
	s.size.Add(-1)
}

// addrPort is the client's address as the rest of the agent knows it.
func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return unmap(u.AddrPort())
	}
	return netip.AddrPort{}
}

func unmap(ap netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()) }
