package shadowsocks

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"

	"culvert/agent/internal/flow"
)

// Address types of RFC 1928, 5, as Shadowsocks uses them.
const (
	addrIPv4   = 1
	addrDomain = 3
	addrIPv6   = 4
)

// maxAddress is the longest address that is written: type, IPv6, port. Names come from clients only.
const maxAddress = 1 + 16 + 2

// maxNamed is the longest that is read: type, length, name, port.
const maxNamed = 1 + 1 + 255 + 2

var errAddress = errors.New("address cannot be read")

// parseAddress reads type, address and port, and returns what follows. It allocates nothing for numeric addresses.
func parseAddress(b []byte) (dest flow.Dest, rest []byte, err error) {
	n, err := addressSize(b)
	if err != nil || len(b) < n {
		return dest, nil, errAddress
	}
	port := binary.BigEndian.Uint16(b[n-2:])
	switch b[0] {
	case addrIPv4:
		dest = flow.Dest{Addr: netip.AddrFrom4([4]byte(b[1:])), Port: port}
	case addrIPv6:
		dest = flow.Dest{Addr: netip.AddrFrom16([16]byte(b[1:])).Unmap(), Port: port}
	default:
		if dest, err = flow.MakeDest(string(b[2:n-2]), port); err != nil {
			return dest, nil, errAddress
		}
	}
	if port == 0 {
		return dest, nil, errAddress
	}
	return dest, b[n:], nil
}

// addressSize tells from the first two bytes how long an address is, with its type and port.
func addressSize(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, errAddress
	}
	switch b[0] {
	case addrIPv4:
		return 1 + 4 + 2, nil
	case addrIPv6:
		return 1 + 16 + 2, nil
	case addrDomain:
		return 1 + 1 + int(b[1]) + 2, nil
	}
	return 0, errAddress
}

// readAddress reads an address from a stream, and not a byte more.
func readAddress(r io.Reader) (flow.Dest, error) {
	var buf [maxNamed]byte
	if _, err := io.ReadFull(r, buf[:2]); err != nil {
		return flow.Dest{}, err
	}
	n, err := addressSize(buf[:2])
	if err != nil {
		return flow.Dest{}, err
	}
	if _, err := io.ReadFull(r, buf[2:n]); err != nil {
		return flow.Dest{}, err
	}
	dest, _, err := parseAddress(buf[:n])
	return dest, err
}

// appendAddress writes where a datagram came from.
func appendAddress(b []byte, from flow.Dest) []byte {
	if a := from.Addr.Unmap(); a.Is6() {
		v := a.As16()
		b = append(append(b, addrIPv6), v[:]...)
	} else if a.Is4() {
		v := a.As4()
		b = append(append(b, addrIPv4), v[:]...)
	} else {
		b = append(b, addrIPv4, 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint16(b, from.Port)
}
