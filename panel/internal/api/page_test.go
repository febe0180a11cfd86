package api_test

import (
	"strings"
	"testing"

	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// The largest page tells, as every other does, that there is another one.
func TestLargestPageHasANext(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	auth := w.signIn(t, w.Operator, "", "ann")
	node := w.Node(t, "n1")
	const rows = 501
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		for i, make := range []string{
			`INSERT INTO audit (tenant_id, id, at, actor_kind, actor_id, actor_name, action, object)
				SELECT $1::text, $2 || n, now(), 'login', '', '', 'x', $3::text FROM generate_series(1000, $4) n`,
			`INSERT INTO job (tenant_id, id, node_id, kind, state, created_at, expires_at)
				SELECT $1::text, $2 || n, $3, 'collect', 'done', now(), now() FROM generate_series(1000, $4) n`,
			`INSERT INTO node (tenant_id, id, name, status, created_at, updated_at)
				SELECT $1::text, $2 || n, 'node' || n || left($3, 0), 'waiting', now(), now() FROM generate_series(1000, $4) n`,
			`INSERT INTO node_group (tenant_id, id, name, created_at, updated_at)
				SELECT $1::text, $2 || n, 'group' || n || left($3, 0), now(), now() FROM generate_series(1000, $4) n`,
		} {
			prefix := []id.Kind{id.Entry, id.Job, id.Node, id.NodeGroup}[i]
			if _, err := tx.Exec(ctx, make, w.Operator.Tenant, string(prefix)+"_0000000000000000000000", node, 999+rows); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range w.api.Operations() {
		if op.Portal || op.Method != "GET" || strings.Contains(op.Path, "{") {
			continue
		}
		r := w.do(t, call{method: "GET", path: op.Path + "?limit=500", auth: auth})
		if r.status != 200 && r.status != 422 { // 422: takes no limit
			t.Errorf("%s: %d: %s", op.Path, r.status, r.raw)
		}
		switch op.Path {
		case "/audit", "/jobs", "/nodes", "/node-groups":
			if items, _ := r.body["items"].([]any); len(items) != 500 || r.body["next"] == "" {
				t.Errorf("%s: %d items, next is %v: %.200s", op.Path, len(items), r.body["next"], r.raw)
			}
		}
	}
}
