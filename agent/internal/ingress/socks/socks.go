// Package socks serves SOCKS5 (RFC 1928) with user names and passwords (RFC 1929), on plain TCP or inside TLS: CONNECT
// and UDP ASSOCIATE. Clients without a password are turned away; BIND is not offered.
package socks

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	options "culvert/shared/protocol/socks"
)

// Server is one SOCKS5 ingress.
type Server struct {
	spec    ingress.Spec
	opts    options.Options
	host    ingress.Host
	log     *slog.Logger
	tls     *tls.Config
	readers sync.Pool // of *bufio.Reader, for handshakes
	gate    *ingress.Gate

	mu       sync.Mutex
	cancel   context.CancelFunc
	listener net.Listener
	conns    map[net.Conn]bool // true once a flow runs over it
	closed   bool
	wg       sync.WaitGroup
}

// handshakeBuffer holds the longest message of a handshake.
const handshakeBuffer = 1 << 10

// New builds a SOCKS5 ingress (ingress.Factory).
func New(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	o, err := options.Parse(spec.Options)
	if err != nil {
		return nil, err
	}
	s := &Server{spec: spec, opts: o, host: host, log: spec.Log, conns: map[net.Conn]bool{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.gate = ingress.NewGate(s.log)
	s.readers.New = func() any { return bufio.NewReaderSize(nil, handshakeBuffer) }
	if o.TLS {
		if spec.TLS == nil {
			return nil, errors.New("TLS needs a certificate")
		}
		s.tls = &tls.Config{GetCertificate: spec.TLS, MinVersion: tls.VersionTLS12}
	}
	return s, nil
}

// Start implements ingress.Ingress.
func (s *Server) Start(ctx context.Context) error {
	l, err := s.spec.Sockets.Listen("tcp", s.spec.Listen)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, s.cancel = context.WithCancel(ctx)
	s.listener = l
	s.wg.Go(func() { s.accept(ctx, l) })
	return nil
}

// Close implements ingress.Ingress.
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

func (s *Server) accept(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("accept failed", "error", err)
			t := time.NewTimer(pause)
			select {
			case <-t.C:
				continue
			case <-ctx.Done():
				t.Stop()
				return
			}
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
	raw      net.Conn // what was accepted
	net.Conn          // what SOCKS is spoken on: raw, or TLS over it
	from     netip.AddrPort
	door     *ingress.Entrant
}

func (s *Server) welcome(raw net.Conn) *visitor {
	v := &visitor{raw: raw, Conn: raw}
	if from, err := netip.ParseAddrPort(raw.RemoteAddr().String()); err == nil {
		v.from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	v.door = s.gate.Enter(raw, v.from.Addr())
	return v
}

// running marks that a flow runs over raw, so that draining waits for it. It fails when draining has begun.
func (s *Server) running(raw net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[raw] = true
	return true
}

func (s *Server) serve(ctx context.Context, v *visitor) {
	defer func() {
		v.door.Leave()
		_ = v.raw.Close()
		s.mu.Lock()
		delete(s.conns, v.raw)
		s.mu.Unlock()
	}()
	if err := v.raw.SetDeadline(time.Now().Add(s.opts.HandshakeTimeout())); err != nil {
		return
	}
	if s.tls != nil {
		v.Conn = tls.Server(v.raw, s.tls)
	}
	if err := s.speak(ctx, v); err != nil {
		s.log.Debug("connection ended", "from", v.from, "error", err)
	}
}

// speak carries a connection from its first byte to its last.
func (s *Server) speak(ctx context.Context, v *visitor) error {
	sess, q, early, err := s.handshake(ctx, v)
	if sess != nil {
		defer sess.End()
	}
	if err != nil {
		return err
	}
	client := v.Conn
	if !s.running(v.raw) {
		return errors.Join(flow.ErrClosed, reply(client, replyFailure, netip.AddrPort{}))
	}
	if err := client.SetDeadline(time.Time{}); err != nil {
		return err
	}
	f := flow.Flow{Principal: sess.Principal(), Ingress: s.spec.ID, Source: v.from, Dest: q.dest}
	switch {
	case q.command == cmdConnect:
		f.Network = flow.TCP
		return s.connect(ctx, client, f, early)
	case q.command == cmdAssociate && s.opts.UDP:
		f.Network, f.Dest = flow.UDP, flow.Dest{}
		return s.associate(ctx, client, f, sess.Done())
	}
	return errors.Join(fmt.Errorf("command %d is not offered", q.command), reply(client, replyCommand, netip.AddrPort{}))
}

// handshake signs the client in and reads its request. early is what the client sent after it. A session that is
// returned must be ended, also with an error.
func (s *Server) handshake(ctx context.Context, client *visitor) (sess ingress.Session, q request, early []byte, err error) {
	r := s.readers.Get().(*bufio.Reader)
	r.Reset(client)
	defer func() {
		r.Reset(nil)
		s.readers.Put(r)
	}()
	password, err := readGreeting(r)
	if err != nil {
		return nil, q, nil, err
	}
	if !password {
		_, werr := client.Write([]byte{version, methodUnacceptable})
		return nil, q, nil, errors.Join(errMethod, werr)
	}
	if _, err := client.Write([]byte{version, methodPassword}); err != nil {
		return nil, q, nil, err
	}
	cred := ingress.Credential{Kind: options.Name, Ingress: s.spec.ID}
	if cred.Name, cred.Password, err = readPassword(r); err != nil {
		return nil, q, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.HandshakeTimeout())
	defer cancel()
	if sess, err = s.host.Authenticate(ctx, cred, client.from); err != nil {
		_, werr := client.Write([]byte{authVersion, 1})
		return nil, q, nil, errors.Join(err, werr)
	}
	client.door.Leave()
	if _, err := client.Write([]byte{authVersion, 0}); err != nil {
		return sess, q, nil, err
	}
	if q, err = readRequest(r); err != nil {
		code := byte(replyFailure)
		if errors.Is(err, errAddressType) {
			code = replyAddressType
		}
		return sess, q, nil, errors.Join(err, reply(client, code, netip.AddrPort{}))
	}
	if n := r.Buffered(); n > 0 {
		early = make([]byte, n)
		_, err = io.ReadFull(r, early)
	}
	return sess, q, early, err
}

func (s *Server) connect(ctx context.Context, client net.Conn, f flow.Flow, early []byte) error {
	out, err := s.host.Dial(ctx, f)
	if err != nil {
		return errors.Join(err, reply(client, replyFor(err), netip.AddrPort{}))
	}
	bound, _ := netip.ParseAddrPort(out.LocalAddr().String()) // an exit elsewhere has no address here: zeros
	if err := reply(client, replyOK, bound); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Relay(client, early)
}

// reply answers a request.
func reply(w io.Writer, code byte, bound netip.AddrPort) error {
	var buf [maxHeader]byte
	_, err := w.Write(appendAddress(append(buf[:0], version, code, 0), bound))
	return err
}

// replyFor maps what the engine says to what SOCKS can say.
func replyFor(err error) byte {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, flow.ErrBlocked), errors.Is(err, flow.ErrRefused), errors.Is(err, flow.ErrQuota):
		return replyNotAllowed
	case errors.Is(err, flow.ErrNoRoute), errors.Is(err, syscall.ENETUNREACH):
		return replyNetwork
	case errors.Is(err, syscall.ECONNREFUSED):
		return replyRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.As(err, &dns):
		return replyHost
	case errors.As(err, &timeout) && timeout.Timeout():
		return replyExpired
	}
	return replyFailure
}
