package fleet_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

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
