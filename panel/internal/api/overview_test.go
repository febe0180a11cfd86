package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/usage"
	"culvert/shared/nodeapi"
)

func TestOverviewAndTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	node := w.Node(t, "fra1")
	empty := w.want(t, 200, call{method: "GET", path: "/overview", auth: ann}).body
	if got := fmt.Sprint(empty["checklist"]); got != "map[connected:false ingress:false node_online:false plan:false subscriber:false]" || empty["nodes"] != nil || empty["failed_jobs"] != nil {
		t.Errorf("nothing yet: %v", empty)
	}
	sid := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": "bob", "expires_at": time.Now().Add(48 * time.Hour)}}).body["id"].(string)
	w.want(t, 201, call{method: "POST", path: "/plans", auth: ann, body: map[string]any{"name": "gold"}})
	w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "socks5", "name": "s", "listen": ":1080"}})
	w.seen(t, node)
	w.exec(t, `INSERT INTO desired_subscriber (node_id, subscriber_id, revision, digest, row) VALUES ($1, $2, 1, '', '')`, node, sid)
	sums := &usage.Service{DB: w.DB}
	now := time.Now().UTC()
	for seq, at := range []time.Time{now, now, now.AddDate(0, 0, -1)} {
		if _, err := sums.Ingest(context.Background(), node, &nodeapi.Report{
			Epoch: 1, Seq: int64(seq) + 1, From: at.UnixMilli() - 1, To: at.UnixMilli(),
			Usage: []nodeapi.Usage{{Subscriber: sid, Period: 1, Ingress: "ing_x", Exit: "direct", Up: 10, Down: 100}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.connect(t, sid, node, "one")
	w.connect(t, sid, node, "two")
	o := w.want(t, 200, call{method: "GET", path: "/overview", auth: ann}).body
	if o["online"] != 1.0 || o["expiring"] != 1.0 || fmt.Sprint(o["rate"]) != "map[down:4000 up:2000]" || o["subscribers"].(map[string]any)["active"] != 1.0 ||
		fmt.Sprint(o["traffic_today"]) != "map[down:200 up:20]" || fmt.Sprint(o["traffic_yesterday"]) != "map[down:100 up:10]" {
		t.Errorf("overview: %v", o)
	}
	if strings.Contains(fmt.Sprint(o["checklist"]), "false") {
		t.Errorf("checklist: %v", o["checklist"])
	}
	own, tree := w.want(t, 200, call{method: "GET", path: "/overview", auth: operator}).body, w.want(t, 200, call{method: "GET", path: "/overview?tree=true", auth: operator}).body
	if own["online"] != 0.0 || tree["online"] != 1.0 || tree["nodes"].(map[string]any)["online"] != 1.0 || tree["failed_jobs"] != 0.0 {
		t.Errorf("the operator's own: %v; with the tree: %v", own, tree)
	}
	for query, want := range map[string]int{"": 2, "?step=day": 2, "?node=" + node: 2, "?node=nod_x": 0} {
		if n := len(w.want(t, 200, call{method: "GET", path: "/traffic" + query, auth: ann}).body["items"].([]any)); n != want {
			t.Errorf("traffic%s has %d buckets, want %d", query, n, want)
		}
	}
	if n := len(w.want(t, 200, call{method: "GET", path: "/traffic", auth: operator}).body["items"].([]any)); n != 0 {
		t.Errorf("the operator's own traffic has %d buckets", n)
	}
	for query, field := range map[string]string{"?step=month": "step", "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "to", "?from=1990-01-01T00:00:00Z": "from"} {
		if r := w.want(t, 422, call{method: "GET", path: "/traffic" + query, auth: ann}); !strings.Contains(string(r.raw), `"field":"`+field+`"`) {
			t.Errorf("%s: %s", query, r.raw)
		}
	}
}
