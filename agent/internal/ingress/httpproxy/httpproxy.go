// Package httpproxy serves an HTTP proxy on net/http: tunnels (CONNECT) and forwarding of absolute-form requests, with
// Basic authentication, over TCP or TLS. HTTP/1.0 and HTTP/1.1; HTTP/2 is not offered.
package httpproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol/httpproxy"
)

// Ingress is one HTTP proxy listener.
type Ingress struct {
	spec      ingress.Spec
	host      ingress.Host
	opts      httpproxy.Options
	log       *slog.Logger
	errorLog  *log.Logger
	challenge string
	buffers   *bufferPool
	gate      *ingress.Gate

	server *http.Server
	// work counts everything that must end before Close returns: the accept loop, connections in the server's hands,
	// requests, tunnels and session watchers. Whoever adds is counted itself, so it never grows from zero during Wait.
	work sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]*clientConn

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error
}

var _ ingress.Factory = New

// New checks spec. It opens nothing. Faults are relative to the options.
func New(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	opts, err := httpproxy.Parse(spec.Options)
	if err != nil {
		return nil, err
	}
	if opts.TLS && spec.TLS == nil {
		return nil, nodeapi.Fault("tls", "needs a certificate")
	}
	logger := spec.Log
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Ingress{
		spec: spec, host: host, opts: opts, log: logger,
		errorLog:  slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		challenge: fmt.Sprintf(`Basic realm="%s", charset="UTF-8"`, opts.Realm),
		buffers:   newBufferPool(),
		gate:      ingress.NewGate(logger),
		conns:     map[net.Conn]*clientConn{},
		closed:    make(chan struct{}),
	}, nil
}

// Start binds and serves.
func (in *Ingress) Start(ctx context.Context) error {
	l, err := in.spec.Sockets.Listen("tcp", in.spec.Listen)
	if err != nil {
		return err
	}
	if in.opts.TLS {
		l = tls.NewListener(l, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: in.spec.TLS,
			NextProtos:     []string{"http/1.1", "http/1.0"},
		})
	}
	base := context.WithoutCancel(ctx)
	in.server = &http.Server{
		Handler:                      http.HandlerFunc(in.serve),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            in.opts.HeaderTimeout(),
		IdleTimeout:                  in.opts.IdleTimeout(),
		MaxHeaderBytes:               int(in.opts.MaxHeaderBytes),
		ErrorLog:                     in.errorLog,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext:                  in.arrive,
		ConnState:                    in.state,
	}
	in.work.Go(func() {
		if err := in.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			in.log.ErrorContext(base, "http proxy stopped serving", "error", err)
		}
	})
	return nil
}

// Close stops accepting, waits for requests and tunnels until ctx ends, and then cuts what is left.
func (in *Ingress) Close(ctx context.Context) error {
	in.closeOnce.Do(func() {
		defer close(in.closed)
		if in.server != nil {
			in.closeErr = in.close(ctx)
		}
	})
	<-in.closed
	return in.closeErr
}

func (in *Ingress) close(ctx context.Context) error {
	err := in.server.Shutdown(ctx)
	drained := make(chan struct{})
	go func() {
		in.work.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		err = in.server.Close()
		in.cutAll()
		<-drained
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

func (in *Ingress) cutAll() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, c := range in.conns {
		c.cut()
	}
}

type connKey struct{}

// arrive makes the state of a new connection. The context is the only way that net/http offers from a request to it.
func (in *Ingress) arrive(ctx context.Context, nc net.Conn) context.Context {
	c := &clientConn{in: in, net: nc, since: time.Now()}
	if ap, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		c.source = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	c.door = in.gate.Enter(nc, c.source.Addr())
	in.mu.Lock()
	in.conns[nc] = c
	in.mu.Unlock()
	return context.WithValue(ctx, connKey{}, c)
}

// state follows a connection through the server's hands: it enters once, and leaves once, closed or hijacked.
func (in *Ingress) state(nc net.Conn, to http.ConnState) {
	switch to {
	case http.StateNew:
		in.work.Add(1)
	case http.StateClosed:
		if c := in.find(nc); c != nil {
			c.end()
		}
		in.work.Done()
	case http.StateHijacked:
		if c := in.find(nc); c != nil {
			c.markHijacked()
		}
		in.work.Done()
	case http.StateActive, http.StateIdle:
	}
}

func (in *Ingress) find(nc net.Conn) *clientConn {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.conns[nc]
}

func (in *Ingress) forget(c *clientConn) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.conns, c.net)
}

// serve answers one request.
func (in *Ingress) serve(w http.ResponseWriter, r *http.Request) {
	in.work.Add(1)
	defer in.work.Done()
	c, ok := r.Context().Value(connKey{}).(*clientConn)
	if !ok {
		in.refuse(w, r, nil, errUpgradeHop)
		return
	}
	cred, ok := parseBasic(r.Header["Proxy-Authorization"])
	if !ok {
		in.refuse(w, r, c, errChallenge)
		return
	}
	s, err := c.signIn(r.Context(), cred)
	if err != nil {
		in.refuse(w, r, c, err)
		return
	}
	if r.Method == http.MethodConnect {
		if err := in.connect(w, r, c, s); err != nil {
			in.refuse(w, r, c, err)
		}
		return
	}
	defer func() { // also when a broken answer ends in a panic, which is how net/http drops a connection
		if c.isHijacked() {
			c.end()
		}
	}()
	if lastHop(w, r) {
		return
	}
	if err := in.forward(w, r, c, s); err != nil {
		in.refuse(w, r, c, err)
	}
}

// refuse tells the client why nothing happened. A stranger may ask again on its connection, but not for ever.
func (in *Ingress) refuse(w http.ResponseWriter, r *http.Request, c *clientConn, err error) {
	why := explain(err)
	in.log.DebugContext(r.Context(), "request refused", "status", why.status, "error", err)
	h := w.Header()
	clear(h)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if why.status == http.StatusProxyAuthRequired {
		h.Set("Proxy-Authenticate", in.challenge)
	}
	if c == nil || c.overstayed() {
		h.Set("Connection", "close")
	}
	if r.ContentLength != 0 {
		// Its body is not wanted, and a stranger's slow one must not hold the connection.
		h.Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(in.opts.HeaderTimeout()))
	}
	w.WriteHeader(why.status)
	_, _ = io.WriteString(w, why.text+"\n")
}
