package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"culvert/panel/internal/api"
	"culvert/panel/internal/local/localtest"
	"culvert/panel/internal/pg"
)

const many = 100_000

// warmUp is how many requests are sent before any counts: a panel that runs has its connections open and its plans made.
const warmUp = 400

// fill copies one subscriber many times: the figures are about reading, not about hashing passwords.
func (w *world) fill(b *testing.B, auth string, n int) (ids []string) {
	b.Helper()
	r := w.do(b, call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "seed0", "email": "seed@example.com"}})
	if r.status != http.StatusCreated {
		b.Fatalf("seed: %d %s", r.status, r.raw)
	}
	ctx := context.Background()
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		const turn = 10_000 // each within the statement timeout, on a busy machine too
		for from := 1; from < n; from += turn {
			if _, err := tx.Exec(ctx, `INSERT INTO subscriber SELECT (jsonb_populate_record(s, jsonb_build_object('id', 'sub_' || lpad(g::text, 26, '0'),
				'name', 'user' || g, 'email', 'user' || g || '@example.com', 'alone', false))).* FROM subscriber s, generate_series($2::int, $3::int) g WHERE s.id = $1`,
				r.body["id"], from, min(from+turn, n)-1); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO usage_total (tenant_id, subscriber_id, period) SELECT tenant_id, id, 1 FROM subscriber ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		return tx.Query(ctx, "SELECT id FROM subscriber ORDER BY random() LIMIT 2000", nil, func(r pg.Row) error {
			var s string
			err := r.Scan(&s)
			ids = append(ids, s)
			return err
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	w.vacuum(b)
	return ids
}

// vacuum does what autovacuum does in production after such a load.
func (w *world) vacuum(b *testing.B) {
	b.Helper()
	ctx := context.Background()
	var name string
	if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error { _, err := tx.One(ctx, "SELECT current_database()", nil, &name); return err }); err != nil {
		b.Fatal(err)
	}
	c, err := pgx.ParseConfig(localtest.Postgres(b))
	if err != nil {
		b.Fatal(err)
	}
	c.Database = name
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
}

func cursorAt(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// places are cursors at random rows of an order.
func (w *world) places(b *testing.B, ids []string, order int) (out []string) {
	b.Helper()
	key := []string{"s.name", "coalesce(to_char(s.expires_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'infinity')", "u.used_sort::text", "u.used_sort::text"}[order]
	name := []string{"name", "expires_at", "used", "-used"}[order]
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		return tx.Query(context.Background(), "SELECT s.id, "+key+" FROM subscriber s JOIN usage_total u ON u.subscriber_id = s.id WHERE s.id = ANY($1)", []any{ids}, func(r pg.Row) error {
			var sid, at string
			err := r.Scan(&sid, &at)
			out = append(out, cursorAt(name+"\n"+at+"\n"+sid))
			return err
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// BenchmarkReadAmong100k sends 200 requests a second (gets, pages at random places, searches) among 100,000 subscribers, then 40
// a second of what the web panel asks besides (other orders, who is online, counts), and reports median and 99th percentile of
// each in milliseconds.
func BenchmarkReadAmong100k(b *testing.B) {
	w := newWorldWith(b, nil)
	auth := w.signIn(b, w.Reseller(b, "acme"), "acme", "ann")
	ids := w.fill(b, auth, many)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = w.app.Listener(ln) }()
	base := "http://" + ln.Addr().String() + api.Prefix
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(func() {
		h.CloseIdleConnections() // the server waits for connections that were opened and never used
		_ = w.app.Shutdown()
	})
	var mu sync.Mutex
	var warm atomic.Bool
	took := map[string][]time.Duration{}
	send := func(kind, path string) {
		q, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			b.Error(err)
			return
		}
		q.Header.Set("Authorization", auth)
		at := time.Now()
		resp, err := h.Do(q)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Errorf("%s: %d", path, resp.StatusCode)
		}
		mu.Lock()
		if warm.Load() {
			took[kind] = append(took[kind], time.Since(at))
		}
		mu.Unlock()
	}
	var sorted [4][]string // places in the middle of each order
	w.exec(b, "UPDATE usage_total SET up = (random() * 1e9)::bigint")
	w.exec(b, "UPDATE usage_total SET used_sort = up + down")
	w.exec(b, "UPDATE subscriber SET expires_at = now() + random() * interval '300 days' WHERE random() < 0.7")
	w.exec(b, `INSERT INTO session_record (tenant_id, id, subscriber_id, node_id, ingress_id, kind, source, opened_at)
		SELECT tenant_id, 'ses_' || id, id, 'n', 'i', 'socks5', '192.0.2.1', now() FROM subscriber WHERE random() < 0.05`)
	w.vacuum(b)
	for i := range sorted {
		sorted[i] = w.places(b, ids, i)
	}
	b.ResetTimer()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	orders := []string{"name", "expires_at", "used", "-used"}
	usual := func(i int) {
		switch i % 6 {
		case 0, 1:
			send("page", "/subscribers?limit=50&cursor="+cursorAt(ids[rand.IntN(len(ids))]))
		case 2:
			send("search", fmt.Sprintf("/subscribers?limit=20&q=user%d", 10_000+rand.IntN(90_000)))
		default:
			send("get", "/subscribers/"+ids[rand.IntN(len(ids))])
		}
	}
	other := func(i int) {
		switch i % 7 {
		case 0:
			send("count", "/subscribers/count")
		case 1:
			send("online", "/subscribers?limit=50&online=true&sort=name")
		case 2:
			send("tree", "/subscribers?limit=50&tree=true&sort=name")
		default:
			n := i % len(orders)
			send("sorted-"+orders[n], "/subscribers?limit=50&sort="+orders[n]+"&cursor="+sorted[n][rand.IntN(len(sorted[n]))])
		}
	}
	for n, ask := range []func(int){usual, other} { // what machines ask 200 times a second, then what people ask: 40 times
		for i := range max(b.N, 2000)/(1+4*n) + warmUp {
			for range 1 + 4*n {
				<-tick.C
			}
			warm.Store(i >= warmUp)
			wg.Go(func() { ask(i) })
		}
		wg.Wait()
	}
	for kind, d := range took {
		slices.Sort(d)
		b.ReportMetric(float64(d[len(d)*99/100].Microseconds())/1000, kind+"-p99-ms")
		b.ReportMetric(float64(d[len(d)/2].Microseconds())/1000, kind+"-p50-ms")
	}
}
