package hysteria

import (
	"net"
	"sync"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// udpConn is an association. The library writes from one goroutine and reads from another; each keeps the last
// translation between text and destination, because most associations talk to one place.
//
// All associations of a client share the goroutine that writes, so a write must never wait. A datagram to a name may, for
// the resolver: such datagrams go through a short queue with a goroutine of its own, made for the first of them.
type udpConn struct {
	conn   ingress.PacketConn
	client *client
	free   func() // called once, when the association and its queue have ended

	toText   string // write side
	to       flow.Dest
	from     flow.Dest // read side
	fromText string

	mu     sync.Mutex
	named  chan datagram // nil until a name is written to
	closed bool
	users  int // the association itself, and its queue
}

type datagram struct {
	to   flow.Dest
	data []byte
}

// namedQueue is how many datagrams may wait for the resolver; more are lost, as datagrams are.
const namedQueue = 32

func newUDPConn(conn ingress.PacketConn, c *client, free func()) *udpConn {
	return &udpConn{conn: conn, client: c, free: free, users: 1}
}

func (c *udpConn) ReadFrom(b []byte) (int, string, error) {
	n, from, err := c.conn.ReadFrom(b)
	if err != nil {
		if c.client.ended() {
			return 0, "", nil // raises an event, see tcpConn
		}
		return 0, "", err
	}
	if from != c.from || c.fromText == "" {
		c.from, c.fromText = from, from.String()
	}
	return n, c.fromText, nil
}

func (c *udpConn) WriteTo(b []byte, addr string) (int, error) {
	if addr != c.toText {
		to, err := flow.ParseDest(addr)
		if err != nil {
			return 0, errDest
		}
		c.toText, c.to = addr, to
	}
	if c.to.Domain != "" {
		return c.writeNamed(b)
	}
	return c.conn.WriteTo(b, c.to)
}

func (c *udpConn) writeNamed(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.named == nil {
		c.named = make(chan datagram, namedQueue)
		c.users++
		go c.drain(c.named)
	}
	select {
	case c.named <- datagram{c.to, append([]byte(nil), b...)}:
	default:
	}
	return len(b), nil
}

// drain ends when Close closes the queue; what still waits there is lost.
func (c *udpConn) drain(queue <-chan datagram) {
	defer c.leave()
	for d := range queue {
		if !c.isClosed() {
			_, _ = c.conn.WriteTo(d.data, d.to) // the library would not look at the error either
		}
	}
}

func (c *udpConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *udpConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	if c.named != nil {
		close(c.named)
	}
	c.mu.Unlock()
	err := c.conn.Close()
	c.leave()
	return err
}

func (c *udpConn) leave() {
	c.mu.Lock()
	c.users--
	last := c.users == 0
	c.mu.Unlock()
	if last {
		c.free()
	}
}
