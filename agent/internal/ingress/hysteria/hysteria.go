// Package hysteria serves Hysteria 2 on the unmodified server of apernet/hysteria/core/v2.
//
// The library owns QUIC, sign-in and copying. This package answers its questions: who signs in (events), who asks for a
// destination (handoff), how the destination is reached (outbound), what strangers see (masquerade), and what the socket
// does (socket, obfs). How one client is cut without touching the others is told at type client.
//
// What bounds strangers here is the library, as it stands (core v2.12, quic-go v0.61):
//
//	datagram from a forged address  -> at most three times its size goes there, until the address has answered
//	handshake                       -> ends after 5 s of silence, and after 10 s in any case
//	backlog                         -> 1024 datagrams and 32 accepted connections wait; what comes beyond is dropped or refused
//	connection without sign-in      -> ends after the idle timeout; its streams and windows are bounded by the options; it gets
//	                                   the masquerade and no flow; passwords are rationed by the engine, as everywhere
//
// It does not bound how many connections one real address may keep without signing in, nor ask for a Retry: core sets
// neither hook of quic-go, and offers none. The datagrams of all clients share one descriptor, so that such a crowd costs
// memory only. An ingress.Gate needs a hook that sees connections come and go; a packet filter can do it meanwhile.
package hysteria

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol/hysteria"
)

// Ingress is one Hysteria 2 listener.
type Ingress struct {
	spec ingress.Spec
	host ingress.Host
	opts hysteria.Options
	log  *slog.Logger

	masq      http.Handler
	closeMasq func()

	ctx     context.Context // of everything that serves; ends with Close
	cancel  context.CancelFunc
	server  server.Server
	serving sync.WaitGroup

	clients clients
	handoff handoff
	streams streams
	flows   gate
	cut     cutSet

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error
}

var _ ingress.Factory = New

// New checks spec. It opens nothing. Faults are relative to the options.
func New(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	opts, err := hysteria.Parse(spec.Options)
	if err != nil {
		return nil, err
	}
	if spec.TLS == nil {
		return nil, errors.New("must name a certificate: Hysteria is always TLS")
	}
	log := spec.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	masq, closeMasq, err := masquerade(opts.Masquerade, log)
	if err != nil {
		return nil, nodeapi.Fault("masquerade", "%v", err)
	}
	return &Ingress{
		spec: spec, host: host, opts: opts, log: log,
		masq: masq, closeMasq: closeMasq, closed: make(chan struct{}),
	}, nil
}

// Start binds and serves.
func (in *Ingress) Start(ctx context.Context) error {
	pc, err := in.spec.Sockets.ListenPacket("udp", in.spec.Listen)
	if err != nil {
		return err
	}
	conn, err := in.wrap(pc)
	if err != nil {
		return errors.Join(err, pc.Close())
	}
	key, err := in.resetKey()
	if err != nil {
		return errors.Join(err, pc.Close())
	}
	in.ctx, in.cancel = context.WithCancel(context.WithoutCancel(ctx))
	config := in.config(conn)
	setKey(&config.StatelessResetKey, key)
	if in.server, err = server.NewServer(config); err != nil {
		in.cancel()
		return errors.Join(fmt.Errorf("start hysteria: %w", err), closeQuietly(pc))
	}
	in.serving.Go(func() {
		err := in.server.Serve()
		if in.ctx.Err() == nil {
			in.log.ErrorContext(in.ctx, "hysteria stopped serving", "error", err)
		}
	})
	return nil
}

// Close ends every client at once: a QUIC connection cannot move to the server that takes over the port. Clients with
// open flows are told, the others learn it from the successor's stateless reset, since both share the stored key.
func (in *Ingress) Close(ctx context.Context) error {
	in.closeOnce.Do(func() {
		defer close(in.closed)
		in.closeErr = in.close(ctx)
	})
	<-in.closed
	return in.closeErr
}

func (in *Ingress) close(ctx context.Context) error {
	in.closeMasq()
	if in.server == nil {
		return nil
	}
	empty := in.flows.close()
	var told []*client
	for _, c := range in.clients.close() {
		if c.flows.Load() > 0 {
			told = append(told, c)
		}
		c.over.Store(true)
		c.session.End() // cuts its flows, which raises the event that closes the connection
	}
	await(ctx, told)
	in.cancel()
	err := in.server.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	in.serving.Wait()
	<-empty
	in.clients.wg.Wait()
	return err
}

// await gives clients a moment to be told.
func await(ctx context.Context, told []*client) {
	t := time.NewTimer(cutGrace)
	defer t.Stop()
	for _, c := range told {
		select {
		case <-c.gone:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (in *Ingress) wrap(pc net.PacketConn) (net.PacketConn, error) {
	s, err := newSocket(pc, &in.cut)
	if err != nil {
		return nil, err
	}
	if in.opts.Obfs != nil {
		return newObfsSocket(s, in.opts.Obfs.Password), nil
	}
	return s, nil
}

func (in *Ingress) config(conn net.PacketConn) *server.Config {
	o, q := &in.opts, &in.opts.QUIC
	return &server.Config{
		TLSConfig: server.TLSConfig{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { return in.spec.TLS(h) }},
		QUICConfig: server.QUICConfig{
			InitialStreamReceiveWindow:     q.InitialStreamWindow,
			MaxStreamReceiveWindow:         q.MaxStreamWindow,
			InitialConnectionReceiveWindow: q.InitialConnWindow,
			MaxConnectionReceiveWindow:     q.MaxConnWindow,
			MaxIdleTimeout:                 q.IdleTimeout(),
			MaxIncomingStreams:             q.MaxIncomingStreams,
			DisablePathMTUDiscovery:        q.DisablePathMTUDiscovery,
		},
		Conn:                  conn,
		Outbound:              outbound{in},
		CongestionConfig:      server.CongestionConfig{Type: o.Congestion.Type, BBRProfile: o.Congestion.BBRProfile},
		BandwidthConfig:       server.BandwidthConfig{MaxTx: o.UpBytes(), MaxRx: o.DownBytes()},
		IgnoreClientBandwidth: o.IgnoreBandwidth(),
		DisableUDP:            !o.UDP,
		UDPIdleTimeout:        o.UDPIdle(),
		Authenticator:         events{in},
		EventLogger:           events{in},
		TrafficLogger:         events{in},
		MasqHandler:           in.masq,
	}
}

const resetKeyLen = 32

// resetKey is kept over restarts: with it a new process ends the connections of the old one in a round trip. Without it
// clients wait for their idle timeout.
func (in *Ingress) resetKey() (key [resetKeyLen]byte, err error) {
	b, err := in.spec.Keep.Get("stateless-reset-key", func() ([]byte, error) {
		fresh := make([]byte, resetKeyLen)
		_, _ = rand.Read(fresh) // never fails: it aborts the program instead
		return fresh, nil
	})
	if err != nil {
		return key, fmt.Errorf("stateless reset key: %w", err)
	}
	if len(b) != resetKeyLen {
		return key, fmt.Errorf("stateless reset key has %d bytes, must have %d", len(b), resetKeyLen)
	}
	return [resetKeyLen]byte(b), nil
}

// setKey spares an import of the QUIC library for the sake of one array type.
func setKey[T ~[resetKeyLen]byte](to **T, key [resetKeyLen]byte) {
	k := T(key)
	*to = &k
}

// closeQuietly closes what the library may have closed before.
func closeQuietly(c net.PacketConn) error {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
