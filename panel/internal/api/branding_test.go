package api_test

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
)

func picture(t *testing.T, side int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, side, 1))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBranding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	acme, bolt := w.Reseller(t, "acme"), w.Reseller(t, "bolt")
	ann := w.signIn(t, acme, "acme", "ann")
	at := "/tenants/" + acme.Tenant + "/branding"
	first := w.want(t, 200, call{method: "GET", path: at, auth: ann})
	set := map[string]any{"title": "Acme VPN", "accent": "#1971C2", "support_url": "https://acme.example/help", "support_email": "help@acme.example", "language": "ko", "host": "VPN.acme.example"}
	w.want(t, 412, call{method: "PATCH", path: at, auth: ann, body: set, header: map[string]string{"If-Match": `"7"`}})
	if first.header.Get("ETag") != `"0"` {
		t.Errorf("ETag %s", first.header.Get("ETag"))
	}
	w.want(t, 200, call{method: "PATCH", path: at, auth: ann, body: set})
	w.want(t, 200, call{method: "PUT", path: at + "/logo", auth: operator, body: picture(t, 8)})
	for name, c := range map[string]struct {
		query, host, title string
	}{
		"by realm":                   {"?realm=acme", "", "Acme VPN"},
		"by host":                    {"", "vpn.acme.example:8083", "Acme VPN"},
		"a realm goes before a host": {"?realm=bolt", "vpn.acme.example", "bolt"},
		"unknown realm":              {"?realm=nobody", "", "Culvert"},
		"unknown host":               {"", "other.example", "Culvert"},
	} {
		r := w.want(t, 200, call{method: "GET", path: "/branding" + c.query, header: map[string]string{"Host": c.host}})
		if r.body["title"] != c.title {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	shown := w.want(t, 200, call{method: "GET", path: "/branding?realm=acme"})
	logo := w.want(t, 200, call{method: "GET", path: strings.TrimPrefix(shown.body["logo_url"].(string), "/api/v1")})
	if logo.header.Get("Content-Type") != "image/png" || string(logo.raw) != picture(t, 8) || shown.body["accent"] != "#1971c2" || shown.body["language"] != "ko" {
		t.Errorf("%s; logo is %s", shown.raw, logo.header.Get("Content-Type"))
	}
	w.want(t, 204, call{method: "DELETE", path: at + "/logo", auth: ann})
	w.want(t, 404, call{method: "GET", path: "/branding/logo?realm=acme"})
	w.want(t, 404, call{method: "DELETE", path: at + "/logo", auth: ann})

	w.want(t, 409, call{method: "PATCH", path: "/tenants/" + bolt.Tenant + "/branding", auth: operator, body: map[string]any{"host": "vpn.acme.example"}})
	for name, body := range map[string]map[string]any{
		"accent": {"accent": "red"}, "host": {"host": "10.0.0.1"}, "support_url": {"support_url": "javascript:alert(1)"}, "support_email": {"support_email": "x"},
	} {
		if r := w.want(t, 422, call{method: "PATCH", path: at, auth: ann, body: body}); !strings.Contains(string(r.raw), `"field":"`+name+`"`) {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	w.want(t, 422, call{method: "PATCH", path: at, auth: ann, body: map[string]any{"host": "panel.example"}})
	for name, body := range map[string]string{"svg": "<svg xmlns='http://www.w3.org/2000/svg'/>", "too large": picture(t, 8) + strings.Repeat("x", 128<<10), "cut": picture(t, 8)[:20], "too wide": picture(t, 5000)} {
		if r := w.do(t, call{method: "PUT", path: at + "/logo", auth: ann, body: body}); r.status != 422 || !strings.Contains(string(r.raw), "logo") {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
}

func TestMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	w.want(t, 200, call{method: "PATCH", path: "/me", auth: ann, body: map[string]any{"language": "ru", "email": "ann@acme.example"}})
	me := w.want(t, 200, call{method: "GET", path: "/me", auth: ann}).body
	for k, want := range map[string]any{"language": "ru", "email": "ann@acme.example", "realm": "acme", "tenant_name": "acme", "version": "test", "operator": false} {
		if me[k] != want {
			t.Errorf("%s is %v, want %v", k, me[k], want)
		}
	}
	w.want(t, 422, call{method: "PATCH", path: "/me", auth: ann, body: map[string]any{"email": "no address"}})
	w.want(t, 403, call{method: "PATCH", path: "/me", auth: w.key(t, ann), body: map[string]any{"language": "en"}})
	w.want(t, 200, call{method: "GET", path: "/me", auth: w.key(t, ann)})
}
