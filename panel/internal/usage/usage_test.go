package usage_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/panel/internal/usage"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

type settings struct{ salt []byte }

func (s settings) NodeSettings(context.Context) (nodeapi.Settings, error) {
	return nodeapi.Settings{ReportIntervalMS: 1000, HeartbeatIntervalMS: 1000, PollIntervalMS: 200, CompareIntervalMS: 1000, PasswordSalt: s.salt}, nil
}

type world struct {
	*subscribertest.World
	usage   *usage.Service
	desired *desired.Service
	nodes   []string
	acme    actor.Actor
}

func newWorld(t testing.TB, nodes int) *world {
	t.Helper()
	w := &world{World: subscribertest.New(t)}
	w.usage = &usage.Service{DB: w.DB}
	w.desired = desired.New(w.DB, w.Vault, &cert.Service{DB: w.DB, Vault: w.Vault}, settings{make([]byte, 32)}, slog.New(slog.DiscardHandler))
	w.acme = w.Reseller(t, "acme")
	for i := range nodes {
		w.nodes = append(w.nodes, w.Node(t, fmt.Sprintf("node%d", i)))
	}
	return w
}

// compile puts every subscriber on every node, as events would.
func (w *world) compile(t testing.TB) {
	t.Helper()
	for _, n := range w.nodes {
		if err := w.desired.CompileNode(context.Background(), n); err != nil {
			t.Fatal(err)
		}
	}
}

func report(epoch, seq int64, rows ...nodeapi.Usage) *nodeapi.Report {
	now := time.Now().UnixMilli()
	return &nodeapi.Report{Epoch: epoch, Seq: seq, From: now - 1000, To: now, Usage: rows}
}

func row(s *subscriber.Subscriber, ingress string, up, down unit.Bytes) nodeapi.Usage {
	return nodeapi.Usage{Subscriber: s.ID, Ingress: ingress, Exit: "direct", Period: s.Period, Up: up, Down: down}
}

func (w *world) ledgerSum(t testing.TB, sid string) (up, down unit.Bytes) {
	t.Helper()
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.One(context.Background(), `SELECT coalesce(sum(up), 0)::bigint, coalesce(sum(down), 0)::bigint FROM (SELECT up, down FROM ledger
			WHERE subscriber_id = $1 AND kind = 'usage' UNION ALL SELECT up, down FROM usage_open WHERE subscriber_id = $1) x`,
			[]any{sid}, &up, &down)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return up, down
}

func TestAStormOfDuplicatesChangesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	a, b := w.Subscriber(t, w.acme, "ann", nil), w.Subscriber(t, w.acme, "bob", nil)
	w.compile(t)
	type sent struct {
		node string
		r    *nodeapi.Report
	}
	var all []sent
	var wantUp, wantDown unit.Bytes
	for _, n := range w.nodes {
		for epoch := int64(1); epoch <= 2; epoch++ {
			for seq := int64(1); seq <= 5; seq++ {
				up, down := unit.Bytes(rand.Int64N(1000)), unit.Bytes(rand.Int64N(100000))
				wantUp, wantDown = wantUp+2*up, wantDown+2*down
				r := report(epoch, seq, row(a, "ing_1", up, down), row(b, "ing_1", 7, 9), row(a, "ing_2", up, down))
				for range 1 + rand.IntN(4) {
					all = append(all, sent{n, r})
				}
			}
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var wg sync.WaitGroup
	work := make(chan sent)
	for range 4 {
		wg.Go(func() {
			for x := range work {
				if _, err := w.usage.Ingest(ctx, x.node, x.r); err != nil {
					t.Errorf("ingest: %v", err)
				}
			}
		})
	}
	for _, x := range all {
		work <- x
	}
	close(work)
	wg.Wait()
	if up, down := w.ledgerSum(t, a.ID); up != wantUp || down != wantDown {
		t.Errorf("ledger %d/%d, want %d/%d", up, down, wantUp, wantDown)
	}
	got, err := w.Subs.Get(ctx, w.acme, a.ID)
	if err != nil || got.Usage.Up != wantUp || got.Usage.Down != wantDown || got.Usage.LifetimeUp != wantUp {
		t.Errorf("totals %+v, want %d/%d (%v)", got.Usage, wantUp, wantDown, err)
	}
}

func TestForeignUsageIsKeptAside(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 1)
	w.compile(t)
	late := w.Subscriber(t, w.acme, "ann", nil) // made after the node was compiled: never the node's
	if _, err := w.usage.Ingest(ctx, w.nodes[0], report(1, 1, row(late, "ing_1", 5, 6))); err != nil {
		t.Fatal(err)
	}
	if up, down := w.ledgerSum(t, late.ID); up+down != 0 {
		t.Errorf("a node billed a subscriber it never had: %d/%d", up, down)
	}
	var n int
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT count(*) FROM unbooked_usage WHERE subscriber_id = $1 AND up = 5 AND down = 6", []any{late.ID}, &n)
		return err
	})
	if err != nil || n != 1 {
		t.Errorf("%d unbooked rows, %v", n, err)
	}
}

