package hysteria

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// outbound is how the library reaches destinations.
type outbound struct{ in *Ingress }

var _ server.Outbound = outbound{}

const dialTimeout = 20 * time.Second

// What a client is told when its request fails. The library sends an outbound's error text as it is, so errors that may
// hold addresses of this node stay here.
var (
	errIdentity = errors.New("request belongs to nobody")
	errOver     = errors.New("session is over")
	errDest     = errors.New("destination is malformed")
	errInternal = errors.New("request failed")
)

// TCP opens a flow for whoever the event just before named.
func (o outbound) TCP(reqAddr string) (net.Conn, error) {
	c, dest, err := o.claim(flow.TCP, reqAddr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(o.in.ctx, dialTimeout)
	defer cancel()
	conn, err := o.in.host.Dial(ctx, c.flow(o.in.spec.ID, flow.TCP, dest))
	if err != nil {
		o.release(c)
		return nil, public(err)
	}
	return &tcpConn{Conn: conn, client: c, done: sync.OnceFunc(func() { o.release(c) })}, nil
}

// UDP opens an association. Destinations are decided for each datagram, in udpConn.WriteTo.
func (o outbound) UDP(reqAddr string) (server.UDPConn, error) {
	c, dest, err := o.claim(flow.UDP, reqAddr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(o.in.ctx, dialTimeout)
	defer cancel()
	conn, err := o.in.host.Associate(ctx, c.flow(o.in.spec.ID, flow.UDP, dest))
	if err != nil {
		o.release(c)
		return nil, public(err)
	}
	return newUDPConn(conn, c, func() { o.release(c) }), nil
}

// CheckUDP says yes: the library keeps the answer for the association's life, and a rule may change meanwhile.
func (o outbound) CheckUDP(string) error { return nil }

// claim finds the client, reads the destination and counts the flow until release.
func (o outbound) claim(network flow.Network, reqAddr string) (*client, flow.Dest, error) {
	c, ok := o.in.handoff.take(network, reqAddr)
	if !ok {
		o.in.log.DebugContext(o.in.ctx, "request without an owner refused", "network", network.String())
		return nil, flow.Dest{}, errIdentity
	}
	dest, err := flow.ParseDest(reqAddr)
	if err != nil {
		return nil, flow.Dest{}, errDest
	}
	if !o.in.flows.enter() {
		return nil, flow.Dest{}, flow.ErrClosed
	}
	c.flows.Add(1)
	if c.ended() {
		o.release(c)
		return nil, flow.Dest{}, errOver
	}
	return c, dest, nil
}

func (o outbound) release(c *client) {
	c.flows.Add(-1)
	o.in.flows.leave()
}

// public is what of err a client may read.
func public(err error) error {
	for _, known := range []error{
		flow.ErrRefused, flow.ErrQuota, flow.ErrBlocked, flow.ErrNoRoute, flow.ErrCut, flow.ErrOverload,
		flow.ErrClosed, flow.ErrUnreachable,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errInternal
}

// tcpConn is a flow as the library copies it. The library ends a connection only when an event about bytes is answered
// with "disconnect", so a flow of a cut client reports one byte that does not exist: the event comes first, and the
// byte goes nowhere.
type tcpConn struct {
	ingress.Conn
	client *client
	done   func()
}

func (c *tcpConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && n == 0 && len(b) > 0 && c.client.ended() {
		return 1, nil
	}
	return n, err
}

func (c *tcpConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.client.ended() {
		return len(b), nil // the connection is about to end through Read
	}
	return n, err
}

func (c *tcpConn) Close() error {
	err := c.Conn.Close()
	c.done()
	return err
}
