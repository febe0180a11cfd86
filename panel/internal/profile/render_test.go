package profile_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"culvert/panel/internal/profile"
	"culvert/shared/protocol/wireguard"
)

var update = flag.Bool("update", false, "rewrite testdata")

func key(b byte) wireguard.Key {
	var k wireguard.Key
	for i := range k {
		k[i] = b
	}
	return k
}

// selfSigned is a certificate for node.example, good for a hundred years.
const selfSigned = `-----BEGIN CERTIFICATE-----
MIIBnTCCAUSgAwIBAgIUZBbqUa0sI/Oi+K2fY49U12VIOpwwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMbm9kZS5leGFtcGxlMCAXDTI2MTEyMjA4MzAyOFoYDzIxMjYx
MDI5MDgzMDI4WjAXMRUwEwYDVQQDDAxub2RlLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASUoBF9sh5++LwJBsSoFpdYaKLNt7nFTWfmJ1O6AsqKLcRn
A6Bq/+vM3pqf1J2cJWH3NgHpL1h7asU7SoGK8wi9o2wwajAdBgNVHQ4EFgQUwIFk
VQaukDxzxddnvd8zcwDzBKMwHwYDVR0jBBgwFoAUwIFkVQaukDxzxddnvd8zcwDz
BKMwDwYDVR0TAQH/BAUwAwEB/zAXBgNVHREEEDAOggxub2RlLmV4YW1wbGUwCgYI
KoZIzj0EAwIDRwAwRAIgAvOzwRVqbtF038c4S7ymQMqA+YHQ54zdp3qPXXJamLMC
IDK5wmbGFt+BId85PWUFmDd6+3mjsYvACxFbrWXIydPS
-----END CERTIFICATE-----
`

