package tunnel

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// firstSeq is a sequence number that soon wraps around.
const firstSeq = 1<<32 - 3000

// long makes a TCP packet as the stack hands it to the link: of any length, with data in several views, summed up in part.
// at is how far into the stream it is.
func long(version, at int, data []byte, mss int, flags header.TCPFlags) *stack.PacketBuffer {
	opts := []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2} // timestamps
	gso := stack.GSO{Type: stack.GSOTCPv4, NeedsCsum: true, MSS: uint16(mss), L3HdrLen: header.IPv4MinimumSize}
	if version == 6 {
		gso.Type, gso.L3HdrLen = stack.GSOTCPv6, header.IPv6MinimumSize
	}
	var payload buffer.Buffer
	for part := range slices.Chunk(data, 5000) {
		_ = payload.Append(buffer.NewViewWithData(part))
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{ReserveHeaderBytes: 100, Payload: payload})
	pkt.GSOOptions = gso
	tcp := header.TCP(pkt.TransportHeader().Push(header.TCPMinimumSize + len(opts)))
	tcp.Encode(&header.TCPFields{
		SrcPort: 443, DstPort: 5000, SeqNum: uint32(firstSeq + at), AckNum: 77, DataOffset: uint8(header.TCPMinimumSize + len(opts)), Flags: flags, WindowSize: 500,
	})
	copy(tcp[header.TCPMinimumSize:], opts)
	size := uint16(pkt.Size())
	if version == 6 {
		header.IPv6(pkt.NetworkHeader().Push(header.IPv6MinimumSize)).Encode(&header.IPv6Fields{
			PayloadLength: size, TransportProtocol: header.TCPProtocolNumber, HopLimit: 64,
			SrcAddr: tcpip.AddrFrom16([16]byte{1}), DstAddr: tcpip.AddrFrom16([16]byte{2}),
		})
		return pkt
	}
	header.IPv4(pkt.NetworkHeader().Push(header.IPv4MinimumSize)).Encode(&header.IPv4Fields{
		TotalLength: size + header.IPv4MinimumSize, ID: 1<<16 - 2, TTL: 64, Protocol: uint8(header.TCPProtocolNumber), Flags: header.IPv4FlagDontFragment,
		SrcAddr: tcpip.AddrFrom4([4]byte{1}), DstAddr: tcpip.AddrFrom4([4]byte{2}),
	})
	return pkt
}

// through sends packets through a link and returns what comes out, each behind offset bytes.
func through(t testing.TB, mtu, offset int, pkts ...*stack.PacketBuffer) (out [][]byte) {
	t.Helper()
	l := newLink(mtu, func(netip.Addr) bool { return true })
	defer l.Close()
	var list stack.PacketBufferList
	for _, pkt := range pkts {
		list.PushBack(pkt)
	}
	if n, err := l.WritePackets(list); n != len(pkts) || err != nil {
		t.Fatal(n, err)
	}
	list.Reset()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // who waits for more is told that there is none
	bufs, sizes := make([][]byte, 10), make([]int, 10)
	for i := range bufs {
		bufs[i] = make([]byte, offset+mtu)
	}
	for {
		n, err := l.receive(ctx, bufs, sizes, offset)
		for i := range n {
			out = append(out, bytes.Clone(bufs[i][:offset+sizes[i]]))
		}
		if err != nil {
			return out
		}
	}
}

// valid checks a packet's lengths and checksums and returns its TCP part.
func valid(t *testing.T, b []byte) header.TCP {
	t.Helper()
	var network header.Network
	tcp := header.TCP(nil)
	if b[0]>>4 == 4 {
		h := header.IPv4(b)
		if !h.IsValid(len(b)) || !h.IsChecksumValid() || int(h.TotalLength()) != len(b) {
			t.Fatalf("IPv4 header of %d bytes: %x", len(b), b[:20])
		}
		network, tcp = h, header.TCP(h.Payload())
	} else {
		h := header.IPv6(b)
		if !h.IsValid(len(b)) || int(h.PayloadLength()) != len(b)-header.IPv6MinimumSize {
			t.Fatalf("IPv6 header of %d bytes: %x", len(b), b[:40])
		}
		network, tcp = h, header.TCP(h.Payload())
	}
	data := tcp.Payload()
	if !tcp.IsChecksumValid(network.SourceAddress(), network.DestinationAddress(), checksum.Checksum(data, 0), uint16(len(data))) {
		t.Fatal("TCP checksum")
	}
	return tcp
}

// TestCutAndJoined: a long segment leaves as packets that fit, each of them right; and packets that are right come in as the
// one that they were.
func TestCutAndJoined(t *testing.T) {
	t.Parallel()
	const mtu, mss = 1420, 1368
	for _, version := range []int{4, 6} {
		for _, size := range []int{1, mss - 20, mss - 19, 2 * (mss - 20), 20_000, 65_000} {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(rand.Uint32())
			}
			pkt := long(version, 0, data, mss-20, header.TCPFlagAck|header.TCPFlagPsh)
			whole := pkt.ToView().ToSlice()
			packets := through(t, mtu, 16, pkt)
			want := (size + mss - 21) / (mss - 20)
			if len(packets) != want {
				t.Fatalf("IPv%d, %d bytes: %d packets, not %d", version, size, len(packets), want)
			}
			seq := uint32(firstSeq)
			for i, p := range packets {
				tcp := valid(t, p[16:])
				if tcp.SequenceNumber() != seq || tcp.Flags().Contains(header.TCPFlagPsh) != (i == want-1) || len(p)-16 > mtu {
					t.Fatalf("packet %d of %d: %x", i, want, tcp[:20])
				}
				seq += uint32(len(tcp.Payload()))
			}
			n, total := run(packets, 16)
			if n != want || total != len(whole) {
				t.Fatalf("IPv%d, %d bytes: a run of %d packets, %d bytes; want %d, %d", version, size, n, total, want, len(whole))
			}
			joined := join(packets, 16, total)
			got := joined.Flatten()
			unsum(got)
			unsum(whole)
			if !bytes.Equal(got, whole) {
				t.Fatalf("IPv%d, %d bytes: joined\n%x\n%x", version, size, got[:60], whole[:60])
			}
		}
	}
}

