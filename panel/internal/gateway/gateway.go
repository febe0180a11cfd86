package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/fleet"
	"culvert/panel/internal/gateway/redispipe"
	"culvert/panel/internal/pg"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// States are the documents that nodes are to hold.
type States interface {
	// Write writes what brings the node from revision since, of that hash, to the newest, as the JSON of a nodeapi.Update.
	// open is told how many subscriber rows will come and says where to write; it is not called when there is nothing newer.
	Write(ctx context.Context, node string, since int64, hash string, open func(rows int) io.Writer) error
	Wanted(ctx context.Context, node string) (int64, error)
	Ack(ctx context.Context, node string, a nodeapi.Ack) error
}

// Reports takes in what nodes counted and grants what they may count next.
type Reports interface {
	Ingest(ctx context.Context, node string, r *nodeapi.Report) (*nodeapi.ReportAck, error)
	Lease(ctx context.Context, node string, q nodeapi.LeaseRequest) (*nodeapi.LeaseResponse, error)
	Admit(ctx context.Context, node string, q nodeapi.AdmitRequest) (*nodeapi.AdmitResponse, error)
}

// Results takes in what became of jobs.
type Results interface {
	Store(ctx context.Context, node string, r nodeapi.JobResult) error
}

// Keys are the public keys that sign jobs.
type Keys interface {
	Public(ctx context.Context) ([]nodeapi.JobKey, error)
}

// Limits of the gateway. Zero fields get the defaults.
type Limits struct {
	Connections int // of all nodes together
	Strangers   int // not identified yet, or without a certificate
	PerNode     int // of the node API, for one node
	Requests    int // a second, for one node
	AtOnce      int // requests of one node under way
	Queue       redispipe.Limits
}

func (l Limits) orDefault() Limits {
	for _, f := range []struct{ v, def *int }{
		{&l.Connections, new(16384)}, {&l.Strangers, new(256)}, {&l.PerNode, new(4)}, {&l.Requests, new(500)}, {&l.AtOnce, new(16)},
	} {
		if *f.v == 0 {
			*f.v = *f.def
		}
	}
	if l.Queue == (redispipe.Limits{}) {
		l.Queue = redispipe.DefaultLimits()
	}
	return l
}

// Config of a gateway.
type Config struct {
	Listen      string
	DB          *pg.DB
	Fleet       *fleet.Service
	Presence    *fleet.Presence
	States      States
	Reports     Reports
	Results     Results
	Keys        Keys
	Redis       *redis.Options
	RedisSecret []byte        // of the installation: passwords of the nodes' Redis users are derived from it
	Heartbeat   time.Duration // of the held stream, both ways
	Limits      Limits
	Log         *slog.Logger
}

// Gateway serves nodes. It is a run.Service.
type Gateway struct {
	c     Config
	log   *slog.Logger
	acl   *redispipe.ACL
	pipe  *redispipe.Pipe
	links *links
	hub   *hub
	bound *bounds
	roots *x509.CertPool
	cert  atomic.Pointer[tls.Certificate]

	listener net.Listener
	api      *handover
	server   *http.Server
	life     context.Context //nolint:containedctx // the life of all connections
	end      context.CancelFunc
	checks   chan string // nodes to check at once; "" is all
	work     sync.WaitGroup
	closing  sync.Once
}

// Timing of a connection.
const (
	handshakeLimit = 10 * time.Second
	strangerLimit  = 30 * time.Second
	sweepEvery     = time.Second
	idleLimit      = 3 * time.Minute
	drainLimit     = 3 * time.Second
)

// New returns a gateway that does not listen yet.
func New(c Config) *Gateway {
	c.Limits = c.Limits.orDefault()
	g := &Gateway{c: c, log: c.Log, links: newLinks(c.Limits.PerNode), hub: newHub(), bound: newBounds(c.Limits), checks: make(chan string, 1024)}
	g.acl = redispipe.NewACL(c.Redis, c.RedisSecret, c.Fleet, c.Log)
	g.pipe = redispipe.New(c.Redis, g.acl, c.Limits.Queue, c.Log)
	return g
}

// CheckRedis says why a Redis cannot keep nodes apart; nil when it can.
func CheckRedis(ctx context.Context, opt *redis.Options) error { return redispipe.CheckRedis(ctx, opt) }

// Start listens. It needs the database, and can do without Redis.
func (g *Gateway) Start(ctx context.Context) error {
	if err := g.renewCertificate(ctx); err != nil {
		return fmt.Errorf("gateway certificate: %w", err)
	}
	var err error
	if g.roots, err = g.c.Fleet.Roots(ctx); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	var lc net.ListenConfig
	if g.listener, err = lc.Listen(ctx, "tcp", g.c.Listen); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := g.acl.Start(ctx); err != nil {
		return errors.Join(err, g.listener.Close())
	}
	g.life, g.end = context.WithCancel(context.WithoutCancel(ctx))
	g.api = newHandover(g.listener.Addr())
	g.server = g.newServer()
	g.work.Go(g.accept)
	g.work.Go(g.sweep)
	g.work.Go(g.listen)
	g.work.Go(func() {
		if err := g.server.Serve(g.api); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("gateway's HTTP server ended", logging.KeyErr, err)
		}
	})
	return nil
}

