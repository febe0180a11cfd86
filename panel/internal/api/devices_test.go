package api_test

import (
	"context"
	"strings"
	"testing"

	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/shared/protocol/wireguard"
)

// server adds a node with a WireGuard and a SOCKS5 ingress that subscribers can reach.
func (w *world) server(t *testing.T, operator string) (wg string) {
	t.Helper()
	node := w.Node(t, "fra")
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), "UPDATE node SET host = 'fra.example' WHERE id = $1", node)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "socks5", "name": "s", "listen": ":1080"}})
	made := w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "wireguard", "name": "wg", "listen": ":51820"}})
	return made.body["id"].(string)
}

func TestDevicesOfASubscriber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wg := w.server(t, w.signIn(t, w.Operator, "", "root1"))
	acme := w.Reseller(t, "acme")
	ann := w.signIn(t, acme, "acme", "ann")
	_, readonly := w.person(t, acme, "acme", identity.NewLogin{Name: "rob", Role: "readonly"})
	sub := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": "bob"}}).body["id"].(string)
	at := "/subscribers/" + sub + "/devices"
	w.want(t, 403, call{method: "POST", path: at, auth: readonly, body: map[string]any{"name": "phone"}})
	w.want(t, 422, call{method: "POST", path: at, auth: ann, body: map[string]any{"name": "a/b"}})
	w.want(t, 404, call{method: "POST", path: at, auth: ann, body: map[string]any{"name": "x", "node": "nowhere"}})
	made := w.want(t, 201, call{method: "POST", path: at, auth: ann, body: map[string]any{"name": "phone", "ingress_id": wg, "address": "10.64.0.9"}})
	if made.body["number"] != 9.0 || made.body["ingress_id"] != wg || made.body["own_key"] != false || made.header.Get("ETag") != `"1"` {
		t.Errorf("made: %s", made.raw)
	}
	if _, err := wireguard.ParseKey(made.body["public_key"].(string)); err != nil {
		t.Errorf("the key as WireGuard writes it: %v", err)
	}
	w.want(t, 409, call{method: "POST", path: at, auth: ann, body: map[string]any{"name": "phone"}})
	one := "/devices/" + made.body["id"].(string)
	w.want(t, 403, call{method: "GET", path: one + "/config", auth: readonly})
	w.want(t, 404, call{method: "GET", path: one + "/config?ingress=ing_x", auth: ann})
	conf := w.want(t, 200, call{method: "GET", path: one + "/config", auth: ann})
	for _, line := range []string{"[Interface]\nPrivateKey = ", "Address = 10.64.0.9/32, fd64:6376::9/128\n", "Endpoint = fra.example:51820\n", "DNS = 10.64.0.1, fd64:6376::1\n"} {
		if !strings.Contains(string(conf.raw), line) {
			t.Errorf("no %q in %s", line, conf.raw)
		}
	}
	if svg := w.want(t, 200, call{method: "GET", path: one + "/qr", auth: ann}); svg.header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(string(svg.raw), "<svg") {
		t.Errorf("%v %s", svg.header, svg.raw)
	}
	if png := w.want(t, 200, call{method: "GET", path: one + "/qr?type=png", auth: ann}); !strings.HasPrefix(string(png.raw), "\x89PNG") {
		t.Errorf("%v", png.header)
	}
	link := w.want(t, 201, call{method: "POST", path: one + "/links", auth: ann, body: map[string]any{"minutes": 5}})
	if !strings.HasPrefix(link.body["url"].(string), "https://panel.example:8083/get/") {
		t.Errorf("%s", link.raw)
	}
	w.want(t, 412, call{method: "PATCH", path: one, auth: ann, body: map[string]any{"disabled": true}, header: map[string]string{"If-Match": `"7"`}})
	off := w.want(t, 200, call{method: "PATCH", path: one, auth: ann, body: map[string]any{"disabled": true, "name": "old phone", "ingress_id": nil}})
	if off.body["disabled"] != true || off.body["name"] != "old phone" || off.body["ingress_id"] != nil {
		t.Errorf("%s", off.raw)
	}
	turned := w.want(t, 200, call{method: "POST", path: one + "/rotate-key", auth: ann})
	if turned.body["public_key"] == made.body["public_key"] || turned.body["shown"] != false {
		t.Errorf("%s", turned.raw)
	}
	w.want(t, 200, call{method: "PATCH", path: "/profile-setting", auth: ann, body: map[string]any{"show_once": true}})
	w.want(t, 200, call{method: "GET", path: one + "/config", auth: ann})
	if again := w.want(t, 404, call{method: "GET", path: one + "/config", auth: ann}); !strings.Contains(string(again.raw), "shown already") {
		t.Errorf("the reason: %s", again.raw)
	}
	w.want(t, 204, call{method: "DELETE", path: one, auth: ann})
	if l := w.want(t, 200, call{method: "GET", path: at, auth: ann}).body["items"].([]any); len(l) != 0 {
		t.Errorf("left: %v", l)
	}
}

func TestTokensAndEndpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server(t, w.signIn(t, w.Operator, "", "root1"))
	acme := w.Reseller(t, "acme")
	ann := w.signIn(t, acme, "acme", "ann")
	_, readonly := w.person(t, acme, "acme", identity.NewLogin{Name: "rob", Role: "readonly"})
	sub := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: ann, body: map[string]any{"name": "bob"}}).body["id"].(string)
	w.want(t, 201, call{method: "POST", path: "/subscribers/" + sub + "/devices", auth: ann, body: map[string]any{"name": "phone"}})
	at := "/subscribers/" + sub + "/tokens"
	w.want(t, 422, call{method: "POST", path: at, auth: ann, body: map[string]any{"expires_at": "2001-01-01T00:00:00Z"}})
	made := w.want(t, 201, call{method: "POST", path: at, auth: ann, body: map[string]any{"comment": "phone"}})
	if u := made.body["url"].(string); !strings.HasPrefix(u, "https://panel.example:8083/sub/") || len(u) != len("https://panel.example:8083/sub/")+22 {
		t.Errorf("url %s", u)
	}
	one := "/subscription-tokens/" + made.body["id"].(string)
	turned := w.want(t, 200, call{method: "POST", path: one + "/rotate", auth: ann})
	if turned.body["url"] == made.body["url"] {
		t.Errorf("%s", turned.raw)
	}
	if l := w.want(t, 200, call{method: "GET", path: at, auth: readonly}); strings.Contains(string(l.raw), "/sub/") {
		t.Errorf("who may not see secrets: %s", l.raw)
	}
	changed := w.want(t, 200, call{method: "PATCH", path: one, auth: ann, body: map[string]any{"comment": "tablet", "expires_at": "2099-01-01T00:00:00Z"}})
	if changed.body["url"] != turned.body["url"] || changed.body["comment"] != "tablet" {
		t.Errorf("%s", changed.raw)
	}
	w.want(t, 403, call{method: "GET", path: "/subscribers/" + sub + "/endpoints", auth: readonly})
	l := w.want(t, 200, call{method: "GET", path: "/subscribers/" + sub + "/endpoints?qr=true", auth: ann}).body["items"].([]any)
	if len(l) != 2 {
		t.Fatalf("%v", l)
	}
	socks, wg := l[0].(map[string]any), l[1].(map[string]any)
	if socks["host"] != "fra.example" || socks["port"] != 1080.0 || !strings.HasPrefix(socks["uri"].(string), "socks5://bob%40acme:") || !strings.HasPrefix(socks["qr"].(string), "<svg") {
		t.Errorf("%v", socks)
	}
	if wg["device"] != "phone" || wg["protocol"] != "wireguard" {
		t.Errorf("%v", wg)
	}
	for _, bad := range []map[string]any{
		{"remark": ""}, {"remark": "{nope}"}, {"support_url": "javascript:alert(1)"}, {"web_page_url": "https://a b"}, {"update_hours": 0}, {"title": "a\nb"},
	} {
		w.want(t, 422, call{method: "PATCH", path: "/profile-setting", auth: ann, body: bad})
	}
	w.want(t, 200, call{method: "PATCH", path: "/profile-setting", auth: ann, body: map[string]any{"remark": "{user} on {node}"}})
	l = w.want(t, 200, call{method: "GET", path: "/subscribers/" + sub + "/endpoints", auth: ann}).body["items"].([]any)
	if name := l[0].(map[string]any)["name"]; name != "bob on fra" {
		t.Errorf("named %v", name)
	}
	w.want(t, 204, call{method: "DELETE", path: one, auth: ann})
}
