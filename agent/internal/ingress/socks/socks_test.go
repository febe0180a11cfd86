package socks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]string{"plain": `{}`, "TLS": `{"tls":true}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ingresstest.Run(t, harness(opts))
		})
	}
}

// client is a SOCKS5 client written from the RFCs alone.
type client struct {
	server ingresstest.Server
	cred   ingresstest.Credential
}

func (c *client) Close() error { return nil }

// open signs in and sends one request; it returns the address of the reply.
func (c *client) open(ctx context.Context, command byte, dest flow.Dest) (conn net.Conn, bound netip.AddrPort, err error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", c.server.Addr.String())
	if err != nil {
		return nil, bound, err
	}
	conn = raw
	if c.server.Roots != nil {
		conn = tls.Client(raw, &tls.Config{RootCAs: c.server.Roots, ServerName: c.server.Name})
	}
	if d, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(d)
	}
	if bound, err = c.handshake(conn, command, dest); err != nil {
		_ = conn.Close()
		return nil, bound, err
	}
	return conn, bound, conn.SetDeadline(time.Time{})
}

func (c *client) handshake(conn net.Conn, command byte, dest flow.Dest) (bound netip.AddrPort, err error) {
	if _, err = conn.Write([]byte{5, 2, 0, 2}); err != nil {
		return bound, err
	}
	var two [2]byte
	if _, err = io.ReadFull(conn, two[:]); err != nil {
		return bound, err
	}
	if two != [2]byte{5, 2} {
		return bound, fmt.Errorf("method %v", two)
	}
	b := append([]byte{1, byte(len(c.cred.Name))}, c.cred.Name...)
	b = append(append(b, byte(len(c.cred.Password))), c.cred.Password...)
	if _, err = conn.Write(b); err != nil {
		return bound, err
	}
	if _, err = io.ReadFull(conn, two[:]); err != nil {
		return bound, err
	}
	if two != [2]byte{1, 0} {
		return bound, errors.New("credential refused")
	}
	b = []byte{5, command, 0}
	if dest.Domain != "" {
		b = append(append(b, 3, byte(len(dest.Domain))), dest.Domain...)
		b = append(b, byte(dest.Port>>8), byte(dest.Port))
	} else {
		b = appendAddress(b, netip.AddrPortFrom(dest.Addr, dest.Port))
	}
	if _, err = conn.Write(b); err != nil {
		return bound, err
	}
	var head [3]byte
	if _, err = io.ReadFull(conn, head[:]); err != nil {
		return bound, err
	}
	_, addr, err := readAddress(oneByte{conn})
	if err != nil {
		return bound, err
	}
	if _, err = io.ReadFull(conn, two[:]); err != nil {
		return bound, err
	}
	if head[1] != replyOK {
		return bound, replyError(head[1])
	}
	return netip.AddrPortFrom(addr, uint16(two[0])<<8|uint16(two[1])), nil
}

type replyError byte

func (e replyError) Error() string { return fmt.Sprintf("reply %d", byte(e)) }

// oneByte reads without reading ahead.
type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

func (c *client) Dial(ctx context.Context, dest string) (net.Conn, error) {
	d, err := flow.ParseDest(dest)
	if err != nil {
		return nil, err
	}
	conn, _, err := c.open(ctx, cmdConnect, d)
	return conn, err
}

func (c *client) Associate(ctx context.Context) (ingresstest.Packets, error) {
	control, bound, err := c.open(ctx, cmdAssociate, flow.Dest{Addr: netip.IPv4Unspecified()})
	if err != nil {
		return nil, err
	}
	u, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(bound))
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	return &packets{control: control, udp: u}, nil
}

type packets struct {
	control net.Conn
	udp     *net.UDPConn
}

func (p *packets) Send(b []byte, to flow.Dest) error {
	h := []byte{0, 0, 0}
	if to.Domain != "" {
		h = append(append(h, addrDomain, byte(len(to.Domain))), to.Domain...)
		h = append(h, byte(to.Port>>8), byte(to.Port))
	} else {
		h = appendAddress(h, netip.AddrPortFrom(to.Addr, to.Port))
	}
	_, err := p.udp.Write(append(h, b...))
	return err
}

func (p *packets) Receive(b []byte) (int, flow.Dest, error) {
	buf := make([]byte, maxDatagram)
	n, err := p.udp.Read(buf)
	if err != nil {
		return 0, flow.Dest{}, err
	}
	from, payload, ok := parseDatagram(buf[:n])
	if !ok {
		return 0, flow.Dest{}, errors.New("header cannot be read")
	}
	return copy(b, payload), from, nil
}

func (p *packets) SetReadDeadline(t time.Time) error { return p.udp.SetReadDeadline(t) }
func (p *packets) Close() error                      { return errors.Join(p.udp.Close(), p.control.Close()) }
