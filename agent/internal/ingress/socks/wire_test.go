package socks

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
)

func TestReplyCodes(t *testing.T) {
	t.Parallel()
	op := func(err error) error {
		return fmt.Errorf("%w: %w", flow.ErrUnreachable, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)})
	}
	for want, errs := range map[byte][]error{
		replyNotAllowed: {flow.ErrBlocked, flow.ErrQuota, flow.ErrRefused},
		replyNetwork:    {flow.ErrNoRoute, op(syscall.ENETUNREACH)},
		replyHost:       {op(syscall.EHOSTUNREACH), fmt.Errorf("%w: %w", flow.ErrUnreachable, &net.DNSError{IsNotFound: true})},
		replyRefused:    {op(syscall.ECONNREFUSED)},
		replyExpired:    {op(syscall.ETIMEDOUT), fmt.Errorf("%w: %w", flow.ErrUnreachable, os.ErrDeadlineExceeded)},
		replyFailure:    {flow.ErrOverload, flow.ErrClosed, io.EOF},
	} {
		for _, err := range errs {
			if got := replyFor(err); got != want {
				t.Errorf("%v: reply %d, want %d", err, got, want)
			}
		}
	}
}

func TestParseDatagram(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     string // destination and payload; empty when it must be dropped
	}{
		{"IPv4", "\x00\x00\x00\x01\x01\x02\x03\x04\x00\x35hi", "1.2.3.4:53 hi"},
		{"IPv6", "\x00\x00\x00\x04" + strings.Repeat("\x20\x01", 8) + "\x00\x35", "[2001:2001:2001:2001:2001:2001:2001:2001]:53 "},
		{"mapped", "\x00\x00\x00\x04" + strings.Repeat("\x00", 10) + "\xff\xff\x7f\x00\x00\x01\x00\x35", "127.0.0.1:53 "},
		{"name", "\x00\x00\x00\x03\x03abc\x00\x35hi", "abc:53 hi"},
		{"numeric name", "\x00\x00\x00\x03\x071.2.3.4\x00\x35", "1.2.3.4:53 "},
		{"fragment", "\x00\x00\x01\x01\x01\x02\x03\x04\x00\x35hi", ""},
		{"reserved bits", "\x01\x00\x00\x01\x01\x02\x03\x04\x00\x35hi", ""},
		{"port 0", "\x00\x00\x00\x01\x01\x02\x03\x04\x00\x00hi", ""},
		{"empty name", "\x00\x00\x00\x03\x00\x00\x35hi", ""},
		{"cut name", "\x00\x00\x00\x03\x09abc", ""},
		{"no port", "\x00\x00\x00\x01\x01\x02\x03\x04\x00", ""},
		{"unknown type", "\x00\x00\x00\x05\x01\x02\x03\x04\x00\x35", ""},
		{"nothing", "", ""},
	} {
		d, p, ok := parseDatagram([]byte(c.in))
		if got := fmt.Sprintf("%s %s", d, p); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %q, %v", c.name, got, ok)
		}
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x05\x02\x00\x02\x01\x01a\x01b\x05\x01\x00\x03\x03abc\x00\x50"))
	f.Add([]byte("\x05\xff\x02"))
	f.Add([]byte("\x05\x01\x02\x01\x00\x00\x05\x03\x00\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		if ok, err := readGreeting(r); err != nil || !ok {
			return
		}
		if _, _, err := readPassword(r); err != nil {
			return
		}
		q, err := readRequest(r)
		if err == nil && q.command != cmdAssociate && (q.dest.Port == 0 || q.dest.Host() == "") {
			t.Errorf("a request to nowhere: %+v", q)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x01\x02\x03\x04\x00\x35hi"))
	f.Add([]byte("\x00\x00\x00\x03\x03abc\x00\x35hi"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, p, ok := parseDatagram(b)
		if ok && (d.Port == 0 || d.Host() == "" || len(p) > len(b)) {
			t.Errorf("%+v", d)
		}
	})
}

func harness(options string) ingresstest.Harness {
	return ingresstest.Harness{
		Kind: "socks5", Options: []byte(options), Factory: New, UDP: true, HalfClose: true, Refusal: true,
		Connect: func(_ context.Context, s ingresstest.Server, c ingresstest.Credential) (ingresstest.Client, error) {
			return &client{server: s, cred: c}, nil
		},
	}
}

// What a client sends that is not SOCKS5 as we serve it gets the answer of the RFC, or an end; never a hang.
func TestBadClients(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("u")
	w := ingresstest.NewWorld(t, harness(`{"handshake_timeout_ms":700}`), u)
	cred := u.Credential()
	hello := "\x05\x01\x02" + "\x01" + string(rune(len(cred.Name))) + cred.Name + string(rune(len(cred.Password))) + cred.Password
	signed := "\x05\x02\x01\x00"
	for _, c := range []struct{ name, in, want string }{
		{"no password method", "\x05\x02\x00\x01", "\x05\xff"},
		{"SOCKS4", "\x04\x01\x00\x50\x01\x02\x03\x04\x00", ""},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", ""},
		{"silence", "", ""},
		{"half a greeting", "\x05\x03\x02", ""},
		{"wrong password", "\x05\x01\x02\x01\x01u\x01x", "\x05\x02\x01\x01"},
		{"bind", hello + "\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", signed + "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"unknown command", hello + "\x05\x09\x00\x01\x01\x02\x03\x04\x00\x50", signed + "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"unknown address type", hello + "\x05\x01\x00\x07", signed + "\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"port 0", hello + "\x05\x01\x00\x01\x01\x02\x03\x04\x00\x00", signed + "\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"no request", hello, signed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", w.Server.Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.in); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if string(got) != c.want || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("answer %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// Clients that never sign in are bounded in time (TestBadClients) and in number.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]string{
		"plain": `{"handshake_timeout_ms":120000}`, "TLS": `{"tls":true,"handshake_timeout_ms":120000}`,
	} {
		t.Run(name, func(t *testing.T) { ingresstest.Strangers(t, harness(opts)) })
	}
}

// What follows the request in the same packet reaches the target.
func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("u")
	w := ingresstest.NewWorld(t, harness(`{}`), u)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cred := u.Credential()
	dest := appendAddress(nil, netip.MustParseAddrPort(l.Addr().String()))
	all := "\x05\x01\x02" + "\x01" + string(rune(len(cred.Name))) + cred.Name + string(rune(len(cred.Password))) + cred.Password +
		"\x05\x01\x00" + string(dest) + "early bird"
	conn, err := net.Dial("tcp", w.Server.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, all); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, 10)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "early bird" {
		t.Errorf("the target got %q, %v", got, err)
	}
	w.Expect(u, 10, 0)
}

