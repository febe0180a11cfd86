// Package shadowsocks serves Shadowsocks, AEAD (SIP004) and 2022 (SIP022, with identity headers of SIP023), many
// subscribers on one port, over TCP and UDP. It is written from the published specifications.
//
// Whose message it is:
//
//	2022   one AES block of the identity header -> table -> key    the same cost for any number of subscribers
//	AEAD   nothing tells; the keys are tried (search.go)           one or two microseconds for each subscriber
//
// So an AEAD port carries a few hundred subscribers. With more it still works, because clients are remembered by address
// and searches are paid for, but new clients wait when many come at once; one warning is logged. The 2022 methods are the
// default.
//
// A stranger learns nothing. Whatever is wrong (a key, a clock, a salt that was used before, a subscriber who may not
// connect), the connection is read on and thrown away until its time for a handshake is over, as if its first message
// were not complete yet. Datagrams are dropped.
//
// Replays: a salt opens one connection. 2022 messages are also refused when their clock differs by more than 30 s, and
// datagrams are numbered within a session, which is remembered until all its datagrams are too old. AEAD has no clocks:
// the newest salts are known, older ones and those before a restart are not.
//
// Identity is the key; sign-in is by ingress.Proof, for each TCP connection and each UDP session.
package shadowsocks

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	options "culvert/shared/protocol/shadowsocks"
)

// Server is one Shadowsocks ingress (ingress.Ingress, ingress.KeysChanged).
type Server struct {
	spec   ingress.Spec
	opts   options.Options
	host   ingress.Host
	log    *slog.Logger
	suite  *suite
	key    []byte // of the server; 2022 only
	users  *users
	search *search // AEAD only
	used   *salts
	pool   *pool
	gate   *ingress.Gate
	warned sync.Once

	mu       sync.Mutex
	cancel   context.CancelFunc
	listener net.Listener
	packets  *packets          // nil without UDP
	conns    map[net.Conn]bool // true once a flow runs over it
	closed   bool
	wg       sync.WaitGroup
}

// New builds a Shadowsocks ingress (ingress.Factory).
func New(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	o, err := options.Parse(spec.Options)
	if err != nil {
		return nil, err
	}
	s := &Server{
		spec: spec, opts: o, host: host, log: spec.Log, suite: newSuite(o.Cipher()), key: o.ServerKey(),
		users: newUsers(o.Cipher()), pool: &pool{}, conns: map[net.Conn]bool{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.gate = ingress.NewGate(s.log)
	if s.suite.Modern {
		s.used = newSalts(saltsModern, saltsPeriod)
	} else {
		s.used, s.search = newSalts(saltsStream, 0), newSearch(s.users)
	}
	return s, nil
}

// Start implements ingress.Ingress.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.spec.Sockets.Listen("tcp", s.spec.Listen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	if s.opts.UDP {
		if s.packets, err = s.listenPackets(ctx); err != nil {
			cancel()
			return errors.Join(err, l.Close())
		}
	}
	s.listener, s.cancel = l, cancel
	s.wg.Go(func() { s.accept(ctx, l) })
	return nil
}

// Close implements ingress.Ingress. UDP sessions end at once: the datagrams of one port cannot be told apart by who is to
// drain them.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.listener == nil {
		s.mu.Unlock()
		return nil
	}
	if !s.closed {
		s.closed = true
		_ = s.listener.Close() // the only failure is a second Close
	}
	for c, running := range s.conns {
		if !running {
			_ = c.Close()
		}
	}
	s.mu.Unlock()
	if s.packets != nil {
		s.packets.close()
	}
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.cancel()
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		<-done
	}
	s.cancel()
	return nil
}

// pause is the wait after a failed accept (no descriptors left), so that it does not spin.
const pause = 50 * time.Millisecond

