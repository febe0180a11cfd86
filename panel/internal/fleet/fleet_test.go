package fleet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

type world struct {
	*fleet.Service
	db       *pg.DB
	vault    *vault.Vault
	op       actor.Actor
	reseller actor.Actor
}

func operator(root string) actor.Actor {
	return actor.Actor{
		Tenant: root, Home: root, Kind: actor.Login, ID: "lgn_x", Name: "admin", Permissions: actor.Full(), Operator: true,
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	db := pgtest.New(t)
	tenants := &tenant.Service{DB: db}
	root, err := tenants.Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Service: fleet.New(fleet.Config{DB: db, Vault: v, Heartbeat: time.Second}), db: db, vault: v, op: operator(root)}
	child, err := tenants.Create(ctx, w.op, tenant.New{Name: "Reseller", Realm: "reseller"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.reseller = actor.Actor{Tenant: child.ID, Home: child.ID, Kind: actor.Login, Name: "r", Permissions: actor.Full()}
	return w
}

func csr(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return csrFor(t, key)
}

func csrFor(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func leaf(t *testing.T, chain string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(chain))
	return must[*x509.Certificate](t)(x509.ParseCertificate(block.Bytes))
}

func (w *world) enrolled(t *testing.T, name string) (*fleet.Node, *x509.Certificate) {
	t.Helper()
	ctx := t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: name}))
	tok := must[*fleet.Token](t)(w.CreateToken(ctx, w.op, n.ID, 0))
	is := must[*fleet.Issued](t)(w.Enrol(ctx, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr(t), Version: "1", Capability: 1}, "192.0.2.1"))
	return must[*fleet.Node](t)(w.Get(ctx, w.op, n.ID)), leaf(t, is.Chain)
}

func TestNodesAndGroups(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	g := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "eu", ""))
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1", Host: "ams1.example.net", Groups: []string{g.ID}}))
	if n.Status != fleet.StatusWaiting || len(n.Groups) != 1 || n.Online {
		t.Fatalf("fresh node is %+v", n)
	}
	if _, err := w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second ams1 gives %v", err)
	}
	name, none := "ams2", []string{}
	up := must[*fleet.Node](t)(w.Update(ctx, w.op, n.ID, n.Version, fleet.Change{Name: &name, Groups: &none}))
	if up.Name != "ams2" || len(up.Groups) != 0 || up.Version != 2 {
		t.Fatalf("updated node is %+v", up)
	}
	if _, err := w.Update(ctx, w.op, n.ID, 1, fleet.Change{Name: &name}); !errs.Is(err, errs.Stale) {
		t.Errorf("an update of version 1 gives %v", err)
	}
	for i := range 3 {
		must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "n" + string(rune('a'+i)), Groups: []string{g.ID}}))
	}
	page := must[[]fleet.Node](t)(w.List(ctx, w.op, fleet.Filter{Group: g.ID}, "", 2))
	rest := must[[]fleet.Node](t)(w.List(ctx, w.op, fleet.Filter{Group: g.ID}, page[1].ID, 2))
	if len(page) != 2 || len(rest) != 1 || rest[0].ID <= page[1].ID {
		t.Errorf("pages of %d and %d", len(page), len(rest))
	}
	if err := w.DeleteGroup(ctx, w.op, g.ID, 0); err != nil {
		t.Errorf("delete group: %v", err)
	}
	if err := w.Delete(ctx, w.op, n.ID, 2); err != nil {
		t.Errorf("delete node: %v", err)
	}
	if _, err := w.Get(ctx, w.op, n.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("a deleted node gives %v", err)
	}
}

