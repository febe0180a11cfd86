package desired_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/network"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/panel/internal/tenant"
	"culvert/shared/nodeapi"
)

var update = flag.Bool("update", false, "rewrite golden files") //nolint:gochecknoglobals // a test flag

type settings struct{}

func (settings) NodeSettings(context.Context) (nodeapi.Settings, error) { return fixed(), nil }

func fixed() nodeapi.Settings {
	return nodeapi.Settings{
		ReportIntervalMS: 10_000, HeartbeatIntervalMS: 5_000, PollIntervalMS: 200, CompareIntervalMS: 30_000,
		PasswordSalt: []byte("0123456789abcdef0123456789abcdef"), BlockPrivate: true, BlockPorts: []uint16{25},
	}
}

func TestCompileSectionsGolden(t *testing.T) {
	t.Parallel()
	c := "crt_00000000000000000000000001"
	in := desired.Input{
		Settings: fixed(),
		Ingresses: []network.Ingress{
			{ID: "ing_00000000000000000000000002", Kind: "socks5", Name: "socks", Listen: ":1080", Options: network.Options(`{"udp": true}`), Enabled: true},
			{ID: "ing_00000000000000000000000001", Kind: "hysteria2", Name: "hy", Listen: ":443", CertificateID: &c, Options: network.Options(`{"b": 1,  "a": 2}`), Enabled: true},
			{ID: "ing_00000000000000000000000003", Kind: "http", Name: "off", Listen: ":8080", Options: network.Options(`{}`)},
		},
		Certificates: []nodeapi.Certificate{{ID: c, Chain: "CHAIN", Key: "KEY"}, {ID: "crt_unused", Chain: "X", Key: "Y"}},
	}
	got, err := json.MarshalIndent(desired.CompileSections(in), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "sections.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
		t.Fatalf("sections changed (-want +got):\n%s", d)
	}
}

// agent holds what an agent would, applying updates as one.
type agent struct {
	rev      int64
	hash     string
	sections nodeapi.Sections
	rows     map[string]nodeapi.Subscriber
}

func (a *agent) apply(t *testing.T, u *nodeapi.Update) {
	t.Helper()
	if err := u.Validate(); err != nil {
		t.Fatalf("the panel published a document that does not validate: %v", err)
	}
	if u.Base == 0 {
		*a = agent{rows: map[string]nodeapi.Subscriber{}}
	} else if u.Base != a.rev {
		t.Fatalf("delta from %d, the agent is at %d", u.Base, a.rev)
	}
	if u.Settings != nil {
		a.sections = nodeapi.Sections{Settings: *u.Settings, Ingresses: *u.Ingresses, Certificates: *u.Certificates}
	}
	for _, s := range u.Subscribers {
		a.rows[s.ID] = s
	}
	for _, sid := range u.Removed {
		delete(a.rows, sid)
	}
	a.rev, a.hash = u.Revision, u.Hash
	var mixed [32]byte
	for _, s := range a.rows {
		nodeapi.Mix(&mixed, s.Digest())
	}
	if h := nodeapi.HashState(a.sections, len(a.rows), mixed); h != u.Hash {
		t.Fatalf("revision %d: the agent computes hash %s, the panel says %s", u.Revision, h, u.Hash)
	}
}

type world struct {
	*subscribertest.World
	desired *desired.Service
	node    string
	agent   agent
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: subscribertest.New(t)}
	w.desired = desired.New(w.DB, w.Vault, &cert.Service{DB: w.DB, Vault: w.Vault}, settings{}, slog.New(slog.DiscardHandler))
	w.node = w.Node(t, "one")
	return w
}

// settle hands every open event to the compiler, as the dispatcher does.
func (w *world) settle(t *testing.T) {
	t.Helper()
	if _, err := outbox.Dispatch(context.Background(), w.DB, w); err != nil {
		t.Fatal(err)
	}
}

// Enqueue implements outbox.Queue.
func (w *world) Enqueue(ctx context.Context, rows []outbox.Row) error {
	return w.desired.Handle(ctx, rows)
}

