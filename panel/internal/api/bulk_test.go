package api_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"culvert/panel/internal/bulk"
	"culvert/panel/internal/identity"
)

// work does what operations wait for.
func (w *world) work(t *testing.T) {
	t.Helper()
	x := &bulk.Worker{DB: w.DB, Subs: w.Subs, Standing: w.People.Standing, Log: slog.New(slog.DiscardHandler)}
	for more := true; more; {
		var err error
		if more, err = x.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func csvBody(method, path, auth, body string) call {
	return call{method: method, path: path, auth: auth, body: body, header: map[string]string{"Content-Type": "text/csv"}}
}

func TestBulkOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann := w.signIn(t, acme, "acme", "ann")
	foreign := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: w.signIn(t, w.Reseller(t, "bolt"), "bolt", "ben"), body: map[string]any{"name": "cleo"}}).body["id"].(string)
	for _, name := range []string{"bob", "bea", "dora"} {
		w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": name}})
	}
	base := w.listen(t)
	s := watch(t, base+"/stream?topics=bulk", ann)
	if e := s.next(); e.name != "bulk" || !e.Whole || len(e.Set) != 0 {
		t.Fatalf("%+v", e)
	}
	body := map[string]any{"action": "suspend", "reason": "overdue", "filter": map[string]any{"q": "b"}, "preview": true}
	p := w.want(t, 200, call{method: "POST", path: "/bulk-operations", auth: ann, body: body}).body
	if p["count"] != 2.0 || fmt.Sprint(p["sample"].([]any)[0].(map[string]any)["change"]) != "map[reason:[ overdue] status:[active suspended]]" {
		t.Errorf("preview: %v", p)
	}
	delete(body, "preview")
	op := w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: ann, body: body, header: map[string]string{"Idempotency-Key": "b1"}}).body
	again := w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: ann, body: body, header: map[string]string{"Idempotency-Key": "b1"}}).body
	if op["id"] != again["id"] || op["status"] != "queued" || op["total"] != 2.0 || op["actor"] != "ann" || op["finished_at"] != nil {
		t.Errorf("asked: %v, then %v", op, again)
	}
	if e := s.next(); !strings.Contains(e.raw, `"status":"queued"`) {
		t.Errorf("asked: %s", e.raw)
	}
	w.work(t)
	for e := s.next(); !strings.Contains(e.raw, `"status":"done"`); e = s.next() {
	}
	at := "/bulk-operations/" + op["id"].(string)
	if d := w.want(t, 200, call{method: "GET", path: at, auth: ann}).body; d["done"] != 2.0 || d["status"] != "done" || len(d["faults"].([]any)) != 0 {
		t.Errorf("done: %v", d)
	}
	if n := len(w.want(t, 200, call{method: "GET", path: "/subscribers?status=suspended", auth: ann}).body["items"].([]any)); n != 2 {
		t.Errorf("%d are suspended", n)
	}
	w.want(t, 409, call{method: "POST", path: at + "/cancel", auth: ann})
	second := w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: ann, body: map[string]any{"action": "delete", "ids": []string{foreign}}}).body["id"].(string)
	w.work(t)
	d := w.want(t, 200, call{method: "GET", path: "/bulk-operations/" + second, auth: ann}).body
	if d["failed"] != 1.0 || d["faults"].([]any)[0].(map[string]any)["why"] != "subscriber "+foreign+" doesn't exist" {
		t.Errorf("a foreign id: %v", d)
	}
	third := w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: ann, body: map[string]any{"action": "delete", "filter": map[string]any{}}}).body["id"].(string)
	if d := w.want(t, 200, call{method: "POST", path: "/bulk-operations/" + third + "/cancel", auth: ann}).body; d["status"] != "cancelled" {
		t.Errorf("cancelled: %v", d)
	}
	w.work(t)
	l := w.want(t, 200, call{method: "GET", path: "/bulk-operations?limit=2", auth: ann}).body
	if items := l["items"].([]any); len(items) != 2 || items[0].(map[string]any)["id"] != third || l["next"] != second {
		t.Errorf("list: %v", l)
	}
	w.want(t, 200, call{method: "GET", path: "/subscribers/" + foreign, auth: w.signIn(t, w.Operator, "", "root1")})
	if n := len(w.want(t, 200, call{method: "GET", path: "/audit?object=bulk_operation/" + third, auth: ann}).body["items"].([]any)); n != 2 {
		t.Errorf("%d records of an operation that was asked for and cancelled", n)
	}
}

func TestBulkIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann := w.signIn(t, acme, "acme", "ann")
	bob := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": "bob"}}).body["id"].(string)
	if _, err := w.People.AddLogin(t.Context(), acme, identity.NewLogin{Name: "sue", Password: password, Role: "support"}); err != nil {
		t.Fatal(err)
	}
	sue := "Bearer " + w.want(t, 200, call{method: "POST", path: "/sessions", body: map[string]any{"name": "sue@acme", "password": password}}).body["token"].(string)
	one := map[string]any{"action": "delete", "ids": []string{bob}}
	oid := w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: ann, body: one}).body["id"].(string)
	w.want(t, 200, call{method: "GET", path: "/bulk-operations/" + oid, auth: sue})
	w.want(t, 403, call{method: "POST", path: "/bulk-operations/" + oid + "/cancel", auth: sue})
	w.want(t, 403, call{method: "POST", path: "/bulk-operations", auth: sue, body: one})
	w.want(t, 403, csvBody("POST", "/subscribers/import", sue, "name\nx1\n"))
	w.want(t, 200, call{method: "GET", path: "/subscribers.csv", auth: sue})
	for name, c := range map[string]struct {
		body  string
		field string
	}{
		"nobody":             {`{"action":"delete"}`, "ids"},
		"a strange action":   {`{"action":"explode","ids":["` + bob + `"]}`, "action"},
		"negative days":      {`{"action":"extend","days":-1,"ids":["` + bob + `"]}`, "days"},
		"no id":              {`{"action":"delete","ids":["bob"]}`, "ids[0]"},
		"a strange filter":   {`{"action":"delete","filter":{"colour":"red"}}`, "filter.colour"},
		"a filter by a word": {`{"action":"delete","filter":{"status":"red"}}`, "filter.status"},
		"a NUL":              {`{"action":"change_plan","plan":"a\u0000","ids":["` + bob + `"]}`, "plan"},
	} {
		r := w.want(t, 422, call{method: "POST", path: "/bulk-operations", auth: ann, body: c.body})
		if !strings.Contains(string(r.raw), `"field":"`+c.field+`"`) || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, ben := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann"), w.signIn(t, w.Reseller(t, "bolt"), "bolt", "ben")
	file := "\ufeffname,comment,password\r\nbob,=1+1,a long password\r\nbea,plain,\r\n"
	if d := w.want(t, 200, csvBody("POST", "/subscribers/import?dry_run=true", ann, file)).body; d["rows"] != 2.0 || d["created"] != 0.0 || d["fault_count"] != 0.0 {
		t.Errorf("dry: %v", d)
	}
	items := w.want(t, 200, csvBody("POST", "/subscribers/import", ann, file)).body["items"].([]any)
	first, second := items[0].(map[string]any), items[1].(map[string]any)
	if first["password"] != nil || first["line"] != 2.0 || len(second["password"].(string)) != 20 {
		t.Errorf("imported: %v", items)
	}
	r := w.want(t, 422, csvBody("POST", "/subscribers/import", ann, file))
	if !strings.Contains(string(r.raw), `"field":"lines[2].name","rule":"exists already"`) {
		t.Errorf("again: %s", r.raw)
	}
	if d := w.want(t, 200, csvBody("POST", "/subscribers/import?dry_run=true", ann, file)).body; d["fault_count"] != 2.0 || d["faults"].([]any)[1].(map[string]any)["column"] != "name" {
		t.Errorf("dry: %v", d)
	}
	base := w.listen(t)
	get := func(auth, query string) [][]string {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/subscribers.csv"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", auth)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		all, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") ||
			!strings.Contains(resp.Header.Get("Content-Disposition"), "attachment") || len(resp.TransferEncoding) == 0 {
			t.Fatalf("%d %v %v %s", resp.StatusCode, resp.Header, err, all)
		}
		rows, err := csv.NewReader(strings.NewReader(string(all))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if rows := get(ann, ""); len(rows) != 3 || rows[1][0] != "bob" || rows[1][3] != "'=1+1" {
		t.Errorf("export: %v", rows)
	}
	if rows := get(ann, "?q=bea"); len(rows) != 2 || rows[1][0] != "bea" {
		t.Errorf("export of one: %v", rows)
	}
	if rows := get(ben, "?tree=true"); len(rows) != 1 {
		t.Errorf("somebody else's: %v", rows)
	}
	w.want(t, 422, call{method: "GET", path: "/subscribers.csv?status=red", auth: ann})
	w.want(t, 401, call{method: "GET", path: "/subscribers.csv"})
	full := "name\n" + strings.Repeat("x", 5<<20-len("name\n"))
	w.want(t, 422, csvBody("POST", "/subscribers/import", ann, full))
	w.want(t, 413, csvBody("POST", "/subscribers/import", ann, full+"x"))
	if r := w.do(t, csvBody("POST", "/subscribers/import", "", full)); r.status != 401 && r.status != 413 {
		t.Errorf("nobody's: %d", r.status)
	}
}