func TestFieldsAreChecked(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	for name, in := range map[string]fleet.NewNode{
		"empty name":     {},
		"name with /":    {Name: "a/b"},
		"host with port": {Name: "a", Host: "a.example:443"},
		"unknown group":  {Name: "a", Groups: []string{id.New(id.NodeGroup)}},
		"no group id":    {Name: "a", Groups: []string{"eu"}},
		"long comment":   {Name: "a", Comment: strings.Repeat("x", 256)},
	} {
		if _, err := w.Create(ctx, w.op, in); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	if _, err := w.List(ctx, w.op, fleet.Filter{}, "", 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("a page of 0 gives %v", err)
	}
}

func TestResellersManageNoNodes(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}))
	if _, err := w.Create(ctx, w.reseller, fleet.NewNode{Name: "mine"}); !errs.Is(err, errs.Denied) {
		t.Errorf("create: %v", err)
	}
	if _, err := w.Get(ctx, w.reseller, n.ID); !errs.Is(err, errs.Missing) {
		t.Errorf("get: %v", err)
	}
	if got := must[[]fleet.Node](t)(w.List(ctx, w.reseller, fleet.Filter{}, "", 10)); len(got) != 0 {
		t.Errorf("list shows %d nodes", len(got))
	}
	for what, err := range map[string]error{
		"revoke": second(w.Revoke(ctx, w.reseller, n.ID, 0)),
		"token":  second(w.CreateToken(ctx, w.reseller, n.ID, 0)),
		"delete": w.Delete(ctx, w.reseller, n.ID, 0),
		"group":  second(w.CreateGroup(ctx, w.reseller, "g", "")),
	} {
		if !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", what, err)
		}
	}
	acting := w.op
	acting.Tenant = w.reseller.Tenant
	if _, err := w.Get(ctx, acting, n.ID); err != nil {
		t.Errorf("the operator, at work for a reseller, does not see its node: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestGroupsAreGrantedDownTheTree(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	tenants := &tenant.Service{DB: w.db}
	eu := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "eu", ""))
	us := must[*fleet.Group](t)(w.CreateGroup(ctx, w.op, "us", ""))
	sub := must[*tenant.Tenant](t)(tenants.Create(ctx, w.reseller, tenant.New{Name: "Sub", Realm: "sub"}, nil))
	subActor := w.reseller
	subActor.Tenant, subActor.Home = sub.ID, sub.ID
	check := func(a actor.Actor, tenant, group string) bool {
		err := w.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error { return w.CheckGroups(ctx, tx, tenant, "node_groups", []string{group}) })
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatal(err)
		}
		return err == nil
	}
	if !check(w.op, w.op.Tenant, eu.ID) || !check(w.reseller, w.reseller.Tenant, eu.ID) || !check(subActor, sub.ID, us.ID) {
		t.Error("an empty list of grants must mean all groups")
	}
	only := []string{eu.ID}
	must[*tenant.Tenant](t)(tenants.Update(ctx, w.op, w.reseller.Tenant, 0, tenant.Change{NodeGroups: &only}))
	for _, c := range []struct {
		what          string
		a             actor.Actor
		tenant, group string
		want          bool
	}{
		{"reseller, granted", w.reseller, w.reseller.Tenant, eu.ID, true},
		{"reseller, not granted", w.reseller, w.reseller.Tenant, us.ID, false},
		{"below the reseller, granted above", subActor, sub.ID, eu.ID, true},
		{"below the reseller, not granted above", subActor, sub.ID, us.ID, false},
		{"reseller for its child", w.reseller, sub.ID, eu.ID, true},
		{"child asks about its parent", subActor, w.reseller.Tenant, eu.ID, false},
		{"no such group", w.reseller, w.reseller.Tenant, id.New(id.NodeGroup), false},
	} {
		if got := check(c.a, c.tenant, c.group); got != c.want {
			t.Errorf("%s: %t, want %t", c.what, got, c.want)
		}
	}
	got := must[[]fleet.GrantedGroup](t)(w.GroupsFor(ctx, subActor))
	if len(got) != 1 || got[0].Name != "eu" {
		t.Errorf("granted groups are %v", got)
	}
	if err := w.DeleteGroup(ctx, w.op, eu.ID, 0); !errs.Is(err, errs.InUse) {
		t.Errorf("deleting a granted group gives %v: an empty list would then mean all", err)
	}
}

func TestTokenWorksOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}))
	tok := must[*fleet.Token](t)(w.CreateToken(ctx, w.op, n.ID, 0))
	if _, err := w.Enrol(ctx, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: "x"}, ""); !errs.Is(err, errs.Invalid) {
		t.Fatalf("a bad request gives %v, and must not use the token up", err)
	}
	const racers = 8
	var wg sync.WaitGroup
	results := make([]error, racers)
	for i := range racers {
		q := nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr(t), Version: "1", Capability: 1}
		wg.Go(func() { _, results[i] = w.Enrol(ctx, q, "") })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errs.Is(err, errs.Denied) {
			t.Errorf("a loser gets %v", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d machines enrolled with one token", won, racers)
	}
}

