package tunnel

import (
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// largest is what a packet of either version may be long.
const largest = 1<<16 - 1

// link is the stack's interface (stack.LinkEndpoint, stack.GSOEndpoint). TCP hands it segments of up to 64 KiB, so that what
// the stack does for a segment it does once for some forty packets; they are cut where they leave, by the goroutine that
// sends. A client that takes packets slowly thereby slows its flows down, instead of losing packets to a full queue.
//
// Checksums of what comes in are not looked at: every packet VPN authenticates its packets, or sums them up outside.
type link struct {
	mtu     uint32
	deliver func(packet []byte) // takes a packet of at most mtu bytes; it is not kept
	scratch sync.Pool           // *[]byte of mtu bytes

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

func newLink(mtu int, deliver func(packet []byte)) *link {
	l := &link{mtu: uint32(mtu), deliver: deliver}
	l.scratch.New = func() any { b := make([]byte, mtu); return &b }
	return l
}

// inject hands a packet to the stack, which keeps it.
func (l *link) inject(proto tcpip.NetworkProtocolNumber, data buffer.Buffer) {
	l.mu.RLock()
	d := l.dispatcher
	l.mu.RUnlock()
	if d == nil {
		data.Release()
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: data})
	d.DeliverNetworkPacket(proto, pkt)
	pkt.DecRef()
}

// WritePackets implements stack.LinkWriter.
func (l *link) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	s, ok := l.scratch.Get().(*[]byte)
	if !ok {
		return 0, &tcpip.ErrNoBufferSpace{}
	}
	defer l.scratch.Put(s)
	for _, pkt := range pkts.AsSlice() {
		l.write(pkt, *s)
	}
	return pkts.Len(), nil
}

// write cuts a packet into what fits and fills in what only the pieces can have.
func (l *link) write(pkt *stack.PacketBuffer, scratch []byte) {
	views, offset := pkt.AsViewList()
	from := reader{view: views.Front(), offset: offset}
	size := pkt.Size()
	if pkt.GSOOptions.Type == stack.GSONone {
		if size <= len(scratch) {
			from.read(scratch[:size])
			l.deliver(scratch[:size])
		}
		return
	}
	ip := int(pkt.GSOOptions.L3HdrLen)
	head := ip + len(pkt.TransportHeader().Slice())
	mss := int(pkt.GSOOptions.MSS)
	if head+mss > len(scratch) || mss == 0 || size < head {
		return // no TCP connection of this stack is so
	}
	from.read(scratch[:head])
	c := newCutter(scratch, ip, head)
	for left := size - head; ; {
		n := min(left, mss)
		left -= n
		from.read(scratch[head : head+n])
		l.deliver(c.next(n, left == 0))
		if left == 0 {
			return
		}
	}
}

// reader reads through the views of a packet.
type reader struct {
	view   *buffer.View
	offset int
}

func (r *reader) read(b []byte) {
	for len(b) > 0 && r.view != nil {
		n := copy(b, r.view.AsSlice()[r.offset:])
		b = b[n:]
		if r.offset += n; r.offset == r.view.Size() {
			r.view, r.offset = r.view.Next(), 0
		}
	}
}

// cutter makes TCP packets of one that is too long, in place: behind the headers, which stay in b, comes each packet's own
// part of the data.
type cutter struct {
	b        []byte
	ip, head int    // lengths of the IP header, and of it with the TCP header
	pseudo   uint16 // sum of the addresses and the protocol
	seq      uint32
	id       uint16
	flags    header.TCPFlags
}

func newCutter(b []byte, ip, head int) *cutter {
	c := &cutter{b: b, ip: ip, head: head}
	tcp := header.TCP(b[ip:head])
	c.seq, c.flags = tcp.SequenceNumber(), tcp.Flags()
	var network header.Network = header.IPv6(b[:ip])
	if b[0]>>4 == 4 {
		v4 := header.IPv4(b[:ip])
		c.id, network = v4.ID(), v4
	}
	c.pseudo = header.PseudoHeaderChecksum(header.TCPProtocolNumber, network.SourceAddress(), network.DestinationAddress(), 0)
	return c
}

// next finishes the packet of the next n bytes of data, which are in place.
func (c *cutter) next(n int, last bool) []byte {
	size := c.head + n
	if c.b[0]>>4 == 4 {
		v4 := header.IPv4(c.b[:c.ip])
		v4.SetTotalLength(uint16(size))
		v4.SetID(c.id)
		v4.SetChecksum(0)
		v4.SetChecksum(^v4.CalculateChecksum())
		c.id++
	} else {
		header.IPv6(c.b[:c.ip]).SetPayloadLength(uint16(size - c.ip))
	}
	tcp := header.TCP(c.b[c.ip:size])
	flags := c.flags
	if !last {
		flags &^= header.TCPFlagFin | header.TCPFlagPsh
	}
	tcp.SetFlags(uint8(flags))
	tcp.SetSequenceNumber(c.seq)
	tcp.SetChecksum(0)
	sum := checksum.Combine(c.pseudo, uint16(len(tcp)))
	tcp.SetChecksum(^checksum.Checksum(tcp, sum))
	c.seq += uint32(n)
	return c.b[:size]
}

// GSOMaxSize implements stack.GSOEndpoint.
func (*link) GSOMaxSize() uint32 { return largest }

// SupportedGSO implements stack.GSOEndpoint.
func (*link) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }

// Capabilities implements stack.NetworkLinkEndpoint.
func (*link) Capabilities() stack.LinkEndpointCapabilities { return stack.CapabilityRXChecksumOffload }

// Attach implements stack.NetworkLinkEndpoint; nil takes the stack off.
func (l *link) Attach(d stack.NetworkDispatcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dispatcher = d
}

// IsAttached implements stack.NetworkLinkEndpoint.
func (l *link) IsAttached() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.dispatcher != nil
}

// MTU implements stack.NetworkLinkEndpoint.
func (l *link) MTU() uint32 { return l.mtu }

// SetMTU implements stack.NetworkLinkEndpoint; the ingress decides it for good.
func (*link) SetMTU(uint32) {}

// MaxHeaderLength implements stack.NetworkLinkEndpoint.
func (*link) MaxHeaderLength() uint16 { return 0 }

// LinkAddress implements stack.NetworkLinkEndpoint.
func (*link) LinkAddress() tcpip.LinkAddress { return "" }

// SetLinkAddress implements stack.NetworkLinkEndpoint.
func (*link) SetLinkAddress(tcpip.LinkAddress) {}

// ARPHardwareType implements stack.NetworkLinkEndpoint.
func (*link) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }

// AddHeader implements stack.NetworkLinkEndpoint.
func (*link) AddHeader(*stack.PacketBuffer) {}

// ParseHeader implements stack.NetworkLinkEndpoint.
func (*link) ParseHeader(*stack.PacketBuffer) bool { return true }

// Wait implements stack.NetworkLinkEndpoint: the link has no goroutines.
func (*link) Wait() {}

// Close implements stack.NetworkLinkEndpoint: packets that leave go nowhere once no lease is left.
func (*link) Close() {}

// SetOnCloseAction implements stack.NetworkLinkEndpoint.
func (*link) SetOnCloseAction(func()) {}
