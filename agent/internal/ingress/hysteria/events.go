package hysteria

import (
	"context"
	"net"
	"time"

	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/shared/protocol/hysteria"
)

// events is what the library reports to: sign-in, requests, traffic. The ids in these calls are session ids.
type events struct{ in *Ingress }

var (
	_ server.Authenticator = events{}
	_ server.EventLogger   = events{}
	_ server.TrafficLogger = events{}
)

const (
	authTimeout = 10 * time.Second
	// maxAuth bounds the auth string: login, realm and password each have far tighter limits.
	maxAuth = 1024
)

// Authenticate opens a session. The library calls it once for a connection, and again only after a refusal.
func (e events) Authenticate(addr net.Addr, auth string, _ uint64) (ok bool, id string) {
	if auth == "" || len(auth) > maxAuth {
		return false, ""
	}
	from := addrPort(addr)
	ctx, cancel := context.WithTimeout(e.in.ctx, authTimeout)
	defer cancel()
	s, err := e.in.host.Authenticate(ctx, ingress.Credential{Kind: hysteria.Name, Ingress: e.in.spec.ID, Secret: auth}, from)
	if err != nil {
		e.in.log.DebugContext(ctx, "sign-in refused", "source", from.Addr(), "error", err)
		return false, ""
	}
	if !e.in.clients.add(newClient(s, from), &e.in.cut) {
		s.End()
		return false, ""
	}
	return true, s.Principal().Session
}

// Connect follows a successful Authenticate.
func (e events) Connect(net.Addr, string, uint64) {}

// Disconnect is called once for every connection that signed in, after its last event but for requests that are under way.
func (e events) Disconnect(_ net.Addr, id string, err error) {
	c := e.in.clients.remove(id)
	if c == nil {
		return
	}
	c.over.Store(true)
	c.session.End()
	c.leave(&e.in.cut)
	e.in.log.DebugContext(e.in.ctx, "client left", "session", id, "error", err)
}

// TCPRequest is directly followed by Outbound.TCP.
func (e events) TCPRequest(addr net.Addr, id, reqAddr string) { e.request(flow.TCP, addr, id, reqAddr) }

// UDPRequest is directly followed by Outbound.UDP.
func (e events) UDPRequest(addr net.Addr, id string, _ uint32, reqAddr string) {
	e.request(flow.UDP, addr, id, reqAddr)
}

func (e events) request(network flow.Network, addr net.Addr, id, reqAddr string) {
	c := e.in.clients.get(id)
	if c == nil {
		return // it left meanwhile; without a ticket the request is refused
	}
	c.seen(addrPort(addr), &e.in.cut)
	e.in.handoff.offer(network, reqAddr, c)
}

// TCPError and UDPError come at the end of every request, good or bad.
func (e events) TCPError(net.Addr, string, string, error) {}

// UDPError is TCPError for an association.
func (e events) UDPError(net.Addr, string, uint32, error) {}

// LogTraffic is asked before a chunk is passed on. False ends the connection. Counting happens in the flow itself.
func (e events) LogTraffic(id string, _, _ uint64) bool {
	c := e.in.clients.get(id)
	if c == nil {
		return false
	}
	if c.ended() {
		c.reset()
		return false
	}
	return true
}

// LogOnlineState is covered by Authenticate and Disconnect.
func (e events) LogOnlineState(string, bool) {}

// TraceStream is called with every TCP stream before its request is read.
func (e events) TraceStream(stream server.HyStream, stats *server.StreamStats) {
	e.in.streams.open(stream, e.in.clients.get(stats.AuthID))
}

// UntraceStream is called after the stream was closed.
func (e events) UntraceStream(stream server.HyStream) { e.in.streams.closed(stream) }
