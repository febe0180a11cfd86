package httpproxy

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"culvert/agent/internal/ingress"
	"culvert/shared/protocol/httpproxy"
)

// clientConn is one connection of a client. Its requests come one after the other; each may present another credential.
// There is one session for the credential in use. It ends with the connection, or when another credential takes over.
type clientConn struct {
	in     *Ingress
	net    net.Conn
	source netip.AddrPort
	door   *ingress.Entrant // left with the first sign-in
	since  time.Time

	mu       sync.Mutex
	cred     credential
	session  ingress.Session
	unwatch  chan struct{} // closed to end the watcher of session
	hijacked bool
	over     bool
}

// signIn returns the session of cred, which may be the one in use.
func (c *clientConn) signIn(ctx context.Context, cred credential) (ingress.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.cred == cred && !isDone(c.session) {
		return c.session, nil
	}
	s, err := c.in.host.Authenticate(ctx, ingress.Credential{
		Kind: httpproxy.Name, Ingress: c.in.spec.ID, Name: cred.name, Password: cred.password,
	}, c.source)
	if err != nil {
		return nil, err
	}
	c.door.Leave()
	c.dropLocked()
	if c.over {
		s.End()
		return nil, context.Canceled
	}
	c.cred, c.session = cred, s
	c.watchLocked()
	return s, nil
}

// watchLocked closes the connection when the engine ends its session: an idle one has no flow that a cut would end.
func (c *clientConn) watchLocked() {
	stop, s := make(chan struct{}), c.session
	c.unwatch = stop
	c.in.work.Go(func() {
		select {
		case <-s.Done():
			select {
			case <-stop: // another credential took over; its session has ended because of that
			default:
				_ = c.net.Close()
			}
		case <-stop:
		}
	})
}

// unwatchOnly ends the watcher and keeps the session: a tunnel is a flow, which the engine cuts itself.
func (c *clientConn) unwatchOnly() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unwatchLocked()
}

func (c *clientConn) unwatchLocked() {
	if c.unwatch != nil {
		close(c.unwatch)
		c.unwatch = nil
	}
}

// dropLocked ends the session in use, if any.
func (c *clientConn) dropLocked() {
	c.unwatchLocked()
	if c.session != nil {
		c.session.End()
	}
	c.session, c.cred = nil, credential{}
}

// end is called when the connection is done with.
func (c *clientConn) end() {
	c.in.forget(c)
	c.door.Leave()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.dropLocked()
}

// overstayed reports whether a client who has never signed in had time enough to do so.
func (c *clientConn) overstayed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session == nil && time.Since(c.since) > c.in.opts.HeaderTimeout()
}

// cut ends the connection in the middle of whatever it does.
func (c *clientConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		c.session.End()
	}
	_ = c.net.Close()
}

func (c *clientConn) markHijacked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hijacked = true
}

func (c *clientConn) isHijacked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hijacked
}

func isDone(s ingress.Session) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}
