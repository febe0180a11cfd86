package hestia_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"culvert/panel/internal/identity"
	"culvert/shared/secret"
)

// Every row of hestia-api.md §1.7, in each form of request. Rows that §10 corrects are in their corrected form.
func TestGoldenVectors(t *testing.T) {
	t.Parallel()
	for _, how := range []string{asForm, asJSON, asMultipart} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			golden(t, how)
		})
	}
}

type row struct {
	name   string
	fields map[string]string
	number bool // returncode=yes
	status int
	exit   string
	body   string // exact; "…" at the end: prefix
}

func golden(t *testing.T, how string) {
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	b := w.key(t, a, identity.NewKey{Sets: []string{"billing"}})
	strict := w.key(t, a, identity.NewKey{Sets: []string{"billing-hestia"}})
	u := w.key(t, a, identity.NewKey{Owner: "alice", Subscriber: true, Sets: []string{"vpn-user"}})
	ctx := context.Background()
	bob, err := w.services.Subscribers.ByName(ctx, a, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.services.Subscribers.Suspend(ctx, a, bob.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	wrong := maps.Clone(k)
	wrong["secret_key"] = k["secret_key"][:39] + map[bool]string{true: "b", false: "a"}[k["secret_key"][39] == 'a']
	unknown := credential{"access_key": strings.Repeat("x", 20), "secret_key": strings.Repeat("y", 40)}
	hash := credential{"hash": k["access_key"] + ":" + k["secret_key"]}
	mismatch := "Error: Key " + u.id() + ` - the "user" argument doesn\'t match the key\'s user`

	rows := []row{
		{"empty body", nil, false, 405, "405", "Error: data received is null or invalid,…"},
		{"half a pair", credential{"access_key": k.id(), "cmd": "v-list-users"}, false, 405, "405", "Error: data received is null or invalid,…"},
		{"list of users", fields(k, "v-list-users", "list"), false, 200, "0", "admin\nalice\nbob"},
		{"hash of the pair", fields(hash, "v-list-users", "list"), false, 200, "0", "admin\nalice\nbob"},
		{"list as a number", fields(k, "v-list-users", "json"), true, 200, "0", "0"},
		{"no such format", fields(k, "v-list-users", "zzz"), false, 204, "0", ""},
		{"no such format, number", fields(k, "v-list-users", "zzz"), true, 200, "0", "0"},
		{"a value", fields(k, "v-get-user-value", "alice", "CONTACT"), false, 200, "0", "alice@example.com"},
		{"a value that is none", fields(k, "v-get-user-value", "alice", "NOPE"), false, 204, "0", ""},
		{"no command", fields(k, ""), false, 422, "2", "Error: Command not provided"},
		{"ill-formed command", fields(k, "v-list-users;id"), false, 422, "2", "Error: v-list-users;id command invalid"},
		{"no such command", fields(k, "v-nope"), false, 401, "10", "Error: Command v-nope not found"},
		{"wrong secret", fields(wrong, "v-list-users"), false, 401, "9", "Error: Invalid secret key for key " + k.id()},
		{"unknown key", fields(unknown, "v-list-users"), false, 401, "9", "Error: key " + unknown.id() + " doesn't exist"},
		{"not in the set", fields(b, "v-list-user-log", "alice"), false, 401, "10", "Error: Key " + b.id() + " don't have permission to run the command v-list-user-log"},
		{"not in Hestia's set", fields(strict, "v-list-sys-info"), false, 401, "10", "Error: Key " + strict.id() + " don't have permission to run the command v-list-sys-info"},
		{"user at level 1", fields(u, "v-list-user-traffic", "alice", "", "", "", "json"), false, 401, "21", "Error: API has been disabled"},
		{"too few arguments", fields(k, "v-add-user", "x"), false, 400, "1", "Usage: v-add-user USER PASSWORD EMAIL [PACKAGE] [NAME]…"},
		{"user exists", fields(k, "v-add-user", "alice", "long enough", "a@example.com"), false, 400, "4", "Error: user alice exists"},
		{"empty package", fields(k, "v-add-user", "carol", "long enough", "a@example.com", ""), false, 400, "3", "Error: package  doesn't exist"},
		{"user format", fields(k, "v-add-user", "9carol", "long enough", "a@example.com"), false, 422, "2", "Error: invalid user format :: 9carol"},
		{"suspended already", fields(k, "v-suspend-user", "bob"), false, 401, "5", "Error: user bob is suspended"},
		{"suspended already, number", fields(k, "v-suspend-user", "bob"), true, 200, "5", "5"},
		{"the root user", fields(k, "v-suspend-user", "admin"), true, 200, "0", "0"},
		{"no such user", fields(k, "v-delete-user", "zed"), false, 400, "3", "Error: user zed doesn't exist"},
		{"password of a suspended user", fields(k, "v-change-user-password", "bob", "long enough"), true, 200, "5", "5"},
	}
	w.rows(t, how, rows)

	w.set(t, a, func(x *identity.APISetting) { x.Level = 2 })
	rows = []row{
		{"another user's name", fields(u, "v-list-user-traffic", "bob"), false, 401, "10", mismatch},
		{"no user's name", fields(u, "v-list-user-traffic"), false, 401, "10", mismatch},
		{"own name", fields(u, "v-list-user-traffic", "alice", "", "", "", "json"), false, 200, "0", "{}"},
	}
	w.rows(t, how, rows)
	w.do(t, k, 0, "v-suspend-user", "alice")
	w.rows(t, how, []row{{"suspended owner", fields(u, "v-list-user-traffic", "alice"), false, 401, "9", "Error: user alice is suspended"}})

	w.set(t, a, func(x *identity.APISetting) { x.Allowed = nil })
	w.rows(t, how, []row{
		{"nobody listed", fields(k, "v-list-users"), false, 401, "10", "Error: IP is not allowed to connect with API…"},
		{"nobody listed, number", fields(k, "v-list-users"), true, 401, "10", "10"},
	})
	w.set(t, a, func(x *identity.APISetting) { x.Allowed = []string{"127.0.0.0/8"} })
	w.rows(t, how, []row{{"a network listed", fields(k, "v-list-users", "list"), true, 200, "0", "0"}})
	w.set(t, a, func(x *identity.APISetting) { x.Level = 0 })
	w.rows(t, how, []row{
		{"switched off", fields(k, "v-list-users"), false, 400, "11", "Error: API has been disabled"},
		{"switched off, number", fields(k, "v-list-users"), true, 400, "11", "11"},
	})
}

func (w *world) rows(t *testing.T, how string, rows []row) {
	t.Helper()
	for _, r := range rows {
		f := map[string]string{}
		maps.Copy(f, r.fields)
		if r.number {
			f["returncode"] = "yes"
		}
		got := w.send(t, how, f)
		body := got.body == r.body
		if start, ok := strings.CutSuffix(r.body, "…"); ok {
			body = strings.HasPrefix(got.body, start)
		}
		if got.status != r.status || got.exit != r.exit || !body {
			t.Errorf("%s: %d, exit %s, %q; want %d, exit %s, %q", r.name, got.status, got.exit, got.body, r.status, r.exit, r.body)
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the type may be guessed", r.name)
		}
	}
}

func TestLegacyRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	key, err := w.services.People.AddLegacyKey(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	l := credential{"hash": key.Reveal()}
	p := credential{"user": "admin@acme", "password": ownerPassword}
	w.rows(t, asForm, []row{
		{"key, off", fields(l, "v-list-users"), false, 400, "11", "Error: API has been disabled"},
		{"key, off, number", fields(l, "v-list-users"), true, 400, "11", "11"},
		{"password, off", fields(p, "v-list-users"), false, 400, "11", "Error: API has been disabled"},
		// A stranger is not told which realms there are, nor who switched what on.
		{"wrong password, off", fields(credential{"user": "admin@acme", "password": "nope"}, "v-list-users"), false, 401, "9", "Error: authentication failed"},
		{"no such realm", fields(credential{"user": "admin@nowhere", "password": "nope"}, "v-list-users"), false, 401, "9", "Error: authentication failed"},
	})
	w.set(t, a, func(x *identity.APISetting) { x.Legacy, x.LegacyPassword = true, true })
	for _, c := range []credential{l, p} {
		w.rows(t, asForm, []row{
			{"failing command", fields(c, "v-delete-user", "zed"), false, 200, "3", "Error: user zed doesn't exist"},
			{"unknown command", fields(c, "v-nope"), false, 401, "10", "Error: Command v-nope not found"},
			{"silent success", fields(c, "v-change-user-name", "alice", "Ann"), false, 200, "0", "OK"},
			{"silent failure", fields(c, "v-revoke-api-key", "nosuchkeynosuchkey"), false, 200, "3", "Error: key doesn't exist"},
			{"output", fields(c, "v-list-users", "list"), false, 200, "0", "admin\nalice\nbob"},
			{"number", fields(c, "v-delete-user", "zed"), true, 200, "3", "3"},
		})
	}
	wrong := "Error: authentication failed"
	w.rows(t, asForm, []row{
		{"wrong key", fields(credential{"hash": "AAAA:bbbb"}, "v-list-users"), false, 401, "9", wrong},
		{"wrong password", fields(credential{"user": "admin@acme", "password": "nope"}, "v-list-users"), false, 401, "9", wrong},
		{"no such name", fields(credential{"user": "zed@acme", "password": "nope"}, "v-list-users"), false, 401, "9", wrong},
	})
	w.set(t, a, func(x *identity.APISetting) { x.Allowed = []string{"0.0.0.0"} })
	k := w.key(t, a, identity.NewKey{})
	w.rows(t, asForm, []row{
		{"0.0.0.0, legacy", fields(l, "v-list-users", "list"), false, 401, "10", "Error: IP is not allowed to connect with API…"},
		{"0.0.0.0, access key", fields(k, "v-list-users", "list"), true, 200, "0", "0"},
	})
	w.set(t, a, func(x *identity.APISetting) { x.Allowed, x.SignIn = []string{identity.AllowAll}, false })
	w.rows(t, asForm, []row{
		{"sign-in off, password", fields(p, "v-list-users", "list"), false, 400, "11", "Error: API has been disabled"},
		{"sign-in off, access key", fields(k, "v-list-users", "list"), true, 200, "0", "0"},
	})
	if _, err := w.services.People.SignIn(context.Background(), "admin@acme", secret.New(ownerPassword), "127.0.0.9", "test"); err == nil {
		t.Error("sign-in is off and somebody signed in")
	}
}