func TestTokenExpiresAndCSRIsChecked(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n := must[*fleet.Node](t)(w.Create(ctx, w.op, fleet.NewNode{Name: "ams1"}))
	tok := must[*fleet.Token](t)(w.CreateToken(ctx, w.op, n.ID, time.Minute))
	err := w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE enrol_token SET expires_at = $1", tx.Now.Add(-time.Second))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Enrol(ctx, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr(t)}, ""); !errs.Is(err, errs.Denied) {
		t.Errorf("an expired token gives %v", err)
	}
	weak := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	for name, text := range map[string]string{
		"not PEM":   "hello",
		"truncated": csr(t)[:100],
		"RSA":       csrFor(t, weak),
		"two":       csr(t) + csr(t),
	} {
		if _, err := w.Enrol(ctx, nodeapi.EnrolRequest{Token: "cvt_x", CSR: text}, ""); !errs.Is(err, errs.Invalid) {
			t.Errorf("request that is %s gives %v", name, err)
		}
	}
}

func TestCertificatesAreForNodesOnly(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n, cert := w.enrolled(t, "ams1")
	roots := must[*x509.CertPool](t)(w.Roots(ctx))
	if cert.Subject.CommonName != n.ID {
		t.Errorf("certificate is for %q", cert.Subject.CommonName)
	}
	server := must[string](t)(w.Pin(ctx))
	if len(server) != 64 {
		t.Errorf("pin is %q", server)
	}
	gw, err := w.GatewayCertificate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gw.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: nodeapi.GatewayName}); err != nil {
		t.Errorf("an agent would not trust the gateway: %v", err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a node's certificate would serve as the gateway's")
	}
	now := time.Now()
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		at   time.Time
		want string
	}{
		{"good", cert, now, ""},
		{"expired", cert, now.Add(31 * 24 * time.Hour), nodeapi.CodeExpired},
		{"from the future", cert, now.Add(-time.Hour), nodeapi.CodeClock},
		{"the gateway's own", gw.Leaf, now, nodeapi.CodeCertificate},
	} {
		if got := nodeapi.CodeOf(fleet.Verify(roots, []*x509.Certificate{c.cert}, c.at)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if nodeapi.CodeOf(fleet.Verify(roots, nil, now)) != nodeapi.CodeCertificate {
		t.Error("no certificate at all is let in")
	}
	other := fleet.New(fleet.Config{DB: w.db, Vault: w.vault, Heartbeat: time.Second})
	if again := must[string](t)(other.Pin(ctx)); again != server {
		t.Error("a second replica has another CA")
	}
}

func TestRevokeEndsEverySerial(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n, first := w.enrolled(t, "ams1")
	renewed := leaf(t, must[*fleet.Issued](t)(w.Renew(ctx, n.ID, csr(t))).Chain)
	serials := []string{fleet.Serial(first), fleet.Serial(renewed)}
	for s, ad := range must[map[string]fleet.Admission](t)(w.Admit(ctx, serials...)) {
		if ad.Refusal != "" || ad.Node != n.ID {
			t.Fatalf("serial %s is %+v", s, ad)
		}
	}
	heard := make(chan string, 16)
	listening := make(chan struct{})
	lctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var once sync.Once
	go w.db.Listen(lctx, []string{pg.ChannelNode}, func() { once.Do(func() { close(listening) }) }, func(_, p string) { heard <- p })
	<-listening
	if _, err := w.Revoke(ctx, w.op, n.ID, 0); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != n.ID {
		t.Errorf("gateways heard of %q", got)
	}
	for s, ad := range must[map[string]fleet.Admission](t)(w.Admit(ctx, serials...)) {
		if ad.Refusal != nodeapi.CodeRevoked {
			t.Errorf("serial %s of a revoked node is %+v", s, ad)
		}
	}
	var events int
	err := w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT count(*) FROM outbox WHERE kind = 'node.revoked' AND payload->>'node' = $1", []any{n.ID}, &events)
		return err
	})
	if err != nil || events != 1 {
		t.Errorf("%d events, %v", events, err)
	}
	if _, err := w.Renew(ctx, n.ID, csr(t)); !errs.Is(err, errs.Denied) {
		t.Errorf("renewal after revocation gives %v", err)
	}
	if _, err := w.CreateToken(ctx, w.op, n.ID, 0); !errs.Is(err, errs.State) {
		t.Errorf("a token for a revoked node gives %v", err)
	}
	if got := must[map[string]fleet.Admission](t)(w.Admit(ctx, "00")); len(got) != 0 {
		t.Errorf("an unknown serial gives %v", got)
	}
}