// Addr is where it listens.
func (g *Gateway) Addr() net.Addr { return g.listener.Addr() }

// Close stops accepting, ends the held streams, lets requests finish for a moment and ends everything.
func (g *Gateway) Close(ctx context.Context) error {
	if g.listener == nil {
		return nil
	}
	var errs []error
	g.closing.Do(func() {
		errs = append(errs, g.listener.Close())
		g.hub.closeAll()
		draining, cancel := context.WithTimeout(ctx, drainLimit)
		defer cancel()
		if err := g.server.Shutdown(draining); err != nil {
			errs = append(errs, g.server.Close())
		}
		g.end()
		g.links.endAll()
		g.work.Wait()
		errs = append(errs, g.acl.Close(ctx))
	})
	return errors.Join(errs...)
}

func (g *Gateway) renewCertificate(ctx context.Context) error {
	if c := g.cert.Load(); c != nil {
		life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
		if time.Now().Before(c.Leaf.NotBefore.Add(life * 2 / 3)) {
			return nil
		}
	}
	c, err := g.c.Fleet.GatewayCertificate(ctx)
	if err != nil {
		return err
	}
	g.cert.Store(c)
	return nil
}

// accept takes connections and identifies each in a goroutine of its own.
func (g *Gateway) accept() {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			if g.life.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			g.log.Warn("gateway cannot accept", logging.KeyErr, err)
			pause(g.life, 50*time.Millisecond) // out of descriptors, most likely
			continue
		}
		source := host(conn.RemoteAddr())
		arrival := g.bound.arrive(conn, source)
		conns.Go(func() { g.meet(conn, source, arrival) })
	}
}

// meet shakes hands and hands the connection to the service it asked for.
func (g *Gateway) meet(raw net.Conn, source string, arrival *stranger) {
	leave := func() { g.bound.known(arrival) }
	defer leave()
	ctx, cancel := context.WithTimeout(g.life, handshakeLimit)
	defer cancel()
	conn := tls.Server(raw, g.tlsConfig())
	if err := conn.HandshakeContext(ctx); err != nil {
		g.log.DebugContext(ctx, "handshake failed", logging.KeyAddr, source, logging.KeyErr, err)
		_ = raw.Close()
		return
	}
	state := conn.ConnectionState()
	l := g.identify(ctx, conn, state, source)
	switch state.NegotiatedProtocol {
	case nodeapi.ALPNQueue:
		if l.problem == nil && !g.bound.connect() {
			l.problem = &nodeapi.Problem{Code: nodeapi.CodeTooMany, Message: "the gateway has too many connections"}
		}
		if l.problem != nil {
			l.turnAway()
			return
		}
		defer g.bound.disconnect()
		leave()
		g.links.add(l, false)
		defer g.links.remove(l)
		if err := g.pipe.Serve(l.ctx, l.node, conn); err != nil {
			g.log.DebugContext(ctx, "queue connection ended", logging.KeyNode, l.node, logging.KeyErr, err)
		}
	case nodeapi.ALPNAPI:
		g.meetAPI(l, leave)
	default:
		_ = conn.Close() // no ALPN: nothing we speak
	}
}

// meetAPI waits for the end of a connection that net/http serves, so that strangers are counted to their end.
func (g *Gateway) meetAPI(l *link, leave func()) {
	if l.problem == nil {
		if !g.bound.connect() {
			l.problem = &nodeapi.Problem{Code: nodeapi.CodeTooMany, Message: "the gateway has too many connections"}
		} else {
			defer g.bound.disconnect()
			leave()
		}
	}
	if l.problem != nil {
		defer time.AfterFunc(strangerLimit, l.end).Stop()
	}
	g.links.add(l, l.problem == nil)
	defer g.links.remove(l)
	if !g.api.give(g.life, l.conn) {
		l.end()
		return
	}
	<-l.ctx.Done()
	l.end()
}

func (g *Gateway) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{nodeapi.ALPNAPI, nodeapi.ALPNQueue},
		// Certificates are judged after the handshake, where a refusal can say why. The handshake itself proves that the
		// client holds the key.
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.cert.Load(), nil },
	}
}

// identify judges the client's certificate: ours, in time, listed, of a node that may connect.
func (g *Gateway) identify(ctx context.Context, conn *tls.Conn, state tls.ConnectionState, source string) *link {
	l := newLink(g.life, conn, source) //nolint:contextcheck // the connection outlives the handshake's context
	if err := fleet.Verify(g.roots, state.PeerCertificates, time.Now()); err != nil {
		l.problem = asProblem(err)
		return l
	}
	leaf := state.PeerCertificates[0]
	l.serial, l.notAfter = fleet.Serial(leaf), leaf.NotAfter
	found, err := g.c.Fleet.Admit(ctx, l.serial)
	ad, known := found[l.serial]
	switch {
	case err != nil:
		g.log.WarnContext(ctx, "a node cannot be looked up", logging.KeyErr, err)
		l.problem = asProblem(err)
	case !known || ad.Refusal != "":
		l.problem = &nodeapi.Problem{Code: nodeapi.CodeRevoked, Message: "this node was revoked, removed, or enrolled anew elsewhere"}
	default:
		l.node = ad.Node
	}
	return l
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}
