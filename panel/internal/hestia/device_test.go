package hestia_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"culvert/panel/internal/identity"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/shared/id"
	"culvert/shared/protocol/wireguard"
)

func (w *world) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// serve adds a node with SOCKS5 and WireGuard that everybody may use.
func (w *world) serve(t *testing.T, name string) string {
	t.Helper()
	node := id.New(id.Node)
	w.exec(t, `INSERT INTO node (tenant_id, id, name, host, status, created_at, updated_at) VALUES ($1, $2, $3, $4, 'active', now(), now())`,
		w.operator.Tenant, node, name, name+".example")
	raw, err := wireguard.Complete(json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	n := &network.Service{DB: w.db, Vault: w.config.Vault}
	for _, g := range []network.Ingress{
		{NodeID: node, Kind: "socks5", Name: "s", Listen: ":1080", Enabled: true},
		{NodeID: node, Kind: wireguard.Name, Name: "wg", Listen: ":51820", Enabled: true, Options: network.Options(raw)},
	} {
		if _, err := n.Create(context.Background(), w.operator, g); err != nil {
			t.Fatal(err)
		}
	}
	return node
}

func TestWireGuardPeers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 0, "v-add-wireguard-peer", "alice", "my phone")
	w.do(t, k, 3, "v-get-wireguard-peer-config", "alice", "my phone") // nowhere to go
	w.serve(t, "fra")
	w.do(t, k, 4, "v-add-wireguard-peer", "alice", "my phone")
	w.do(t, k, 2, "v-add-wireguard-peer", "alice", "a/b")
	w.do(t, k, 3, "v-add-wireguard-peer", "alice", "x", "nowhere")
	w.do(t, k, 3, "v-add-wireguard-peer", "nobody", "x")
	w.do(t, k, 2, "v-add-wireguard-peer", "alice", "x", "fra", "nokey")
	pair := object(t, w.do(t, k, 0, "v-generate-wireguard-key", "json"))["KEY"]
	public := pair["PUBLIC_KEY"].(string)
	w.do(t, k, 0, "v-add-wireguard-peer", "alice", "router", "fra", public, "10.64.0.77")
	w.do(t, k, 4, "v-add-wireguard-peer", "bob", "router", "", public)
	w.do(t, k, 4, "v-add-wireguard-peer", "bob", "router", "fra", "", "10.64.0.77")
	l := object(t, w.do(t, k, 0, "v-list-wireguard-peers", "alice", "json"))
	if r := l["router"]; r["IP"] != "10.64.0.77,fd64:6376::4d" || r["PUBLIC_KEY"] != public || r["ENDPOINT"] != "fra.example:51820" || r["NODE"] != "fra" || r["OWN_KEY"] != "yes" {
		t.Errorf("router: %v", r)
	}
	if len(l) != 2 || l["my phone"]["IP"] != "10.64.0.2,fd64:6376::2" || l["my phone"]["SUSPENDED"] != "no" {
		t.Errorf("%v", l)
	}
	conf := w.do(t, k, 0, "v-get-wireguard-peer-config", "alice", "my phone").body
	if !strings.HasPrefix(conf, "[Interface]\nPrivateKey = ") || !strings.Contains(conf, "Endpoint = fra.example:51820\n") {
		t.Errorf("%s", conf)
	}
	w.do(t, k, 11, "v-get-wireguard-peer-config", "alice", "router")
	w.do(t, k, 3, "v-get-wireguard-peer-config", "alice", "tablet")
	if svg := w.do(t, k, 0, "v-get-wireguard-peer-qr", "alice", "my phone").body; !strings.HasPrefix(svg, "<svg ") {
		t.Errorf("%s", svg)
	}
	png, err := base64.StdEncoding.DecodeString(w.do(t, k, 0, "v-get-wireguard-peer-qr", "alice", "my phone", "png").body)
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("png: %v", err)
	}
	w.do(t, k, 0, "v-change-wireguard-peer-key", "alice", "my phone")
	if again := w.do(t, k, 0, "v-get-wireguard-peer-config", "alice", "my phone").body; again == conf {
		t.Error("the key did not change")
	}
	w.do(t, k, 0, "v-suspend-wireguard-peer", "alice", "my phone")
	w.do(t, k, 5, "v-suspend-wireguard-peer", "alice", "my phone")
	if one := object(t, w.do(t, k, 0, "v-list-wireguard-peer", "alice", "my phone", "json"))["my phone"]; one["SUSPENDED"] != "yes" {
		t.Errorf("%v", one)
	}
	w.do(t, k, 0, "v-unsuspend-wireguard-peer", "alice", "my phone")
	w.do(t, k, 6, "v-unsuspend-wireguard-peer", "alice", "my phone")
	w.do(t, k, 4, "v-rename-wireguard-peer", "alice", "my phone", "router")
	w.do(t, k, 0, "v-rename-wireguard-peer", "alice", "my phone", "phone")
	once := true
	if _, err := w.services.Profiles.ChangeSetting(context.Background(), a, 0, profile.SettingChange{ShowOnce: &once}); err != nil {
		t.Fatal(err)
	}
	if r := w.do(t, k, 11, "v-get-wireguard-peer-config", "alice", "phone"); !strings.Contains(r.body, "shown already") && !strings.Contains(r.header.Get("Panel-Error"), "shown already") {
		t.Errorf("the reason: %q %v", r.body, r.header)
	}
	w.do(t, k, 0, "v-delete-wireguard-peer", "alice", "phone")
	w.do(t, k, 3, "v-delete-wireguard-peer", "alice", "phone")
	w.do(t, k, 0, "v-change-user-options", "alice", `{"protocols":["socks5"]}`)
	w.do(t, k, 11, "v-add-wireguard-peer", "alice", "late")
}

func TestConfigurationsOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.serve(t, "fra")
	w.serve(t, "nyc")
	c := object(t, w.do(t, k, 0, "v-list-user-credentials", "alice", "socks5", "", "json"))["socks5"]
	if c["HOST"] != "fra.example" || c["PORT"] != "1080" || c["LOGIN"] != "alice@acme" || !strings.HasPrefix(c["URI"].(string), "socks5://alice%40acme:alices%20password@") {
		t.Errorf("%v", c)
	}
	if all := object(t, w.do(t, k, 0, "v-list-user-credentials", "alice", "", "all", "json")); len(all) != 2 || all["2"]["NODE"] != "nyc" {
		t.Errorf("every place: %v", all)
	}
	if one := object(t, w.do(t, k, 0, "v-list-user-credentials", "alice", "", "nyc", "json")); len(one) != 1 || one["1"]["HOST"] != "nyc.example" {
		t.Errorf("one place: %v", one)
	}
	if uri := w.do(t, k, 0, "v-get-user-config", "alice", "socks5", "nyc").body; uri != "socks5://alice%40acme:alices%20password@nyc.example:1080#nyc%20SOCKS5" {
		t.Errorf("%s", uri)
	}
	w.do(t, k, 11, "v-get-user-config", "alice", "socks5", "nyc", "conf")
	w.do(t, k, 11, "v-get-user-config", "alice", "socks5", "nowhere")
	w.do(t, k, 11, "v-get-user-config", "alice", "wireguard", "fra")
	w.do(t, k, 3, "v-get-user-config", "alice", "gopher", "fra")
	w.do(t, k, 0, "v-add-wireguard-peer", "alice", "phone")
	if conf := w.do(t, k, 0, "v-get-user-config", "alice", "wireguard", "nyc").body; !strings.Contains(conf, "Endpoint = nyc.example:51820\n") {
		t.Errorf("%s", conf)
	}
	for kind, want := range map[string]string{"clash": "proxies:\n", "singbox": `"inbounds"`, "json": `"host":"fra.example"`} {
		if got := w.do(t, k, 0, "v-get-user-config", "alice", "socks5", "any", kind).body; !strings.Contains(got, want) {
			t.Errorf("%s: %s", kind, got)
		}
	}
	if svg := w.do(t, k, 0, "v-get-user-qr", "alice", "socks5", "fra").body; !strings.HasPrefix(svg, "<svg ") {
		t.Errorf("%s", svg)
	}
	w.do(t, k, 0, "v-suspend-user", "alice")
	w.do(t, k, 11, "v-get-user-config", "alice", "socks5", "fra")
}

func TestTokensOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	w.do(t, k, 2, "v-change-user-token", "alice")
	url := w.do(t, k, 0, "v-add-user-token", "alice", "phone", "2099-01-01").body
	if !strings.HasPrefix(url, "https://panel.example:8083/sub/") {
		t.Errorf("%s", url)
	}
	fresh := w.do(t, k, 0, "v-change-user-token", "alice").body
	if fresh == url {
		t.Error("not another address")
	}
	w.do(t, k, 0, "v-add-user-token", "alice")
	w.do(t, k, 2, "v-change-user-token", "alice")
	l := object(t, w.do(t, k, 0, "v-list-user-tokens", "alice", "json"))
	found := ""
	for tok, x := range l {
		if x["URL"] == fresh && x["COMMENT"] == "phone" && x["EXPIRE"] == "2099-01-01T00:00:00Z" {
			found = tok
		}
	}
	if len(l) != 2 || found == "" {
		t.Fatalf("%v", l)
	}
	w.do(t, k, 3, "v-delete-user-token", "bob", found)
	w.do(t, k, 0, "v-delete-user-token", "alice", found)
	w.do(t, k, 3, "v-delete-user-token", "alice", found)
	for _, secret := range []string{url, fresh} {
		token := strings.TrimPrefix(secret, "https://panel.example:8083/sub/")
		if strings.Contains(dumper(t, w, "")(), token) || strings.Contains(w.log.String(), token) {
			t.Error("a token is in the database or in the log")
		}
	}
}

func TestSessionsOfAUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.reseller(t, "acme")
	k := w.key(t, a, identity.NewKey{})
	node := w.serve(t, "fra")
	open, shut := id.New(id.Session), id.New(id.Session)
	for sid, closed := range map[string]any{open: nil, shut: "2026-01-02"} {
		w.exec(t, `INSERT INTO session_record (tenant_id, id, subscriber_id, node_id, ingress_id, kind, source, opened_at, closed_at, up, down)
			SELECT tenant_id, $1, id, $2, '', 'socks5', '192.0.2.7', '2026-01-01', $3::timestamptz, 1, 2 FROM subscriber WHERE name = 'alice'`, sid, node, closed)
	}
	l := object(t, w.do(t, k, 0, "v-list-user-sessions", "alice", "json"))
	if s := l[open]; len(l) != 1 || s["IP"] != "192.0.2.7" || s["PROTOCOL"] != "socks5" || s["RX"] != "2" || s["TX"] != "1" {
		t.Errorf("%v", l)
	}
	w.do(t, k, 3, "v-delete-user-session", "alice", shut)
	w.do(t, k, 3, "v-delete-user-session", "bob", open)
	w.do(t, k, 2, "v-delete-user-session", "alice", open, "5")
	w.do(t, k, 0, "v-delete-user-session", "alice", open)
	w.do(t, k, 0, "v-delete-user-sessions", "alice")
	if !slices.Equal(w.kicks, []string{"alice/" + open, "alice/"}) {
		t.Errorf("%v", w.kicks)
	}
}
