package gateway

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/errs"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

type linkKey struct{}

// newServer serves HTTP/2 on connections that are identified already.
func (g *Gateway) newServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler: g.routes(), Protocols: protocols, ReadHeaderTimeout: handshakeLimit, IdleTimeout: idleLimit, MaxHeaderBytes: 16 << 10,
		ErrorLog:    slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return g.life },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, linkKey{}, g.links.of(c))
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			if l := g.links.of(c); l != nil && s == http.StateClosed {
				l.cancel()
			}
		},
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 2 * g.c.Limits.AtOnce, SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second,
			WriteByteTimeout: 30 * time.Second,
		},
	}
}

// Time for a request's body, and for the answer.
const (
	bodyLimit   = time.Minute
	answerLimit = 30 * time.Second
	stateLimit  = 5 * time.Minute
	smallBody   = 64 << 10
	resultBody  = 1 << 20
)

func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(http.ResponseWriter, *http.Request, *link) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { g.guard(w, r, serve) })
	}
	n := nodeAPI{g}
	handle("POST "+nodeapi.PathRenew, n.renew)
	handle("POST "+nodeapi.PathHello, n.hello)
	handle("GET "+nodeapi.PathState, n.state)
	handle("POST "+nodeapi.PathAck, n.ack)
	handle("POST "+nodeapi.PathReport, n.report)
	handle("POST "+nodeapi.PathLease, n.lease)
	handle("POST "+nodeapi.PathAdmit, n.admit)
	handle("POST "+nodeapi.PathResult, n.result)
	mux.HandleFunc("POST "+nodeapi.PathEnrol, g.enrol)
	mux.HandleFunc("POST "+nodeapi.PathWatch, func(w http.ResponseWriter, r *http.Request) {
		l, err := identified(r)
		if err == nil {
			err = g.watch(w, r, l)
		}
		if err != nil {
			g.fail(w, r, err)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		g.fail(w, r, errs.New(errs.Missing, "the node API has no %s %.100s", r.Method, r.URL.Path))
	})
	return mux
}

// nodeAPI are the calls of a node that is known, each for its own matters only.
type nodeAPI struct{ *Gateway }

// identified returns the connection's link, or why it is nobody's.
func identified(r *http.Request) (*link, error) {
	l, ok := r.Context().Value(linkKey{}).(*link)
	switch {
	case !ok || l == nil:
		return nil, errs.New(errs.Unavailable, "the connection is ending")
	case l.problem != nil:
		return nil, l.problem
	case time.Now().After(l.notAfter):
		l.cancel()
		return nil, &nodeapi.Problem{Code: nodeapi.CodeExpired, Message: "the node's certificate expired while it was connected"}
	}
	return l, nil
}

// guard lets a node's request through within its share.
func (g *Gateway) guard(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request, *link) error) {
	l, err := identified(r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	s := g.bound.of(l.node)
	if !s.rate.Allow() {
		g.fail(w, r, errs.New(errs.Throttled, "more than %d requests a second", g.c.Limits.Requests))
		return
	}
	select {
	case s.atOnce <- struct{}{}:
		defer func() { <-s.atOnce }()
	default:
		g.fail(w, r, errs.New(errs.Throttled, "more than %d requests at once", g.c.Limits.AtOnce))
		return
	}
	limit(w, answerLimit)
	if err := serve(w, r, l); err != nil {
		g.fail(w, r, err)
	}
}

func limit(w http.ResponseWriter, answer time.Duration) {
	ctrl := http.NewResponseController(w)
	_ = ctrl.SetReadDeadline(time.Now().Add(bodyLimit))
	_ = ctrl.SetWriteDeadline(time.Now().Add(bodyLimit + answer))
}

func read(r *http.Request, most int64, v any) error {
	if err := nodeapi.Decode(r.Body, most, v); err != nil {
		return errs.Wrap(errs.Invalid, err, "%s", err)
	}
	return nil
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
	return nil
}

func (g *Gateway) enrol(w http.ResponseWriter, r *http.Request) {
	l, ok := r.Context().Value(linkKey{}).(*link)
	limit(w, answerLimit)
	var q nodeapi.EnrolRequest
	err := read(r, smallBody, &q)
	switch {
	case !ok || l == nil:
		err = errs.New(errs.Unavailable, "the connection is ending")
	case !g.bound.mayEnrol(l.source):
		err = errs.New(errs.Throttled, "too many enrolments from here: try again in a moment")
	case err == nil:
		var is nodeapi.EnrolResponse
		if is, err = g.issue(r.Context(), q, l.source); err == nil {
			g.log.InfoContext(r.Context(), "node enrolled", logging.KeyNode, is.Node, logging.KeyAddr, l.source)
			_ = answer(w, is)
		}
	}
	if err != nil {
		g.fail(w, r, err)
	}
}

func (g *Gateway) issue(ctx context.Context, q nodeapi.EnrolRequest, from string) (nodeapi.EnrolResponse, error) {
	keys, err := g.c.Keys.Public(ctx)
	if err != nil {
		return nodeapi.EnrolResponse{}, err
	}
	is, err := g.c.Fleet.Enrol(ctx, q, from)
	if err != nil {
		return nodeapi.EnrolResponse{}, err
	}
	return nodeapi.EnrolResponse{Node: is.Node, Certificate: is.Chain, CA: is.CA, JobKeys: keys}, nil
}

func (g nodeAPI) renew(w http.ResponseWriter, r *http.Request, l *link) error {
	var q nodeapi.RenewRequest
	if err := read(r, smallBody, &q); err != nil {
		return err
	}
	is, err := g.c.Fleet.Renew(r.Context(), l.node, q.CSR)
	if err != nil {
		return err
	}
	return answer(w, nodeapi.RenewResponse{Certificate: is.Chain, CA: is.CA})
}

func (g nodeAPI) hello(w http.ResponseWriter, r *http.Request, l *link) error {
	var h nodeapi.Hello
	if err := read(r, smallBody, &h); err != nil {
		return err
	}
	if h.Capability < 1 {
		return errs.Bad("capability", "must be at least 1")
	}
	if err := g.c.Fleet.Hello(r.Context(), l.node, h); err != nil {
		return err
	}
	wanted, err := g.c.States.Wanted(r.Context(), l.node)
	if err != nil {
		return err
	}
	return answer(w, nodeapi.HelloResponse{Node: l.node, Capability: nodeapi.Capability, Wanted: wanted, Clock: time.Now().UnixMilli()})
}

// gzipFrom is the number of subscriber rows from which compressing a document pays.
const gzipFrom = 200

func (g nodeAPI) state(w http.ResponseWriter, r *http.Request, l *link) error {
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	if err != nil || since < 0 {
		return errs.Bad("since", "must be a revision")
	}
	var z *gzip.Writer
	opened := false
	err = g.c.States.Write(r.Context(), l.node, since, r.URL.Query().Get("hash"), func(rows int) io.Writer {
		opened = true
		limit(w, stateLimit)
		w.Header().Set("Content-Type", "application/json")
		if rows < gzipFrom || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			return w
		}
		w.Header().Set("Content-Encoding", "gzip")
		z, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // a level that exists
		return z
	})
	switch {
	case !opened && err == nil:
		w.WriteHeader(http.StatusNotModified)
	case opened && err != nil:
		g.log.WarnContext(r.Context(), "state not written to its end", logging.KeyNode, l.node, "error", err)
		panic(http.ErrAbortHandler) // half a document must not look like a whole one
	case z != nil:
		_ = z.Close() // the client is gone when this fails
	}
	return err
}

