package gateway_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/gateway"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/local/localtest"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// panel is what the gateway asks, faked.
type panel struct {
	mu      sync.Mutex
	wanted  int64
	update  *nodeapi.Update
	acks    []nodeapi.Ack
	reports []nodeapi.Report
	results []nodeapi.JobResult
	block   chan struct{} // Ingest waits for it when set
}

func (p *panel) Fetch(_ context.Context, _ string, since int64, _ string) (*nodeapi.Update, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.update == nil || since >= p.update.Revision {
		return nil, nil //nolint:nilnil // nothing newer
	}
	return p.update, nil
}

func (p *panel) Wanted(context.Context, string) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted, nil
}

func (p *panel) Ack(_ context.Context, _ string, a nodeapi.Ack) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks = append(p.acks, a)
	return nil
}

func (p *panel) Ingest(ctx context.Context, _ string, r *nodeapi.Report) (*nodeapi.ReportAck, error) {
	if r.Seq < 1 {
		return nil, nodeapi.Fault("seq", "must be at least 1")
	}
	if r.Seq == 99 {
		return nil, errs.New(errs.Unavailable, "the database is away")
	}
	p.mu.Lock()
	block := p.block
	p.reports = append(p.reports, *r)
	p.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
		}
	}
	return &nodeapi.ReportAck{Epoch: r.Epoch, Seq: r.Seq}, nil
}

func (p *panel) Lease(_ context.Context, _ string, q nodeapi.LeaseRequest) (*nodeapi.LeaseResponse, error) {
	out := &nodeapi.LeaseResponse{}
	for _, s := range q.Slices {
		out.Allowances = append(out.Allowances, nodeapi.Allowance{Subscriber: s.Subscriber, Period: s.Period, Granted: 100})
	}
	return out, nil
}

func (p *panel) Store(_ context.Context, _ string, r nodeapi.JobResult) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.results = append(p.results, r)
	return nil
}

type world struct {
	t        testing.TB
	db       *pg.DB
	vault    *vault.Vault
	fleet    *fleet.Service
	op       actor.Actor
	panel    *panel
	redis    *localtest.RedisServer
	presence *fleet.Presence
}

const heartbeat = 200 * time.Millisecond

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, db: pgtest.New(t), redis: localtest.OwnRedis(t), panel: &panel{}}
	root, err := (&tenant.Service{DB: w.db}).Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if w.vault, err = vault.Open(ctx, w.db, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	w.fleet = fleet.New(fleet.Config{DB: w.db, Vault: w.vault, Heartbeat: heartbeat})
	w.op = actor.Actor{Tenant: root, Home: root, Kind: actor.Login, Name: "admin", Permissions: actor.Full(), Operator: true}
	w.presence = w.fleet.Presence()
	if err := w.presence.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.presence.Close(context.Background()) })
	return w
}

func (w *world) gateway(l gateway.Limits) *gateway.Gateway {
	w.t.Helper()
	out := io.Discard
	if os.Getenv("CULVERT_TEST_LOG") != "" {
		out = os.Stderr
	}
	g := gateway.New(gateway.Config{
		Listen: "127.0.0.1:0", DB: w.db, Fleet: w.fleet, Presence: w.presence, States: w.panel, Reports: w.panel, Results: w.panel,
		Keys: jobs.NewKeys(w.db, w.vault), Redis: w.redis.Options(), RedisSecret: []byte("secret"), Heartbeat: heartbeat, Limits: l,
		Log: logging.New(out, slog.LevelDebug),
	})
	if err := g.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
	return g
}

