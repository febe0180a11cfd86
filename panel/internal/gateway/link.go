package gateway

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"culvert/shared/nodeapi"
)

// link is one connection. One with a problem has no node: it may enrol, and is told the problem otherwise.
type link struct {
	conn     *tls.Conn
	source   string
	node     string
	serial   string
	notAfter time.Time
	problem  *nodeapi.Problem
	born     time.Time
	ctx      context.Context //nolint:containedctx // the connection's life
	cancel   context.CancelFunc
}

func newLink(ctx context.Context, conn *tls.Conn, source string) *link {
	l := &link{conn: conn, source: source, born: time.Now()}
	l.ctx, l.cancel = context.WithCancel(ctx)
	return l
}

// end closes the connection under whatever is going on on it.
func (l *link) end() {
	l.cancel()
	_ = l.conn.NetConn().Close() // not the TLS one: its farewell would wait for a client that does not read
}

// turnAway tells a queue client why, in Redis's protocol.
func (l *link) turnAway() {
	_ = l.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = l.conn.Write([]byte("-ERR culvert: " + l.problem.Message + "\r\n"))
	_ = l.conn.Close()
	l.cancel()
}

// links are the live connections.
type links struct {
	perNode int

	mu   sync.Mutex
	live map[*link]bool // value: counts against perNode
	conn map[net.Conn]*link
}

func newLinks(perNode int) *links {
	return &links{perNode: perNode, live: map[*link]bool{}, conn: map[net.Conn]*link{}}
}

// add lists a connection. When the node has too many that count, its oldest ends.
func (s *links) add(l *link, counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[l], s.conn[l.conn] = counts, l
	if !counts {
		return
	}
	n, oldest := 0, l
	for o, c := range s.live {
		if c && o.node == l.node && o.ctx.Err() == nil {
			n++
			if o.born.Before(oldest.born) {
				oldest = o
			}
		}
	}
	if n > s.perNode {
		oldest.end()
	}
}

func (s *links) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, l)
	delete(s.conn, l.conn)
	l.cancel()
}

func (s *links) of(c net.Conn) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn[c]
}

// pick returns the identified connections of a node, or all of them when node is empty.
func (s *links) pick(node string) []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*link
	for l := range s.live {
		if l.node != "" && (node == "" || l.node == node) {
			out = append(out, l)
		}
	}
	return out
}

func (s *links) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.live {
		l.end()
	}
}

// handover is the listener of connections whose hands are shaken already.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (h *handover) give(ctx context.Context, c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.done:
	case <-ctx.Done():
	}
	return false
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handover) Addr() net.Addr { return h.addr }
