package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"culvert/panel/internal/api"
	"culvert/panel/internal/config"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/webapp"
	"culvert/web"
)

// Limits of the HTTP application. The server itself reads bodyLimit of a body before anybody is asked who they are; the
// rest stays on the wire until a surface wants it, after its own checks (api.Intake, hestia's body). So strangers hold at
// most concurrency * (headerLimit + bodyLimit), 256 MiB, plus what hestia's endpoint allows; a whole request must arrive
// within readTimeout. One network holds at most perNetwork of the connections, unless it is a proxy of ours: behind one,
// all have the same address.
const (
	bodyLimit    = api.PreRead
	headerLimit  = 16 << 10
	readTimeout  = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	concurrency  = 8 << 10
	perNetwork   = concurrency / 4
	writeTimeout = 2 * time.Minute
)

// newHTTP makes the one HTTP application that all listeners serve.
func newHTTP(log *slog.Logger) *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, BodyLimit: bodyLimit, ReadBufferSize: headerLimit, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, Concurrency: concurrency, ServerHeader: "", StrictRouting: false,
		StreamRequestBody: true, DisablePreParseMultipartForm: true,
		ErrorHandler: func(c *fiber.Ctx, err error) error { return plainError(c, log, err) },
	})
	app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: func(c *fiber.Ctx, e any) {
		log.ErrorContext(c.UserContext(), "request panicked", "path", c.Path(), "panic", fmt.Sprint(e))
	}}))
	app.Use(api.Intake)
	app.Use(func(c *fiber.Ctx) error {
		c.Set("Strict-Transport-Security", "max-age=31536000")
		c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
		c.Set(fiber.HeaderXFrameOptions, "DENY")
		c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
		return c.Next()
	})
	return app
}

// plainError answers what no surface answered itself; the cause stays in the log.
func plainError(c *fiber.Ctx, log *slog.Logger, err error) error {
	code := fiber.StatusInternalServerError
	var fe *fiber.Error
	if errors.As(err, &fe) {
		code = fe.Code
	}
	switch {
	case code == fiber.StatusBadGateway: // a connection that broke before a request came (a browser that dislikes the certificate): no fault of ours
		log.DebugContext(c.UserContext(), "connection ended without a request", "error", err)
	case code >= fiber.StatusInternalServerError:
		log.ErrorContext(c.UserContext(), "request failed", "path", c.Path(), "error", err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.Status(code).SendString(http.StatusText(code))
}

// mountRest adds health and the web app.
func mountRest(app *fiber.App, s *Services, version string) error {
	app.Get("/healthz", func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), 2*time.Second)
		defer cancel()
		if err := s.DB.Ping(ctx); err != nil {
			return c.Status(fiber.StatusServiceUnavailable).SendString("database is not available\n")
		}
		return c.SendString("ok\n")
	})
	files, _ := web.FS()
	return webapp.Mount(app, webapp.Config{Files: files, Version: version})
}

// clientAddr tells the caller's address. Forwarded headers count only when the peer is a proxy we trust, and then from
// the right: the first address that is not one of ours.
func clientAddr(trusted []netip.Prefix) func(*fiber.Ctx) netip.Addr {
	ours := within(trusted)
	return func(c *fiber.Ctx) netip.Addr {
		peer, _ := netip.AddrFromSlice(c.Context().RemoteIP())
		peer = peer.Unmap()
		if !ours(peer) {
			return peer
		}
		// Every line of the header: a proxy may add its own below the one that the client sent.
		lines := c.Context().Request.Header.PeekAll(fiber.HeaderXForwardedFor)
		hops := strings.Split(string(bytes.Join(lines, []byte{','})), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				return peer
			}
			if a = a.Unmap(); !ours(a) {
				return a
			}
		}
		return peer
	}
}

func within(prefixes []netip.Prefix) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// shared is a listener of which no network takes more than most connections; exempt peers take what they need.
type shared struct {
	net.Listener
	most   int
	exempt func(netip.Addr) bool

	mu   sync.Mutex
	held map[string]int
}

func share(ln net.Listener, most int, trusted []netip.Prefix) *shared {
	ours := within(trusted)
	exempt := func(a netip.Addr) bool { return a.IsLoopback() || ours(a) }
	return &shared{Listener: ln, most: most, exempt: exempt, held: map[string]int{}}
}

// Accept closes what is over a network's share.
func (s *shared) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		at, err := netip.ParseAddrPort(c.RemoteAddr().String())
		from := at.Addr().Unmap().WithZone("")
		if err != nil || s.exempt(from) {
			return c, nil
		}
		network := identity.NetworkOf(from)
		if s.take(network) {
			return &sharing{Conn: c, leave: sync.OnceFunc(func() { s.release(network) })}, nil
		}
		_ = c.Close()
	}
}

func (s *shared) take(network string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[network] >= s.most {
		return false
	}
	s.held[network]++
	return true
}

func (s *shared) release(network string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[network]--; s.held[network] == 0 {
		delete(s.held, network)
	}
}

// sharing is a connection that counts until it is closed.
type sharing struct {
	net.Conn
	leave func()
}

func (c *sharing) Close() error {
	c.leave()
	return c.Conn.Close()
}

// listeners serve the application on every configured address. It is a run.Service.
type listeners struct {
	app    *fiber.App
	config config.Config
	tls    func(*tls.ClientHelloInfo) (*tls.Certificate, error)

	wg   sync.WaitGroup
	mu   sync.Mutex
	err  error
	done chan struct{}
	once sync.Once
}

// Start binds all addresses before it serves any: a taken port is one clear error and leaves nothing behind.
func (l *listeners) Start(ctx context.Context) error {
	secure, err := listen(ctx, l.config.Listen, "CULVERT_LISTEN")
	if err != nil {
		return err
	}
	bound := []net.Listener{tls.NewListener(share(secure, perNetwork, l.config.TrustedProxies), &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.tls, NextProtos: []string{"http/1.1"}})}
	if l.config.PlainListen != "" {
		plain, err := listen(ctx, l.config.PlainListen, "CULVERT_HTTP_PLAIN_LISTEN")
		if err != nil {
			return errors.Join(err, secure.Close())
		}
		bound = append(bound, plain)
	}
	l.done = make(chan struct{})
	for _, ln := range bound {
		l.wg.Go(func() {
			if err := l.app.Listener(ln); err != nil {
				l.mu.Lock()
				l.err = err
				l.mu.Unlock()
				l.once.Do(func() { close(l.done) })
			}
		})
	}
	return nil
}

// listen binds a TCP address and says which variable to change when somebody has it.
func listen(ctx context.Context, address, variable string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: port of %s is taken by another program; stop it, or set %s to another port", variable, address, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return ln, nil
}

// Close stops accepting and lets running requests end.
func (l *listeners) Close(ctx context.Context) error {
	err := l.app.ShutdownWithContext(ctx)
	l.wg.Wait()
	return err
}

// Done implements run.Mortal.
func (l *listeners) Done() <-chan struct{} { return l.done }

// Err implements run.Mortal.
func (l *listeners) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