func (w *world) roots() *x509.CertPool {
	r, err := w.fleet.Roots(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// agent is a node's end.
type agent struct {
	w    *world
	g    *gateway.Gateway
	node string
	cert *tls.Certificate
	http *http.Client
}

func (w *world) client(g *gateway.Gateway, node string, cert *tls.Certificate) *agent {
	cfg := &tls.Config{RootCAs: w.roots(), ServerName: nodeapi.GatewayName, MinVersion: tls.VersionTLS13}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	w.t.Cleanup(tr.CloseIdleConnections)
	return &agent{w: w, g: g, node: node, cert: cert, http: &http.Client{Transport: tr}}
}

func newCSR(t testing.TB) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// enrol makes a node and enrols it over the gateway.
func (w *world) enrol(g *gateway.Gateway, name string) *agent {
	w.t.Helper()
	ctx := context.Background()
	n, err := w.fleet.Create(ctx, w.op, fleet.NewNode{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	tok, err := w.fleet.CreateToken(ctx, w.op, n.ID, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	key, csr := newCSR(w.t)
	stranger := w.client(g, "", nil)
	var out nodeapi.EnrolResponse
	if p := stranger.post(nodeapi.PathEnrol, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr, Version: "t", Capability: 1}, &out); p != nil {
		w.t.Fatalf("enrol: %v", p)
	}
	if out.Node != n.ID || len(out.JobKeys) != 1 {
		w.t.Fatalf("enrolled as %+v", out)
	}
	block, _ := pem.Decode([]byte(out.Certificate))
	return w.client(g, n.ID, &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key})
}

func (a *agent) url(path string) string { return "https://" + a.g.Addr().String() + path }

// post sends a document and reads the answer, or the problem.
func (a *agent) post(path string, in, out any) *nodeapi.Problem {
	a.w.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		a.w.t.Fatal(err)
	}
	return a.send(http.MethodPost, path, bytes.NewReader(b), out)
}

func (a *agent) send(method, path string, body io.Reader, out any) *nodeapi.Problem {
	a.w.t.Helper()
	req, err := http.NewRequest(method, a.url(path), body)
	if err != nil {
		a.w.t.Fatal(err)
	}
	res, err := a.http.Do(req)
	if err != nil {
		return &nodeapi.Problem{Code: "transport", Message: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 400 {
		var p nodeapi.Problem
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Clock == 0 {
			a.w.t.Errorf("%s answers %d without a problem: %v", path, res.StatusCode, err)
		}
		return &p
	}
	if out != nil && res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			a.w.t.Errorf("%s: %v", path, err)
		}
	}
	return nil
}

// queue dials the pipe.
func (a *agent) queue() (*tls.Conn, error) {
	cfg := &tls.Config{RootCAs: a.w.roots(), ServerName: nodeapi.GatewayName, NextProtos: []string{nodeapi.ALPNQueue}, MinVersion: tls.VersionTLS13}
	if a.cert != nil {
		cfg.Certificates = []tls.Certificate{*a.cert}
	}
	return tls.Dial("tcp", a.g.Addr().String(), cfg)
}

// forge signs a certificate with the panel's own CA.
func (w *world) forge(node string, from, to time.Time, listed bool) *tls.Certificate {
	w.t.Helper()
	ctx := context.Background()
	stored, err := w.vault.Installation(ctx, "fleet_ca", func() ([]byte, error) { panic("the CA exists") })
	if err != nil {
		w.t.Fatal(err)
	}
	ca, err := tls.X509KeyPair(stored, stored)
	if err != nil {
		w.t.Fatal(err)
	}
	key, _ := newCSR(w.t)
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)
	serial[0] = 0x41
	tpl := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: node}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	if listed {
		err := w.db.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO node_certificate (tenant_id, node_id, serial, not_after, created_at) VALUES ($1, $2, $3, $4, $5)",
				w.op.Tenant, node, hex.EncodeToString(serial), to, tx.Now)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// stream is the node's end of a held stream.
type stream struct {
	frames chan nodeapi.PanelFrame
	ended  chan struct{}

	silence func() // stops the heartbeat
}

func (a *agent) watch() *stream {
	a.w.t.Helper()
	pr, pw := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url(nodeapi.PathWatch), pr)
	if err != nil {
		a.w.t.Fatal(err)
	}
	res, err := a.http.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		a.w.t.Fatalf("watch: %v, %v", res, err)
	}
	s := &stream{frames: make(chan nodeapi.PanelFrame, 100), ended: make(chan struct{})}
	quiet, silent := make(chan struct{}), make(chan struct{})
	s.silence = sync.OnceFunc(func() { close(quiet); <-silent })
	go func() {
		defer close(silent)
		tick := time.NewTicker(heartbeat / 2)
		defer tick.Stop()
		for up := json.NewEncoder(pw); ; {
			if up.Encode(nodeapi.AgentFrame{Fault: "disk full", Clock: time.Now().UnixMilli()}) != nil {
				return
			}
			select {
			case <-quiet:
				return
			case <-tick.C:
			}
		}
	}()
	go func() {
		defer close(s.ended)
		defer func() { _ = res.Body.Close() }()
		dec := json.NewDecoder(res.Body)
		for {
			var f nodeapi.PanelFrame
			if dec.Decode(&f) != nil {
				return
			}
			s.frames <- f
		}
	}()
	a.w.t.Cleanup(func() { cancel(); _ = pw.Close(); <-s.ended; s.silence() })
	return s
}

func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
