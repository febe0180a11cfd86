package foreigntest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
)

// DialSOCKS opens a TCP connection to dest through the SOCKS5 proxy of a foreign program, without credentials.
func DialSOCKS(proxy, dest string) (net.Conn, error) {
	c, _, err := socks(proxy, 1, dest)
	return c, err
}

// AssociateSOCKS opens a UDP association through it.
func AssociateSOCKS(proxy string) (*Association, error) {
	c, bound, err := socks(proxy, 3, "0.0.0.0:0")
	if err != nil {
		return nil, err
	}
	u, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(bound))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Association{control: c, UDPConn: u}, nil
}

// Association is a UDP association; deadlines are those of the socket.
type Association struct {
	*net.UDPConn
	control net.Conn
}

// Close ends the association.
func (a *Association) Close() error { return errors.Join(a.UDPConn.Close(), a.control.Close()) }

// Send sends one datagram to dest, a numeric address.
func (a *Association) Send(b []byte, dest string) error {
	to, err := socksAddr(dest)
	if err != nil {
		return err
	}
	_, err = a.UDPConn.Write(append(append([]byte{0, 0, 0}, to...), b...))
	return err
}

// Receive returns one datagram and where it came from.
func (a *Association) Receive() ([]byte, string, error) {
	b := make([]byte, 64<<10)
	n, err := a.UDPConn.Read(b)
	if err != nil {
		return nil, "", err
	}
	if n < 4 || b[2] != 0 {
		return nil, "", fmt.Errorf("datagram of %d bytes has no SOCKS header", n)
	}
	r := bytes.NewReader(b[3:n])
	from, err := readSOCKSAddr(r)
	if err != nil {
		return nil, "", err
	}
	rest, err := io.ReadAll(r)
	return rest, from.String(), err
}

func socks(proxy string, command byte, dest string) (net.Conn, netip.AddrPort, error) {
	to, err := socksAddr(dest)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	c, err := net.Dial("tcp", proxy)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	bound, err := handshake(c, append([]byte{5, command, 0}, to...))
	if err != nil {
		c.Close()
		return nil, netip.AddrPort{}, fmt.Errorf("socks: %w", err)
	}
	return c, bound, nil
}

func handshake(c net.Conn, request []byte) (netip.AddrPort, error) {
	if _, err := c.Write([]byte{5, 1, 0}); err != nil {
		return netip.AddrPort{}, err
	}
	head := make([]byte, 3)
	if _, err := io.ReadFull(c, head[:2]); err != nil || head[1] != 0 {
		return netip.AddrPort{}, fmt.Errorf("method %x: %w", head[:2], err)
	}
	if _, err := c.Write(request); err != nil {
		return netip.AddrPort{}, err
	}
	if _, err := io.ReadFull(c, head); err != nil {
		return netip.AddrPort{}, err
	}
	if head[1] != 0 {
		return netip.AddrPort{}, fmt.Errorf("reply %d", head[1])
	}
	return readSOCKSAddr(c)
}

// socksAddr writes host:port as SOCKS5 has it.
func socksAddr(dest string) ([]byte, error) {
	host, port, err := net.SplitHostPort(dest)
	if err != nil {
		return nil, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	var b []byte
	switch a, err := netip.ParseAddr(host); {
	case err != nil:
		b = append([]byte{3, byte(len(host))}, host...)
	case a.Is4():
		b = append([]byte{1}, a.AsSlice()...)
	default:
		b = append([]byte{4}, a.AsSlice()...)
	}
	return binary.BigEndian.AppendUint16(b, uint16(p)), nil
}

func readSOCKSAddr(r io.Reader) (netip.AddrPort, error) {
	kind := make([]byte, 1)
	if _, err := io.ReadFull(r, kind); err != nil {
		return netip.AddrPort{}, err
	}
	size, ok := map[byte]int{1: 4, 4: 16}[kind[0]]
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address of type %d", kind[0])
	}
	b := make([]byte, size+2)
	if _, err := io.ReadFull(r, b); err != nil {
		return netip.AddrPort{}, err
	}
	a, _ := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[size:])), nil
}
