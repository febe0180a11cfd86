package hysteria

import (
	"encoding/binary"
	"net"
	"sync"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// obfsSocket is a socket whose packets wear salamander. It keeps the fast path: the library reads through ReadBatch, and
// a write that asks the kernel to segment (GSO) is obfuscated segment by segment and still sent with one call. Those two
// are the only methods by which the library moves packets; a test holds it to that.
type obfsSocket struct {
	*socket
	salamander
	batch   *ipv4.PacketConn
	in      []ipv4.Message // read side: one reader, by contract of the library
	buffers sync.Pool      // write side: *[]byte of writeLen
}

const (
	// readLen holds the largest QUIC packet, 1452 bytes, with its salt.
	readLen = 2048
	// writeLen holds the largest send of the library, 20 KiB, with the salt of each of its at most 64 segments.
	writeLen = 24 << 10
	// udpSegment is UDP_SEGMENT of linux/udp.h. On other systems the library never asks for it.
	udpSegment = 103
	oobLen     = 128
)

func newObfsSocket(s *socket, key string) *obfsSocket {
	return &obfsSocket{
		socket:     s,
		salamander: salamander{key: []byte(key)},
		batch:      ipv4.NewPacketConn(s.udpSocket),
		buffers:    sync.Pool{New: func() any { b := make([]byte, writeLen); return &b }},
	}
}

// ReadBatch fills ms with packets from the wire. One that does not open keeps its place with length 0, which the library
// ignores.
func (s *obfsSocket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	for len(s.in) < len(ms) {
		s.in = append(s.in, ipv4.Message{Buffers: [][]byte{make([]byte, readLen)}})
	}
	in := s.in[:len(ms)]
	for i := range in {
		in[i].OOB = ms[i].OOB
	}
	n, err := s.batch.ReadBatch(in, flags)
	if err != nil {
		return n, err
	}
	for i := range in[:n] {
		m := &in[i]
		ms[i].N = s.open(ms[i].Buffers[0], m.Buffers[0][:m.N])
		ms[i].NN, ms[i].Flags, ms[i].Addr = m.NN, m.Flags, m.Addr
	}
	return n, nil
}

// WriteMsgUDP obfuscates b and sends it.
func (s *obfsSocket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if s.cut.has(addr) {
		return 0, 0, errCutAddress
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	var room [oobLen]byte
	own := append(room[:0], oob...) // the library's bytes stay as they are: it sends them again after a GSO error
	out, ok := s.sealAll(*buf, b, own)
	if !ok {
		return 0, 0, unix.EMSGSIZE
	}
	_, oobn, err = s.udpSocket.WriteMsgUDP(out, own, addr)
	if err != nil {
		return 0, oobn, err
	}
	return len(b), oobn, nil
}

// sealAll obfuscates each segment of b into buf and corrects the segment size in oob.
func (s *obfsSocket) sealAll(buf, b, oob []byte) ([]byte, bool) {
	size := len(b)
	if field := segmentField(oob); field != nil {
		if seg := int(binary.NativeEndian.Uint16(field)); seg > 0 {
			size = min(size, seg)
			binary.NativeEndian.PutUint16(field, uint16(seg+saltLen))
		}
	}
	at := 0
	for first := true; first || len(b) > 0; first = false {
		seg := b[:min(size, len(b))]
		if at+saltLen+len(seg) > len(buf) {
			return nil, false
		}
		at += s.seal(buf[at:], seg)
		b = b[len(seg):]
	}
	return buf[:at], true
}

// segmentField finds the two bytes that tell the kernel where to cut.
func segmentField(oob []byte) []byte {
	for len(oob) > 0 {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return nil
		}
		if hdr.Level == unix.IPPROTO_UDP && hdr.Type == udpSegment && len(data) >= 2 {
			return data[:2]
		}
		oob = rest
	}
	return nil
}
