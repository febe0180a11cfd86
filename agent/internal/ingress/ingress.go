// Package ingress is the contract between a protocol and the engine.
//
// A protocol package parses its own wire format and nothing else. It asks Host who is speaking, and for a connection to
// where they want to go. What comes back is already admitted, routed, metered, speed-limited and cuttable, so a protocol
// cannot forget accounting, and it needs no knowledge of subscribers, quotas, exits or reports.
//
// Every implementation passes the suite in ingresstest unchanged.
package ingress

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

// Ingress is one running service.
type Ingress interface {
	// Start binds and returns once it listens; it does not block while serving. An error leaves nothing behind.
	Start(ctx context.Context) error
	// Close stops accepting, lets flows drain until ctx ends, then cuts what is left and waits for every goroutine.
	// When ctx ends the engine also ends the sessions of this ingress, so their flows fail with flow.ErrCut. It may be
	// called twice. A protocol that demultiplexes clients itself (QUIC on one UDP socket) cannot hand them to its
	// successor on the same address: it ends them at once instead of draining.
	Close(ctx context.Context) error
}

// Credential is what a client presented. A protocol fills what it has: Name and Password for user-name protocols, Secret
// for protocols that send one string (Hysteria's auth).
type Credential struct {
	Kind     string // ingress kind, decides which protocols permission applies
	Ingress  string // ingress id
	Name     string // login, name@realm
	Password string
	Secret   string
	// Proven is set, instead of name, password and secret, by a protocol that proved the client by a key which KeysChanged
	// gave it.
	Proven Proof
}

// Proof names whose key a client proved to hold.
type Proof struct {
	Subscriber string
	Generation int64  // of the row that held the key; another one by now refuses the sign-in
	Device     string // whose key it was, where devices have keys of their own
}

// Host is the engine as an ingress sees it. All methods are safe for concurrent use.
type Host interface {
	// Authenticate opens a session for whoever c names. It takes time that does not depend on which part of c is wrong
	// and returns flow.ErrCredential or flow.ErrRefused. The session ends with Session.End, which every caller must
	// reach; while it lives, it is listed, and Session.Done tells when the engine wants it gone.
	Authenticate(ctx context.Context, c Credential, from netip.AddrPort) (Session, error)
	// Dial admits, routes and opens a TCP flow. The dial happens before it returns, so that a refused target can be
	// told to the client. ctx bounds the dial only.
	Dial(ctx context.Context, f flow.Flow) (Conn, error)
	// Associate admits and opens a UDP association. Each datagram's destination gets its own verdict.
	Associate(ctx context.Context, f flow.Flow) (PacketConn, error)
	// Lease admits principal p for a packet VPN and gives it a place in the ingress's own network. Packets from the
	// lease's addresses enter the tunnel, whose flows carry p. Kinds without packets never call it.
	Lease(ctx context.Context, p flow.Principal, spec LeaseSpec) (Lease, error)
}

// Session is one signed-in client connection, or what the protocol takes for one.
type Session interface {
	Principal() flow.Principal
	// Done is closed when the engine ends the session: suspend, expiry, quota, revoke, kick, drain. Flows of the session
	// are cut by the engine itself; a protocol with an idle connection watches Done to close it.
	Done() <-chan struct{}
	// End closes the session from the protocol's side and cuts what it left open. It may be called twice.
	End()
}

// Roaming is implemented by sessions of clients that are known by their key and may send from anywhere (WireGuard). The
// protocol says where the client is and when it last proved itself; only the newest counts.
type Roaming interface {
	Seen(endpoint netip.AddrPort, handshake time.Time)
}

