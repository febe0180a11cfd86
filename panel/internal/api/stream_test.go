package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/api"
	"culvert/panel/internal/live"
	"culvert/panel/internal/pg"
)

// watcher is a client of GET /stream.
type watcher struct {
	t      *testing.T
	events chan event
}

type event struct {
	name string
	live.Event
	raw string
}

func (w *world) listen(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = w.app.Listener(ln)
	}()
	t.Cleanup(func() {
		_ = w.live.Close(context.Background())
		_ = w.app.ShutdownWithTimeout(5 * time.Second)
		<-served
	})
	return "http://" + ln.Addr().String() + api.Prefix
}

func watch(t *testing.T, url, auth string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", auth)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s: %d %s", url, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	w := &watcher{t: t, events: make(chan event, 64)}
	go func() {
		defer close(w.events)
		defer func() { _ = resp.Body.Close() }()
		var e event
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			if name, ok := strings.CutPrefix(in.Text(), "event: "); ok {
				e.name = name
			}
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				e.raw = data
				_ = json.Unmarshal([]byte(data), &e.Event)
			}
			if in.Text() == "" && e.name != "" {
				w.events <- e
				e = event{}
			}
		}
	}()
	return w
}

func (w *watcher) next() event {
	w.t.Helper()
	select {
	case e, ok := <-w.events:
		if !ok {
			w.t.Fatal("the stream ended")
		}
		return e
	case <-time.After(30 * time.Second):
		w.t.Fatal("nothing came")
	}
	return event{}
}

func (w *world) session(t *testing.T, tenant, subscriber, id string) {
	t.Helper()
	ctx := context.Background()
	if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO session_record (tenant_id, id, subscriber_id, node_id, ingress_id, kind, source, opened_at, rate_down)
			VALUES ($1, $2, $3, 'nod_x', 'ing_x', 'socks5', '192.0.2.1', now(), 8000)`, tenant, id, subscriber)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := w.listen(t)
	acme, umbra := w.Reseller(t, "acme"), w.Reseller(t, "umbra")
	ann, eve := w.signIn(t, acme, "acme", "ann"), w.signIn(t, umbra, "umbra", "eve")
	bob := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": "bob"}}).body["id"].(string)
	w.session(t, acme.Tenant, bob, "ses_1")

	mine, theirs := watch(t, base+"/stream?topics=sessions", ann), watch(t, base+"/stream?topics=sessions&subscriber="+bob, eve)
	if e := mine.next(); e.name != "sessions" || !e.Whole || len(e.Set) != 1 || !strings.Contains(e.raw, `"rate_down":8000`) {
		t.Errorf("first: %+v", e)
	}
	if e := theirs.next(); !e.Whole || len(e.Set) != 0 {
		t.Errorf("another tenant sees %+v", e)
	}
	w.session(t, acme.Tenant, bob, "ses_2")
	if e := mine.next(); e.Whole || len(e.Set) != 1 || !strings.Contains(string(e.Set[0]), "ses_2") || len(e.Gone) != 0 {
		t.Errorf("a session opened: %+v", e)
	}
	ctx := context.Background()
	if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE session_record SET closed_at = now() WHERE id = 'ses_1'")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if e := mine.next(); len(e.Set) != 0 || len(e.Gone) != 1 || e.Gone[0] != "ses_1" {
		t.Errorf("a session closed: %+v", e)
	}
	l := w.want(t, 200, call{method: "GET", path: "/live-sessions?subscriber=" + bob, auth: ann}).body["items"].([]any)
	if len(l) != 1 || l[0].(map[string]any)["id"] != "ses_2" {
		t.Errorf("live sessions: %v", l)
	}
	w.want(t, 204, call{method: "DELETE", path: "/sessions/current", auth: ann})
	if e := mine.next(); e.name != "end" || !strings.Contains(e.raw, "unauthorized") {
		t.Errorf("signed out: %+v", e)
	}
	_ = w.live.Close(ctx)
	if e := theirs.next(); e.name != "end" || !strings.Contains(e.raw, "stopping") {
		t.Errorf("the panel stops: %+v", e)
	}
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := w.listen(t)
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	for path, status := range map[string]int{
		"/stream": 422, "/stream?topics=": 422, "/stream?topics=weather": 422, "/stream?topics=sessions&colour=red": 422,
		"/stream?topics=sessions&node=" + strings.Repeat("x", 65): 422,
	} {
		w.want(t, status, call{method: "GET", path: path, auth: ann})
	}
	w.want(t, 401, call{method: "GET", path: "/stream?topics=sessions"})
	w.want(t, 405, call{method: "POST", path: "/stream", auth: ann})
	for range 16 {
		watch(t, base+"/stream?topics=sessions", ann).next()
	}
	w.want(t, 429, call{method: "GET", path: "/stream?topics=sessions", auth: ann})
}
