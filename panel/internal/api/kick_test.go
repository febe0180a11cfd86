package api_test

import (
	"context"
	"slices"
	"testing"

	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
)

// serves notes that a node holds a subscriber, as a compilation does.
func (w *world) serves(t *testing.T, node, sid string, removed bool) {
	t.Helper()
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO desired_subscriber (node_id, subscriber_id, revision, removed, digest, row)
			VALUES ($1, $2, 1, $3, '', '')`, node, sid, removed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAResellerKicksItsSubscriber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	owner := w.signIn(t, acme, "acme", "ann")
	_, support := w.person(t, acme, "acme", identity.NewLogin{Name: "sue", Role: "support"})
	_, readonly := w.person(t, acme, "acme", identity.NewLogin{Name: "rob", Role: "readonly"})
	made := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: owner, body: map[string]any{"name": "bob"}})
	if p, _ := made.body["password"].(string); len(p) < 12 {
		t.Errorf("a generated password is answered once: %s", made.raw)
	}
	at := "/subscribers/" + made.body["id"].(string)
	if r := w.want(t, 200, call{method: "GET", path: at, auth: owner}); r.body["password"] != nil {
		t.Errorf("the password is shown again: %s", r.raw)
	}
	if r := w.want(t, 200, call{method: "POST", path: at + "/password", auth: owner, body: map[string]any{"password": "chosen by hand"}}); r.body["password"] != nil {
		t.Errorf("a chosen password is echoed: %s", r.raw)
	}
	none := w.want(t, 202, call{method: "POST", path: at + "/kick", auth: owner})
	if l, ok := none.body["jobs"].([]any); !ok || len(l) != 0 {
		t.Errorf("nobody serves it: %s", none.raw)
	}
	n1, n2, forgot, gone := w.Node(t, "n1"), w.Node(t, "n2"), w.Node(t, "n3"), w.Node(t, "n4")
	w.Node(t, "n5")
	for _, n := range []string{n1, n2, gone} {
		w.serves(t, n, made.body["id"].(string), false)
	}
	w.serves(t, forgot, made.body["id"].(string), true)
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), "UPDATE node SET status = 'revoked' WHERE id = $1", gone)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(t, 403, call{method: "POST", path: at + "/kick", auth: readonly})
	w.want(t, 422, call{method: "POST", path: at + "/kick", auth: support, body: map[string]any{"session": "x"}})
	var told []string
	for _, j := range w.want(t, 202, call{method: "POST", path: at + "/kick", auth: support, body: map[string]any{"source": "192.0.2.1"}}).body["jobs"].([]any) {
		x := j.(map[string]any)
		told = append(told, x["node_id"].(string))
		job := w.want(t, 200, call{method: "GET", path: "/jobs/" + x["id"].(string), auth: owner}).body
		if args := job["args"].(map[string]any); job["kind"] != "kick" || args["subscriber"] != made.body["id"] || args["source"] != "192.0.2.1" {
			t.Errorf("the job: %v", job)
		}
	}
	want := []string{n1, n2}
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if l := w.want(t, 200, call{method: "GET", path: "/audit?object=subscriber/" + made.body["id"].(string), auth: owner}); l.body["items"].([]any)[0].(map[string]any)["action"] != "subscriber.kick" {
		t.Errorf("no record of the kick: %s", l.raw)
	}
}
