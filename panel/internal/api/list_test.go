package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/subscriber"
)

// names walks a listing to its end, two rows a page.
func (w *world) names(t *testing.T, auth, query string) string {
	t.Helper()
	var out []string
	for cursor := ""; ; {
		r := w.want(t, 200, call{method: "GET", path: "/subscribers?limit=2&" + query + "&cursor=" + url.QueryEscape(cursor), auth: auth})
		for _, x := range r.body["items"].([]any) {
			out = append(out, x.(map[string]any)["name"].(string))
		}
		if cursor = r.body["next"].(string); cursor == "" {
			return strings.Join(out, " ")
		}
	}
}

func TestSubscribersInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	acme, bolt := w.Reseller(t, "acme"), w.Reseller(t, "bolt")
	ann, ben := w.signIn(t, acme, "acme", "ann"), w.signIn(t, bolt, "bolt", "ben")
	node := w.Node(t, "n1")
	for i, name := range []string{"dora", "anna", "emil", "bert", "carl"} {
		body := map[string]any{"name": name}
		if i != 2 { // emil never expires
			body["expires_at"] = time.Now().Add(time.Duration(5-i) * time.Hour)
		}
		sid := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: body}).body["id"].(string)
		w.exec(t, "UPDATE usage_total SET up = $2, seen_at = now() WHERE subscriber_id = $1", sid, []int{7, 7, 7, 1, 9}[i])
		if i == 1 {
			w.connect(t, sid, node, "one")
			w.connect(t, sid, node, "two")
		}
	}
	w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ben, body: map[string]any{"name": "cleo"}})
	if err := (&subscriber.Clock{DB: w.DB}).SortUsed(t.Context()); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                         "dora anna emil bert carl",
		"sort=created_at":          "dora anna emil bert carl",
		"sort=-created_at":         "carl bert emil anna dora",
		"sort=name":                "anna bert carl dora emil",
		"sort=-name":               "emil dora carl bert anna",
		"sort=expires_at":          "carl bert anna dora emil",
		"sort=-expires_at":         "emil dora anna bert carl",
		"sort=used":                "bert dora anna emil carl",
		"sort=-used":               "carl emil anna dora bert",
		"sort=name&q=r":            "bert carl dora",
		"sort=-used&q=r":           "carl dora bert",
		"online=true":              "anna",
		"online=false&sort=name":   "bert carl dora emil",
		"status=active&sort=-name": "emil dora carl bert anna",
		"tenant=" + bolt.Tenant:    "", // no tenant of this subtree
		"tenant=tnt_x&tree=true":   "",
		"q=%25":                    "",
		"tree=true&sort=name&q=a":  "anna carl dora",
		"expires_before=" + time.Now().Add(90*time.Minute).UTC().Format(time.RFC3339): "carl",
	} {
		if got := w.names(t, ann, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if want == "" || strings.Contains(query, "sort") && !strings.Contains(query, "q=") {
			continue
		}
		r := w.want(t, 200, call{method: "GET", path: "/subscribers/count?" + strings.NewReplacer("sort=created_at", "", "sort=name&", "", "&sort=name", "", "sort=-used&", "").Replace(query), auth: ann}).body
		if r["count"] != float64(len(strings.Fields(want))) || r["exact"] != true {
			t.Errorf("count of %s: %v", query, r)
		}
	}
	for query, want := range map[string]string{
		"":                                "",
		"tree=true&sort=name":             "anna bert carl cleo dora emil",
		"tree=true&sort=-used":            "carl emil anna dora bert cleo",
		"tree=true&sort=expires_at":       "carl bert anna dora emil cleo",
		"tenant=" + bolt.Tenant:           "cleo",
		"tree=true&online=true&sort=name": "anna",
	} {
		if got := w.names(t, operator, query); got != want {
			t.Errorf("the operator, %s: %q, want %q", query, got, want)
		}
	}
	r := w.want(t, 200, call{method: "GET", path: "/subscribers?tree=true&online=true", auth: operator})
	if x := r.body["items"].([]any)[0].(map[string]any); x["tenant_name"] != "acme" || x["online"] != true || x["last_seen_at"] == nil {
		t.Errorf("a row: %v", x)
	}
	byName := w.want(t, 200, call{method: "GET", path: "/subscribers?limit=1&sort=name", auth: ann}).body["next"].(string)
	for query, field := range map[string]string{
		"sort=size": "sort", "sort=used&cursor=" + byName: "cursor", "cursor=" + byName: "cursor", "online=maybe": "online", "plan=x": "plan",
		"sort=used&cursor=" + cursorAt("used\nmany\nsub_x"): "cursor", "sort=expires_at&cursor=" + cursorAt("expires_at\nsoon\nsub_x"): "cursor",
	} {
		if r := w.want(t, 422, call{method: "GET", path: "/subscribers?" + query, auth: ann}); !strings.Contains(string(r.raw), fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s: %s", query, r.raw)
		}
	}
}