// fetch is Write for tests: the document decoded, nil when there is nothing newer.
func fetch(ctx context.Context, d *desired.Service, node string, since int64, hash string) (*nodeapi.Update, error) {
	var b bytes.Buffer
	rows := -1
	if err := d.Write(ctx, node, since, hash, func(n int) io.Writer { rows = n; return &b }); err != nil || rows < 0 {
		return nil, err
	}
	u := &nodeapi.Update{}
	if err := nodeapi.Decode(&b, 1<<30, u); err != nil {
		return nil, err
	}
	if len(u.Subscribers) != rows {
		return nil, fmt.Errorf("%d rows, announced %d", len(u.Subscribers), rows)
	}
	return u, nil
}

// sync fetches as the agent would and returns how many rows travelled.
func (w *world) sync(t *testing.T) (rows, removed int) {
	t.Helper()
	u, err := fetch(context.Background(), w.desired, w.node, w.agent.rev, w.agent.hash)
	if err != nil {
		t.Fatal(err)
	}
	if u == nil {
		return 0, 0
	}
	w.agent.apply(t, u)
	return len(u.Subscribers), len(u.Removed)
}

func TestDeltasBringOneRow(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	subs := map[string]*subscriber.Subscriber{}
	for i := range 20 {
		name := fmt.Sprintf("user%02d", i)
		subs[name] = w.Subscriber(t, a, name, nil)
	}
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	if rows, _ := w.sync(t); rows != 20 {
		t.Fatalf("first sync brought %d rows", rows)
	}
	w.settle(t)
	if rows, removed := w.sync(t); rows+removed != 0 {
		t.Fatalf("nothing changed, %d rows and %d tombstones came", rows, removed)
	}
	if _, err := w.Subs.Suspend(ctx, a, subs["user03"].ID, 0, "overdue"); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if rows, _ := w.sync(t); rows != 1 || w.agent.rows[subs["user03"].ID].Enabled {
		t.Fatalf("suspend brought %d rows, enabled %v", rows, w.agent.rows[subs["user03"].ID].Enabled)
	}
	if err := w.Subs.Delete(ctx, a, subs["user04"].ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Subs.Update(ctx, a, subs["user05"].ID, 0, subscriber.Patch{Edit: func(g *billing.Grants) { g.NodeGroups = []string{"ngr_00000000000000000000000000"} }}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if rows, removed := w.sync(t); rows != 0 || removed != 2 || len(w.agent.rows) != 18 {
		t.Fatalf("delete and move away brought %d rows, %d tombstones; the agent holds %d", rows, removed, len(w.agent.rows))
	}
}

func TestAStrayAgentGetsEverything(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	w.Subscriber(t, w.Operator, "ann", nil)
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		since int64
		hash  string
	}{"new": {0, ""}, "same number, other content": {1, "beef"}, "ahead of the panel": {99, "beef"}} {
		u, err := fetch(ctx, w.desired, w.node, c.since, c.hash)
		if err != nil || u == nil || u.Base != 0 || len(u.Subscribers) != 1 || u.Settings == nil {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

func TestIngressesCertificatesAndTenants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	s := w.Subscriber(t, a, "ann", nil)
	certs, net := &cert.Service{DB: w.DB, Vault: w.Vault}, &network.Service{DB: w.DB, Vault: w.Vault}
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	c, err := certs.SelfSign(ctx, w.Operator, "hy", []string{"vpn.example.com", "203.0.113.7"}, 30)
	if err != nil {
		t.Fatal(err)
	}
	g, err := net.Create(ctx, w.Operator, network.Ingress{NodeID: w.node, Kind: "hysteria2", Name: "hy", Listen: ":443", CertificateID: &c.ID, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if n := len(w.agent.rows[s.ID].Secrets); n != 0 {
		t.Errorf("a node without an ingress for them holds %d secrets", n)
	}
	if rows, _ := w.sync(t); rows != 1 || len(w.agent.sections.Ingresses) != 1 || len(w.agent.sections.Certificates) != 1 {
		t.Fatalf("ingress: %d rows, sections %+v", rows, w.agent.sections.Ingresses)
	}
	if x := w.agent.rows[s.ID].Secrets; len(x) != 1 || x[0].Family != "hysteria2" || x[0].Clear != "" {
		t.Errorf("the first Hysteria ingress brought %+v", x)
	}
	if err := certs.Delete(ctx, w.Operator, c.ID); err == nil {
		t.Error("a certificate in use was deleted")
	}
	if _, err := net.Create(ctx, w.Operator, network.Ingress{NodeID: w.node, Kind: "hysteria2", Name: "hy2", Listen: "127.0.0.1:443", CertificateID: &c.ID, Enabled: true}); err == nil {
		t.Error("two ingresses share a port")
	}
	if _, err := net.Create(ctx, a, network.Ingress{NodeID: w.node, Kind: "socks5", Name: "s", Listen: ":1080", Enabled: true}); err == nil {
		t.Error("a reseller put an ingress on the operator's node")
	}
	status := "suspended"
	if _, err := w.Tenants.Update(ctx, w.Operator, a.Tenant, 0, tenant.Change{Status: &status}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	if rows, _ := w.sync(t); rows != 1 || w.agent.rows[s.ID].Enabled {
		t.Fatalf("a suspended tenant's subscriber is enabled (%d rows)", rows)
	}
	if err := net.Delete(ctx, w.Operator, g.ID); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.sync(t)
	if len(w.agent.sections.Ingresses) != 0 || len(w.agent.sections.Certificates) != 0 {
		t.Fatalf("after deletion: %+v", w.agent.sections)
	}
}

func TestAckIsVisible(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	look := func() (applied, refused int64, path string) {
		t.Helper()
		if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.One(ctx, "SELECT applied_revision, refused_revision, refused_path FROM node WHERE id = $1", []any{w.node}, &applied, &refused, &path)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return applied, refused, path
	}
	if err := w.desired.Ack(ctx, w.node, nodeapi.Ack{Revision: 1, Path: "ingresses[0].listen", Reason: "port is taken"}); err != nil {
		t.Fatal(err)
	}
	if _, refused, path := look(); refused != 1 || path != "ingresses[0].listen" {
		t.Fatalf("refusal: %d %q", refused, path)
	}
	if err := w.desired.Ack(ctx, w.node, nodeapi.Ack{Revision: 2, Applied: true}); err != nil {
		t.Fatal(err)
	}
	if applied, refused, path := look(); applied != 2 || refused != 0 || path != "" {
		t.Fatalf("after applying: %d %d %q", applied, refused, path)
	}
}

// TestNothingFallsBetweenAFirstCompilationAndItsEvents suspends subscribers while a node is compiled for the first time.
func TestNothingFallsBetweenAFirstCompilationAndItsEvents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	var subs []*subscriber.Subscriber
	for i := range 12 {
		subs = append(subs, w.Subscriber(t, a, fmt.Sprintf("user%02d", i), nil))
	}
	w.settle(t)
	for i, s := range subs {
		node := w.Node(t, fmt.Sprintf("node%02d", i))
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := w.desired.CompileNode(ctx, node); err != nil {
				t.Errorf("compile: %v", err)
			}
		})
		wg.Go(func() {
			if _, err := w.Subs.Suspend(ctx, a, s.ID, 0, ""); err != nil {
				t.Errorf("suspend: %v", err)
			}
			if _, err := outbox.Dispatch(ctx, w.DB, w); err != nil {
				t.Errorf("dispatch: %v", err)
			}
		})
		wg.Wait()
		u, err := fetch(ctx, w.desired, node, 0, "")
		if err != nil || u == nil {
			t.Fatalf("fetch: %v, %v", u, err)
		}
		for _, row := range u.Subscribers {
			if row.ID == s.ID && row.Enabled {
				t.Fatalf("round %d: the node serves a subscriber that was suspended meanwhile", i)
			}
		}
	}
}

func TestARefusedIngressHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	sub := w.Subscriber(t, w.Operator, "ann", nil)
	net := &network.Service{DB: w.DB, Vault: w.Vault}
	if err := w.desired.CompileNode(ctx, w.node); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	g, err := net.Create(ctx, w.Operator, network.Ingress{NodeID: w.node, Kind: "socks5", Name: "s", Listen: ":1080", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	u, err := fetch(ctx, w.desired, w.node, w.agent.rev, w.agent.hash)
	if err != nil || u == nil || len(*u.Ingresses) != 1 {
		t.Fatalf("fetch: %+v, %v", u, err)
	}
	if err := w.desired.Ack(ctx, w.node, nodeapi.Ack{Revision: u.Revision, Path: "ingresses[0].listen", Reason: "address already in use"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Subs.Suspend(ctx, w.Operator, sub.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.sync(t)
	if len(w.agent.sections.Ingresses) != 0 || w.agent.rows[sub.ID].Enabled {
		t.Fatalf("the node holds %d ingresses, the subscriber is enabled: %v", len(w.agent.sections.Ingresses), w.agent.rows[sub.ID].Enabled)
	}
	got, err := net.Get(ctx, w.Operator, g.ID)
	if err != nil || got.Fault != "ingresses[0].listen: address already in use" {
		t.Fatalf("fault %q, %v", got.Fault, err)
	}
	if got, err = net.Update(ctx, w.Operator, g.ID, 0, func(g *network.Ingress) { g.Listen = ":1081" }); err != nil || got.Fault != "" {
		t.Fatalf("after a change: %q, %v", got.Fault, err)
	}
	w.settle(t)
	w.sync(t)
	if len(w.agent.sections.Ingresses) != 1 {
		t.Fatal("a changed ingress is not tried again")
	}
}

func TestWhatARevokedNodeHeldIsRotated(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	s := w.Subscriber(t, w.Operator, "ann", nil)
	stolen := w.Node(t, "stolen")
	for _, n := range []string{w.node, stolen} {
		if err := w.desired.CompileNode(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	w.sync(t)
	before, err := w.Subs.Credentials(ctx, w.Operator, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE node SET status = 'revoked' WHERE id = $1", stolen)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	event := []outbox.Row{{ID: "evt_1", Kind: "node.revoked", Payload: json.RawMessage(`{"node":"` + stolen + `"}`)}}
	for range 2 { // the second time finds nothing
		if err := w.desired.RotateHeld(ctx, event, w.Subs); err != nil {
			t.Fatal(err)
		}
	}
	after, err := w.Subs.Credentials(ctx, w.Operator, s.ID)
	if err != nil || before.Secrets["hysteria2"].Equal(after.Secrets["hysteria2"]) || !before.Password.Equal(after.Password) {
		t.Fatalf("the secret was kept, or the password was not: %v", err)
	}
	got, err := w.Subs.Get(ctx, w.Operator, s.ID)
	if err != nil || got.Generation != s.Generation+1 {
		t.Fatalf("generation %d, was %d: %v", got.Generation, s.Generation, err)
	}
	w.settle(t)
	if rows, _ := w.sync(t); rows != 1 {
		t.Fatalf("the other node got %d rows", rows)
	}
}

// TestHealFindsWhatNoEventTold: a change whose event was lost reaches the node with the next round.
func TestHealFindsWhatNoEventTold(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	w.settle(t)
	acme := w.Reseller(t, "acme")
	w.settle(t)
	s := w.Subscriber(t, acme, "ann", nil)
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM outbox WHERE kind = 'subscriber.changed'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	after, before := "", w.agent.rev
	for i := 0; i == 0 || after != ""; i++ {
		if after, err = w.desired.Heal(ctx, after, 1); err != nil {
			t.Fatal(err)
		}
	}
	u, err := fetch(ctx, w.desired, w.node, 0, "")
	if err != nil || u == nil || len(u.Subscribers) != 1 || u.Subscribers[0].ID != s.ID {
		t.Fatalf("after the round: %+v (%v), held %d before", u, err, before)
	}
	rev := u.Revision
	if _, err = w.desired.Heal(ctx, "", 10); err != nil {
		t.Fatal(err)
	}
	if again, err := w.desired.Wanted(ctx, w.node); err != nil || again != rev {
		t.Errorf("a round without anything amiss made revision %d of %d (%v)", again, rev, err)
	}
}