func TestUsageAfterDeletionReachesTheLedger(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	if err := w.Subs.Delete(ctx, w.acme, s.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.compile(t)
	if _, err := w.usage.Ingest(ctx, w.nodes[0], report(1, 1, row(s, "ing_1", 5, 6))); err != nil {
		t.Fatal(err)
	}
	if up, down := w.ledgerSum(t, s.ID); up != 5 || down != 6 {
		t.Errorf("ledger %d/%d", up, down)
	}
}

func TestPeriodsAndLimit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", func(g *billing.Grants) { g.TrafficLimit = 1000 })
	w.compile(t)
	fresh, err := w.Subs.ResetUsage(ctx, w.acme, s.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.usage.Ingest(ctx, w.nodes[0], report(1, 1, row(s, "ing_1", 900, 0), row(fresh, "ing_1", 50, 50))); err != nil {
		t.Fatal(err)
	}
	got, err := w.Subs.Get(ctx, w.acme, s.ID)
	if err != nil || got.Usage.Total() != 100 || got.Usage.LifetimeUp != 950 || got.Status != subscriber.Active {
		t.Fatalf("late usage of the closed period counts in the new one: %+v %s, %v", got.Usage, got.Status, err)
	}
	if _, err := w.usage.Ingest(ctx, w.nodes[0], report(1, 2, row(fresh, "ing_1", 900, 0))); err != nil {
		t.Fatal(err)
	}
	if got, err = w.Subs.Get(ctx, w.acme, s.ID); err != nil || got.Status != subscriber.Limited {
		t.Fatalf("after the limit: %s, %v", got.Status, err)
	}
}

func TestAllowancesNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const limit = 100 * unit.MiB
	w := newWorld(t, 3)
	s := w.Subscriber(t, w.acme, "ann", func(g *billing.Grants) { g.TrafficLimit = limit })
	w.compile(t)
	granted, spent, seq := map[string]unit.Bytes{}, map[string]unit.Bytes{}, int64(0)
	for i := 0; ; i++ {
		n := w.nodes[i%3]
		resp, err := w.usage.Lease(ctx, n, nodeapi.LeaseRequest{Slices: []nodeapi.SliceUse{{Subscriber: s.ID, Period: 1, Spent: spent[n]}}})
		if err != nil || len(resp.Allowances) != 1 {
			t.Fatalf("lease: %+v, %v", resp, err)
		}
		a := resp.Allowances[0]
		granted[n] = a.Granted
		if a.Exhausted && granted[n] == spent[n] {
			if i > 300 {
				break
			}
			continue
		}
		use := (granted[n] - spent[n] + 1) / 2
		spent[n] += use
		seq++
		r := report(1, seq, row(s, "ing_1", 0, use))
		r.Slices = []nodeapi.SliceUse{{Subscriber: s.ID, Period: 1, Spent: spent[n]}}
		if _, err := w.usage.Ingest(ctx, n, r); err != nil {
			t.Fatal(err)
		}
		if total := granted[w.nodes[0]] + granted[w.nodes[1]] + granted[w.nodes[2]]; total > limit {
			t.Fatalf("granted %d in all, the limit is %d", total, limit)
		}
		if i > 1000 {
			break
		}
	}
	if total := spent[w.nodes[0]] + spent[w.nodes[1]] + spent[w.nodes[2]]; total != limit {
		t.Fatalf("%d of %d could be used", total, limit)
	}
}

func TestCrossedReportsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	metered := func(g *billing.Grants) { g.TrafficLimit = 1024 * unit.GiB }
	a, b := w.Subscriber(t, w.acme, "ann", metered), w.Subscriber(t, w.acme, "bob", metered)
	w.compile(t)
	var wg sync.WaitGroup
	for k, pair := range [][2]*subscriber.Subscriber{{a, b}, {b, a}} {
		wg.Go(func() {
			for seq := int64(1); seq <= 100; seq++ {
				r := report(1, seq, row(pair[0], "ing_1", 1, 1))
				r.Slices = []nodeapi.SliceUse{{Subscriber: pair[1].ID, Period: 1, Spent: unit.Bytes(seq)}}
				if ack, err := w.usage.Ingest(ctx, w.nodes[k], r); err != nil || len(ack.Allowances) != 1 {
					t.Errorf("ingest: %+v, %v", ack, err)
				}
			}
		})
	}
	wg.Wait()
	var deadlocks int // counted at once: a deadlock is found after a second, and a backend hands in what is older
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", nil, &deadlocks)
		return err
	})
	if err != nil || deadlocks != 0 {
		t.Errorf("%d deadlocks, %v", deadlocks, err)
	}
}

func TestALostNodeFreesItsSlice(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	s := w.Subscriber(t, w.acme, "ann", func(g *billing.Grants) { g.TrafficLimit = unit.MiB })
	w.compile(t)
	ask := func(n string) nodeapi.Allowance {
		t.Helper()
		r, err := w.usage.Lease(ctx, n, nodeapi.LeaseRequest{Slices: []nodeapi.SliceUse{{Subscriber: s.ID, Period: 1}}})
		if err != nil || len(r.Allowances) != 1 {
			t.Fatalf("lease: %+v, %v", r, err)
		}
		return r.Allowances[0]
	}
	if a := ask(w.nodes[0]); a.Granted != unit.MiB {
		t.Fatalf("first node got %d", a.Granted)
	}
	if b := ask(w.nodes[1]); b.Granted != 0 || !b.Exhausted {
		t.Fatalf("a slice of a node that is away was granted again: %+v", b)
	}
	if err := w.usage.DeclareLost(ctx, w.acme, w.nodes[0]); !errs.Is(err, errs.Denied) {
		t.Fatalf("a reseller declares a node lost: %v", err)
	}
	if err := w.usage.DeclareLost(ctx, w.Operator, w.nodes[0]); err != nil {
		t.Fatal(err)
	}
	if b := ask(w.nodes[1]); b.Granted != unit.MiB {
		t.Fatalf("after the loss: %+v", b)
	}
	// It comes back after all and says so: what it still holds counts again, though it is given nothing.
	if a := ask(w.nodes[0]); a.Granted != unit.MiB {
		t.Fatalf("the returned node: %+v", a)
	}
	if _, err := w.Subs.Grant(ctx, w.acme, s.ID, unit.MiB, ""); err != nil {
		t.Fatal(err)
	}
	if b := ask(w.nodes[1]); b.Granted != unit.MiB || !b.Exhausted {
		t.Fatalf("what the returned node holds was granted twice: %+v", b)
	}
}