func (g nodeAPI) ack(w http.ResponseWriter, r *http.Request, l *link) error {
	var a nodeapi.Ack
	if err := read(r, smallBody, &a); err != nil {
		return err
	}
	if err := g.c.States.Ack(r.Context(), l.node, a); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g nodeAPI) report(w http.ResponseWriter, r *http.Request, l *link) error {
	var rep nodeapi.Report
	if err := read(r, nodeapi.MaxBody, &rep); err != nil {
		return err
	}
	ack, err := g.c.Reports.Ingest(r.Context(), l.node, &rep)
	if err != nil {
		return err
	}
	return answer(w, ack)
}

func (g nodeAPI) lease(w http.ResponseWriter, r *http.Request, l *link) error {
	var q nodeapi.LeaseRequest
	if err := read(r, nodeapi.MaxBody, &q); err != nil {
		return err
	}
	out, err := g.c.Reports.Lease(r.Context(), l.node, q)
	if err != nil {
		return err
	}
	return answer(w, out)
}

func (g nodeAPI) admit(w http.ResponseWriter, r *http.Request, l *link) error {
	var q nodeapi.AdmitRequest
	if err := read(r, nodeapi.MaxBody, &q); err != nil {
		return err
	}
	out, err := g.c.Reports.Admit(r.Context(), l.node, q)
	if err != nil {
		return err
	}
	return answer(w, out)
}

func (g nodeAPI) result(w http.ResponseWriter, r *http.Request, l *link) error {
	var res nodeapi.JobResult
	if err := read(r, resultBody, &res); err != nil {
		return err
	}
	if err := g.c.Results.Store(r.Context(), l.node, res); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// asProblem says in the node API's words what went wrong. What is our own mistake is not told in detail.
func asProblem(err error) *nodeapi.Problem {
	var p *nodeapi.Problem
	if errors.As(err, &p) {
		return p
	}
	var fe *nodeapi.FieldError
	if errors.As(err, &fe) {
		return &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: fe.Rule, Path: fe.Path}
	}
	text, fields := errs.Public(err)
	p = &nodeapi.Problem{Code: codes()[errs.KindOf(err)], Message: text}
	if p.Code == "" {
		p.Code = nodeapi.CodeInvalid
	}
	if len(fields) > 0 {
		p.Path, p.Message = fields[0].Name, fields[0].Rule
	}
	return p
}

func codes() map[errs.Kind]string {
	return map[errs.Kind]string{
		errs.Internal: nodeapi.CodeInternal, errs.Denied: nodeapi.CodeDenied, errs.Unauthorized: nodeapi.CodeDenied,
		errs.Throttled: nodeapi.CodeTooMany, errs.Limited: nodeapi.CodeTooMany, errs.Unavailable: nodeapi.CodeUnavailable,
	}
}

func statuses() map[string]int {
	return map[string]int{
		nodeapi.CodeCertificate: http.StatusUnauthorized, nodeapi.CodeExpired: http.StatusUnauthorized, nodeapi.CodeClock: http.StatusUnauthorized,
		nodeapi.CodeRevoked: http.StatusForbidden, nodeapi.CodeDenied: http.StatusForbidden, nodeapi.CodeTooMany: http.StatusTooManyRequests,
		nodeapi.CodeUnavailable: http.StatusServiceUnavailable, nodeapi.CodeInternal: http.StatusInternalServerError,
	}
}

func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	p := *asProblem(err)
	p.Clock = time.Now().UnixMilli()
	if p.Code == nodeapi.CodeInternal || p.Code == nodeapi.CodeUnavailable {
		g.log.WarnContext(r.Context(), "node API failed", "path", r.URL.Path, logging.KeyErr, err)
	}
	status, known := statuses()[p.Code]
	switch {
	case known:
	case errs.Is(err, errs.Missing):
		status = http.StatusNotFound
	default:
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}
