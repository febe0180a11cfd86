package hestia_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"culvert/panel/internal/hestia"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/secret"
)

func TestNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k, other := w.key(t, a, identity.NewKey{}), w.key(t, w.reseller(t, "bolt"), identity.NewKey{})
	w.do(t, k, 0, "v-add-user-notification", "alice", `Plan "gold"`, `<p onclick="x()">Hello <b>you</b><script>alert(1)</script> & <a href="javascript:x">there</a></p>`, "warning")
	w.do(t, k, 0, "v-add-user-notification", "alice", "Second", "plain text", "", "yes")
	w.do(t, k, 0, "v-add-user-notification", "admin", "For the owner", "x")
	w.do(t, k, 3, "v-add-user-notification", "zed", "Topic", "x")
	w.do(t, k, 2, "v-add-user-notification", "alice", strings.Repeat("x", 256), "x")
	w.do(t, k, 2, "v-add-user-notification", "alice", "Topic", strings.Repeat("x", 4001))
	w.do(t, k, 2, "v-add-user-notification", "alice", "Topic", "<script>x</script>")
	l := object(t, w.do(t, k, 0, "v-list-user-notifications", "alice", "json"))
	if len(l) != 2 || l["1"]["TOPIC"] != `Plan "gold"` || l["1"]["TYPE"] != "warning" || l["1"]["ACK"] != "no" || l["2"]["PRIORITY"] != "yes" || l["2"]["DATE"] == "" {
		t.Errorf("%v", l)
	}
	if want := "<p>Hello <b>you</b> &amp; there</p>"; l["1"]["NOTICE"] != want {
		t.Errorf("notice %q, want %q", l["1"]["NOTICE"], want)
	}
	w.do(t, k, 0, "v-acknowledge-user-notification", "alice", "1")
	w.do(t, k, 3, "v-acknowledge-user-notification", "alice", "7")
	w.do(t, k, 2, "v-acknowledge-user-notification", "alice", "first")
	if l := object(t, w.do(t, k, 0, "v-list-user-notifications", "alice", "json")); l["1"]["ACK"] != "yes" || l["2"]["ACK"] != "no" {
		t.Errorf("acknowledged: %v", l)
	}
	w.do(t, k, 0, "v-delete-user-notification", "alice", "1")
	w.do(t, k, 3, "v-delete-user-notification", "alice", "1")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { w.do(t, k, 0, "v-add-user-notification", "alice", "At once", "x") })
	}
	wg.Wait()
	if l := object(t, w.do(t, k, 0, "v-list-user-notifications", "alice", "json")); len(l) != 5 || l["3"] == nil || l["6"] == nil {
		t.Errorf("numbers are given once, and not again: %v", l)
	}
	w.do(t, k, 0, "v-acknowledge-user-notification", "alice", "all")
	w.do(t, k, 0, "v-delete-user-notification", "alice", "all")
	if l := object(t, w.do(t, k, 0, "v-list-user-notifications", "alice", "json")); len(l) != 0 {
		t.Errorf("after all: %v", l)
	}
	if l := object(t, w.do(t, other, 0, "v-list-user-notifications", "admin", "json")); len(l) != 0 {
		t.Errorf("another tenant's owner: %v", l)
	}
}

func TestAuthLogAndSecondFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	alice, err := w.services.Subscribers.ByName(ctx, a, "alice")
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		for i, closed := range []any{tx.Now, nil} {
			if _, err := tx.Exec(ctx, `INSERT INTO session_record (tenant_id, id, subscriber_id, node_id, epoch, ingress_id, kind, source, opened_at, closed_at)
				VALUES ($1, $2, $3, 'nod_x', 1, 'ing_x', 'socks5', $4, $5::timestamptz - interval '1 hour' * $6, $7)`,
				a.Tenant, id.New(id.Session), alice.ID, fmt.Sprintf("192.0.2.%d", i+1), tx.Now, 2-i, closed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, k, 0, "v-log-user-login", "alice", "203.0.113.5", "success", "sess-1", "Mozilla/5.0 (X11)", "yes", "portal")
	w.do(t, k, 0, "v-log-user-login", "alice", "203.0.113.6", "failed", "sess-2", "curl")
	w.do(t, k, 2, "v-log-user-login", "alice", "nowhere", "success", "sess-1", "x")
	w.do(t, k, 3, "v-log-user-login", "zed", "203.0.113.5", "success", "sess-1", "x")
	l := object(t, w.do(t, k, 0, "v-list-user-auth-log", "alice", "json"))
	if len(l) != 4 || l["1"]["STATUS"] != "failed" || l["1"]["ACTIVE"] != "no" || l["2"]["IP"] != "203.0.113.5" || l["2"]["ACTIVE"] != "yes" ||
		l["2"]["USER_AGENT"] != "Mozilla/5.0 (X11)" || l["3"]["IP"] != "192.0.2.2" || l["3"]["ACTIVE"] != "yes" || l["3"]["USER_AGENT"] != "socks5" || l["4"]["ACTIVE"] != "no" {
		t.Errorf("%v", l)
	}
	w.do(t, k, 0, "v-log-user-logout", "alice", "sess-1")
	if l = object(t, w.do(t, k, 0, "v-list-user-auth-log", "alice", "json")); l["1"]["ACTION"] != "logout" || l["3"]["SESSION"] != "sess-1" || l["3"]["ACTIVE"] != "no" {
		t.Errorf("after the logout: %v", l)
	}
	for range 12 {
		w.do(t, k, 0, "v-log-user-login", "bob", "203.0.113.5", "success", "s", "x")
	}
	if l = object(t, w.do(t, k, 0, "v-list-user-auth-log", "bob", "json")); len(l) != 10 {
		t.Errorf("%d lines", len(l))
	}
	if _, err := w.services.People.SignIn(ctx, "admin@acme", secret.New(ownerPassword), "198.51.100.9", "Firefox"); err != nil {
		t.Fatal(err)
	}
	if l = object(t, w.do(t, k, 0, "v-list-user-auth-log", "admin", "json")); len(l) != 1 || l["1"]["IP"] != "198.51.100.9" || l["1"]["USER_AGENT"] != "Firefox" || l["1"]["ACTIVE"] != "yes" {
		t.Errorf("the owner's: %v", l)
	}
	for _, c := range []struct {
		code int
		cmd  string
		args []string
	}{
		{3, "v-check-user-2fa", []string{"alice", "123456"}},
		{3, "v-delete-user-2fa", []string{"alice"}},
		{11, "v-add-user-2fa", []string{"alice"}},
		{3, "v-check-user-2fa", []string{"admin", "123456"}},
		{3, "v-delete-user-2fa", []string{"admin"}},
		{10, "v-add-user-2fa", []string{"admin"}},
		{3, "v-check-user-2fa", []string{"zed", "123456"}},
		{3, "v-add-user-2fa", []string{"zed"}},
		{1, "v-check-user-2fa", []string{"alice"}},
	} {
		w.do(t, k, c.code, c.cmd, c.args...)
	}
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE login SET second_factor = true WHERE tenant_id = $1", a.Tenant)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, k, 9, "v-check-user-2fa", "admin", "123456")
	w.do(t, k, 10, "v-delete-user-2fa", "admin")
}

func TestServicesOfThePanel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.key(t, w.reseller(t, "acme"), identity.NewKey{})
	l := object(t, w.do(t, k, 0, "v-list-sys-services", "json"))
	if p := l["culvert-panel"]; p["STATE"] != "running" || p["MEM"] == "0" || p["RTIME"] == "" || l["postgresql"]["STATE"] != "running" {
		t.Errorf("%v", l)
	}
}

