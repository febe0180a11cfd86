package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
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
	"culvert/shared/nodeapi/nodeapitest"
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

func (p *panel) Write(_ context.Context, _ string, since int64, _ string, open func(int) io.Writer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.update == nil || since >= p.update.Revision {
		return nil
	}
	return json.NewEncoder(open(len(p.update.Subscribers))).Encode(p.update)
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

func (p *panel) Admit(_ context.Context, _ string, q nodeapi.AdmitRequest) (*nodeapi.AdmitResponse, error) {
	return &nodeapi.AdmitResponse{Refused: q.Ask}, nil
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

// client is a node, or a stranger when cert is nil.
func (w *world) client(g *gateway.Gateway, node string, cert *tls.Certificate) *nodeapitest.Agent {
	return nodeapitest.NewAgent(w.t, g.Addr().String(), w.roots(), node, cert)
}

// enrol makes a node and enrols it over the gateway, as an agent does.
func (w *world) enrol(g *gateway.Gateway, name string) *nodeapitest.Agent {
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
	a, out := nodeapitest.Enrol(w.t, g.Addr().String(), tok.Pin, tok.Text.Reveal())
	if out.Node != n.ID || len(out.JobKeys) != 1 {
		w.t.Fatalf("enrolled as %+v", out)
	}
	return a
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
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
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

func (w *world) watch(a *nodeapitest.Agent) *nodeapitest.Stream {
	w.t.Helper()
	s, err := a.Watch(heartbeat/2, nodeapi.AgentFrame{Fault: "disk full"})
	if err != nil {
		w.t.Fatal(err)
	}
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
