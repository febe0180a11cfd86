package socks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"culvert/agent/internal/flow"
)

// Numbers of RFC 1928 and RFC 1929.
const (
	version     = 5
	authVersion = 1

	methodPassword     = 2
	methodUnacceptable = 0xff

	cmdConnect   = 1
	cmdAssociate = 3

	addrIPv4   = 1
	addrDomain = 3
	addrIPv6   = 4
)

// Replies of RFC 1928 §6.
const (
	replyOK          = 0
	replyFailure     = 1
	replyNotAllowed  = 2
	replyNetwork     = 3
	replyHost        = 4
	replyRefused     = 5
	replyExpired     = 6
	replyCommand     = 7
	replyAddressType = 8
)

// What a client may send that is not SOCKS5.
var (
	errVersion     = errors.New("not SOCKS version 5")
	errMethod      = errors.New("client offers no password method")
	errAddressType = errors.New("address type is not known")
)

// request is what a client asks for after signing in.
type request struct {
	command byte
	dest    flow.Dest // zero for an association from anywhere
}

// reader is what handshakes are read from.
type reader interface {
	io.Reader
	io.ByteReader
}

// readGreeting reads the method selection message and reports whether the client can send a password.
func readGreeting(r reader) (password bool, err error) {
	v, err := r.ReadByte()
	if err != nil {
		return false, err
	}
	if v != version {
		return false, errVersion
	}
	n, err := r.ReadByte()
	if err != nil {
		return false, err
	}
	for range n {
		m, err := r.ReadByte()
		if err != nil {
			return false, err
		}
		password = password || m == methodPassword
	}
	return password, nil
}

// readPassword reads the sub-negotiation of RFC 1929.
func readPassword(r reader) (name, password string, err error) {
	v, err := r.ReadByte()
	if err != nil {
		return "", "", err
	}
	if v != authVersion {
		return "", "", fmt.Errorf("sub-negotiation version is %d", v)
	}
	if name, err = readString(r); err != nil {
		return "", "", err
	}
	password, err = readString(r)
	return name, password, err
}

func readString(r reader) (string, error) {
	n, err := r.ReadByte()
	if err != nil {
		return "", err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// readRequest reads a request. errAddressType deserves its own reply.
func readRequest(r reader) (request, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return request{}, err
	}
	if head[0] != version {
		return request{}, errVersion
	}
	q := request{command: head[1]}
	host, addr, err := readAddress(r)
	if err != nil {
		return q, err
	}
	var p [2]byte
	if _, err := io.ReadFull(r, p[:]); err != nil {
		return q, err
	}
	port := binary.BigEndian.Uint16(p[:])
	if q.command == cmdAssociate {
		q.dest = flow.Dest{Addr: addr, Port: port} // where the client will send from, if it knows
		return q, nil
	}
	q.dest, err = destination(host, addr, port)
	return q, err
}

func destination(host string, addr netip.Addr, port uint16) (flow.Dest, error) {
	if addr.IsValid() {
		host = addr.String()
	}
	return flow.MakeDest(host, port)
}

func readAddress(r reader) (host string, addr netip.Addr, err error) {
	t, err := r.ReadByte()
	if err != nil {
		return "", addr, err
	}
	switch t {
	case addrIPv4:
		var b [4]byte
		_, err = io.ReadFull(r, b[:])
		return "", netip.AddrFrom4(b), err
	case addrIPv6:
		var b [16]byte
		_, err = io.ReadFull(r, b[:])
		return "", netip.AddrFrom16(b).Unmap(), err
	case addrDomain:
		host, err = readString(r)
		return host, addr, err
	}
	return "", addr, errAddressType
}

// appendAddress writes an address type, address and port.
func appendAddress(b []byte, a netip.AddrPort) []byte {
	addr := a.Addr().Unmap()
	switch {
	case addr.Is4():
		v := addr.As4()
		b = append(append(b, addrIPv4), v[:]...)
	case addr.Is6():
		v := addr.As16()
		b = append(append(b, addrIPv6), v[:]...)
	default:
		b = append(b, addrIPv4, 0, 0, 0, 0)
	}
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// maxHeader is the longest header of a datagram that we write: reserved, fragment, IPv6, port.
const maxHeader = 3 + 1 + 16 + 2

// parseDatagram reads the header of a datagram from a client (RFC 1928 §7). Fragments are not taken. It allocates
// nothing for addresses.
func parseDatagram(b []byte) (dest flow.Dest, payload []byte, ok bool) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0 || b[2] != 0 {
		return dest, nil, false
	}
	kind, rest := b[3], b[4:]
	var addr netip.Addr
	var host string
	var n int
	switch kind {
	case addrIPv4:
		if n = 4; len(rest) >= n {
			addr = netip.AddrFrom4([4]byte(rest))
		}
	case addrIPv6:
		if n = 16; len(rest) >= n {
			addr = netip.AddrFrom16([16]byte(rest)).Unmap()
		}
	case addrDomain:
		if len(rest) == 0 {
			return dest, nil, false
		}
		if n = 1 + int(rest[0]); len(rest) >= n {
			host = string(rest[1:n])
		}
	default:
		return dest, nil, false
	}
	if len(rest) < n+2 {
		return dest, nil, false
	}
	port := binary.BigEndian.Uint16(rest[n:])
	if addr.IsValid() {
		return flow.Dest{Addr: addr, Port: port}, rest[n+2:], port != 0
	}
	dest, err := flow.MakeDest(host, port)
	return dest, rest[n+2:], err == nil
}