// What is not served says so, in the list and when it is called; nobody is sent looking for a typing mistake.
func TestUnservedCommandsSaySo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.key(t, w.reseller(t, "acme"), identity.NewKey{})
	all := object(t, w.do(t, k, 0, "v-list-commands", "json"))
	reg := commands(t, w)
	if len(reg.Unserved()) < 80 {
		t.Errorf("only %d commands are known and not served", len(reg.Unserved()))
	}
	for _, u := range reg.Unserved() {
		if x := all[u.Name]; x["SERVED"] != "no" || x["ALLOWED"] != "no" || x["ABOUT"] != u.Why {
			t.Errorf("%s in the list: %v", u.Name, x)
		}
		if r := w.do(t, k, 10, u.Name, "alice"); r.status != 401 || !strings.Contains(r.body, "is not served: "+u.Why) {
			t.Errorf("%s: %d %s", u.Name, r.status, r.body)
		}
	}
	if all["v-add-user"]["SERVED"] != "yes" {
		t.Errorf("%v", all["v-add-user"])
	}
	if one := object(t, w.do(t, k, 0, "v-list-command", "v-get-user-salt", "json")); one["v-get-user-salt"]["SERVED"] != "no" {
		t.Errorf("%v", one)
	}
}

func TestDeliveryIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	alice, err := w.services.Subscribers.ByName(ctx, a, "alice")
	if err != nil {
		t.Fatal(err)
	}
	set := func(query string, args ...any) {
		t.Helper()
		if err := w.db.InSystem(ctx, func(tx *pg.Tx) error { _, err := tx.Exec(ctx, query, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	node := id.New(id.Node)
	set(`INSERT INTO node (tenant_id, id, name, status, created_at, updated_at) VALUES ($1, $2, 'n1', 'active', now(), now())`, w.operator.Tenant, node)
	for _, c := range []struct{ change, sync, fault string }{
		{"SELECT 1", "pending", ""},
		{"UPDATE outbox SET done_at = now()", "ok", ""},
		{"INSERT INTO desired_subscriber (node_id, subscriber_id, revision, digest, row) VALUES ('" + node + "', '" + alice.ID + "', 5, '', '')", "pending", "1 of 1 nodes have not applied it yet"},
		{"UPDATE node SET applied_revision = 5", "ok", ""},
		{"UPDATE desired_subscriber SET revision = 6", "pending", "1 of 1 nodes have not applied it yet"},
		{"UPDATE node SET refused_revision = 6, refused_path = 'secret.path'", "error", "1 of 1 nodes refused it"},
		{"UPDATE node SET applied_revision = 7", "ok", ""},
		{"UPDATE desired_subscriber SET removed = true", "ok", ""},
	} {
		set(c.change)
		u := object(t, w.do(t, k, 0, "v-list-user", "alice", "json"))["alice"]
		h := object(t, w.do(t, k, 0, "v-check-user", "alice", "json"))["alice"]
		if u["SYNC"] != c.sync || u["SYNC_ERROR"] != c.fault || h["SYNC"] != c.sync {
			t.Errorf("after %s: %s %q, %s", c.change, u["SYNC"], u["SYNC_ERROR"], h["SYNC"])
		}
	}
}

// A person at the command line who misspells a format is told; a client over HTTP gets Hestia's empty answer.
func TestCommandLineNamesABadFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	for _, args := range [][]string{{"v-list-users", "badformat"}, {"v-list-user", "alice", "jsn"}, {"v-list-user-packages", "x"}} {
		var out, errs bytes.Buffer
		if code := hestia.Run(context.Background(), w.config, a, args, &out, &errs); code != 2 || out.Len() > 0 ||
			!strings.HasPrefix(errs.String(), "Error: invalid format :: "+args[len(args)-1]) || !strings.Contains(errs.String(), "json") {
			t.Errorf("%q: %d %q %q", args, code, out.String(), errs.String())
		}
	}
	k := w.key(t, a, identity.NewKey{})
	if r := w.do(t, k, 0, "v-list-users", "badformat"); r.status != 204 {
		t.Errorf("over HTTP: %d %q", r.status, r.body)
	}
}
