package wireguard

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// The kernel moves datagrams of one client as one: on the way out it cuts what UDP_SEGMENT says, on the way in it joins what
// came together and UDP_GRO tells how long each was. Per datagram, that is most of what sending and receiving costs.
const (
	segmentsMost = 64 // the kernel's bound on datagrams in one
	// Bytes of them. With headers down to the cable's they must fit into the 64 KiB that a network device takes: the kernel
	// sends more as well, but cuts it at once.
	joinedMost   = 64<<10 - 128
	controlSpace = 64 // room for the kernel's notes on a datagram
)

// joined turns the joining of received datagrams on or off. The socket is shared with whoever serves the same address after
// us, who may not expect it.
func joined(pc net.PacketConn, on bool) {
	sc, ok := pc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	value := 0
	if on {
		value = 1
	}
	// A kernel without it delivers datagrams one by one, which is only slower.
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, value) })
}

// length is that of each datagram of a joined one of n bytes, by the kernel's note.
func length(control []byte, n int) int {
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return n
		}
		if h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(data) >= 4 {
			if each := int(binary.NativeEndian.Uint32(data)); each > 0 {
				return each
			}
		}
		control = rest
	}
	return n
}

// cut writes the note that the kernel shall cut a message every n bytes, and returns it.
func cut(space []byte, n int) []byte {
	b := space[:unix.CmsgSpace(2)]
	clear(b)
	size := unix.SizeofCmsghdr - 8
	if size == 8 {
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(2)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(unix.CmsgLen(2)))
	}
	binary.NativeEndian.PutUint32(b[size:], unix.SOL_UDP)
	binary.NativeEndian.PutUint32(b[size+4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(n))
	return b
}

// together counts the datagrams at the beginning that can travel as one: all as long as the first, the last at most.
func together(bufs [][]byte) int {
	each := len(bufs[0])
	total := each
	n := 1
	for n < len(bufs) && n < segmentsMost && len(bufs[n]) <= each && total+len(bufs[n]) <= joinedMost {
		total += len(bufs[n])
		n++
		if len(bufs[n-1]) < each {
			break
		}
	}
	return n
}

// sending is what one Send needs.
type sending struct {
	msgs     [batchSize]ipv6.Message
	controls [batchSize][controlSpace]byte
}

// fill makes messages of datagrams to one address. It returns how many, and the datagrams that there was no room for.
func (s *sending) fill(bufs [][]byte, to net.Addr, offload bool) (messages int, rest [][]byte) {
	m := 0
	for ; len(bufs) > 0 && m < len(s.msgs); m++ {
		n := 1
		if offload {
			n = together(bufs)
		}
		s.msgs[m] = ipv6.Message{Buffers: bufs[:n], Addr: to}
		if n > 1 {
			s.msgs[m].OOB = cut(s.controls[m][:], len(bufs[0]))
		}
		bufs = bufs[n:]
	}
	return m, bufs
}

// write sends the first messages and returns how many went.
func (s *sending) write(raw *ipv6.PacketConn, messages int) (done int, err error) {
	for done < messages {
		n, err := raw.WriteBatch(s.msgs[done:messages], 0)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// receiving is a reader's: messages of the kernel, and how far they have been handed on.
type receiving struct {
	msgs     []ipv6.Message
	count    int // messages that came
	next     int // the message that is being handed on
	at, each int // where in it, and how long its datagrams are
}

// receiveMost is how many messages one system call takes in; each may be many datagrams. Memory that nothing was received
// into is not the process's.
const receiveMost = 32

func newReceiving() *receiving {
	r := &receiving{msgs: make([]ipv6.Message, receiveMost)}
	for i := range r.msgs {
		r.msgs[i].Buffers, r.msgs[i].OOB = [][]byte{make([]byte, 1<<16)}, make([]byte, controlSpace)
	}
	return r
}

// read fetches messages when the last ones are handed on.
func (r *receiving) read(raw *ipv6.PacketConn) error {
	for r.next == r.count {
		n, err := raw.ReadBatch(r.msgs, 0)
		if err != nil {
			return err
		}
		r.count, r.next = n, 0
		r.open()
	}
	return nil
}

// open begins with the next message.
func (r *receiving) open() {
	if r.next < r.count {
		m := &r.msgs[r.next]
		r.at, r.each = 0, length(m.OOB[:m.NN], m.N)
	}
}

// datagram returns the next one and its sender; nil when there is none left. It is valid until read.
func (r *receiving) datagram() ([]byte, *net.UDPAddr) {
	for r.next < r.count {
		m := &r.msgs[r.next]
		if from, ok := m.Addr.(*net.UDPAddr); ok && r.at < m.N {
			end := min(r.at+r.each, m.N)
			b := m.Buffers[0][r.at:end]
			r.at = end
			return b, from
		}
		r.next++
		r.open()
	}
	return nil, nil
}