// sample has everything, with names that want escaping, and keys and a certificate that the programs of foreign_test.go take.
func sample() *profile.Document {
	psk, end := key(3), time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	der, _ := pem.Decode([]byte(selfSigned))
	pin := sha256.Sum256(der.Bytes)
	pinned := &profile.TLS{Name: "node.example", Pin: pin[:], Chain: selfSigned}
	return &profile.Document{
		User: "ann", Title: `A & B's <VPN>`, URL: "https://panel.example/sub/TOKEN", Support: "https://help.example/?a=1&b=2",
		Quota: profile.Quota{Up: 1 << 20, Down: 3 << 30, Total: 10 << 30, Expires: &end},
		Endpoints: []profile.Endpoint{
			{Ingress: "ing_1", Kind: "hysteria2", Label: "fra Hysteria2", Host: "node.example", Port: 443, Auth: "s3cret", UDP: true, TLS: &profile.TLS{Name: "node.example"}},
			{Ingress: "ing_2", Kind: "hysteria2", Label: `"quoted" # 日本: yes`, Host: "2001:db8::1", Port: 8443, Auth: "a@b:c/d?", UDP: false, Obfs: "ob&fs", TLS: pinned},
			{Ingress: "ing_3", Kind: "shadowsocks", Label: "fra Shadowsocks", Host: "192.0.2.1", Port: 8388, Method: "2022-blake3-aes-128-gcm", Password: "++//AAAAAAAAAAAAAAAAAA==:8PHy8/T19vf4+fr7/P3+/w==", UDP: true},
			{Ingress: "ing_4", Kind: "shadowsocks", Label: "fra AEAD", Host: "192.0.2.1", Port: 8389, Method: "chacha20-ietf-poly1305", Password: "pass", UDP: true},
			{Ingress: "ing_5", Kind: "socks5", Label: "fra SOCKS5", Host: "node.example", Port: 1080, User: "ann@acme", Password: "p:w/ 'd\"\\", UDP: true},
			{Ingress: "ing_6", Kind: "socks5", Label: "fra SOCKS5 TLS", Host: "192.0.2.1", Port: 1081, User: "ann@acme", Password: "0123", UDP: true, TLS: pinned},
			{Ingress: "ing_7", Kind: "http", Label: "fra HTTP", Host: "node.example", Port: 8080, User: "ann@acme", Password: "yes"},
			{Ingress: "ing_8", Kind: "http", Label: "fra HTTPS", Host: "node.example", Port: 8443, User: "ann@acme", Password: "~", TLS: &profile.TLS{Name: "cdn.example", Insecure: true}},
			{Ingress: "ing_9", Kind: "wireguard", Label: "fra WireGuard my phone", Device: "my phone", Host: "2001:db8::1", Port: 51820, UDP: true, Tunnel: &profile.Tunnel{
				Private: key(1), Preshared: &psk, Server: key(2), MTU: 1420, Keepalive: 25,
				Addresses: []netip.Addr{netip.MustParseAddr("10.64.0.2"), netip.MustParseAddr("fd64:6376::2")},
				DNS:       []netip.Addr{netip.MustParseAddr("10.64.0.1"), netip.MustParseAddr("fd64:6376::1")},
			}},
			{Ingress: "ing_9", Kind: "wireguard", Label: "fra WireGuard bare", Device: "bare", Host: "node.example", Port: 51820, UDP: true, Tunnel: &profile.Tunnel{
				Private: key(1), Server: key(2), MTU: 1280, Addresses: []netip.Addr{netip.MustParseAddr("10.64.0.3")},
			}},
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, f := range profile.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			got := f.Render(sample())
			file := filepath.Join("testdata", f.Name+"."+f.File)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

func render(t *testing.T, name string, d *profile.Document) string {
	t.Helper()
	f, ok := profile.LookupFormat(name)
	if !ok {
		t.Fatalf("no format %s", name)
	}
	return f.Render(d)
}

func TestLinksReadBack(t *testing.T) {
	t.Parallel()
	d := sample()
	lines := strings.Split(strings.TrimSpace(render(t, "plain", d)), "\n")
	if len(lines) != len(d.Endpoints) {
		t.Fatalf("%d links for %d endpoints", len(lines), len(d.Endpoints))
	}
	for i, l := range lines {
		e := d.Endpoints[i]
		u, err := url.Parse(l)
		if err != nil {
			t.Fatal(err)
		}
		if u.Fragment != e.Label || u.Hostname() != e.Host {
			t.Errorf("%s: label %q, host %q", l, u.Fragment, u.Hostname())
		}
		password, _ := u.User.Password()
		switch e.Kind {
		case "hysteria2":
			if u.User.Username() != e.Auth || password != "" {
				t.Errorf("auth %q", u.User)
			}
		case "socks5", "http":
			if u.User.Username() != e.User || password != e.Password {
				t.Errorf("%q %q", u.User.Username(), password)
			}
		case "wireguard":
			if u.User.Username() != e.Tunnel.Private.String() || u.Query().Get("publickey") != e.Tunnel.Server.String() {
				t.Errorf("keys in %s", l)
			}
		}
	}
	all, err := base64.StdEncoding.DecodeString(render(t, "base64", d))
	if err != nil || string(all) != render(t, "plain", d) {
		t.Errorf("base64: %v", err)
	}
}

// FuzzLabels: whatever people call things, every document can be read and says the same.
func FuzzLabels(f *testing.F) {
	for _, s := range []string{"", "a", "yes", "1e3", "0x10", "~", "null", "- x", "a: b # c", "\"'\\", "</script><b>", "日本", "\u2028", "{{.}}", "%00", "\x7f"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, label, password string) {
		if strings.ToValidUTF8(label+password, "") != label+password {
			t.Skip("names are valid UTF-8 where they are set")
		}
		d := sample()
		d.Endpoints[4].Label, d.Endpoints[4].Password, d.Title, d.User = label, password, label, label
		for _, name := range []string{"singbox", "xray", "sip008", "outline"} {
			var v any
			if err := json.Unmarshal([]byte(render(t, name, d)), &v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		var doc struct {
			Proxies []map[string]any `yaml:"proxies"`
		}
		if err := yaml.Unmarshal([]byte(render(t, "clash", d)), &doc); err != nil {
			t.Fatalf("clash: %v", err)
		}
		if p := doc.Proxies[4]; p["name"] != label || p["password"] != password {
			t.Fatalf("clash: %q %q became %#v %#v", label, password, p["name"], p["password"])
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(render(t, "plain", d), "\n"), "\n") {
			if _, err := url.Parse(line); err != nil {
				t.Fatalf("plain: %v", err)
			}
		}
		page := render(t, "html", d)
		if strings.Count(page, "<h1>") != 1 || strings.Contains(page, "<script") || strings.Contains(page, "<b>") {
			t.Fatalf("html: %q is not escaped", label)
		}
	})
}

func TestFormatForAgents(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"SFA/1.12.0 (547; sing-box 1.12.0; language en_US)":                 "singbox",
		"SFI/1.11.4 (Build 1; sing-box 1.11.4)":                             "singbox",
		"sing-box 1.12.0":                                                   "singbox",
		"HiddifyNext/2.5.7 (android) like ClashMeta v2ray sing-box":         "singbox",
		"clash-verge/v2.0.3":                                                "clash",
		"ClashMetaForAndroid/2.11.5.Meta":                                   "clash",
		"mihomo.party/v1.5.0 (clash.meta)":                                  "clash",
		"Stash/3.0.0 Clash/1.9.0":                                           "clash",
		"v2rayNG/1.9.16":                                                    "base64",
		"v2rayN/7.5.0":                                                      "base64",
		"Happ/3.4.1":                                                        "base64",
		"Xray-core/25.1":                                                    "xray",
		"Shadowrocket/2070 CFNetwork/1410.0.3 Darwin/22.6.0":                "base64",
		"Outline-Client/1.14":                                               "outline",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36":                "html",
		"Mozilla/5.0 (Windows NT 10.0) Electron Clash Verge clash-verge/v1": "clash",
		"curl/8.5.0":                                                        "base64",
		"":                                                                  "base64",
	} {
		if got := profile.FormatFor(agent); got.Name != want {
			t.Errorf("%q gets %s, want %s", agent, got.Name, want)
		}
	}
}

func TestQRCodes(t *testing.T) {
	t.Parallel()
	svg, err := profile.QRSVG("https://example.com/sub/x")
	if err != nil || !strings.HasPrefix(svg, "<svg ") || !strings.HasSuffix(svg, "</svg>") {
		t.Errorf("svg: %v %s", err, svg)
	}
	png, err := profile.QRPNG("x")
	if err != nil || !strings.HasPrefix(string(png), "\x89PNG") {
		t.Errorf("png: %v", err)
	}
	if text, err := profile.QRText("x"); err != nil || strings.Count(text, "\n") < 10 {
		t.Errorf("text: %v", err)
	}
	if _, err := profile.QRSVG(strings.Repeat("x", 3000)); err == nil {
		t.Error("a text that is too long has a code")
	}
}

func TestPagesCarryTheirPolicy(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		profile.AskPage(), profile.ConfigPage(&profile.Config{Device: "<i>", Text: "[Interface]\nPrivateKey = x\n"}), render(t, "html", sample()),
	} {
		if strings.Contains(page, "<i>") || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("not escaped, or refused by the template: %s", page)
		}
		_, rest, _ := strings.Cut(page, "<style>")
		style, _, _ := strings.Cut(rest, "</style>")
		if !profile.PolicyAllows(style) {
			t.Error("the policy does not allow the page's style")
		}
	}
}
