package redispipe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"culvert/panel/internal/jobs"
	"culvert/shared/logging"
)

// Limits of one node, over all its connections.
type Limits struct {
	Connections int
	Commands    int // a second
	Upload      int // bytes a second, to Redis
	Download    int // bytes a second, to the node
}

// DefaultLimits are several times what asynq's server needs at a poll every 50 ms.
func DefaultLimits() Limits {
	return Limits{Connections: 12, Commands: 200, Upload: 256 << 10, Download: 1 << 20}
}

// Timing of a connection.
const (
	dialLimit  = 5 * time.Second
	idleLimit  = 5 * time.Minute  // asynq polls, and its subscription pings
	partLimit  = 10 * time.Second // for the rest of a request once it began
	writeLimit = 15 * time.Second // for a node that does not read
	underWay   = 16               // requests of one connection that are not answered yet
)

// Pipe connects nodes to their queues.
type Pipe struct {
	acl     *ACL
	opt     *redis.Options
	scripts map[string]jobs.Script
	limits  Limits
	log     *slog.Logger

	mu    sync.Mutex
	nodes map[string]*allowance
}

// allowance is what one node's connections share.
type allowance struct {
	connections    int
	commands       *rate.Limiter
	upload, toNode *rate.Limiter
}

// New returns a pipe to the Redis of opt, whose users acl keeps.
func New(opt *redis.Options, acl *ACL, l Limits, log *slog.Logger) *Pipe {
	p := &Pipe{acl: acl, opt: opt, limits: l, log: log, scripts: map[string]jobs.Script{}, nodes: map[string]*allowance{}}
	for _, s := range jobs.Scripts() {
		p.scripts[s.Hash] = s
	}
	return p
}

func (p *Pipe) enter(node string) *allowance {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.nodes[node]
	if a == nil {
		a = &allowance{
			commands: rate.NewLimiter(rate.Limit(p.limits.Commands), 2*p.limits.Commands),
			upload:   rate.NewLimiter(rate.Limit(p.limits.Upload), max(maxRequest*2, 2*p.limits.Upload)),
			toNode:   rate.NewLimiter(rate.Limit(p.limits.Download), 2*p.limits.Download),
		}
		p.nodes[node] = a
	}
	if a.connections >= p.limits.Connections {
		return nil
	}
	a.connections++
	return a
}

// leave keeps the allowance of a node that may come back within the second: reconnecting does not refill it.
func (p *Pipe) leave(node string, a *allowance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.connections--
	if a.connections == 0 && a.commands.Tokens() >= float64(a.commands.Burst()) && a.upload.Tokens() >= float64(a.upload.Burst()) {
		delete(p.nodes, node)
	}
}

// Serve speaks for node over conn until either side ends it or ctx ends. It closes conn. The error says why it ended; it
// is nil for an ordinary end.
func (p *Pipe) Serve(ctx context.Context, node string, conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	a := p.enter(node)
	if a == nil {
		return p.bye(conn, refuse("more than %d connections of one node", p.limits.Connections))
	}
	defer p.leave(node, a)
	server, err := p.dial(ctx, node)
	if err != nil {
		return p.bye(conn, fmt.Errorf("redis is not available: %w", err))
	}
	defer func() { _ = server.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{
		filter: newFilter(node, p.scripts), a: a, node: conn, redis: server,
		waiting: make(chan struct{}, underWay), ctx: ctx,
	}
	err = s.run(cancel)
	var r *refusal
	if errors.As(err, &r) {
		p.log.WarnContext(ctx, "node said what it may not", logging.KeyNode, node, logging.KeyErr, err)
	}
	return err
}

// bye tells a client in its own protocol why it is shown out.
func (p *Pipe) bye(conn net.Conn, err error) error {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(errorReply(err))
	return err
}

func errorReply(err error) []byte {
	clean := strings.NewReplacer("\r", " ", "\n", " ").Replace(err.Error())
	return []byte("-ERR culvert: " + clean + "\r\n")
}

// dial connects to Redis and signs in as node. A user that Redis does not know is made and tried once more: the
// reconciler may not have seen this node, or this Redis, yet.
func (p *Pipe) dial(ctx context.Context, node string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := p.signIn(ctx, node)
	if err == nil || !errors.Is(err, errSignIn) {
		return conn, err
	}
	if err := p.acl.Ensure(ctx, node); err != nil {
		return nil, err
	}
	return p.signIn(ctx, node)
}

var errSignIn = errors.New("redis does not let the node's user in")

func (p *Pipe) signIn(ctx context.Context, node string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, p.opt.Network, p.opt.Addr)
	if err != nil {
		return nil, err
	}
	if p.opt.TLSConfig != nil {
		conn = tls.Client(conn, p.opt.TLSConfig)
	}
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at)
	}
	_, err = conn.Write(appendRequest(nil, []byte("AUTH"), []byte(userName(node)), []byte(p.acl.password(node))))
	line := make([]byte, 0, 64)
	for one := make([]byte, 1); err == nil && len(line) < 512; {
		if _, err = io.ReadFull(conn, one); err == nil && one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	switch {
	case err != nil:
	case string(line) == "+OK\r":
		_ = conn.SetDeadline(time.Time{})
		return conn, nil
	default:
		err = fmt.Errorf("%w: %s", errSignIn, strings.TrimSpace(string(line)))
	}
	_ = conn.Close()
	return nil, err
}

