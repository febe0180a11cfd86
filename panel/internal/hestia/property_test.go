package hestia_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/hestia/command"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
)

func commands(t testing.TB, w *world) *registry.Registry {
	t.Helper()
	r, err := command.New(w.services)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dumper reads everything the database holds, of one tenant or at all, as text.
func dumper(t testing.TB, w *world, tenant string) func() string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	rows, err := conn.Query(ctx, `SELECT c.table_name, bool_or(c.column_name = 'tenant_id') FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	type table struct {
		name  string
		owned bool
	}
	tables, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (x table, err error) { return x, r.Scan(&x.name, &x.owned) })
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, x := range tables {
		part := "SELECT '" + x.name + " ' || x::text AS line FROM " + pgx.Identifier{x.name}.Sanitize() + " x"
		switch {
		case tenant != "" && x.owned:
			parts = append(parts, part+" WHERE x.tenant_id = '"+tenant+"'")
		case tenant == "":
			parts = append(parts, part)
		}
	}
	query := "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (" + strings.Join(parts, " UNION ALL ") + ") x"
	return func() string {
		var text string
		if err := conn.QueryRow(ctx, query).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
}

// No command of one tenant reads or changes another, whoever runs it and whatever it is given (hestia-api.md §11.4).
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t)
	victim, thief := w.reseller(t, "victim"), w.reseller(t, "thief")
	alice, err := w.services.Subscribers.ByName(ctx, victim, "alice")
	if err != nil {
		t.Fatal(err)
	}
	mark, ext, label := "markofvictim@example.com", "ext-of-victim", "label-of-victim"
	if _, err := w.services.Subscribers.Update(ctx, victim, alice.ID, 0, subscriber.Patch{Email: &mark, ExternalID: &ext, Label: &label}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.services.Plans.CreatePlan(ctx, victim, billing.Plan{Name: "planofvictim", Grants: billing.Grants{TrafficLimit: 424242, Reset: "never"}}); err != nil {
		t.Fatal(err)
	}
	vk := w.key(t, victim, identity.NewKey{Comment: "keyofvictim"})
	old, err := w.services.People.AddLegacyKey(ctx, victim)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := w.services.Subscribers.Credentials(ctx, victim, alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.set(t, victim, func(x *identity.APISetting) { x.Legacy = true })
	own := w.key(t, thief, identity.NewKey{})
	marks := []string{mark, ext, label, "planofvictim", "424242", "keyofvictim", alice.ID, vk.id(), victim.Tenant, creds.Secrets["hysteria2"].Reveal()}
	values := map[string][]string{
		"user": {"alice", alice.ID, "admin"}, "whose": {"alice", alice.ID, "system"}, "newuser": {"alice", "carol"}, "package": {"planofvictim"},
		"keyid": {vk.id()}, "secret": {vk["secret_key"], old.Reveal()}, "realm": {"victim"}, "login": {"boss"}, "text": {ext}, "password": {"long enough"},
		"email": {"t@example.com"}, "format": {"json", "plain", "csv", "shell"}, "options": {`{"devices":1}`}, "until": {"never"}, "step": {"month"},
	}
	look := dumper(t, w, victim.Tenant)
	before := look()
	reg := commands(t, w)
	for _, name := range reg.Names() {
		cmd, _ := reg.Command(name)
		for n := range 4 {
			args := make([]string, len(cmd.Args()))
			for i, a := range cmd.Args() {
				if list := values[a.Kind]; len(list) > 0 {
					args[i] = list[n%len(list)]
				}
			}
			echo := strings.Join(args, " ")
			r := w.send(t, asForm, fields(own, name, args...))
			for _, m := range marks {
				if strings.Contains(r.body, m) && !strings.Contains(echo, m) {
					t.Errorf("%s %q shows %q: %s", name, args, m, r.body)
				}
			}
			if after := look(); after != before {
				t.Fatalf("%s %q changed another tenant", name, args)
			}
			if cmd.Is(registry.Writes) && r.exit == "0" || cmd.Is(registry.Secrets) {
				w.restore(t, thief)
			}
		}
	}
}

// restore lets the thief go on after it has shot itself in the foot.
func (w *world) restore(t testing.TB, a actor.Actor) {
	t.Helper()
	w.set(t, a, func(x *identity.APISetting) { x.Level, x.Allowed = 2, []string{identity.AllowAll} })
	err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), "DELETE FROM throttle")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"alice", "bob"} {
		_, _ = w.services.Subscribers.Create(context.Background(), a, subscriber.Create{Name: n, Email: n + "@example.com"})
	}
}

func nasty() []string {
	return []string{
		`say "hi"`, `O'Neil`, `back\slash`, "line\nbreak", "tab\there", "$(id)", "`id`; rm -rf /", "日本語 имя", "e\u0301 \u202e right to left", "<b>&amp;",
		strings.Repeat("x", 10_000), "'; DROP TABLE subscriber; --", "%s%n%d", `{"a":1}`, "a,b", "-1", "9999999999999999999", "../../etc/passwd", "\u2028",
	}
}

