package subapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subapi"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/shared/id"
	"culvert/shared/logging"
	"culvert/shared/protocol/wireguard"
)

const public = "https://panel.example:8083"

type world struct {
	*subscribertest.World
	devices  *device.Service
	profiles *profile.Service
	network  *network.Service
	app      *fiber.App
	log      bytes.Buffer
}

func newWorld(t testing.TB, rate identity.Rate) *world {
	t.Helper()
	w := &world{World: subscribertest.New(t)}
	w.devices = &device.Service{DB: w.DB, Vault: w.Vault}
	w.profiles = &profile.Service{DB: w.DB, Vault: w.Vault, Subs: w.Subs, Devices: w.devices, Public: public}
	w.network = &network.Service{DB: w.DB, Vault: w.Vault}
	w.app = fiber.New(fiber.Config{DisableStartupMessage: true})
	subapi.Mount(w.app, subapi.Config{
		Profiles: w.profiles, Log: slog.New(logging.Redact(slog.NewTextHandler(&w.log, nil))), Rate: rate,
		ClientAddr: func(*fiber.Ctx) netip.Addr { return netip.MustParseAddr("198.51.100.7") },
	})
	w.app.Get("/*", func(c *fiber.Ctx) error { return c.SendString("web app") })
	return w
}

func plenty() identity.Rate { return identity.Rate{PerSecond: 1e6, Burst: 1e6} }