// Only the client's address, and of its ports only the first, may use an association; it ends with its control
// connection and after silence.
func TestAssociationBelongsToItsClient(t *testing.T) {
	t.Parallel()
	u := ingresstest.NewUser("u")
	w := ingresstest.NewWorld(t, harness(`{"public_address":"127.0.0.1","udp_idle_timeout_ms":1000}`), u)
	target, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	to := netip.MustParseAddrPort(target.LocalAddr().String())
	datagram := func(s string) []byte { return append(appendAddress([]byte{0, 0, 0}, to), s...) }
	heard := func() string {
		t.Helper()
		buf := make([]byte, 64)
		if err := target.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := target.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	cl := &client{server: w.Server, cred: u.Credential()}
	control, bound, err := cl.open(t.Context(), cmdAssociate, flow.Dest{Addr: netip.IPv4Unspecified()})
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	var socks [2]net.Conn
	for i := range socks {
		if socks[i], err = net.Dial("udp", bound.String()); err != nil {
			t.Fatal(err)
		}
		defer socks[i].Close()
	}
	elsewhere := &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	foreign, err := elsewhere.Dial("udp", bound.String())
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	for _, s := range []struct {
		from net.Conn
		b    []byte
	}{
		{foreign, datagram("foreign address")},
		{socks[0], []byte("rubbish")},
		{socks[0], append([]byte{0, 0, 1}, datagram("fragment")[3:]...)},
		{socks[0], datagram("first")},
		{socks[1], datagram("second port")},
		{socks[0], datagram("last")},
	} {
		if _, err := s.from.Write(s.b); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := heard(), heard(); a != "first" || b != "last" {
		t.Errorf("the target heard %q, %q", a, b)
	}
	w.Expect(u, 9, 0)
	if err := control.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a silent association stays open")
	}
}

func TestFactoryWantsACertificateForTLS(t *testing.T) {
	t.Parallel()
	spec := ingress.Spec{}
	spec.Options = []byte(`{"tls":true}`)
	if _, err := New(spec, nil); err == nil {
		t.Error("TLS without a certificate")
	}
	spec.Options = []byte(`{"tls":2}`)
	if _, err := New(spec, nil); err == nil {
		t.Error("options were not read")
	}
}
