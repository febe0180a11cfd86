// Package ingresstest is the suite that every ingress passes, with one call. It runs a protocol on the real engine, real
// sockets and the real meter, so what it shows is what a node does.
//
//	func TestConformance(t *testing.T) {
//		ingresstest.Run(t, ingresstest.Harness{Kind: "socks5", Factory: socks.New, Connect: connect, ...})
//	}
package ingresstest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/netip"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// Harness says how to build one kind of ingress, how to be its client, and what the protocol can do.
type Harness struct {
	Kind    string
	Options json.RawMessage // a certificate is given to the ingress when these options need one
	Factory ingress.Factory
	// Connect makes a client of server for credential c. It may sign in at once, or leave that to the first Dial: the
	// suite takes a refusal from either. Each call is a client device of its own.
	Connect func(ctx context.Context, server Server, c Credential) (Client, error)

	UDP       bool // carries UDP
	HalfClose bool // an end of stream travels alone; without it, the suite asserts that it ends both directions
	Secret    bool // opens with one string: a generated secret, a password alone, name:password
	// Refusal: a destination that cannot be reached, or is not allowed, fails Dial (instead of ending the stream).
	Refusal bool
	// Silence: who is refused hears nothing at all; a client gives up after this long. Zero where a refusal is told.
	Silence time.Duration
	// Outside: the protocol's clients cannot name loopback addresses. Where the suite's services are, the client says Alias,
	// and the world's exit leads there.
	Outside bool
	// Peer returns the public key of the device that presents c, for kinds whose subscribers have peers.
	Peer func(c Credential) []byte
	// Hidden: a cut flow may show to an idle client only as silence for this long (QUIC without a close). Zero means
	// that the client sees the end at once.
	Hidden time.Duration
}

// Alias stands for this machine in the destinations of protocols with Harness.Outside.
func Alias() netip.Addr { return netip.MustParseAddr("203.0.113.9") }

// Alias6 is Alias for IPv6.
func Alias6() netip.Addr { return netip.MustParseAddr("2001:db8::9") }

// Server is where a client connects to.
type Server struct {
	Addr  netip.AddrPort
	Name  string         // name in the certificate
	Roots *x509.CertPool // trusts the ingress's certificate
}

// Credential is what a test client presents: Name and Password, or Secret alone.
type Credential struct {
	Name     string // with realm
	Password string
	Secret   string
	Number   int64 // of the device, for kinds whose subscribers have peers; the world fills it in
}

// Client is one device. Its methods are used from many goroutines at once.
type Client interface {
	// Dial opens a TCP flow to dest, host:port. Protocols with Harness.HalfClose return a conn with CloseWrite.
	Dial(ctx context.Context, dest string) (net.Conn, error)
	// Associate opens a UDP association. Kinds without UDP return an error.
	Associate(ctx context.Context) (Packets, error)
	Close() error
}

// Packets is a client's end of a UDP association.
type Packets interface {
	Send(b []byte, to flow.Dest) error
	// Receive waits for one datagram until Close or a deadline.
	Receive(b []byte) (n int, from flow.Dest, err error)
	SetReadDeadline(t time.Time) error
	Close() error
}
