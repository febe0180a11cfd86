package subapi_test

import (
	"context"
	"strings"
	"testing"

	"culvert/panel/internal/device"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
)

// What is kept of a subscription is never older than what it is made of, whoever changes that: after each change a service
// that kept it and one that never saw it answer the same, and something else than before.
func TestWhatIsKeptIsNeverStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	w.fleet(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sub, err := w.Subs.Create(ctx, a, subscriber.Create{Name: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"phone", "tablet"} {
		if _, err := w.devices.Add(ctx, a, device.New{Subscriber: sub.ID, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	token := strings.TrimPrefix(w.token(t, a, sub.ID).URL, public+"/sub/")
	fetch := func(s *profile.Service, format string) string {
		t.Helper()
		r, err := s.Subscription(ctx, profile.Fetch{Token: token, Format: format, Agent: "test", Address: "198.51.100.7"})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, h := range r.Headers {
			text.WriteString(h[0] + ": " + h[1] + "\n")
		}
		return text.String() + r.Body
	}
	formats := []string{"plain", "singbox", "sip008", "html"}
	before := map[string]string{}
	for _, f := range formats {
		before[f] = fetch(w.profiles, f)
	}
	for _, c := range []struct{ name, change string }{
		{"usage", "UPDATE usage_total SET down = 5000000 WHERE subscriber_id = $1"},
		{"a grant", "UPDATE usage_total SET granted = 7 WHERE subscriber_id = $1"},
		{"a limit", "UPDATE subscriber SET traffic_limit = 1000000000 WHERE id = $1"},
		{"usage shown in names", "INSERT INTO profile_setting (tenant_id, remark, update_hours, updated_at) SELECT tenant_id, '{node} {protocol} {usage}', 7, now() FROM subscriber WHERE id = $1"},
		{"usage with names that show it", "UPDATE usage_total SET up = 70000000 WHERE subscriber_id = $1"},
		{"the title", "UPDATE profile_setting SET title = 'Other' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"no setting", "DELETE FROM profile_setting WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"the expiry", "UPDATE subscriber SET expires_at = now() + interval '1 day' WHERE id = $1"},
		{"the tenant's name", "UPDATE tenant SET name = 'Ajax' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"the realm", "UPDATE tenant SET realm = 'ajax' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"a device gone", "DELETE FROM device WHERE name = 'tablet' AND subscriber_id = $1"},
		{"a device renamed", "UPDATE device SET name = 'handset' WHERE name = 'phone' AND subscriber_id = $1"},
		{"a secret gone", "DELETE FROM credential WHERE family = 'shadowsocks' AND subscriber_id = $1"},
		{"a node's address", "UPDATE node SET host = 'fra2.example' WHERE name = 'fra' AND $1 <> ''"},
		{"a node's name", "UPDATE node SET name = 'ams' WHERE name = 'fra' AND $1 <> ''"},
		{"a port", "UPDATE ingress SET listen = ':9' WHERE kind = 'socks5' AND enabled AND $1 <> ''"},
		{"an ingress off", "UPDATE ingress SET enabled = false WHERE kind = 'http' AND $1 <> ''"},
		{"an ingress at fault", "UPDATE ingress SET fault = 'port taken' WHERE kind = 'socks5' AND enabled AND $1 <> ''"},
		{"an ingress on", "UPDATE ingress SET enabled = true WHERE kind = 'http' AND $1 <> ''"},
		{"a certificate", "UPDATE certificate SET sha256 = '\\x00' WHERE $1 <> ''"},
		{"protocols", "UPDATE subscriber SET protocols = '{hysteria2,wireguard}' WHERE id = $1"},
		{"an ingress gone", "DELETE FROM ingress WHERE kind = 'wireguard' AND $1 <> ''"},
		{"the tenant suspended", "UPDATE tenant SET status = 'suspended' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"the tenant back", "UPDATE tenant SET status = 'active' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"suspended", "UPDATE subscriber SET status = 'suspended' WHERE id = $1"},
		{"back", "UPDATE subscriber SET status = 'active' WHERE id = $1"},
		{"a node suspended", "UPDATE node SET status = 'suspended' WHERE name = 'ams' AND $1 <> ''"},
		{"a node back", "UPDATE node SET status = 'active' WHERE name = 'ams' AND $1 <> ''"},
		{"a group", "INSERT INTO node_group (tenant_id, id, name, created_at, updated_at) SELECT tenant_id, 'g1', 'g1', now(), now() FROM node WHERE name = 'ams' AND $1 <> ''"},
		{"a grant of groups", "UPDATE tenant SET node_groups = '{g1}' WHERE tenant_id = (SELECT tenant_id FROM subscriber WHERE id = $1)"},
		{"a member", "INSERT INTO node_group_member (tenant_id, group_id, node_id) SELECT tenant_id, 'g1', id FROM node WHERE name = 'ams' AND $1 <> ''"},
		{"expired", "UPDATE subscriber SET expires_at = now() - interval '1 second' WHERE id = $1"},
	} {
		w.exec(t, c.change, sub.ID)
		other := &profile.Service{DB: w.DB, Vault: w.Vault, Subs: w.Subs, Devices: w.devices, Public: public}
		changed := false
		for _, f := range formats {
			got, want := fetch(w.profiles, f), fetch(other, f)
			if got != want {
				t.Errorf("%s: %s is kept as\n%s\nwant\n%s", c.name, f, got, want)
			}
			changed = changed || got != before[f]
			before[f] = got
		}
		if !changed && c.name != "a group" && c.name != "a grant" {
			t.Errorf("%s: changes nothing, so the case shows nothing", c.name)
		}
	}
}

// A term that ends while nothing in the database changes ends what is kept.
func TestWhatIsKeptEndsWithTheTerm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	w.fleet(t)
	a := w.Reseller(t, "acme")
	sub, err := w.Subs.Create(context.Background(), a, subscriber.Create{Name: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	tok := w.token(t, a, sub.ID)
	w.exec(t, "UPDATE subscriber SET expires_at = now() + interval '2 seconds' WHERE id = $1", sub.ID)
	if r := w.send(t, "GET", tok.URL+"/plain"); !strings.Contains(r.body, "hysteria2://") {
		t.Fatalf("before: %s", r.body)
	}
	w.exec(t, "SELECT pg_sleep_until(expires_at) FROM subscriber WHERE id = $1", sub.ID)
	if r := w.send(t, "GET", tok.URL+"/plain"); strings.Contains(r.body, "hysteria2://") || !strings.Contains(r.body, "Expired") {
		t.Errorf("after: %s", r.body)
	}
}