func TestSessionsOfABatchAndOfAnOlderEpoch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	opened := time.Now().Add(-time.Minute).Truncate(time.Second)
	ended := opened.Add(30 * time.Second)
	record := func(id string, closed time.Time, cause string, up, down unit.Bytes) nodeapi.SessionRecord {
		x := nodeapi.SessionRecord{
			ID: id, Subscriber: s.ID, Ingress: "ing_1", Kind: "socks5", Source: "192.0.2.1",
			Opened: opened.UnixMilli(), Cause: cause, Up: up, Down: down,
		}
		if !closed.IsZero() {
			x.Closed = closed.UnixMilli()
		}
		return x
	}
	send := func(node int, epoch, seq int64, in ...nodeapi.SessionRecord) {
		t.Helper()
		r := report(epoch, seq)
		r.Sessions = in
		if _, err := w.usage.Ingest(ctx, w.nodes[node], r); err != nil {
			t.Fatal(err)
		}
	}
	got := func() map[string]usage.SessionRow {
		t.Helper()
		rows, err := w.usage.Sessions(ctx, w.acme, s.ID, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]usage.SessionRow{}
		for _, x := range rows {
			out[x.ID] = x
		}
		return out
	}
	var none time.Time
	send(0, 1, 1, record("twice", none, "", 5, 90), record("open", none, "", 1, 1), record("twice", ended, "kicked", 9, 80), record("late", none, "", 1, 1))
	send(1, 1, 1, record("other", none, "", 1, 1))
	rows := got()
	if x := rows["twice"]; x.Up != 9 || x.Down != 90 || x.Cause != "kicked" || x.ClosedAt == nil || !x.ClosedAt.Equal(ended) || !x.OpenedAt.Equal(opened) {
		t.Errorf("two records of one session in a batch: %+v", x)
	}
	if x := rows["open"]; x.ClosedAt != nil {
		t.Errorf("an open session is closed: %+v", x)
	}

	send(0, 2, 1, record("new", none, "", 1, 1))
	rows = got()
	if x := rows["open"]; x.ClosedAt == nil || x.Cause != "lost" {
		t.Errorf("an older epoch's session stays open: %+v", x)
	}
	if x := rows["twice"]; x.Cause != "kicked" {
		t.Errorf("a closed session was lost: %+v", x)
	}
	if rows["new"].ClosedAt != nil || rows["other"].ClosedAt != nil {
		t.Errorf("sessions that live were closed: %+v %+v", rows["new"], rows["other"])
	}

	send(0, 1, 2, record("late", ended, "ended", 2, 2), record("open", none, "", 3, 3), record("older", none, "", 1, 1))
	rows = got()
	if x := rows["late"]; x.ClosedAt == nil || !x.ClosedAt.Equal(ended) || x.Cause != "ended" {
		t.Errorf("the true end, late: %+v", x)
	}
	if x := rows["open"]; x.ClosedAt == nil || x.Cause != "lost" || x.Up != 3 {
		t.Errorf("a late record opened a lost session again: %+v", x)
	}
	if rows["new"].ClosedAt != nil {
		t.Errorf("a late report of an older epoch closed a newer session: %+v", rows["new"])
	}
	send(0, 2, 2)
	if x := got()["older"]; x.ClosedAt == nil || x.Cause != "lost" {
		t.Errorf("a session of the older epoch, told late, stays open: %+v", x)
	}
}

// A node that will not come back leaves no session open; others' are not touched.
func TestSessionsOfRevokedNodesEnd(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	for i, id := range []string{"gone", "stays"} {
		r := report(1, 1)
		r.Sessions = []nodeapi.SessionRecord{{ID: id, Subscriber: s.ID, Ingress: "ing_1", Kind: "socks5", Source: "192.0.2.1", Opened: time.Now().UnixMilli()}}
		if _, err := w.usage.Ingest(ctx, w.nodes[i], r); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.usage.LoseAbandoned(ctx); n != 0 || err != nil {
		t.Fatalf("nodes that serve: %d, %v", n, err)
	}
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE node SET status = 'revoked' WHERE id = $1", w.nodes[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.usage.LoseAbandoned(ctx); n != 1 || err != nil {
		t.Errorf("closed %d, %v", n, err)
	}
	rows, err := w.usage.Sessions(ctx, w.acme, s.ID, "", 10)
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	for _, x := range rows {
		if open := x.ClosedAt == nil; open != (x.ID == "stays") || !open && x.Cause != "lost" {
			t.Errorf("%+v", x)
		}
	}
}

func TestAClockThatStepsBackBlocksNoReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	r := report(1, 1, row(s, "ing_1", 5, 6))
	r.To = r.From - 3_600_000
	if _, err := w.usage.Ingest(context.Background(), w.nodes[0], r); err != nil {
		t.Fatal(err)
	}
	if up, down := w.ledgerSum(t, s.ID); up != 5 || down != 6 {
		t.Errorf("ledger %d/%d", up, down)
	}
}

func TestBadReportsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", nil)
	w.compile(t)
	for name, r := range map[string]*nodeapi.Report{
		"no epoch":       report(0, 1),
		"no number":      report(1, 0),
		"negative bytes": report(1, 1, row(s, "ing_1", 1, 1), row(s, "ing_1", -1, 1)),
		"absurd bytes":   report(1, 2, row(s, "ing_1", 1<<60, 1)),
		"no subscriber":  report(1, 3, nodeapi.Usage{Up: 1}),
		"no time":        {Epoch: 1, Seq: 4},
		"a colon":        report(1, 5, row(s, "ing:1", 1, 1)),
		"a line break":   report(1, 6, row(s, "ing_1\n", 1, 1)),
		"absurd sum":     report(1, 7, row(s, "ing_1", 1<<50, 0), row(s, "ing_2", 1, 0)),
	} {
		if _, err := w.usage.Ingest(context.Background(), w.nodes[0], r); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if up, down := w.ledgerSum(t, s.ID); up+down != 0 {
		t.Errorf("a refused report left %d/%d", up, down)
	}
}

