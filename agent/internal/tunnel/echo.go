package tunnel

import (
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/agent/internal/flow"
)

// Answerer is implemented by a host that counts what the node answers a subscriber itself, without a flow: echo requests
// (ingress.Host beside). up and down are the bytes of question and answer. An error means that the subscriber may not have
// it: the answer is not sent. It does not wait.
type Answerer interface {
	Answer(p flow.Principal, up, down int) error
}

// wanted drops what the stack would answer in a name that is not ours, ICMP to anyone but the resolver, and has echo
// requests counted.
func (n *network) wanted(l *lease, packet []byte) bool {
	m, ok := icmp(packet)
	if !ok {
		return true
	}
	if !slices.Contains(n.spec.Resolver, m.to) {
		return false
	}
	a, counts := l.host.(Answerer)
	if !counts || m.at >= len(packet) || (!m.later && !echoes(packet[m.at], m.to)) {
		return true
	}
	size := len(packet) - m.at // the answer is as long
	return a.Answer(l.principal, size, size) == nil
}

func echoes(kind byte, to netip.Addr) bool {
	if to.Is4() {
		return kind == byte(header.ICMPv4Echo)
	}
	return kind == byte(header.ICMPv6EchoRequest)
}

// message is where a packet's ICMP message begins and where it goes.
type message struct {
	at    int
	to    netip.Addr
	later bool // a fragment that has not the message's beginning
}

// icmp finds the message in a packet; false when the packet has none.
func icmp(b []byte) (m message, ok bool) {
	switch {
	case len(b) >= header.IPv4MinimumSize && b[0]>>4 == 4:
		h := header.IPv4(b)
		m = message{at: int(h.HeaderLength()), to: destination(b), later: h.FragmentOffset() > 0}
		return m, h.Protocol() == uint8(header.ICMPv4ProtocolNumber)
	case len(b) >= header.IPv6MinimumSize && b[0]>>4 == 6:
		m = message{at: header.IPv6MinimumSize, to: destination(b)}
		next := b[6]
		for extension(next) && len(b) >= m.at+header.IPv6FragmentHeaderSize {
			size := (int(b[m.at+1]) + 1) * 8
			if next == header.IPv6FragmentHeader {
				f := header.IPv6Fragment(b[m.at:])
				size, m.later = header.IPv6FragmentHeaderSize, f.FragmentOffset() > 0
			}
			next, m.at = b[m.at], m.at+size
		}
		return m, next == uint8(header.ICMPv6ProtocolNumber)
	}
	return m, false
}

// extension tells the headers that may stand between IPv6's own and what it carries.
func extension(next uint8) bool {
	switch header.IPv6ExtensionHeaderIdentifier(next) {
	case header.IPv6HopByHopOptionsExtHdrIdentifier, header.IPv6RoutingExtHdrIdentifier, header.IPv6FragmentExtHdrIdentifier,
		header.IPv6DestinationOptionsExtHdrIdentifier:
		return true
	default:
		return false
	}
}
