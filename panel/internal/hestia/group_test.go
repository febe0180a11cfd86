package hestia_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/hestia"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
)

// object decodes a json answer: every value is a text, lists are arrays.
func object(t *testing.T, r reply) map[string]map[string]any {
	t.Helper()
	var out map[string]map[string]any
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	for k, o := range out {
		for f, v := range o {
			switch v.(type) {
			case string, []any:
			default:
				t.Errorf("%s.%s is %T", k, f, v)
			}
		}
	}
	return out
}

func TestUserObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-add-user", "c42", "long enough", "u@example.com", "default", "Ann", "O'Neil", "", "whmcs:1:42",
		`{"bandwidth_mb":"512000","devices":5,"speed_down":100,"speed_up":50,"protocols":"hysteria2,socks5","expire":"2099-12-31","reset":"monthly"}`)
	u := object(t, w.do(t, k, 0, "v-list-user", "c42", "json"))["c42"]
	for name, want := range map[string]string{
		"NAME": "Ann O'Neil", "PACKAGE": "default", "CONTACT": "u@example.com", "ROLE": "user", "SUSPENDED": "no", "SUSPEND_REASON": "",
		"DISK_QUOTA": "0", "U_DISK": "0", "BANDWIDTH": "512000", "U_BANDWIDTH": "0", "BANDWIDTH_BYTES": "536870912000",
		"BANDWIDTH_RESET": "monthly", "EXPIRE": "2099-12-31T00:00:00Z", "DEVICES": "5", "SPEED_DOWN": "100", "SPEED_UP": "50",
		"PROTOCOLS": "hysteria2,socks5", "EXTERNAL_ID": "whmcs:1:42", "U_WEB_DOMAINS": "0", "U_DATABASES": "0", "LANGUAGE": "en",
	} {
		if u[name] != want {
			t.Errorf("%s is %v, want %s", name, u[name], want)
		}
	}
	for _, secret := range []string{"RKEY", "TWOFA", "QRCODE", "MD5"} {
		if _, ok := u[secret]; ok {
			t.Errorf("%s is sent", secret)
		}
	}
	w.do(t, k, 0, "v-suspend-user", "c42", "", "overdue")
	u = object(t, w.do(t, k, 0, "v-list-users", "json"))["c42"]
	if u["SUSPENDED"] != "yes" || u["SUSPEND_REASON"] != "overdue" {
		t.Errorf("suspended: %v %v", u["SUSPENDED"], u["SUSPEND_REASON"])
	}
	if r := w.do(t, k, 0, "v-get-user-name", "whmcs:1:42"); r.body != "c42" {
		t.Errorf("v-get-user-name: %q", r.body)
	}
	if admin := object(t, w.do(t, k, 0, "v-list-user", "admin", "json"))["admin"]; admin["ROLE"] != "admin" || admin["CONTACT"] != "boss@example.com" {
		t.Errorf("the owner: %v", admin)
	}
}

func TestAddUserConvergesByExternalID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-make-tmp-file", "BANDWIDTH='100'\nDEVICES='3'\nTERM_DAYS='30'", "gold.pkg")
	w.do(t, k, 0, "v-add-user-package", "/tmp/gold.pkg", "gold")
	args := []string{"carol", "long enough", "c@example.com", "default", "", "", "", "x:1"}
	w.do(t, k, 0, "v-add-user", args...)
	args[3] = "gold"
	r := w.do(t, k, 0, "v-add-user", append(args, `{"devices":9,"expire":"never"}`)...)
	if r.header.Get("Panel-Replayed") != "yes" {
		t.Error("not marked as replayed")
	}
	u := object(t, w.do(t, k, 0, "v-list-user", "carol", "json"))["carol"]
	if u["PACKAGE"] != "gold" || u["DEVICES"] != "9" || u["BANDWIDTH"] != "100" {
		t.Errorf("%v", u)
	}
	args[0] = "dave"
	w.do(t, k, 4, "v-add-user", args...)
	w.do(t, k, 4, "v-add-user", "carol", "long enough", "c@example.com")
	w.do(t, k, 4, "v-add-user", "admin", "long enough", "c@example.com")
	name := w.do(t, k, 0, "v-add-user", "", "long enough", "c@example.com", "gold", "", "", "", "x:2").body
	if again := w.do(t, k, 0, "v-add-user", "", "long enough", "c@example.com", "gold", "", "", "", "x:2").body; len(name) < 8 || again != name {
		t.Errorf("generated %q, then %q", name, again)
	}
	w.do(t, k, 0, "v-add-user", "erin", "long enough", "c@example.com", "gold", "", "", "", "", `{"expire":"never"}`)
	if u := object(t, w.do(t, k, 0, "v-list-user", "erin", "json"))["erin"]; u["EXPIRE"] != "never" {
		t.Errorf("expire never beside a term: %v", u["EXPIRE"])
	}
	w.do(t, k, 2, "v-add-user", "frank", "long enough", "c@example.com", "gold", "", "", "", "", `{"devises":1}`)
	w.do(t, k, 2, "v-add-user", "frank", "long enough", "")
	w.do(t, k, 2, "v-add-user", "frank", "", "c@example.com")
	w.do(t, k, 2, "v-add-user", "frank", "short", "c@example.com")
	w.do(t, k, 2, "v-add-user", "", "long enough", "c@example.com")
	w.do(t, k, 3, "v-list-user", "frank")
}

func TestPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	other := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-make-tmp-file", "WEB_DOMAINS='5'\nBANDWIDTH='1024'\nBANDWIDTH_RESET='anniversary'\nSPEED_DOWN=\"20\"\nPROTOCOLS='socks5'\nPRICE='9.9'\nCURRENCY='EUR'\n", "p")
	w.do(t, other, 3, "v-add-user-package", "/tmp/p", "gold") // another key's value
	w.do(t, k, 0, "v-add-user-package", "/tmp/p", "gold")
	w.do(t, k, 4, "v-add-user-package", "/tmp/p", "gold")
	w.do(t, k, 3, "v-add-user-package", "/tmp/p", "silver", "yes")
	w.do(t, k, 0, "v-add-user-package", "p", "gold", "yes")
	p := object(t, w.do(t, k, 0, "v-list-user-package", "gold", "json"))["gold"]
	if p["BANDWIDTH"] != "1024" || p["SPEED_DOWN"] != "20" || p["PROTOCOLS"] != "socks5" || p["PRICE"] != "9.90" || p["BANDWIDTH_RESET"] != "anniversary" {
		t.Errorf("%v", p)
	}
	for _, bad := range []string{"DEVISES='1'", "nonsense", "DEVICES='-1'", "BANDWIDTH='much'", "PRICE='1.234'", "PROTOCOLS='gopher'"} {
		w.do(t, k, 0, "v-make-tmp-file", bad, "bad")
		w.do(t, k, 2, "v-add-user-package", "/tmp/bad", "bad")
	}
	w.do(t, k, 0, "v-change-user-package", "alice", "gold")
	w.do(t, k, 0, "v-copy-user-package", "gold", "gold2")
	w.do(t, k, 4, "v-copy-user-package", "gold", "gold2")
	w.do(t, k, 0, "v-rename-user-package", "gold2", "platin")
	w.do(t, k, 3, "v-rename-user-package", "gold2", "x1")
	w.do(t, k, 0, "v-make-tmp-file", "BANDWIDTH='77'", "p")
	w.do(t, k, 0, "v-add-user-package", "p", "gold", "yes")
	if r := w.do(t, k, 0, "v-get-user-value", "alice", "BANDWIDTH"); r.body != "1024" {
		t.Errorf("a package's change rewrote what was sold: %s", r.body)
	}
	w.do(t, k, 0, "v-update-user-package", "gold")
	if r := w.do(t, k, 0, "v-get-user-value", "alice", "BANDWIDTH"); r.body != "77" {
		t.Errorf("after v-update-user-package: %s", r.body)
	}
	w.do(t, k, 0, "v-delete-user-package", "gold")
	if r := w.do(t, k, 0, "v-get-user-value", "alice", "PACKAGE"); r.body != "default" {
		t.Errorf("after v-delete-user-package: %s", r.body)
	}
	w.do(t, k, 7, "v-delete-user-package", "default")
	if r := w.do(t, k, 0, "v-list-user-packages", "list"); r.body != "default\nplatin" {
		t.Errorf("%q", r.body)
	}
}

func TestPasswordsByHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-make-tmp-file", "handed over word\nsecond line", "pw")
	w.do(t, k, 0, "v-change-user-password", "alice", "/tmp/pw")
	w.do(t, k, 0, "v-check-user-password", "alice", "handed over word")
	w.do(t, k, 9, "v-check-user-password", "alice", "another word")
	w.do(t, k, 9, "v-check-user-password", "zed", "another word")
	w.do(t, k, 0, "v-check-user-password", "admin", ownerPassword)
	w.do(t, k, 9, "v-check-user-password", "admin", "another word")
	w.do(t, k, 10, "v-change-user-password", "admin", "a stolen account")
	w.do(t, k, 0, "v-change-user-password", "alice", "/tmp/not-handed-over") // a literal
	w.do(t, k, 0, "v-check-user-password", "alice", "/tmp/not-handed-over")
}

func TestQuotaProtocolsCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-change-user-quota", "alice", "10", "daily")
	w.do(t, k, 0, "v-add-user-quota", "alice", "5", "", "topup-1")
	w.do(t, k, 0, "v-add-user-quota", "alice", "5", "", "topup-1")
	w.do(t, k, 2, "v-add-user-quota", "alice", "5", "2099-01-01")
	w.do(t, k, 0, "v-change-user-devices", "alice", "2")
	w.do(t, k, 0, "v-change-user-speed", "alice", "30", "10")
	w.do(t, k, 0, "v-change-user-expire", "alice", "2001-01-01")
	u := object(t, w.do(t, k, 0, "v-list-user", "alice", "json"))["alice"]
	if u["BANDWIDTH"] != "10" || u["BANDWIDTH_EXTRA_BYTES"] != "5242880" || u["DEVICES"] != "2" || u["SPEED_UP"] != "10" || u["STATUS"] != "expired" {
		t.Errorf("%v", u)
	}
	h := object(t, w.do(t, k, 0, "v-check-user", "alice", "json"))["alice"]
	if h["ACTIVE"] != "no" || h["EXPIRED"] != "yes" || h["OVER_QUOTA"] != "no" {
		t.Errorf("%v", h)
	}
	w.do(t, k, 0, "v-change-user-options", "alice", `{"bandwidth_mb":"unlimited","expire":"never","protocols":["socks5","http"]}`)
	w.do(t, k, 4, "v-add-user-protocol", "alice", "http")
	w.do(t, k, 3, "v-add-user-protocol", "alice", "gopher")
	w.do(t, k, 0, "v-add-user-protocol", "alice", "hysteria2")
	w.do(t, k, 0, "v-delete-user-protocol", "alice", "http")
	w.do(t, k, 3, "v-delete-user-protocol", "alice", "http")
	w.do(t, k, 0, "v-delete-user-protocol", "alice", "hysteria2")
	w.do(t, k, 7, "v-delete-user-protocol", "alice", "socks5")
	c := object(t, w.do(t, k, 0, "v-list-user-credentials", "alice", "", "", "json"))
	if len(c) != 1 || c["socks5"]["LOGIN"] != "alice@acme" || c["socks5"]["PASSWORD"] != "alices password" {
		t.Errorf("%v", c)
	}
	b := object(t, w.do(t, k, 0, "v-list-user-credentials", "bob", "hysteria2", "", "json"))["hysteria2"]["SECRET"]
	w.do(t, k, 0, "v-change-user-credentials", "bob", "hysteria2")
	after := object(t, w.do(t, k, 0, "v-list-user-credentials", "bob", "", "", "json"))
	if after["hysteria2"]["SECRET"] == b || after["socks5"]["PASSWORD"] != "bobs password" {
		t.Errorf("rotation of one protocol: %v", after)
	}
	w.do(t, k, 0, "v-change-user-credentials", "bob")
	w.do(t, k, 9, "v-check-user-password", "bob", "bobs password")
}

func TestTrafficFromTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	ctx := context.Background()
	s, err := w.services.Subscribers.ByName(ctx, a, "alice")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().UTC().Truncate(time.Hour)
	err = w.db.InSystem(ctx, func(tx *pg.Tx) error {
		for i, at := range []time.Time{day, day.Add(-time.Minute), day.AddDate(0, -2, 0)} {
			if _, err := tx.Exec(ctx, `INSERT INTO ledger (tenant_id, at, subscriber_id, kind, period, up, down, source)
				VALUES ($1, $2, $3, 'usage', 1, 100, 3145728, $4)`, a.Tenant, at, s.ID, "report:"+string(rune('a'+i))); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE usage_total SET up = 300, down = 9437184 WHERE subscriber_id = $1", s.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := object(t, w.do(t, k, 0, "v-list-user-traffic", "alice", "2000-01-01", "", "month", "json"))
	if len(all) < 2 {
		t.Errorf("%v", all)
	}
	page := w.do(t, k, 0, "v-list-users-traffic", "", "", "json", "", "1")
	cursor := page.header.Get("Panel-Next-Cursor")
	if one := object(t, page); len(one) != 1 || one["alice"]["TOTAL"] != "9437484" || one["alice"]["RX"] != "9437184" || cursor == "" {
		t.Errorf("first page %v, cursor %q", one, cursor)
	}
	page = w.do(t, k, 0, "v-list-users-traffic", "", "", "json", cursor, "1")
	if one := object(t, page); len(one) != 1 || one["bob"]["TOTAL"] != "0" || page.header.Get("Panel-Next-Cursor") != "" {
		t.Errorf("second page %v", one)
	}
	between := object(t, w.do(t, k, 0, "v-list-users-traffic", day.AddDate(0, -3, 0).Format(time.DateOnly), day.AddDate(0, -1, 0).Format(time.DateOnly), "json"))
	if between["alice"]["TOTAL"] != "3145828" || between["bob"]["TOTAL"] != "0" {
		t.Errorf("between: %v", between)
	}
	stats := object(t, w.do(t, k, 0, "v-list-user-stats", "alice", "json"))
	then := day.AddDate(0, -2, 0)
	last := time.Date(then.Year(), then.Month()+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	if stats[last]["U_BANDWIDTH"] != "3" || stats[last]["RX_BYTES"] != "3145728" {
		t.Errorf("stats: %v", stats)
	}
	if total := object(t, w.do(t, k, 0, "v-list-users-stats", "json")); total[last]["U_BANDWIDTH"] != "3" {
		t.Errorf("stats of all: %v", total)
	}
	w.do(t, k, 0, "v-delete-user-traffic", "alice")
	if r := w.do(t, k, 0, "v-get-user-value", "alice", "U_BANDWIDTH_BYTES"); r.body != "0" {
		t.Errorf("after the reset: %s", r.body)
	}
	w.do(t, k, 2, "v-list-user-traffic", "alice", "2020-01-01", "", "hour")
	w.do(t, k, 2, "v-list-user-traffic", "alice", "tomorrow")
}

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	var made struct {
		ID     string   `json:"ACCESS_KEY_ID"`
		Secret string   `json:"SECRET_ACCESS_KEY"`
		User   string   `json:"USER"`
		Sets   []string `json:"PERMISSIONS"`
	}
	r := w.do(t, k, 0, "v-add-access-key", "alice", "vpn-user", "x", "json")
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || len(made.ID) != 20 || len(made.Secret) != 40 || made.User != "alice" || len(made.Sets) != 1 {
		t.Fatalf("%+v %v", made, err)
	}
	w.do(t, k, 2, "v-add-access-key", "alice")
	w.do(t, k, 2, "v-add-access-key", "alice", "billing")
	w.do(t, k, 3, "v-add-access-key", "alice", "nosuchset")
	w.do(t, k, 3, "v-add-access-key", "zed", "billing")
	root := w.do(t, k, 0, "v-add-access-key", "admin", "*", "", "plain").body
	id, sec, _ := strings.Cut(root, ":")
	w.do(t, credential{"access_key": id, "secret_key": sec}, 0, "v-list-users", "list")
	if r := w.do(t, k, 0, "v-list-access-key", made.ID, "json"); strings.Contains(r.body, made.Secret) || strings.Contains(r.body, "SECRET") {
		t.Errorf("the secret is shown again: %s", r.body)
	}
	if l := object(t, w.do(t, k, 0, "v-list-access-keys", "alice", "json")); len(l) != 1 || l[made.ID]["USER"] != "alice" {
		t.Errorf("%v", l)
	}
	r = w.do(t, k, 0, "v-check-access-key", made.ID, made.Secret, "v-list-user-traffic")
	if !strings.Contains(r.body, `"USER_ARG_POSITION": "1"`) {
		t.Errorf("%s", r.body)
	}
	w.do(t, k, 10, "v-check-access-key", made.ID, made.Secret, "v-list-users")
	w.do(t, k, 9, "v-check-access-key", made.ID, strings.Repeat("x", 40), "v-list-users")
	limited := w.key(t, a, identity.NewKey{Sets: []string{"monitoring"}})
	w.do(t, limited, 10, "v-add-access-key", "admin", "", "", "plain")
	w.do(t, k, 0, "v-delete-access-key", made.ID)
	w.do(t, k, 3, "v-delete-access-key", made.ID)
	w.do(t, credential{"access_key": made.ID, "secret_key": made.Secret}, 9, "v-list-user-traffic", "alice")
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-add-sys-api-ip", "127.0.0.1")
	w.do(t, k, 0, "v-add-sys-api-ip", "10.0.0.0/8")
	w.do(t, k, 0, "v-add-sys-api-ip", "::ffff:10.0.0.0/104")
	w.do(t, k, 2, "v-add-sys-api-ip", "nowhere")
	c := object(t, w.do(t, k, 0, "v-list-sys-config", "json"))["config"]
	if c["API_ALLOWED_IP"] != "127.0.0.1,10.0.0.0/8" || c["ROOT_USER"] != "admin" || c["API_SYSTEM"] != "1" {
		t.Errorf("%v", c)
	}
	w.do(t, k, 0, "v-delete-sys-api-ip", "10.0.0.0/8")
	w.do(t, k, 0, "v-change-sys-config-value", "API_SYSTEM", "2")
	w.do(t, k, 2, "v-change-sys-config-value", "API_SYSTEM", "3")
	w.do(t, k, 2, "v-change-sys-config-value", "SMTP", "x")
	w.do(t, k, 0, "v-change-sys-api", "enable", "all")
	w.do(t, k, 2, "v-change-sys-api", "toggle")
	if c = object(t, w.do(t, k, 0, "v-list-sys-config", "json"))["config"]; c["API"] != "yes" || c["API_SYSTEM"] != "2" {
		t.Errorf("%v", c)
	}
	if r := w.do(t, k, 0, "v-list-sys-info", "json"); !strings.Contains(r.body, `"UPTIME"`) {
		t.Errorf("%s", r.body)
	}
	w.do(t, k, 0, "v-log-action", "alice", "Warning", "Sales", "called twice")
	w.do(t, k, 3, "v-delete-user", "zed")
	if r := w.do(t, k, 0, "v-list-user-log", "alice", "json"); !strings.Contains(r.body, "called twice") {
		t.Errorf("%s", r.body)
	}
	if r := w.do(t, k, 0, "v-list-user-log", "system", "plain"); !strings.Contains(r.body, "command.fail command/v-delete-user") {
		t.Errorf("a failure left no record: %s", r.body)
	}
	w.do(t, k, 0, "v-change-sys-api", "disable")
	w.do(t, k, 11, "v-list-users")
	w.set(t, a, func(x *identity.APISetting) { x.Level = 1 })
	w.do(t, k, 10, "v-list-users") // disabling emptied the list
}

func TestTenantsAreTheOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k, op := w.key(t, a, identity.NewKey{}), w.key(t, w.operator, identity.NewKey{})
	w.do(t, k, 10, "v-list-tenants")
	w.do(t, op, 0, "v-add-tenant", "bolt", "boss", "a long password", "boss@example.com")
	w.do(t, op, 4, "v-add-tenant", "bolt", "boss", "a long password", "boss@example.com")
	if l := object(t, w.do(t, op, 0, "v-list-tenants", "json")); len(l) != 2 || l["bolt"]["STATUS"] != "active" {
		t.Errorf("%v", l)
	}
	w.do(t, op, 0, "v-suspend-tenant", "acme")
	w.do(t, op, 5, "v-suspend-tenant", "acme")
	w.do(t, k, 9, "v-list-users")
	w.do(t, op, 0, "v-unsuspend-tenant", "acme")
	w.do(t, op, 6, "v-unsuspend-tenant", "acme")
	w.do(t, k, 0, "v-list-users")
	w.do(t, op, 3, "v-suspend-tenant", "zed1")
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	for _, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"v-list-users", "list"}, 0, "admin\nalice\nbob\n", ""},
		{[]string{"v-add-user", "x"}, 1, "", "Usage: v-add-user USER PASSWORD EMAIL [PACKAGE]"},
		{[]string{"v-add-user", "carol", "long enough", "c@example.com"}, 0, "", ""},
		{[]string{"v-get-user-value", "carol", "contact"}, 0, "c@example.com\n", ""},
		{[]string{"v-suspend-user", "zed"}, 3, "", "Error: user zed doesn't exist\n"},
		{[]string{"v-nope"}, 10, "", "Error: Command v-nope not found\n"},
		{[]string{"v-list-user", "carol"}, 0, "USER:", ""},
		{nil, 2, "", "Error: Command not provided\n"},
	} {
		var out, errs bytes.Buffer
		code := hestia.Run(context.Background(), w.config, a, c.args, &out, &errs)
		if code != c.code || !strings.HasPrefix(out.String(), c.out) || !strings.HasPrefix(errs.String(), c.err) {
			t.Errorf("%q: %d, %q, %q", c.args, code, out.String(), errs.String())
		}
	}
}
