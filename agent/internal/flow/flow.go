// Package flow is the vocabulary of the agent's data path: who asks (Principal), for what (Flow, Dest), and with which
// outcome (the sentinel errors). It is a leaf: every data-path package may import it and it imports none of them.
package flow

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Network is the transport of a flow.
type Network uint8

// The networks that flows run over.
const (
	TCP Network = iota + 1
	UDP
)

func (n Network) String() string {
	switch n {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return "network(" + strconv.Itoa(int(n)) + ")"
}

// Class tells subscribers, who are billed, from nodes, who may relay.
type Class uint8

// The classes of principals.
const (
	Subscriber Class = iota + 1
	Node
)

// Principal is who a flow belongs to. It is obtained only from Host.Authenticate and is carried by every flow; nobody
// recovers it later. The zero Principal is nobody and is refused everywhere.
type Principal struct {
	Class      Class
	ID         string // subscriber or node id
	Generation int64  // credential generation that was presented; a newer one cuts what this one opened
	Session    string // session id, set by Authenticate: one client connection, or what the protocol takes for one
}

// Valid reports whether p names someone.
func (p Principal) Valid() bool { return p.Class != 0 && p.ID != "" && p.Session != "" }

// Dest is a destination as the client named it: a domain or an address, and a port.
type Dest struct {
	Domain string     // empty when Addr is valid
	Addr   netip.Addr // unmapped; zero when Domain is set
	Port   uint16
}

// String prints host:port, with brackets round IPv6.
func (d Dest) String() string { return net.JoinHostPort(d.Host(), strconv.Itoa(int(d.Port))) }

// Host is the domain or the address.
func (d Dest) Host() string {
	if d.Domain != "" {
		return d.Domain
	}
	if !d.Addr.IsValid() {
		return ""
	}
	return d.Addr.String()
}

// maxDomain is the longest name DNS can carry (RFC 1035 §2.3.4).
const maxDomain = 253

// ParseDest reads host:port as clients send it.
func ParseDest(hostport string) (Dest, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return Dest{}, fmt.Errorf("destination %.80q: must be host:port", hostport)
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || p == 0 {
		return Dest{}, fmt.Errorf("destination %.80q: port must be between 1 and 65535", hostport)
	}
	return MakeDest(host, uint16(p))
}

// MakeDest builds a destination from a host, which may be a numeric address, and a port.
func MakeDest(host string, port uint16) (Dest, error) {
	if port == 0 {
		return Dest{}, errors.New("destination: port must be between 1 and 65535")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return Dest{Addr: a.Unmap().WithZone(""), Port: port}, nil
	}
	if host == "" || len(host) > maxDomain {
		return Dest{}, fmt.Errorf("destination: host must have 1 to %d characters", maxDomain)
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c == 0x7f || c == '/' || c == '@' || c == ':' {
			return Dest{}, fmt.Errorf("destination %.80q: host holds a character that no name has", host)
		}
	}
	return Dest{Domain: host, Port: port}, nil
}

// Flow is one request of a principal: a TCP connection, or a UDP association whose destinations come per datagram.
type Flow struct {
	Principal Principal
	Ingress   string         // id of the ingress it came in by
	Source    netip.AddrPort // the client
	Network   Network
	Dest      Dest // for UDP: the first destination if the protocol knows it, else zero
}

// Why a flow or a sign-in was refused. Ingresses map them to their protocol's answers with errors.Is; none of them tells
// the client more than its protocol can say.
var (
	ErrCredential  = errors.New("credential is wrong")              // unknown name, wrong password, protocol not allowed: one answer for all
	ErrRefused     = errors.New("subscriber may not connect")       // suspended, expired, limited, kicked a moment ago
	ErrQuota       = errors.New("traffic allowance is used up")     // metered and nothing left here
	ErrBlocked     = errors.New("destination is not allowed")       // by rule or by the abuse floor
	ErrNoRoute     = errors.New("exit is not available")            // chosen exit is down; never a silent way round
	ErrCut         = errors.New("session was ended by the node")    // returned by Read and Write after a cut
	ErrOverload    = errors.New("too many open connections")        // a bound of the node or of the subscriber
	ErrClosed      = errors.New("ingress host is shutting down")    // draining
	ErrUnreachable = errors.New("destination could not be reached") // dial failed; wraps the system's error
)