// session is one connection at work.
type session struct {
	filter  *filter
	a       *allowance
	node    net.Conn
	redis   net.Conn
	waiting chan struct{}
	ctx     context.Context //nolint:containedctx // the connection's life
	writing sync.Mutex      // of node
}

func (s *session) run(cancel context.CancelFunc) error {
	stop := context.AfterFunc(s.ctx, func() {
		_ = s.node.Close()
		_ = s.redis.Close()
	})
	defer stop()
	var first error
	var once sync.Once
	var both sync.WaitGroup
	end := func(err error) {
		once.Do(func() { first = err })
		cancel()
	}
	both.Go(func() { end(s.up()) })
	both.Go(func() { end(s.down()) })
	both.Wait()
	if errors.Is(first, io.EOF) || errors.Is(first, net.ErrClosed) || errors.Is(first, context.Canceled) {
		return nil
	}
	return first
}

// up carries requests to Redis.
func (s *session) up() error {
	q := &requests{r: bufio.NewReaderSize(s.node, 16<<10)}
	var out []byte
	for {
		if err := s.await(q.r); err != nil {
			return err
		}
		args, err := q.next()
		if err != nil {
			return s.showOut(err)
		}
		v, err := s.filter.judge(args)
		if err != nil {
			return s.showOut(err)
		}
		out = appendRequest(out[:0], v.args...)
		if err := s.a.commands.Wait(s.ctx); err != nil {
			return err
		}
		if err := s.a.upload.WaitN(s.ctx, len(out)); err != nil {
			return err
		}
		if v.replies {
			select {
			case s.waiting <- struct{}{}:
			case <-s.ctx.Done():
				return s.ctx.Err()
			}
		}
		_ = s.redis.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := s.redis.Write(out); err != nil {
			return err
		}
	}
}

// await lets a connection be idle for long, but not in the middle of a request.
func (s *session) await(r *bufio.Reader) error {
	_ = s.node.SetReadDeadline(time.Now().Add(idleLimit))
	if _, err := r.Peek(1); err != nil {
		return err
	}
	_ = s.node.SetReadDeadline(time.Now().Add(partLimit))
	return nil
}

// showOut says why before the connection ends.
func (s *session) showOut(err error) error {
	var r *refusal
	if errors.As(err, &r) || errors.Is(err, errProtocol) {
		s.writing.Lock()
		defer s.writing.Unlock()
		_ = s.node.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = s.node.Write(errorReply(err))
	}
	return err
}

// down carries replies to the node, and counts them: a node that does not read is not asked for more.
func (s *session) down() error {
	p := &replies{r: bufio.NewReaderSize(s.redis, 16<<10), w: bufio.NewWriterSize(metered{s}, 16<<10)}
	for {
		push, err := p.next()
		if err != nil {
			return err
		}
		if p.r.Buffered() == 0 {
			if err := p.w.Flush(); err != nil {
				return err
			}
		}
		if !push {
			select {
			case <-s.waiting:
			default: // messages of a subscription in RESP 2 look like replies
			}
		}
	}
}

// metered writes to the node within its allowance.
type metered struct{ s *session }

func (m metered) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := min(len(b)-done, m.s.a.toNode.Burst())
		if err := m.s.a.toNode.WaitN(m.s.ctx, n); err != nil {
			return done, err
		}
		m.s.writing.Lock()
		_ = m.s.node.SetWriteDeadline(time.Now().Add(writeLimit))
		w, err := m.s.node.Write(b[done : done+n])
		m.s.writing.Unlock()
		if done += w; err != nil {
			return done, err
		}
	}
	return done, nil
}