// rest waits for a moment; false when ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) accept(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("accept failed", "error", err)
			if !rest(ctx, pause) {
				return
			}
			continue
		}
		v := s.welcome(c)
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			v.door.Leave()
			_ = c.Close()
			return
		}
		s.conns[c] = false
		s.wg.Go(func() { s.serve(ctx, v) })
		s.mu.Unlock()
	}
}

// visitor is a connection before it carries a flow.
type visitor struct {
	net.Conn
	from netip.AddrPort
	door *ingress.Entrant
}

func (s *Server) welcome(c net.Conn) *visitor {
	v := &visitor{Conn: c}
	if from, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		v.from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	v.door = s.gate.Enter(c, v.from.Addr())
	return v
}

// running marks that a flow runs over c, so that draining waits for it. It fails when draining has begun.
func (s *Server) running(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = true
	return true
}

// serve carries a connection from its first byte to its last. What it needs only at first is in functions of its own: while
// the connection waits, each of its frames is held, and with larger ones its stack would have twice the size.
func (s *Server) serve(ctx context.Context, v *visitor) {
	defer s.left(v)
	client, sess, dest := s.admit(ctx, v)
	if client == nil {
		return
	}
	defer sess.End()
	defer client.drop()
	out := s.dial(ctx, client, v, sess, dest)
	if out == nil {
		return
	}
	s.ended(v, out.Relay(client, nil))
}

// left forgets a connection.
func (s *Server) left(v *visitor) {
	v.door.Leave()
	_ = v.Close()
	s.mu.Lock()
	delete(s.conns, v.Conn)
	s.mu.Unlock()
}

// admit signs a client in, or reads on from one that is refused until its time is over; nil then.
func (s *Server) admit(ctx context.Context, v *visitor) (*stream, ingress.Session, flow.Dest) {
	if err := v.SetDeadline(time.Now().Add(s.opts.HandshakeTimeout())); err != nil {
		return nil, nil, flow.Dest{}
	}
	client, sess, dest, err := s.signIn(ctx, v)
	if err != nil {
		s.log.Debug("connection refused", "from", v.from, "error", err)
		s.swallow(v)
		return nil, nil, flow.Dest{}
	}
	v.door.Leave()
	return client, sess, dest
}

// dial opens what the client asked for; nil when that fails, for which the protocol has no word but the end.
func (s *Server) dial(ctx context.Context, client *stream, v *visitor, sess ingress.Session, dest flow.Dest) ingress.Conn {
	if !s.running(v.Conn) {
		return nil
	}
	out, err := s.host.Dial(ctx, flow.Flow{
		Principal: sess.Principal(), Ingress: s.spec.ID, Source: v.from, Network: flow.TCP, Dest: dest,
	})
	if err == nil {
		if err = client.SetDeadline(time.Time{}); err == nil {
			return out
		}
		err = errors.Join(err, out.Close())
	}
	s.ended(v, err)
	return nil
}

func (s *Server) ended(v *visitor, err error) {
	if err != nil {
		s.log.Debug("connection ended", "from", v.from, "error", err)
	}
}

// signIn reads the client's request and opens its session.
func (s *Server) signIn(ctx context.Context, v *visitor) (*stream, ingress.Session, flow.Dest, error) {
	client, dest, err := s.request(v)
	if err != nil {
		return nil, nil, dest, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.HandshakeTimeout())
	defer cancel()
	sess, err := s.host.Authenticate(ctx, s.credential(client.user), v.from)
	if err != nil {
		client.drop()
	}
	return client, sess, dest, err
}

func (s *Server) credential(u *user) ingress.Credential {
	return ingress.Credential{
		Kind: options.Name, Ingress: s.spec.ID, Proven: ingress.Proof{Subscriber: u.id, Generation: u.generation},
	}
}

// swallow reads a refused connection on, until its time for a handshake is over or its client leaves.
func (s *Server) swallow(v *visitor) {
	b := s.pool.small()
	defer s.pool.smalls.Put(b)
	for {
		if _, err := v.Read(b[:]); err != nil {
			return
		}
	}
}