// unsum clears checksums, which a joined packet has none of.
func unsum(b []byte) {
	ip := header.IPv6MinimumSize
	if b[0]>>4 == 4 {
		header.IPv4(b).SetChecksum(0)
		ip = header.IPv4MinimumSize
	}
	header.TCP(b[ip:]).SetChecksum(0)
}

// TestStrangersAreNotJoined: a packet that differs in anything that counts begins a run of its own.
func TestStrangersAreNotJoined(t *testing.T) {
	t.Parallel()
	for _, version := range []int{4, 6} {
		packets := through(t, 1420, 0, long(version, 0, make([]byte, 2*1348), 1348, header.TCPFlagAck))
		if n, _ := run(packets, 0); n != 2 {
			t.Fatalf("IPv%d: neighbours are not joined", version)
		}
		ip := header.IPv4MinimumSize
		addresses := 12
		if version == 6 {
			ip, addresses = header.IPv6MinimumSize, 8
		}
		for what, change := range map[string]func(b []byte){
			"address":         func(b []byte) { b[addresses]++ },
			"traffic class":   func(b []byte) { b[1]++ },
			"port":            func(b []byte) { b[ip]++ },
			"sequence number": func(b []byte) { b[ip+7]++ },
			"acknowledgement": func(b []byte) { b[ip+11]++ },
			"a reset":         func(b []byte) { b[ip+13] |= uint8(header.TCPFlagRst) },
			"an end":          func(b []byte) { b[ip+13] |= uint8(header.TCPFlagFin) },
			"urgency":         func(b []byte) { b[ip+13] |= uint8(header.TCPFlagUrg) },
			"window":          func(b []byte) { b[ip+15]++ },
			"an option":       func(b []byte) { b[ip+20+7]++ },
			"protocol":        func(b []byte) { b[map[int]int{4: 9, 6: 6}[version]] = 17 },
			"header length":   func(b []byte) { b[ip+12] = 0xf0 },
		} {
			other := bytes.Clone(packets[1])
			change(other)
			if n, size := run([][]byte{packets[0], other}, 0); n != 1 || size != len(packets[0]) {
				t.Errorf("IPv%d: joined in spite of another %s", version, what)
			}
		}
		if n, _ := run([][]byte{packets[1], packets[0]}, 0); n != 1 {
			t.Errorf("IPv%d: joined out of order", version)
		}
	}
}

// FuzzRun: whatever comes in, a run is made of what was there and has its length.
func FuzzRun(f *testing.F) {
	for _, version := range []int{4, 6} {
		packets := through(f, 1420, 0, long(version, 0, make([]byte, 3000), 1348, header.TCPFlagAck))
		f.Add(packets[0], packets[1])
	}
	f.Add([]byte{0x45}, []byte{0x60})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) == 0 || len(a) > largest || len(b) == 0 {
			return
		}
		packets := [][]byte{a, b}
		n, size := run(packets, 0)
		joined := join(packets[:n], 0, size)
		if joined.Size() != int64(size) || size > largest || size > len(a)+len(b) {
			t.Errorf("a run of %d has %d bytes, not %d", n, joined.Size(), size)
		}
		joined.Release()
	})
}

// TestStreamsLeaveTogether: what waits of one stream is cut as one, though another's stands between; an order of its own
// stays, and so does every byte.
func TestStreamsLeaveTogether(t *testing.T) {
	t.Parallel()
	const mss = 1348
	for _, version := range []int{4, 6} {
		part := func(stream uint32, at, size int, flags header.TCPFlags) *stack.PacketBuffer {
			pkt := long(version, at, bytes.Repeat([]byte{byte(stream)}, size), mss, flags)
			pkt.Hash = stream
			header.TCP(pkt.TransportHeader().Slice()).SetDestinationPort(uint16(stream))
			return pkt
		}
		const ack, push, fin = header.TCPFlagAck, header.TCPFlagAck | header.TCPFlagPsh, header.TCPFlagAck | header.TCPFlagFin
		packets := through(t, 1420, 0,
			part(1, 0, 2000, push), part(2, 0, 1000, push), part(1, 2000, 3392, push),
			part(1, 9000, 100, push), // not what follows
			part(2, 1000, 500, push), part(2, 1500, 10, fin),
		)
		var got []string
		for _, p := range packets {
			tcp := valid(t, p)
			at := tcp.SequenceNumber() - firstSeq
			got = append(got, fmt.Sprintf("%d:%d+%d %v", tcp.DestinationPort(), at, len(tcp.Payload()), tcp.Flags()&^ack == 0))
		}
		want := []string{ // stream, place, length, whether nothing but an acknowledgement is said
			"1:0+1348 true", "1:1348+1348 true", "1:2696+1348 true", "1:4044+1348 false",
			"2:0+1348 true", "2:1348+152 false", "1:9000+100 false", "2:1500+10 false",
		}
		if !slices.Equal(got, want) {
			t.Errorf("IPv%d:\n%q\n%q", version, got, want)
		}
	}
}
