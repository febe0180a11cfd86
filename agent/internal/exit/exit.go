// Package exit opens what leaves the node. An exit is a way to the destination: straight out of this machine, or later
// through the mesh. It knows nothing of who asks; whether an address may be used is asked of the verdict it is given.
package exit

import (
	"context"
	"net"
	"net/netip"

	"culvert/agent/internal/flow"
)

// Allow is asked about an address directly before it is used. nil allows everything.
type Allow func(netip.AddrPort) error

// Exit opens connections. Errors are flow.ErrBlocked, or wrap flow.ErrUnreachable or flow.ErrNoRoute and their cause.
type Exit interface {
	// DialTCP connects to d. The result has CloseWrite where the exit can pass an end of stream on.
	DialTCP(ctx context.Context, d flow.Dest, allow Allow) (net.Conn, error)
	// ListenUDP opens a full-cone socket: one local port for all destinations of an association.
	ListenUDP(ctx context.Context) (Packets, error)
}

// Packets is the outer end of a UDP association.
type Packets interface {
	ReadFrom(b []byte) (n int, from flow.Dest, err error)
	// WriteTo sends a datagram. Errors that concern this datagram only are flow.ErrBlocked or wrap flow.ErrUnreachable.
	WriteTo(b []byte, to flow.Dest, allow Allow) (int, error)
	Close() error
}
