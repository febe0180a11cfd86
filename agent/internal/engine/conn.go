package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"culvert/agent/internal/engine/pipe"
	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/meter"
)

// Dial implements ingress.Host.
func (h *host) Dial(ctx context.Context, f flow.Flow) (ingress.Conn, error) {
	f.Ingress, f.Network = h.service.spec.ID, flow.TCP
	s, acc, err := h.admit(f)
	if err != nil {
		return nil, err
	}
	c := &conn{admission: admission{engine: h.Engine, sess: s, acc: acc, stop: make(chan struct{})}}
	if err := c.dial(ctx, f); err != nil {
		c.leave()
		return nil, err
	}
	if !s.Attach(c) {
		return nil, errors.Join(flow.ErrCut, c.Close())
	}
	return c, nil
}

// dial routes f and connects.
func (c *conn) dial(ctx context.Context, f flow.Flow) error {
	v, err := c.engine.routes.Load().Pick(f)
	if err != nil {
		return err
	}
	x := c.engine.cfg.Exits[v.Exit]
	if x == nil {
		return fmt.Errorf("%w: %s", flow.ErrNoRoute, v.Exit)
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	if c.Conn, err = x.DialTCP(ctx, f.Dest, v.Allow); err != nil {
		return err
	}
	c.tap = c.acc.Tap(f.Ingress, v.Exit)
	return nil
}

// conn is a routed TCP flow (ingress.Conn). The embedded connection leads to the internet.
type conn struct {
	net.Conn
	admission

	mu     sync.Mutex
	client net.Conn // while it is relayed
	closed bool
}

// Cut implements session.Flow: both ends are reset, and whatever moves bytes finds out at once.
func (c *conn) Cut() {
	if !c.cut() {
		return
	}
	pipe.Abort(c.Conn)
	c.mu.Lock()
	client := c.client
	c.mu.Unlock()
	if client != nil {
		pipe.Abort(client)
	}
}

// Read implements net.Conn: internet to subscriber.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		passed, perr := c.pass(meter.Down, n)
		if perr != nil {
			return passed, perr
		}
	}
	return n, c.outcome(err)
}

// pass takes and counts n bytes that were read; it returns how many of them may be handed on.
func (c *conn) pass(d meter.Direction, n int) (int, error) {
	done := 0
	for done < n {
		b, err := c.take(int64(n - done))
		if err != nil {
			return done, c.outcome(err)
		}
		c.count(d, b.N)
		c.acc.Return(b, 0)
		done += int(b.N)
		if err := c.acc.Pace(d, b.N, c.stop); err != nil {
			return done, err
		}
	}
	return done, nil
}

// Write implements net.Conn: subscriber to internet.
func (c *conn) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		step := min(int64(len(b)-done), c.acc.Chunk(meter.Up))
		bud, err := c.take(step)
		if err != nil {
			return done, c.outcome(err)
		}
		n, err := c.Conn.Write(b[done : done+int(bud.N)])
		c.count(meter.Up, int64(n))
		c.acc.Return(bud, bud.N-int64(n))
		done += n
		if err != nil {
			return done, c.outcome(err)
		}
		if err := c.acc.Pace(meter.Up, int64(n), c.stop); err != nil {
			return done, err
		}
	}
	return done, nil
}

// outcome names a failure that a cut caused.
func (c *conn) outcome(err error) error {
	if err != nil && c.over.Load() {
		return flow.ErrCut
	}
	return err
}

// CloseWrite implements ingress.Conn.
func (c *conn) CloseWrite() error {
	_, err := pipe.CloseWrite(c.Conn)
	return c.outcome(err)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	err := c.Conn.Close()
	c.tap.Close()
	c.sess.Detach(c)
	c.leave()
	return err
}

// Relay implements ingress.Conn.
func (c *conn) Relay(client net.Conn, early []byte) error {
	c.mu.Lock()
	c.client = client
	c.mu.Unlock()
	if c.over.Load() { // the cut did not see the client
		pipe.Abort(client)
	}
	up := make(chan error, 1)
	go func() { up <- c.upload(client, early) }()
	down := c.half(c.engine.pump.Copy(client, c.Conn, &gauge{admission: &c.admission, dir: meter.Down}), client, client)
	err := <-up
	if err == nil || errors.Is(err, net.ErrClosed) { // closed by the other direction's failure, which says more
		err = down
	}
	_ = client.Close() // how the client's side ends is the client's affair
	if cerr := c.Close(); err == nil && !errors.Is(cerr, net.ErrClosed) {
		err = cerr
	}
	return c.outcome(err)
}

func (c *conn) upload(client net.Conn, early []byte) error {
	if len(early) > 0 {
		if _, err := c.Write(early); err != nil {
			return c.half(err, c.Conn, client)
		}
	}
	return c.half(c.engine.pump.Copy(c.Conn, client, &gauge{admission: &c.admission, dir: meter.Up}), c.Conn, client)
}

// half ends one direction: an ordinary end is passed on to where it went, a failure resets both sides.
func (c *conn) half(err error, to, client net.Conn) error {
	if err == nil {
		var ok bool
		if ok, err = pipe.CloseWrite(to); err == nil && (ok || to != client) {
			return nil
		}
	}
	// Failed, or a client that cannot be told of an end otherwise.
	pipe.Abort(c.Conn)
	if err != nil {
		pipe.Abort(client)
		return err
	}
	return client.Close()
}