// Conn is a routed TCP flow. Read is internet to subscriber, Write is subscriber to internet; each counts the bytes it
// moved, waits for the subscriber's speed limit, and fails with flow.ErrCut after a cut.
type Conn interface {
	net.Conn // Close must be called, also after a cut: the session's last record waits for it
	// CloseWrite passes the client's end of stream on. Exits that cannot do so close the connection when both ends are
	// done.
	CloseWrite() error
	// Relay copies both ways between client and this flow until both directions ended, either failed, or the flow was
	// cut; then both are closed. It owns the copying: kernel splice stays where both ends are TCP, in chunks that end by
	// size or after 250 ms, so that counts, limits and cuts stay live on slow flows. early is what the protocol already
	// read from client after its request. The error is nil for an ordinary end.
	Relay(client net.Conn, early []byte) error
}

// PacketConn is a routed UDP association (full-cone).
type PacketConn interface {
	// ReadFrom fills b with one datagram and says where it came from.
	ReadFrom(b []byte) (n int, from flow.Dest, err error)
	// WriteTo sends one datagram. flow.ErrBlocked and flow.ErrUnreachable concern that datagram only; other errors end
	// the association. Datagrams over the speed limit are dropped, which is not an error.
	WriteTo(b []byte, to flow.Dest) (n int, err error)
	Close() error
}

// LeaseSpec describes a client's place in an ingress's network. All but Addrs and Deliver is the same for every lease of one
// ingress.
type LeaseSpec struct {
	Addrs    []netip.Addr   // the client's inner addresses; identity is the source address of its packets
	Inner    []netip.Prefix // the network's own addresses: clients do not reach each other there
	Resolver []netip.Addr   // addresses that answer DNS inside, on port 53
	Upstream netip.AddrPort // the resolver that is asked, through the subscriber's route
	MTU      int            // of packets to clients
	// Deliver takes packets to Addrs; they are its own until it returns. It may wait for room. An ingress that reads packets
	// from the lease itself (tunnel.Lease's Receive) leaves it nil.
	Deliver func(packet []byte)
}

// Lease holds a packet VPN's inner addresses until Release.
type Lease interface {
	Addrs() []netip.Addr
	// Inject hands a packet from the subscriber to the netstack; the packet is copied before Inject returns.
	Inject(packet []byte) error
	Release()
}

// KeyChange is what changed in the subscribers since the call before. The rows may be kept: nobody writes to them.
type KeyChange struct {
	Full    bool                  // Rows are all there are; forget what came before
	Rows    []*nodeapi.Subscriber // new and changed
	Removed []string              // subscriber ids
}

// KeysChanged is implemented by ingresses that hold keys in their own device (WireGuard peers, IKEv2 and PPP secrets).
// It is called with Full before Start, and after every change of subscribers with that change alone, so that one
// changed user among 10,000 costs one row. Calls do not overlap and must not block for long.
type KeysChanged interface {
	KeysChanged(ctx context.Context, change KeyChange) error
}

// Spec is what a Factory builds from: the desired ingress, its certificate and the services it may use.
type Spec struct {
	nodeapi.Ingress
	// Listen and ListenPacket hand out sockets that survive a swap of configurations: the same address is shared by
	// reference, so a new ingress can take over from the old one without a gap.
	Sockets Sockets
	// TLS returns the current certificate; nil when the ingress names none.
	TLS func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Keep stores a small value of this ingress (Hysteria's stateless-reset key) over restarts.
	Keep Keeper
	Log  *slog.Logger
}

// Sockets opens listening sockets. Every call returns its own handle on a kernel socket shared by address: closing it
// ends the handle's own Accept or Read and nothing else. Listen returns a *net.TCPListener inside, so that accepted
// connections are *net.TCPConn; ListenPacket's handle has all methods of *net.UDPConn (GSO, buffers, SyscallConn).
type Sockets interface {
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// Keeper stores small secrets of an ingress on the node, sealed.
type Keeper interface {
	// Get returns the value stored under (ingress, name), or makes it with fresh and stores it.
	Get(name string, fresh func() ([]byte, error)) ([]byte, error)
}

// Factory builds an ingress of one kind. It validates spec and opens nothing.
type Factory func(spec Spec, host Host) (Ingress, error)