// BenchmarkIngest measures report ingest with four writers, each the node of 5,000 subscribers of which a tenth is on the
// next node as well; half of them are metered, and the reports carry their slices. rows/s is the figure to read; one iteration
// is 25 reports a writer, so that -benchtime 1x measures more than how the first of each is planned.
func BenchmarkIngest(b *testing.B) {
	w := newWorld(b, 4)
	const subs, perReport, perWriter = 20_000, 1000, 25
	seed(b, w, subs)
	w.compile(b)
	ids := make([]*subscriber.Subscriber, 0, subs)
	page, cursor := 500, ""
	for {
		p, err := w.Subs.List(context.Background(), w.acme, subscriber.Filter{}, cursor, page)
		if err != nil {
			b.Fatal(err)
		}
		for i := range p.Items {
			ids = append(ids, &p.Items[i])
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for k, n := range w.nodes {
		wg.Go(func() {
			spent := map[string]unit.Bytes{}
			for i := range b.N * perWriter {
				r := report(1, int64(i+1))
				for range perReport {
					s := ids[(k*subs/4+rand.IntN(subs/4*11/10))%subs]
					r.Usage = append(r.Usage, row(s, "ing_1", 10, 1000))
					if s.TrafficLimit >= 0 {
						spent[s.ID] += 1010
						r.Slices = append(r.Slices, nodeapi.SliceUse{Subscriber: s.ID, Period: s.Period, Spent: spent[s.ID]})
					}
				}
				if _, err := w.usage.Ingest(context.Background(), n, r); err != nil {
					b.Errorf("ingest: %v", err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*perWriter*len(w.nodes)*perReport)/b.Elapsed().Seconds(), "rows/s")
}

// seed copies one subscriber many times: creating thousands through the service would measure password hashing.
func seed(b *testing.B, w *world, n int) {
	b.Helper()
	s := w.Subscriber(b, w.acme, "seed0", nil)
	ctx := context.Background()
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
			'name', 'user' || g, 'alone', false, 'traffic_limit', CASE WHEN g % 2 = 0 THEN 1::bigint << 40 ELSE -1 END))).* FROM subscriber s, generate_series(1, $2) g WHERE s.id = $1`, s.ID, n-1); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO usage_total (tenant_id, subscriber_id, period) SELECT tenant_id, id, 1 FROM subscriber
			ON CONFLICT DO NOTHING`)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}

// TestAFastTransferIsNotStarved asks for more between two reports: the panel has not seen the bytes that were used, and
// grants all the same, up to the limit.
func TestAFastTransferIsNotStarved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const limit = 10 * unit.GiB
	w := newWorld(t, 1)
	s := w.Subscriber(t, w.acme, "ann", func(g *billing.Grants) { g.TrafficLimit = limit })
	w.compile(t)
	var granted unit.Bytes
	questions := 0
	for ; granted < 2*unit.GiB; questions++ {
		resp, err := w.usage.Lease(ctx, w.nodes[0], nodeapi.LeaseRequest{Slices: []nodeapi.SliceUse{{Subscriber: s.ID, Period: 1}}})
		if err != nil || len(resp.Allowances) != 1 || resp.Allowances[0].Granted <= granted {
			t.Fatalf("question %d: %+v after %d, %v", questions, resp, granted, err)
		}
		granted = resp.Allowances[0].Granted
	}
	if questions > 10 {
		t.Errorf("%d questions for 2 GiB", questions)
	}
}

// TestAbsurdSumsStopNobodyElse: a node that reports far more than there is fills its subscribers' sums, and other nodes'
// reports are booked all the same.
func TestAbsurdSumsStopNobodyElse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	a, b := w.Subscriber(t, w.acme, "ann", nil), w.Subscriber(t, w.acme, "bob", nil)
	w.compile(t)
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE usage_total SET up = $2, down = $2, lifetime_up = $2 WHERE subscriber_id = $1", a.ID, int64(1)<<61-5)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(3) {
		if _, err := w.usage.Ingest(ctx, w.nodes[seq%2], report(1, seq+1, row(a, "ing_1", 1<<49, 1<<49), row(b, "ing_1", 5, 5))); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.Subs.Get(ctx, w.acme, b.ID); err != nil || got.Usage.Total() != 30 {
		t.Errorf("%+v, %v", got.Usage, err)
	}
	if got, err := w.Subs.Get(ctx, w.acme, a.ID); err != nil || got.Usage.Up != 1<<61 {
		t.Errorf("%+v, %v", got.Usage, err)
	}
}
