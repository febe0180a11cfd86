package tunnel

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// cutter makes packets that fit of consecutive segments of a stream, or copies a single packet.
type cutter struct {
	pkts []*stack.PacketBuffer // what is cut; released by end
	more bool                  // there is another packet

	from    reader
	network []byte // the IP header of every packet, but for what counts and sums
	tcp     header.TCP
	left    int // bytes of data, or of the packet that is copied
	mss     int // zero for a packet that is copied
	pseudo  uint16
	seq     uint32
	id      uint16
}

// begin prepares for the packets in c.pkts; false when they can not leave.
func (c *cutter) begin(mtu int) bool {
	first, last := c.pkts[0], c.pkts[len(c.pkts)-1]
	c.network = last.NetworkHeader().Slice()
	c.left, c.mss, c.more = 0, 0, true
	if first.GSOOptions.Type == stack.GSONone {
		c.left = first.Size()
		c.from = reader{pkts: c.pkts}
		return c.left <= mtu && len(c.network) >= header.IPv4MinimumSize
	}
	c.tcp, c.mss = header.TCP(last.TransportHeader().Slice()), int(last.GSOOptions.MSS)
	head := len(c.network) + len(c.tcp)
	for _, pkt := range c.pkts {
		c.left += pkt.Data().Size()
	}
	c.from = reader{pkts: c.pkts, skip: head}
	c.seq = header.TCP(first.TransportHeader().Slice()).SequenceNumber()
	var ip header.Network = header.IPv6(c.network)
	if c.network[0]>>4 == 4 {
		v4 := header.IPv4(c.network)
		c.id, ip = v4.ID(), v4
	}
	c.pseudo = header.PseudoHeaderChecksum(header.TCPProtocolNumber, ip.SourceAddress(), ip.DestinationAddress(), 0)
	return c.mss > 0 && head+c.mss <= mtu
}

// to is where the packets go.
func (c *cutter) to() netip.Addr {
	return destination(c.network)
}

// end gives back what is left.
func (c *cutter) end() {
	release(c.pkts)
	*c = cutter{pkts: c.pkts[:0]}
}

// next writes the next packet to b, which has room for it, and returns its length.
func (c *cutter) next(b []byte) int {
	if c.mss == 0 {
		n := c.left
		c.from.read(b[:n])
		c.end()
		return n
	}
	ip := len(c.network)
	head := ip + len(c.tcp)
	n := min(c.left, c.mss)
	c.left -= n
	b = b[:head+n]
	copy(b, c.network)
	copy(b[ip:], c.tcp)
	c.from.read(b[head:])
	if b[0]>>4 == 4 {
		v4 := header.IPv4(b[:ip])
		v4.SetTotalLength(uint16(len(b)))
		v4.SetID(c.id)
		v4.SetChecksum(0)
		v4.SetChecksum(^v4.CalculateChecksum())
		c.id++
	} else {
		header.IPv6(b[:ip]).SetPayloadLength(uint16(len(b) - ip))
	}
	tcp := header.TCP(b[ip:])
	if c.left > 0 {
		tcp.SetFlags(uint8(tcp.Flags() &^ (header.TCPFlagFin | header.TCPFlagPsh)))
	}
	tcp.SetSequenceNumber(c.seq)
	tcp.SetChecksum(0)
	tcp.SetChecksum(^checksum.Checksum(tcp, checksum.Combine(c.pseudo, uint16(len(tcp)))))
	c.seq += uint32(n)
	if c.left == 0 {
		c.end()
	}
	return len(b)
}

// reader reads through packets, without the first bytes of each.
type reader struct {
	pkts   []*stack.PacketBuffer // that follow
	skip   int
	view   *buffer.View
	offset int
}

func (r *reader) read(b []byte) {
	for len(b) > 0 {
		if r.view == nil {
			if len(r.pkts) == 0 {
				return
			}
			views, offset := r.pkts[0].AsViewList()
			r.view, r.offset, r.pkts = views.Front(), offset+r.skip, r.pkts[1:]
			continue
		}
		if size := r.view.Size(); r.offset < size {
			n := copy(b, r.view.AsSlice()[r.offset:])
			b = b[n:]
			r.offset += n
		} else {
			r.view, r.offset = r.view.Next(), r.offset-size
		}
	}
}
