package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const crowd = 10_000

// database connects to the installation's own PostgreSQL.
func (in *installation) database() *pgx.Conn {
	in.t.Helper()
	conn, err := pgx.Connect(context.Background(), fmt.Sprintf("user=culvert_root dbname=culvert host=%s", filepath.Join(in.dir, "postgres", "run")))
	if err != nil {
		in.t.Fatal(err)
	}
	return conn
}

// seed copies one subscriber to a crowd, straight into the database, and has the node's document compiled anew.
func (in *installation) seed(s service, like string, n int) {
	in.t.Helper()
	ctx := context.Background()
	conn := in.database()
	defer func() { _ = conn.Close(ctx) }()
	for _, q := range []string{
		`INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
			'name', 'user' || g, 'alone', false))).* FROM subscriber s, generate_series(1, $1) g WHERE s.id = $2`,
		`INSERT INTO usage_total (tenant_id, subscriber_id, period) SELECT s.tenant_id, s.id, 1 FROM subscriber s WHERE $1 > 0 AND $2 <> '' ON CONFLICT DO NOTHING`,
		`INSERT INTO credential (tenant_id, subscriber_id, family, sealed, sha256, created_at) SELECT c.tenant_id, 'sub_' || lpad(g::text, 26, '0'),
			c.family, c.sealed, sha256(g::text::bytea), now() FROM credential c, generate_series(1, $1) g WHERE c.subscriber_id = $2`,
	} {
		if _, err := conn.Exec(ctx, q, n, like); err != nil {
			in.t.Fatal(err)
		}
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		in.t.Fatal(err)
	}
	in.applies(s.node, func() { in.must("PATCH", "/ingresses/"+s.webID, map[string]any{"name": "web2"}) })
}

// until waits for a revision to be applied, looking every 2 ms, and returns when it was. It looks into the database: the
// panel itself would refuse to be asked so often.
func (in *installation) until(nid string, before float64) time.Time {
	in.t.Helper()
	ctx := context.Background()
	conn := in.database()
	defer func() { _ = conn.Close(ctx) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 15000 {
		var wanted, applied float64
		if err := conn.QueryRow(ctx, "SELECT wanted_revision, applied_revision FROM node WHERE id = $1", nid).Scan(&wanted, &applied); err != nil {
			in.t.Fatal(err)
		}
		if applied > before && applied == wanted {
			return time.Now()
		}
		<-tick.C
	}
	wanted, applied := in.revision(nid)
	in.t.Fatalf("nothing was applied in 30 s: was %v, wanted %v, applied %v; %v", before, wanted, applied, in.must("GET", "/nodes/"+nid, nil))
	return time.Time{}
}

func percentile(d []time.Duration, p int) float64 {
	slices.Sort(d)
	return float64(d[min(len(d)-1, len(d)*p/100)].Microseconds()) / 1000
}

// rss returns the resident memory of a process in MiB.
func rss(t testing.TB, pid int) float64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// BenchmarkChangeToApplied measures, on a node with 10,000 subscribers, how long a change takes from the request to being
// in force, and from a suspension's request to the last byte; and the memory of panel and agent.
func BenchmarkChangeToApplied(b *testing.B) {
	in := install(b)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	in.seed(s, ann.id, crowd-1)
	agent, err := in.child("culvert-agent")
	if err != nil {
		b.Fatal(err)
	}
	x := newTarget(b)
	b.ResetTimer()
	var applied, cut []time.Duration
	for i := range max(b.N, 100) {
		before, _ := in.revision(s.node)
		at := time.Now()
		in.must("PATCH", "/subscribers/sub_"+fmt.Sprintf("%026d", 1+i%crowd/2), map[string]any{"devices": i + 1})
		applied = append(applied, in.until(s.node, before).Sub(at))
	}
	for range max(b.N, 30) {
		h := through(ann.proxy("socks5", s.socks))
		st, err := follow(b.Context(), h, x.url("/slow"))
		if err != nil {
			b.Fatal(err)
		}
		before, _ := in.revision(s.node)
		at := time.Now()
		in.must("POST", "/subscribers/"+ann.id+"/suspend", nil)
		<-st.done
		cut = append(cut, time.Since(at))
		in.until(s.node, before)
		before, _ = in.revision(s.node)
		in.must("POST", "/subscribers/"+ann.id+"/unsuspend", nil)
		in.until(s.node, before)
	}
	b.ReportMetric(percentile(applied, 50), "applied-p50-ms")
	b.ReportMetric(percentile(applied, 99), "applied-p99-ms")
	b.ReportMetric(percentile(cut, 50), "cut-p50-ms")
	b.ReportMetric(percentile(cut, 99), "cut-p99-ms")
	b.ReportMetric(rss(b, agent), "agent-MiB")
	b.ReportMetric(rss(b, in.cmd.Process.Pid), "panel-MiB")
	b.ReportMetric(in.idle(b, s, ann, agent), "KiB-per-idle-conn")
	begin := time.Now()
	second := in.secondNode()
	b.ReportMetric(float64(in.until(second, 0).Sub(begin).Milliseconds()), "full-sync-ms") // enrolment and the agent's start included
	if told := in.subscribersOn(second); told < crowd {
		b.Errorf("the second node was told of %d subscribers", told)
	}
}

// subscribersOn is how many subscribers a node's document has.
func (in *installation) subscribersOn(nid string) (n int) {
	in.t.Helper()
	conn := in.database()
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), "SELECT rows FROM desired_state WHERE node_id = $1", nid).Scan(&n); err != nil {
		in.t.Fatal(err)
	}
	return n
}

// idle opens idle SOCKS5 tunnels and returns what each costs the agent in KiB.
func (in *installation) idle(b *testing.B, s service, c customer, agent int) float64 {
	b.Helper()
	const n = 6000 // more than fits into what the heap has spare
	sink, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer sink.Close()
	go func() {
		for {
			if _, err := sink.Accept(); err != nil {
				return
			}
		}
	}()
	before := rss(b, agent)
	var held []net.Conn
	for range n {
		conn, err := socksDial(s.socks, c, sink.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		held = append(held, conn)
	}
	after := rss(b, agent)
	for _, conn := range held {
		_ = conn.Close()
	}
	return (after - before) * 1024 / n
}

// BenchmarkHundredThousand measures the panel with 100,000 subscribers, all of them on the node: its memory after the
// document was compiled and handed out whole, while pages are read and subscribers change; and how long a whole document takes
// from the agent's first question to being applied.
func BenchmarkHundredThousand(b *testing.B) {
	in := install(b)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	in.seed(s, ann.id, 10*crowd-1)
	b.ResetTimer()
	peak := 0.0
	look := func() { peak = max(peak, rss(b, in.cmd.Process.Pid)) }
	look()
	for i := range max(b.N, 200) {
		in.must("PATCH", "/subscribers/sub_"+fmt.Sprintf("%026d", 1+i), map[string]any{"devices": i + 1})
		in.must("GET", "/subscribers?limit=100", nil)
		look()
	}
	b.ReportMetric(peak, "panel-MiB")
}
