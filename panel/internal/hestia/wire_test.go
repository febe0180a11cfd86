package hestia_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/hestia"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
)

func TestRequestsOfEveryShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	pair := `"access_key":"` + k.id() + `","secret_key":"` + k["secret_key"] + `"`
	form := "application/x-www-form-urlencoded"
	auth := "access_key=" + k.id() + "&secret_key=" + k["secret_key"]
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
		exit, want                            string
	}{
		{"GET", http.MethodGet, "/api/?" + auth + "&cmd=v-list-users", "", "", 405, "405", "Error: data received"},
		{"PUT", http.MethodPut, "/api/", form, auth + "&cmd=v-list-users", 405, "405", "Error: data received"},
		{"no slash", http.MethodPost, "/api", form, auth + "&cmd=v-list-users&arg1=list", 200, "0", "admin"},
		{"index.php", http.MethodPost, "/api/index.php", form, auth + "&cmd=v-list-users&arg1=list", 200, "0", "admin"},
		{"a raw semicolon", http.MethodPost, "/api/", form, auth + "&cmd=v-list-users;id", 422, "2", "Error: v-list-users;id command invalid"},
		{"JSON called a form", http.MethodPost, "/api/", form, `{` + pair + `,"cmd":"v-list-users","arg1":"list"}`, 200, "0", "admin"},
		{"form called nothing", http.MethodPost, "/api/", "", auth + "&cmd=v-list-users&arg1=list", 200, "0", "admin"},
		{"array as argument", http.MethodPost, "/api/", "", `{` + pair + `,"cmd":"v-list-user","arg1":["alice"]}`, 422, "2", "Error: invalid USER"},
		{"object as argument", http.MethodPost, "/api/", "", `{` + pair + `,"cmd":"v-list-user","arg1":{"a":1}}`, 422, "2", "Error: invalid USER"},
		{"array as form argument", http.MethodPost, "/api/", form, auth + "&cmd=v-list-user&arg1[]=alice", 422, "2", "Error: invalid USER"},
		{"array as command", http.MethodPost, "/api/", "", `{` + pair + `,"cmd":["v-list-user"]}`, 422, "2", "Error: "},
		{"null is absent", http.MethodPost, "/api/", "", `{"access_key":null,"hash":"` + k.id() + ":" + k["secret_key"] + `","cmd":"v-list-users","arg1":"list"}`, 200, "0", "admin"},
		{"a number", http.MethodPost, "/api/", "", `{` + pair + `,"cmd":"v-change-user-devices","arg1":"alice","arg2":5}`, 204, "0", ""},
		{"misspelt return_code", http.MethodPost, "/api/", form, auth + "&cmd=v-list-users&arg1=list&return_code=yes", 200, "0", "admin"},
		{"returncode not yes", http.MethodPost, "/api/", form, auth + "&cmd=v-list-users&arg1=list&returncode=Yes", 200, "0", "admin"},
		{"half JSON", http.MethodPost, "/api/", "", `{` + pair, 405, "405", "Error: data received"},
		{"two JSON values", http.MethodPost, "/api/", "", `{` + pair + `,"cmd":"v-list-users"}{}`, 405, "405", "Error: data received"},
		{"JSON array", http.MethodPost, "/api/", "", `[1]`, 405, "405", "Error: data received"},
		{"trimmed command", http.MethodPost, "/api/", form, auth + "&cmd=%20v-list-users%0a&arg1=%20list", 200, "0", "admin"},
		{"empty key", http.MethodPost, "/api/", form, "access_key=&secret_key=&cmd=v-list-users", 401, "9", "Error: key  doesn't exist"},
		{"NUL in an argument", http.MethodPost, "/api/", form, auth + "&cmd=v-list-user&arg1=al%00ice", 422, "2", "Error: invalid USER"},
		{"broken UTF-8", http.MethodPost, "/api/", form, auth + "&cmd=v-change-user-name&arg1=alice&arg2=%ff%fe", 422, "2", "Error: invalid NAME"},
		{"more than 13 arguments", http.MethodPost, "/api/", form, auth + "&cmd=v-list-users&arg1=list&arg14=x", 200, "0", "admin"},
		{"larger than allowed", http.MethodPost, "/api/", form, auth + "&cmd=v-list-users&arg2=" + strings.Repeat("x", 1<<20), 422, "2", "Error: request is larger"},
	} {
		got := w.raw(t, c.method, c.path, c.contentType, c.body, addressHeader, "10.0.0."+strconv.Itoa(len(c.name)))
		if got.status != c.status || got.exit != c.exit || !strings.HasPrefix(got.body, c.want) {
			t.Errorf("%s: %d, exit %s, %q; want %d, exit %s, %q", c.name, got.status, got.exit, got.body, c.status, c.exit, c.want)
		}
	}
}

func TestAMissingArgumentDoesNotShiftTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	f := fields(k, "v-add-user", "carol", "long enough", "c@example.com")
	f["arg5"], f["arg8"] = "Carol", "whmcs:7" // no arg4: the default package
	if r := w.send(t, asForm, f); r.exit != "0" || r.status != 204 {
		t.Fatalf("%d %s %q", r.status, r.exit, r.body)
	}
	for key, want := range map[string]string{"NAME": "Carol", "PACKAGE": "default", "EXTERNAL_ID": "whmcs:7"} {
		if r := w.do(t, k, 0, "v-get-user-value", "carol", key); r.body != want {
			t.Errorf("%s is %q, want %q", key, r.body, want)
		}
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	r := w.do(t, k, 0, "v-list-user", "alice", "json")
	if ct := r.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		t.Errorf("json is sent as %s", ct)
	}
	r = w.do(t, k, 0, "v-list-user", "alice", "plain")
	if ct := r.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
		t.Errorf("plain is sent as %s", ct)
	}
	f := fields(k, "v-change-user-package", "alice", "nopkg")
	f["returncode"] = "yes"
	if r = w.send(t, asForm, f); r.body != "3" || r.header.Get("Panel-Error") != "package nopkg doesn't exist" {
		t.Errorf("%q, Panel-Error %q", r.body, r.header.Get("Panel-Error"))
	}
}

func TestRefusalNamesTheAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{Addresses: []string{"203.0.113.0/24"}})
	open := w.key(t, a, identity.NewKey{})
	w.set(t, a, func(x *identity.APISetting) { x.Allowed = []string{"203.0.113.0/24", "198.51.100.7", "2001:db8::/48"} })
	for _, c := range []struct {
		key     credential
		address string
		exit    string
	}{
		{k, "203.0.113.9", "0"},
		{k, "::ffff:203.0.113.9", "0"},
		{k, "198.51.100.7", "10"}, // on the tenant's list, not on the key's
		{open, "198.51.100.7", "0"},
		{open, "2001:db8::1", "0"},
		{open, "2001:db9::1", "10"},
	} {
		r := w.send(t, asForm, fields(c.key, "v-list-users", "list"), addressHeader, c.address)
		if r.exit != c.exit || (c.exit == "10" && !strings.Contains(r.body, "("+c.address+")")) {
			t.Errorf("from %s: exit %s, %q", c.address, r.exit, r.body)
		}
	}
}

func TestFailuresAreThrottledByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	bad := credential{"access_key": k.id(), "secret_key": strings.Repeat("x", 40)}
	var last reply
	for range 12 {
		if last = w.send(t, asForm, fields(bad, "v-list-users"), addressHeader, "192.0.2.66"); last.exit == "14" {
			break
		}
	}
	if last.status != 429 || last.exit != "14" || last.header.Get("Retry-After") == "" {
		t.Fatalf("%d %s %q after many failures", last.status, last.exit, last.body)
	}
	f := fields(k, "v-list-users", "list")
	f["returncode"] = "yes"
	if r := w.send(t, asForm, f, addressHeader, "192.0.2.66"); r.body != "14" {
		t.Errorf("the blocked address got %q", r.body)
	}
	if r := w.send(t, asForm, f, addressHeader, "192.0.2.67"); r.body != "0" {
		t.Errorf("the key's owner is locked out: %q", r.body)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *hestia.Config) {
		c.KeyRate, c.AddressRate = hestia.Rate{PerSecond: 0.01, Burst: 3}, hestia.Rate{PerSecond: 0.01, Burst: 5}
	})
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	exits := ""
	for i := range 4 {
		r := w.send(t, asForm, fields(k, "v-list-users", "list"), addressHeader, "192.0.2."+strconv.Itoa(i+1))
		exits += r.exit + " "
	}
	if exits != "0 0 0 14 " {
		t.Errorf("one key: %s", exits)
	}
	exits = ""
	for i := range 6 {
		r := w.raw(t, http.MethodGet, "/api/", "", "", addressHeader, "2001:db8::"+strconv.Itoa(i+1))
		exits += r.exit + " "
	}
	if exits != "405 405 405 405 405 14 " {
		t.Errorf("one network: %s", exits)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	other := w.key(t, a, identity.NewKey{})
	add := fields(k, "v-add-user", "carol", "long enough", "c@example.com")
	first := w.send(t, asForm, add, "Idempotency-Key", "order-1")
	again := w.send(t, asJSON, add, "Idempotency-Key", "order-1")
	if first.exit != "0" || again.exit != "0" || again.header.Get("Panel-Replayed") != "yes" || first.header.Get("Panel-Replayed") != "" {
		t.Fatalf("first %s %q, again %s %q", first.exit, first.body, again.exit, again.body)
	}
	if r := w.send(t, asForm, fields(k, "v-add-user", "dave", "long enough", "c@example.com"), "Idempotency-Key", "order-1"); r.exit != "2" {
		t.Errorf("another request under the same key: %s %q", r.exit, r.body)
	}
	if r := w.send(t, asForm, fields(other, "v-add-user", "carol", "long enough", "c@example.com"), "Idempotency-Key", "order-1"); r.exit != "4" {
		t.Errorf("another access key's Idempotency-Key: %s %q", r.exit, r.body)
	}
	key := fields(k, "v-add-access-key", "alice", "vpn-user", "", "plain")
	one, two := w.send(t, asForm, key, "Idempotency-Key", "order-2"), w.send(t, asForm, key, "Idempotency-Key", "order-2")
	if one.exit != "0" || one.body != two.body || len(one.body) != 61 {
		t.Errorf("a repeated key: %q, %q", one.body, two.body)
	}
}

func TestTheSameOrderAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	f := fields(k, "v-add-user", "carol", "long enough", "c@example.com", "default")
	f["arg8"] = "whmcs:9"
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if r := w.send(t, asForm, f); r.exit != "0" {
				t.Errorf("exit %s %q", r.exit, r.body)
			}
		})
	}
	wg.Wait()
	p, err := w.services.Subscribers.List(context.Background(), a, subscriber.Filter{Query: "whmcs:9"}, "", 10)
	if err != nil || len(p.Items) != 1 {
		t.Errorf("%d users, %v", len(p.Items), err)
	}
}

func TestQuirkForBillingSystemsThatFearNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	plain, calm := w.key(t, a, identity.NewKey{}), w.key(t, a, identity.NewKey{Idempotent: true})
	w.do(t, plain, 0, "v-suspend-user", "bob", "no")
	w.do(t, plain, 5, "v-suspend-user", "bob", "no")
	w.do(t, calm, 0, "v-suspend-user", "bob", "no")
	w.do(t, calm, 0, "v-unsuspend-user", "bob", "no")
	w.do(t, plain, 0, "v-unsuspend-user", "bob", "no")
	w.do(t, plain, 3, "v-delete-user", "zed")
	w.do(t, calm, 0, "v-delete-user", "zed")
	w.do(t, calm, 3, "v-change-user-package", "zed", "default")
}

// What the three clients of hestia-api.md §1.8 send, in their order.
func TestClientsOfBillingSystems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	pair := w.key(t, a, identity.NewKey{Sets: []string{"billing-hestia"}})
	k := credential{"hash": pair.id() + ":" + pair["secret_key"]}
	number := func(want, cmd string, args ...string) {
		t.Helper()
		f := fields(k, cmd, args...)
		f["returncode"] = "yes"
		if r := w.send(t, asForm, f); r.body != want || r.status != 200 {
			t.Errorf("%s %q: %d %q, want %s", cmd, args, r.status, r.body, want)
		}
	}
	number("0", "v-list-users", pair.id(), "") // FOSSBilling's connection test
	number("0", "v-list-users", pair.id(), "some password")
	number("0", "v-add-user", "carol", "secret word 1", "c@example.com", "default", "Carol", "Jones")
	number("0", "v-add-domain", "carol", "example.com", "")
	number("0", "v-change-user-shell", "carol", "nologin")
	number("4", "v-add-user", "carol", "secret word 1", "c@example.com", "default", "Carol", "Jones")
	number("0", "v-suspend-user", "carol", "no")
	number("5", "v-suspend-user", "carol", "no")
	number("0", "v-unsuspend-user", "carol", "no")
	number("0", "v-unsuspend-user", "carol", "no")
	number("0", "v-change-user-password", "carol", "secret word 2")
	number("3", "v-change-user-package", "carol", "nopkg")
	number("0", "v-list-users", "json")
	if r := w.send(t, asForm, fields(k, "v-get-user-value", "carol", "LABEL")); r.exit != "10" || r.status != 401 {
		t.Errorf("not among Hestia's eleven: %d %q", r.status, r.body)
	}
	number("0", "v-delete-user", "carol", "no")
	number("3", "v-delete-user", "carol", "no")

	key, err := w.services.People.AddLegacyKey(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	w.set(t, a, func(x *identity.APISetting) { x.Legacy = true })
	l := credential{"hash": key.Reveal()}
	blesta := fields(l, "v-add-user", "dave", "secret word 1", "d@example.com", "default", "Dave", "Jones", "d@example.com")
	if r := w.send(t, asForm, blesta); r.body != "OK" {
		t.Errorf("Blesta's v-add-user: %q", r.body)
	}
	if r := w.send(t, asForm, fields(l, "v-list-user", "erin", "json")); strings.HasPrefix(r.body, "{") {
		t.Errorf("Blesta takes %q for a taken name", r.body)
	}
}

func TestExpiredAndRevokedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	later := time.Now().Add(time.Hour)
	k := w.key(t, a, identity.NewKey{ExpiresAt: &later})
	w.do(t, k, 0, "v-list-users", "list")
	err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), "UPDATE access_key SET expires_at = now() - interval '1 second' WHERE id = $1", k.id())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := w.do(t, k, 9, "v-list-users", "list"); !strings.Contains(r.body, "has expired") {
		t.Errorf("%q", r.body)
	}
	gone := w.key(t, a, identity.NewKey{})
	if err := w.services.People.RevokeKey(context.Background(), a, gone.id()); err != nil {
		t.Fatal(err)
	}
	w.do(t, gone, 9, "v-list-users", "list")
	w.do(t, gone, 9, "v-list-users", "list")
}