// Whatever an argument holds, the answer is one of the contract: no internal error, no 5xx, a number when asked for one.
func TestNastyArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	reg := commands(t, w)
	number := regexp.MustCompile(`^[0-9]+$`)
	good := map[string]string{
		"user": "alice", "whose": "alice", "newuser": "carol", "package": "default", "password": "long enough", "email": "c@example.com",
		"options": `{"devices":1}`, "protocol": "socks5", "yesno": "yes", "count": "1", "limit": "1", "word": "Info", "text": "x", "name": "x",
		"until": "never", "format": "json", "domain": "example.com",
	}
	for _, name := range reg.Names() {
		cmd, _ := reg.Command(name)
		for bad := range cmd.Args() {
			free := slices.Contains([]string{"name", "comment", "text", "value", "content", "password", "options", "domain", "format"}, cmd.Args()[bad].Kind)
			for n, text := range nasty() {
				if !free && n%3 != bad%3 { // the others follow a pattern: a third of the texts is plenty
					continue
				}
				args := make([]string, len(cmd.Args()))
				for i, x := range cmd.Args() {
					args[i] = good[x.Kind]
				}
				args[bad] = text
				f := fields(k, name, args...)
				r := w.send(t, asJSON, f)
				if r.exit == "12" || r.exit == "17" || r.status >= 500 || r.exit == "" {
					t.Errorf("%s, %s = %.30q: %d %s %.200s", name, cmd.Args()[bad].Name, text, r.status, r.exit, r.body)
				}
				if ct := r.header.Get("Content-Type"); strings.HasPrefix(ct, "application/json") && !json.Valid([]byte(r.body)) {
					t.Errorf("%s: broken json %.200s", name, r.body)
				}
				if f["returncode"] = "yes"; n%5 == 0 {
					if r = w.send(t, asForm, f); !number.MatchString(r.body) {
						t.Errorf("%s: %q is no number", name, r.body)
					}
				}
				if cmd.Is(registry.Writes) && r.exit == "0" || strings.HasPrefix(name, "v-check-") {
					w.restore(t, a)
				}
			}
		}
	}
}

// What is stored comes back the same in every format that machines read.
func TestNastyValuesRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	for i, text := range nasty() {
		user := "user" + strconv.Itoa(i)
		if r := w.send(t, asJSON, fields(k, "v-add-user", user, "long enough", "c@example.com", "default", text)); r.exit != "0" {
			if r.exit != "2" {
				t.Errorf("%.30q: exit %s %q", text, r.exit, r.body)
			}
			continue // control characters and texts that are too long are refused
		}
		want := text
		if got := object(t, w.do(t, k, 0, "v-list-user", user, "json"))[user]["NAME"]; got != want {
			t.Errorf("json: %q became %q", want, got)
		}
		lines, err := csv.NewReader(strings.NewReader(w.do(t, k, 0, "v-list-user", user, "csv").body)).ReadAll()
		if err != nil || lines[0][1] != "NAME" || lines[1][1] != want {
			t.Errorf("csv: %q became %v, %v", want, lines, err)
		}
		plain := strings.Split(w.do(t, k, 0, "v-list-user", user, "plain").body, "\t")
		if got := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n").Replace(plain[1]); got != want {
			t.Errorf("plain: %q became %q", want, got)
		}
	}
}

