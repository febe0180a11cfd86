package tunnel

import (
	"bytes"
	"context"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// largest is what a packet of either version may be long.
const largest = 1<<16 - 1

// Bounds of what waits for the reader; who sends more waits.
const (
	waitingMost      = 512
	waitingBytesMost = 256 << 10
)

// link is the stack's interface (stack.LinkEndpoint, stack.GSOEndpoint). TCP hands it segments of up to 64 KiB, so that what
// the stack does for a segment it does once for some forty packets; they are cut where they leave, into the memory of who
// takes them. What waits of one stream leaves together, cut as if it had been written at once: a relay writes as it reads, in
// smaller pieces, and each piece that ends in a packet of its own size costs client and node a batch.
//
// A client that takes packets slowly slows its flows down, instead of losing packets to a full queue.
//
// Checksums of what comes in are not looked at: every packet VPN authenticates its packets, or sums them up outside.
type link struct {
	mtu   int
	known func(to netip.Addr) bool // whether packets to an address have anywhere to go

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher

	queue   sync.Mutex
	waiting []*stack.PacketBuffer
	bytes   int
	closed  bool
	room    sync.Cond     // waiting is short, or closed
	some    chan struct{} // waiting has a packet; one value at most
	done    chan struct{} // closed

	batch []*stack.PacketBuffer // the reader's own: what it took, nil where it is done
	at    int
	cut   cutter
}

func newLink(mtu int, known func(to netip.Addr) bool) *link {
	l := &link{mtu: mtu, known: known, some: make(chan struct{}, 1), done: make(chan struct{})}
	l.room.L = &l.queue
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
	l.queue.Lock()
	defer l.queue.Unlock()
	for n, pkt := range pkts.AsSlice() {
		for !l.closed && (len(l.waiting) >= waitingMost || l.bytes >= waitingBytesMost) {
			l.room.Wait()
		}
		if l.closed {
			return n, &tcpip.ErrClosedForSend{}
		}
		l.waiting = append(l.waiting, pkt.Clone())
		l.bytes += pkt.Size()
		if len(l.waiting) == 1 {
			select {
			case l.some <- struct{}{}:
			default:
			}
		}
	}
	return pkts.Len(), nil
}

// receive fills bufs with packets, each behind offset bytes, and waits for the first. There is one reader at a time.
func (l *link) receive(ctx context.Context, bufs [][]byte, sizes []int, offset int) (int, error) {
	for {
		n := 0
		for n < len(bufs) && (l.cut.more || l.begin()) {
			sizes[n] = l.cut.next(bufs[n][offset:])
			n++
		}
		if n > 0 {
			return n, nil
		}
		select {
		case <-l.some:
		case <-l.done:
			l.cut.end()
			return 0, errClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// begin makes the next packet, or the next packets of one stream, ready to be cut; false when nothing waits.
func (l *link) begin() bool {
	for {
		for ; l.at < len(l.batch); l.at++ {
			if l.batch[l.at] == nil {
				continue
			}
			l.cut.pkts = stream(l.cut.pkts[:0], l.batch[l.at:])
			if l.cut.begin(l.mtu) && l.known(l.cut.to()) {
				return true
			}
			l.cut.end()
		}
		if !l.take() {
			return false
		}
	}
}

// take exchanges what waits for the batch that is done; false when nothing waits.
func (l *link) take() bool {
	l.queue.Lock()
	defer l.queue.Unlock()
	if len(l.waiting) == 0 {
		return false
	}
	l.batch, l.waiting, l.bytes, l.at = l.waiting, l.batch[:0], 0, 0
	l.room.Broadcast()
	return true
}

// Close implements stack.NetworkLinkEndpoint.
func (l *link) Close() {
	l.queue.Lock()
	defer l.queue.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	release(l.waiting)
	l.waiting = nil
	l.room.Broadcast()
	close(l.done)
}

// stream moves the first packet to dst, and with it those that are the same stream's consecutive segments. It leaves nil in
// their places. Packets of other streams may stand between them: only a stream's own order counts.
func stream(dst, pkts []*stack.PacketBuffer) []*stack.PacketBuffer {
	last := pkts[0]
	dst, pkts[0] = append(dst, last), nil
	for i, pkt := range pkts {
		if pkt == nil || pkt.Hash != last.Hash {
			continue
		}
		if !follows(last, pkt) {
			break
		}
		last = pkt
		dst, pkts[i] = append(dst, pkt), nil
	}
	return dst
}

func release(pkts []*stack.PacketBuffer) {
	for i, pkt := range pkts {
		pkt.DecRef()
		pkts[i] = nil
	}
}

// follows reports whether b goes on where a ends. Only their headers' kind has to be the same: the later one's tell the
// newer acknowledgement and time, which are as right for the data before.
func follows(a, b *stack.PacketBuffer) bool {
	if a.GSOOptions.Type == stack.GSONone || a.GSOOptions != b.GSOOptions || a.Data().Size() == 0 || b.Data().Size() == 0 {
		return false
	}
	na, nb := a.NetworkHeader().Slice(), b.NetworkHeader().Slice()
	ta, tb := header.TCP(a.TransportHeader().Slice()), header.TCP(b.TransportHeader().Slice())
	if len(na) != len(nb) || len(ta) != len(tb) || ta.Flags()&^header.TCPFlagPsh != header.TCPFlagAck || tb.Flags()&^header.TCPFlagPsh != header.TCPFlagAck {
		return false
	}
	if len(na) == header.IPv4MinimumSize {
		if !bytes.Equal(na[:2], nb[:2]) || !bytes.Equal(na[12:20], nb[12:20]) {
			return false
		}
	} else if len(na) != header.IPv6MinimumSize || !bytes.Equal(na[:4], nb[:4]) || !bytes.Equal(na[8:40], nb[8:40]) {
		return false
	}
	return bytes.Equal(ta[:4], tb[:4]) && ta.SequenceNumber()+uint32(a.Data().Size()) == tb.SequenceNumber()
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
func (l *link) MTU() uint32 { return uint32(l.mtu) }

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

// SetOnCloseAction implements stack.NetworkLinkEndpoint.
func (*link) SetOnCloseAction(func()) {}