// fleet adds a node with a name to dial, an ingress of each kind and, besides, a node in a group of its own.
func (w *world) fleet(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	c, err := (&cert.Service{DB: w.DB, Vault: w.Vault}).SelfSign(ctx, w.Operator, "self", []string{"fra.example"}, 30)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"fra", "bare"} {
		nid := w.Node(t, node)
		if node == "fra" {
			w.exec(t, "UPDATE node SET host = 'fra.example', region = 'eu' WHERE id = $1", nid)
		}
		for i, g := range []network.Ingress{
			{Kind: "hysteria2", CertificateID: &c.ID, Options: network.Options(`{"obfs":{"type":"salamander","password":"obfuscate"}}`)},
			{Kind: "socks5"},
			{Kind: "http"},
			{Kind: wireguard.Name, Options: wgOptions(t)},
			{Kind: "shadowsocks", Options: network.Options(`{"method":"chacha20-ietf-poly1305"}`)},
			{Kind: "socks5", Name: "off"},
		} {
			g.NodeID, g.Listen, g.Enabled = nid, ":"+string(rune('1'+i))+"443", g.Name == ""
			if g.Name == "" {
				g.Name = g.Kind
			}
			if _, err := w.network.Create(ctx, w.Operator, g); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func wgOptions(t testing.TB) network.Options {
	t.Helper()
	raw, err := wireguard.Complete(json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return network.Options(raw)
}

func (w *world) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(t *testing.T, method, path string, header ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, strings.TrimPrefix(path, public), nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := w.app.Test(r, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	res.Header.Del("Date")
	return reply{res.StatusCode, res.Header, string(b)}
}

func (w *world) token(t testing.TB, a actor.Actor, sid string) *profile.Token {
	t.Helper()
	tok, err := w.profiles.AddToken(context.Background(), a, sid, "phone", nil)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestASubscriptionIsWhatTheAppReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	w.fleet(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sub, err := w.Subs.Create(ctx, a, subscriber.Create{Name: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.devices.Add(ctx, a, device.New{Subscriber: sub.ID, Name: "phone"}); err != nil {
		t.Fatal(err)
	}
	title, support := "Ünïted VPN", "https://help.example/"
	if _, err := w.profiles.ChangeSetting(ctx, a, 0, profile.SettingChange{Title: &title, SupportURL: &support}); err != nil {
		t.Fatal(err)
	}
	tok := w.token(t, a, sub.ID)
	r := w.send(t, "GET", tok.URL+"/plain")
	lines := strings.Split(strings.TrimSpace(r.body), "\n")
	if r.status != 200 || len(lines) != 5 {
		t.Fatalf("%d: %s", r.status, r.body)
	}
	for i, prefix := range []string{"http://ann%40acme:", "hysteria2://", "ss://", "socks5://ann%40acme:", "wireguard://"} {
		if !strings.HasPrefix(lines[i], prefix) || !strings.Contains(lines[i], "@fra.example:") || !strings.Contains(lines[i], "#fra%20") {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	if l := lines[1]; !strings.Contains(l, "insecure=1") || !strings.Contains(l, "pinSHA256=") || !strings.Contains(l, "obfs-password=obfuscate") {
		t.Errorf("a self-signed certificate is pinned: %s", l)
	}
	for name, want := range map[string]string{
		"subscription-userinfo": "upload=0; download=0; total=0", "profile-update-interval": "12",
		"profile-title": "base64:" + base64.StdEncoding.EncodeToString([]byte(title)), "support-url": support, "profile-web-page-url": tok.URL,
		"content-disposition": `attachment; filename="ann.txt"; filename*=UTF-8''ann.txt`,
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for agent, kind := range map[string]string{
		"SFA/1.12": "application/json; charset=utf-8", "clash.meta": "text/yaml; charset=utf-8", "v2rayNG/1": "text/plain; charset=utf-8",
		"Mozilla/5.0 Firefox": "text/html; charset=utf-8",
	} {
		r := w.send(t, "GET", tok.URL, "User-Agent", agent)
		if r.status != 200 || r.header.Get("Content-Type") != kind {
			t.Errorf("%s: %d %s", agent, r.status, r.header.Get("Content-Type"))
		}
		head := w.send(t, "HEAD", tok.URL, "User-Agent", agent)
		if head.status != 200 || head.body != "" || head.header.Get("ETag") != r.header.Get("ETag") {
			t.Errorf("%s: HEAD: %d %q", agent, head.status, head.body)
		}
		same := w.send(t, "GET", tok.URL, "User-Agent", agent, "If-None-Match", r.header.Get("ETag"))
		if same.status != 304 || same.body != "" || same.header.Get("subscription-userinfo") == "" {
			t.Errorf("%s: not modified: %d %q", agent, same.status, same.body)
		}
	}
	l, err := w.profiles.Tokens(ctx, a, sub.ID)
	if err != nil || len(l) != 1 || l[0].Fetches == 0 || l[0].FetchedFrom != "198.51.100.7" || l[0].FetchedBy == "" || l[0].URL != tok.URL {
		t.Errorf("the fetch is recorded: %+v %v", l, err)
	}
	// Once shown is enough: WireGuard is left out.
	once := true
	if _, err := w.profiles.ChangeSetting(ctx, a, 0, profile.SettingChange{ShowOnce: &once}); err != nil {
		t.Fatal(err)
	}
	if r := w.send(t, "GET", tok.URL+"/plain"); strings.Contains(r.body, "wireguard") {
		t.Errorf("show once: %s", r.body)
	}
	if r := w.send(t, "GET", "/subscribers"); r.body != "web app" {
		t.Errorf("the web app's page: %q", r.body)
	}
}

func TestWhateverOpensNothingLooksTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sub := w.Subscriber(t, a, "ann", nil)
	expired, revoked, rotated := w.token(t, a, sub.ID), w.token(t, a, sub.ID), w.token(t, a, sub.ID)
	w.exec(t, "UPDATE subscription_token SET expires_at = now() - interval '1 second' WHERE id = $1", expired.ID)
	if err := w.profiles.DeleteToken(ctx, a, revoked.ID); err != nil {
		t.Fatal(err)
	}
	fresh, err := w.profiles.ChangeToken(ctx, a, rotated.ID, 0, profile.TokenChange{Rotate: true})
	if err != nil || fresh.URL == rotated.URL {
		t.Fatalf("rotated: %v %v", fresh, err)
	}
	if r := w.send(t, "GET", fresh.URL); r.status != 200 {
		t.Errorf("the new address: %d", r.status)
	}
	never := base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	want := w.send(t, "GET", "/sub/"+never)
	if want.status != 404 {
		t.Fatalf("%d", want.status)
	}
	for name, path := range map[string]string{
		"expired": expired.URL, "revoked": revoked.URL, "rotated": rotated.URL, "malformed": "/sub/x", "long": "/sub/" + strings.Repeat("a", 2000),
		"a format that is none": fresh.URL + "/nope", "deeper": fresh.URL + "/plain/x", "a link": "/get/" + never, "an id": "/sub/" + fresh.ID,
	} {
		got := w.send(t, "GET", path)
		if got.status != want.status || got.body != want.body || len(got.header) != len(want.header) {
			t.Errorf("%s: %d %q %v, want %d %q %v", name, got.status, got.body, got.header, want.status, want.body, want.header)
		}
	}
	if r := w.send(t, "POST", fresh.URL); r.status != 404 {
		t.Errorf("POST: %d", r.status)
	}
	if strings.Contains(w.log.String(), strings.TrimPrefix(fresh.URL, public+"/sub/")) {
		t.Error("a log shows a token")
	}
	other := w.Reseller(t, "bolt")
	for name, err := range map[string]error{
		"foreign delete": w.profiles.DeleteToken(ctx, other, rotated.ID),
		"foreign list":   func() error { _, err := w.profiles.Tokens(ctx, other, sub.ID); return err }(),
		"foreign add":    func() error { _, err := w.profiles.AddToken(ctx, other, sub.ID, "", nil); return err }(),
	} {
		if !errs.Is(err, errs.Missing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	blind := a
	blind.Permissions = actor.Set{"subscriber:read"}
	if l, err := w.profiles.Tokens(ctx, blind, sub.ID); err != nil || l[0].URL != "" {
		t.Errorf("who may not see secrets: %+v %v", l, err)
	}
}

func TestWhoMayNotConnectIsToldWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	w.fleet(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sub := w.Subscriber(t, a, "ann", nil)
	tok := w.token(t, a, sub.ID)
	if _, err := w.Subs.Suspend(ctx, a, sub.ID, 0, "overdue"); err != nil {
		t.Fatal(err)
	}
	for _, f := range profile.Formats() {
		r := w.send(t, "GET", tok.URL+"/"+f.Name)
		body := r.body
		if f.Name == "base64" {
			raw, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				t.Fatal(err)
			}
			body = string(raw)
		}
		said := strings.Contains(body, "Suspended: overdue") || strings.Contains(body, "Suspended%3A%20overdue")
		if r.status != 200 || !said || strings.Contains(body, "fra.example") {
			t.Errorf("%s: %d %s", f.Name, r.status, body)
		}
	}
	if _, err := w.Subs.Unsuspend(ctx, a, sub.ID, 0); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "UPDATE subscriber SET expires_at = now() - interval '1 second' WHERE id = $1", sub.ID)
	if r := w.send(t, "GET", tok.URL+"/plain"); !strings.Contains(r.body, "Expired%20on%20") || !strings.Contains(r.header.Get("subscription-userinfo"), "; expire=") {
		t.Errorf("expired, and nobody has swept yet: %s", r.body)
	}
}

func TestALinkGivesOutAConfigurationOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plenty())
	w.fleet(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sub := w.Subscriber(t, a, "ann", nil)
	d, err := w.devices.Add(ctx, a, device.New{Subscriber: sub.ID, Name: "my phone"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := w.profiles.MakeLink(ctx, a, d.ID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(link.ExpiresAt); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("it lives %v", left)
	}
	for range 3 {
		if r := w.send(t, "GET", link.URL); r.status != 200 || strings.Contains(r.body, "PrivateKey") || !strings.Contains(r.body, `method="post"`) {
			t.Fatalf("the page before: %d %s", r.status, r.body)
		}
	}
	if got, err := w.devices.Get(ctx, a, d.ID); err != nil || got.Shown {
		t.Errorf("shown by looking: %v %v", got, err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	won, lost := 0, 0
	for range 8 {
		wg.Go(func() {
			r := w.send(t, "POST", link.URL, "Accept", "text/html,*/*")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.status == 200 && strings.Contains(r.body, "PrivateKey = ") && strings.Contains(r.body, "<svg"):
				won++
			case r.status == 404:
				lost++
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 7 {
		t.Errorf("%d won, %d lost", won, lost)
	}
	if r := w.send(t, "GET", link.URL); r.status != 404 {
		t.Errorf("the page after: %d", r.status)
	}
	again, err := w.profiles.MakeLink(ctx, a, d.ID, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.send(t, "POST", again.URL, "Accept", "text/plain"); r.status != 200 || !strings.HasPrefix(r.body, "[Interface]\n") ||
		r.header.Get("Content-Disposition") != `attachment; filename="my-phone.conf"` {
		t.Errorf("as text: %d %v %s", r.status, r.header, r.body)
	}
	once := true
	if _, err := w.profiles.ChangeSetting(ctx, a, 0, profile.SettingChange{ShowOnce: &once}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.profiles.MakeLink(ctx, a, d.ID, "", 0); err != device.ErrShown { //nolint:errorlint // the value itself
		t.Errorf("shown once already: %v", err)
	}
	if _, err := w.profiles.DeviceConfig(ctx, a, d.ID, ""); err != device.ErrShown { //nolint:errorlint // the value itself
		t.Errorf("shown once already: %v", err)
	}
	if _, err := w.profiles.MakeLink(ctx, w.Reseller(t, "bolt"), d.ID, "", 0); !errs.Is(err, errs.Missing) {
		t.Errorf("a foreign device: %v", err)
	}
	if _, err := w.profiles.DeviceConfig(ctx, a, id.New(id.Device), ""); !errs.Is(err, errs.Missing) {
		t.Errorf("no device: %v", err)
	}
	late, err := w.devices.Add(ctx, a, device.New{Subscriber: sub.ID, Name: "late"})
	if err != nil {
		t.Fatal(err)
	}
	link, err = w.profiles.MakeLink(ctx, a, late.ID, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, "UPDATE download_link SET expires_at = now() WHERE id = $1", link.ID)
	if r := w.send(t, "POST", link.URL); r.status != 404 {
		t.Errorf("expired: %d", r.status)
	}
}

func TestTooManyRequestsAreToldToWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, identity.Rate{PerSecond: 0.1, Burst: 3})
	for i := range 5 {
		r := w.send(t, "GET", "/sub/x")
		if want := 404 + 25*min(1, i/3); r.status != want {
			t.Errorf("request %d: %d, want %d", i, r.status, want)
		}
	}
}