func TestSecondEnrolmentEndsTheFirst(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n, first := w.enrolled(t, "ams1")
	tok := must[*fleet.Token](t)(w.CreateToken(ctx, w.op, n.ID, 0))
	must[*fleet.Issued](t)(w.Enrol(ctx, nodeapi.EnrolRequest{Token: tok.Text.Reveal(), CSR: csr(t)}, ""))
	got := must[map[string]fleet.Admission](t)(w.Admit(ctx, fleet.Serial(first)))
	if got[fleet.Serial(first)].Refusal != nodeapi.CodeRevoked {
		t.Errorf("the old machine's certificate is %+v", got)
	}
}

func TestSuspendAndDelete(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n, cert := w.enrolled(t, "ams1")
	if _, err := w.Resume(ctx, w.op, n.ID, 0); !errs.Is(err, errs.State) {
		t.Errorf("resuming an active node gives %v", err)
	}
	if got := must[*fleet.Node](t)(w.Suspend(ctx, w.op, n.ID, 0)); got.Status != fleet.StatusSuspended {
		t.Fatalf("suspended node is %s", got.Status)
	}
	if ad := must[map[string]fleet.Admission](t)(w.Admit(ctx, fleet.Serial(cert))); ad[fleet.Serial(cert)].Refusal != "" {
		t.Error("a suspended node is locked out: it could not be told to stop serving")
	}
	if err := w.Delete(ctx, w.op, n.ID, 0); !errs.Is(err, errs.State) {
		t.Errorf("deleting an enrolled node gives %v", err)
	}
	must[*fleet.Node](t)(w.Resume(ctx, w.op, n.ID, 0))
	must[*fleet.Node](t)(w.Revoke(ctx, w.op, n.ID, 0))
	if err := w.Delete(ctx, w.op, n.ID, 0); err != nil {
		t.Errorf("deleting a revoked node gives %v", err)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	n, _ := w.enrolled(t, "ams1")
	if err := w.Hello(ctx, n.ID, nodeapi.Hello{Version: "1.2", Capability: 1, Kinds: []string{"socks5"}, Epoch: 7, Clock: time.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	got := must[*fleet.Node](t)(w.Get(ctx, w.op, n.ID))
	if !got.Online || got.AgentVersion != "1.2" || got.Epoch != 7 || got.ClockSkewMS > 5000 || got.ClockSkewMS < -5000 {
		t.Errorf("after hello: %+v", got)
	}
	p := w.Presence()
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close(context.Background()) }()
	p.Beat(n.ID, nodeapi.AgentFrame{Fault: "spool: disk full", Clock: time.Now().Add(-time.Hour).UnixMilli()})
	eventually(t, func() bool {
		got := must[*fleet.Node](t)(w.Get(ctx, w.op, n.ID))
		return got.Fault == "spool: disk full" && got.ClockSkewMS < -3_500_000
	})
	if err := w.Hello(ctx, id.New(id.Node), nodeapi.Hello{}); !errs.Is(err, errs.Missing) {
		t.Errorf("hello of an unknown node gives %v", err)
	}
	old := time.Now().Add(-time.Minute)
	err := w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE node SET seen_at = $1", old)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if must[*fleet.Node](t)(w.Get(ctx, w.op, n.ID)).Online {
		t.Error("a node silent for a minute is online")
	}
	if ids := must[[]string](t)(w.ActiveNodes(ctx)); len(ids) != 1 {
		t.Errorf("active nodes are %v", ids)
	}
	if _, err := w.Sweep(ctx); err != nil {
		t.Errorf("sweep: %v", err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("did not happen in time")
		}
	}
}
