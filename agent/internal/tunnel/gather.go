package tunnel

import (
	"bytes"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

// injectAll takes packets of a client in; they are copied. Neighbours that are one stream's consecutive segments enter the
// stack as one segment, as a network card's receive offload would join them.
func (l *lease) injectAll(packets [][]byte, offset int) {
	for i := 0; i < len(packets); {
		first := packets[i][offset:]
		proto := version(first)
		if proto == 0 || !l.network.wanted(l, first) { // no IP packet: nobody to answer
			i++
			continue
		}
		count, size := run(packets[i:], offset)
		l.network.link.inject(proto, join(packets[i:i+count], offset, size))
		i += count
	}
}

// version is a packet's network protocol; zero when it is none.
func version(packet []byte) tcpip.NetworkProtocolNumber {
	if len(packet) == 0 {
		return 0
	}
	switch packet[0] >> 4 {
	case 4:
		return ipv4.ProtocolNumber
	case 6:
		return ipv6.ProtocolNumber
	}
	return 0
}

// segment is where the parts of a TCP packet are that may have company: a full header and data, and no flag that says more
// than that there is data.
type segment struct {
	ip, head int // lengths of the IP header, and of it with the TCP header
	next     uint32
	push     bool
}

// parse reports whether a packet is a segment.
func parse(b []byte) (s segment, ok bool) {
	switch {
	case len(b) >= header.IPv4MinimumSize && b[0] == 0x45:
		h := header.IPv4(b)
		s.ip = header.IPv4MinimumSize
		if b[9] != uint8(header.TCPProtocolNumber) || int(h.TotalLength()) != len(b) || h.More() || h.FragmentOffset() != 0 {
			return s, false
		}
	case len(b) >= header.IPv6MinimumSize && b[0]>>4 == 6:
		s.ip = header.IPv6MinimumSize
		if b[6] != uint8(header.TCPProtocolNumber) || int(header.IPv6(b).PayloadLength()) != len(b)-s.ip {
			return s, false
		}
	default:
		return s, false
	}
	if len(b) < s.ip+header.TCPMinimumSize {
		return s, false
	}
	tcp := header.TCP(b[s.ip:])
	s.head = s.ip + int(tcp.DataOffset())
	flags := tcp.Flags()
	if flags&^header.TCPFlagPsh != header.TCPFlagAck || s.head < s.ip+header.TCPMinimumSize || s.head >= len(b) {
		return s, false
	}
	s.next, s.push = tcp.SequenceNumber()+uint32(len(b)-s.head), flags&header.TCPFlagPsh != 0
	return s, true
}

// run counts the packets at the beginning that can be joined, at least one, and says how long they are then.
func run(packets [][]byte, offset int) (count, size int) {
	first := packets[0][offset:]
	count, size = 1, len(first)
	last, ok := parse(first)
	if !ok {
		return count, size
	}
	for _, p := range packets[1:] {
		p = p[offset:]
		s, ok := parse(p)
		if last.push || !ok || size+len(p)-s.head > largest || !continues(first, last, p, s) {
			break
		}
		count, size, last = count+1, size+len(p)-s.head, s
	}
	return count, size
}

// continues reports whether p goes on where last ended, with headers that are the first's but for what counts and sums.
func continues(first []byte, last segment, p []byte, s segment) bool {
	if s.ip != last.ip || s.head != last.head || header.TCP(p[s.ip:]).SequenceNumber() != last.next {
		return false
	}
	a, b := first[:s.head], p[:s.head]
	if s.ip == header.IPv4MinimumSize {
		// Not: length, identification, checksum.
		if !bytes.Equal(a[:2], b[:2]) || !bytes.Equal(a[6:10], b[6:10]) || !bytes.Equal(a[12:20], b[12:20]) {
			return false
		}
	} else if !bytes.Equal(a[:4], b[:4]) || !bytes.Equal(a[6:40], b[6:40]) { // not: length
		return false
	}
	a, b = a[s.ip:], b[s.ip:]
	// Not: sequence number, flags, checksum.
	return bytes.Equal(a[:4], b[:4]) && bytes.Equal(a[8:12], b[8:12]) && a[12] == b[12] && bytes.Equal(a[14:16], b[14:16]) &&
		bytes.Equal(a[18:], b[18:])
}

// join copies a run of packets into one. Its checksums are not made good: the link does not ask for them.
func join(packets [][]byte, offset, size int) buffer.Buffer {
	view := buffer.NewView(size)
	_, _ = view.Write(packets[0][offset:]) // a view takes what it has room for
	if len(packets) > 1 {
		s, _ := parse(packets[0][offset:])
		for _, p := range packets[1:] {
			_, _ = view.Write(p[offset+s.head:])
		}
		b := view.AsSlice()
		if s.ip == header.IPv4MinimumSize {
			header.IPv4(b).SetTotalLength(uint16(size))
		} else {
			header.IPv6(b).SetPayloadLength(uint16(size - s.ip))
		}
		final := packets[len(packets)-1][offset:]
		tcp := header.TCP(b[s.ip:])
		tcp.SetFlags(uint8(header.TCP(final[s.ip:]).Flags()))
	}
	return buffer.MakeWithView(view)
}