// §11.6: neither the database nor the logs hold a secret in clear.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	secrets := []string{k["secret_key"], ownerPassword, "alices password", "password-of-carol", "handed-over-secret", "password-changed"}
	w.do(t, k, 0, "v-add-user", "carol", "password-of-carol", "c@example.com")
	w.do(t, k, 0, "v-make-tmp-file", "handed-over-secret", "pw")
	w.do(t, k, 0, "v-change-user-password", "carol", "/tmp/pw")
	w.do(t, k, 5, "v-change-user-password", suspended(t, w, k), "password-changed")
	w.do(t, k, 9, "v-check-user-password", "carol", "password-changed")
	_, made, _ := strings.Cut(w.do(t, k, 0, "v-add-access-key", "alice", "vpn-user", "", "plain").body, ":")
	_, kept, _ := strings.Cut(w.send(t, asForm, fields(k, "v-add-access-key", "alice", "vpn-user", "", "plain"), "Idempotency-Key", "once").body, ":")
	legacy := w.do(t, k, 0, "v-generate-api-key").body
	for _, o := range object(t, w.do(t, k, 0, "v-list-user-credentials", "carol", "", "", "json")) {
		if s, ok := o["SECRET"].(string); ok && s != "" {
			secrets = append(secrets, s)
		}
	}
	secrets = append(secrets, made, kept, legacy)
	all := dumper(t, w, "")()
	logs := w.log.String()
	if !strings.Contains(logs, "v-add-user") || !strings.Contains(all, "carol") {
		t.Fatal("the dump or the log is empty")
	}
	for i, s := range secrets {
		if len(s) < 12 {
			t.Fatalf("secret %d is %q", i, s)
		}
		for where, text := range map[string]string{"database": all, "log": logs} {
			if strings.Contains(text, s) || strings.Contains(text, fmt.Sprintf("%x", s)) {
				t.Errorf("secret %d is in the %s", i, where)
			}
		}
	}
}

func suspended(t testing.TB, w *world, k credential) string {
	t.Helper()
	w.do(t, k, 0, "v-suspend-user", "bob")
	return "bob"
}

// A subscriber's key, at every level of care: only its own sets, only its own name, only its own rows.
func TestUserKeysReachNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	w.set(t, a, func(x *identity.APISetting) { x.Level = 2 })
	u := w.key(t, a, identity.NewKey{Owner: "alice", Subscriber: true, Sets: []string{"vpn-user"}})
	reg := commands(t, w)
	set, _ := reg.Set("vpn-user")
	may := map[string]bool{}
	for _, n := range set.Commands {
		may[n] = true
	}
	for _, name := range reg.Names() {
		cmd, _ := reg.Command(name)
		args := make([]string, len(cmd.Args()))
		for i, x := range cmd.Args() {
			if x.Kind == "user" || x.Kind == "newuser" || x.Kind == "whose" {
				args[i] = "bob"
			}
		}
		r := w.send(t, asForm, fields(u, name, args...))
		if r.exit != "10" && !cmd.Is(registry.Everyone) {
			t.Errorf("%s on another user: %s %q", name, r.exit, r.body)
		}
		if owner := cmd.Owner(); owner > 0 {
			args[owner-1] = "alice"
			if r = w.send(t, asForm, fields(u, name, args...)); (r.exit != "10") != may[name] {
				t.Errorf("%s on itself: %s %q", name, r.exit, r.body)
			}
		}
	}
	if r := w.send(t, asForm, fields(u, "v-list-commands", "json")); object(t, r)["v-add-user"]["ALLOWED"] != "no" || object(t, r)["v-list-user-traffic"]["ALLOWED"] != "yes" {
		t.Errorf("v-list-commands: %s", r.body)
	}
}

// A key without command sets is as narrow as its permissions.
func TestNarrowKeysStayNarrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{Permissions: []string{"subscriber:read"}})
	w.do(t, k, 0, "v-list-user", "alice")
	w.do(t, k, 10, "v-suspend-user", "alice")
	w.do(t, k, 10, "v-list-user-credentials", "alice")
	w.do(t, k, 10, "v-generate-api-key")
	w.do(t, k, 10, "v-change-sys-api", "disable")
}
