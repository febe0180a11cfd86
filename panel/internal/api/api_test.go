package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/brand"
	"culvert/panel/internal/bulk"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/device"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/live"
	"culvert/panel/internal/local/localtest"
	"culvert/panel/internal/network"
	"culvert/panel/internal/portal"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/panel/internal/usage"
)

const password = "a long password"

// addressHeader carries the caller's address in tests.
const addressHeader = "X-Test-Address"

type world struct {
	*subscribertest.World
	app *fiber.App
	api *api.API

	live *live.Hub
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, nil)
}

func newWorldWith(t testing.TB, elevate func(actor.Actor) actor.Actor) *world {
	t.Helper()
	return newWorldAt(t, identity.Rate{PerSecond: 1e6, Burst: 1e6}, elevate)
}

// newWorldAt is newWorldWith at a rate of requests.
func newWorldAt(t testing.TB, rate identity.Rate, elevate func(actor.Actor) actor.Actor) *world {
	t.Helper()
	w := &world{World: subscribertest.New(t)}
	fl := fleet.New(fleet.Config{DB: w.DB, Vault: w.Vault, Heartbeat: 5e9})
	nodes := jobs.NewNodes(jobs.NodesConfig{DB: w.DB, Redis: localtest.Redis(t), Keys: jobs.NewKeys(w.DB, w.Vault), Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = nodes.Close(context.Background()) })
	devices := &device.Service{DB: w.DB, Vault: w.Vault}
	w.app = fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: api.PreRead, StreamRequestBody: true, DisablePreParseMultipartForm: true})
	w.app.Use(api.Intake)
	services := api.Services{
		DB: w.DB, Vault: w.Vault, Identity: w.People, Tenants: w.Tenants, Plans: &billing.Service{DB: w.DB, Groups: fl}, Subs: w.Subs,
		Fleet: fl, Network: &network.Service{DB: w.DB, Vault: w.Vault}, Certs: &cert.Service{DB: w.DB, Vault: w.Vault}, Usage: &usage.Service{DB: w.DB},
		Jobs: nodes, Devices: devices, Brands: &brand.Service{DB: w.DB, Host: "panel.example"},
		Profiles: &profile.Service{DB: w.DB, Vault: w.Vault, Subs: w.Subs, Devices: devices, Public: "https://panel.example:8083"},
	}
	services.Portal = &portal.Service{
		DB: w.DB, Vault: w.Vault, People: w.People, Subs: w.Subs, Devices: devices, Profiles: services.Profiles, Usage: services.Usage, Brands: services.Brands, Online: 15 * time.Second,
	}
	services.Bulk = bulk.New(w.DB, w.Subs)
	w.live = live.New(t.Context(), stream.Topics(services.Usage, fl, services.Bulk)...)
	services.Live = w.live
	w.api = api.Mount(w.app, api.Config{
		Services: services,
		ClientAddr: func(c *fiber.Ctx) netip.Addr {
			a, err := netip.ParseAddr(c.Get(addressHeader))
			if err != nil {
				return netip.MustParseAddr("198.51.100.7")
			}
			return a
		},
		KnownSet:      func(name string) bool { return name != "bilingg" },
		GatewayPublic: "panel.example:8443", Version: "test", Log: slog.New(slog.DiscardHandler), Elevate: elevate, CallerRate: rate, AddressRate: identity.Rate{PerSecond: rate.PerSecond, Burst: 2 * rate.Burst},
	})
	return w
}

// call is one request; auth is an Authorization value or empty.
type call struct {
	method, path, auth string
	body               any
	header             map[string]string
}

type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (w *world) do(t testing.TB, c call) reply {
	t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	r := httptest.NewRequest(c.method, api.Prefix+c.path, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.auth != "" {
		r.Header.Set("Authorization", c.auth)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
		if k == "Host" && v != "" {
			r.Host = v
		}
	}
	resp, err := w.app.Test(r, -1)
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := reply{status: resp.StatusCode, header: resp.Header}
	if out.raw, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if len(out.raw) > 0 && out.raw[0] == '{' {
		if err := json.Unmarshal(out.raw, &out.body); err != nil {
			t.Fatalf("%s %s: %v in %s", c.method, c.path, err, out.raw)
		}
	}
	return out
}

func (w *world) want(t testing.TB, status int, c call) reply {
	t.Helper()
	r := w.do(t, c)
	if r.status != status {
		t.Fatalf("%s %s: %d, want %d: %s", c.method, c.path, r.status, status, r.raw)
	}
	return r
}

// signIn makes a login in a's tenant and returns its bearer header.
func (w *world) signIn(t testing.TB, a actor.Actor, realm, name string) string {
	t.Helper()
	if _, err := w.People.AddLogin(context.Background(), a, identity.NewLogin{Name: name, Password: password, Role: "owner"}); err != nil {
		t.Fatal(err)
	}
	if realm != "" {
		name += "@" + realm
	}
	r := w.want(t, 200, call{method: "POST", path: "/sessions", body: map[string]any{"name": name, "password": password}})
	return "Bearer " + r.body["token"].(string)
}

func (w *world) key(t *testing.T, auth string) string {
	t.Helper()
	return basic(w.want(t, 201, call{method: "POST", path: "/access-keys", auth: auth, body: map[string]any{"comment": "test", "full": true}}))
}

// basic is the Authorization value of a fresh access key.
func basic(r reply) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(r.body["id"].(string)+":"+r.body["secret"].(string)))
}

func TestFromSignInToSubscriber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	key := w.key(t, auth)
	w.want(t, 201, call{method: "POST", path: "/plans", auth: key, body: map[string]any{"name": "gold", "traffic_limit": 1 << 30, "protocols": []string{"socks5"}}})
	create := call{
		method: "POST", path: "/subscribers", auth: key, body: map[string]any{"name": "bob", "plan": "gold", "email": "bob@example.com"},
		header: map[string]string{"Idempotency-Key": "order-1"},
	}
	first := w.want(t, 201, create)
	again := w.want(t, 201, create)
	if first.body["id"] != again.body["id"] || again.header.Get("Idempotency-Replayed") != "true" {
		t.Fatalf("the same Idempotency-Key made %v, then %v", first.body["id"], again.body["id"])
	}
	create.body = map[string]any{"name": "other"}
	w.want(t, 422, create)
	sid := first.body["id"].(string)
	at := "/subscribers/" + sid
	etag := first.header.Get("ETag")
	got := w.want(t, 200, call{method: "GET", path: at, auth: key})
	if got.body["traffic_limit"] != float64(1<<30) || got.body["plan"] != "gold" || got.header.Get("ETag") != etag {
		t.Fatalf("got %s, ETag %s", got.raw, got.header.Get("ETag"))
	}
	for _, secret := range []string{"verifier", "Password", "password_id", "PasswordID"} {
		if strings.Contains(string(got.raw), secret) {
			t.Errorf("the answer holds %s: %s", secret, got.raw)
		}
	}
	w.want(t, 200, call{method: "POST", path: at + "/suspend", auth: key, body: map[string]any{"reason": "overdue"}, header: map[string]string{"If-Match": etag}})
	w.want(t, 412, call{method: "PATCH", path: at, auth: key, body: map[string]any{"comment": "x"}, header: map[string]string{"If-Match": etag}})
	w.want(t, 409, call{method: "POST", path: at + "/suspend", auth: key})
	w.want(t, 200, call{method: "POST", path: at + "/unsuspend", auth: key})
	patched := w.want(t, 200, call{method: "PATCH", path: at, auth: key, body: map[string]any{"expires_at": nil, "devices": 3, "comment": "vip"}})
	if patched.body["devices"] != float64(3) || patched.body["expires_at"] != nil {
		t.Fatalf("patched: %s", patched.raw)
	}
	if c := w.want(t, 200, call{method: "GET", path: at + "/credentials", auth: key}); c.body["login"] != "bob@acme" || len(c.body["password"].(string)) < 12 {
		t.Fatalf("credentials: %s", c.raw)
	}
	w.want(t, 200, call{method: "POST", path: at + "/grants", auth: key, body: map[string]any{"bytes": 1000, "source": "o1"}})
	w.want(t, 200, call{method: "GET", path: at + "/usage?step=day", auth: key})
	w.want(t, 200, call{method: "GET", path: at + "/sessions", auth: key})
	if l := w.want(t, 200, call{method: "GET", path: "/subscribers?q=bob&limit=1", auth: key}); len(l.body["items"].([]any)) != 1 {
		t.Fatalf("list: %s", l.raw)
	}
	if l := w.want(t, 200, call{method: "GET", path: "/audit?object=subscriber/" + sid, auth: key}); len(l.body["items"].([]any)) < 4 {
		t.Fatalf("audit: %s", l.raw)
	}
	w.want(t, 204, call{method: "DELETE", path: at, auth: key})
	w.want(t, 404, call{method: "GET", path: at, auth: key})
	w.want(t, 204, call{method: "DELETE", path: "/sessions/current", auth: auth})
	w.want(t, 401, call{method: "GET", path: "/me", auth: auth})
}

func TestProblemsNameFieldAndRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Operator, "", "ann")
	for name, c := range map[string]struct {
		call   call
		status int
		field  string
	}{
		"rule":             {call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "x"}}, 422, "name"},
		"wrong type":       {call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": 7}}, 422, "name"},
		"unknown field":    {call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob", "tenant_id": "x"}}, 422, "tenant_id"},
		"unknown enum":     {call{method: "POST", path: "/plans", auth: auth, body: map[string]any{"name": "p", "reset": "hourly"}}, 422, "reset"},
		"broken JSON":      {call{method: "POST", path: "/plans", auth: auth, body: "{"}, 400, ""},
		"limit":            {call{method: "GET", path: "/subscribers?limit=9999", auth: auth}, 422, "limit"},
		"cursor":           {call{method: "GET", path: "/subscribers?cursor=!!", auth: auth}, 422, "cursor"},
		"too large":        {call{method: "POST", path: "/plans", auth: auth, body: `{"name":"` + strings.Repeat("x", 2<<20) + `"}`}, 413, ""},
		"no such endpoint": {call{method: "GET", path: "/nope", auth: auth}, 404, ""},
		"If-Match":         {call{method: "POST", path: "/subscribers/sub_x/unsuspend", auth: auth, header: map[string]string{"If-Match": "abc"}}, 422, "If-Match"},
		"nobody":           {call{method: "GET", path: "/plans"}, 401, ""},
		"stale token":      {call{method: "GET", path: "/plans", auth: "Bearer x"}, 401, ""},
		"unknown key":      {call{method: "GET", path: "/plans", auth: "Basic " + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("A", 20)+":"+strings.Repeat("b", 40)))}, 401, ""},
		"strange scheme":   {call{method: "GET", path: "/plans", auth: "Digest x"}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.want(t, c.status, c.call)
			if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("content type %q: %s", ct, r.raw)
			}
			if c.field != "" && !strings.Contains(fmt.Sprint(r.body["fields"]), "field:"+c.field) {
				t.Errorf("fields %v, want %s", r.body["fields"], c.field)
			}
		})
	}
}

func TestCookieWritesMustBeSameOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, w.Operator, "", "ann")
	r := w.want(t, 200, call{method: "POST", path: "/sessions", body: map[string]any{"name": "ann", "password": password, "cookie": true}})
	set := r.header.Get("Set-Cookie")
	for _, flag := range []string{"__Host-culvert=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(set, flag) {
			t.Errorf("cookie lacks %s: %s", flag, set)
		}
	}
	if r.body["token"] != nil {
		t.Error("the token is in the body as well")
	}
	cookie := strings.Split(set, ";")[0]
	plan := map[string]any{"name": "p1"}
	for name, c := range map[string]struct {
		header map[string]string
		status int
	}{
		"cross-site":     {map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"same-site":      {map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"foreign origin": {map[string]string{"Origin": "https://evil.example"}, 403},
		"no origin":      {map[string]string{}, 403},
		"same-origin":    {map[string]string{"Sec-Fetch-Site": "same-origin"}, 201},
	} {
		c.header["Cookie"] = cookie
		w.want(t, c.status, call{method: "POST", path: "/plans", body: plan, header: c.header})
		t.Log(name)
	}
	w.want(t, 200, call{method: "GET", path: "/me", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}})
}

func TestSignInIsThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, w.Operator, "", "ann")
	wrong := call{method: "POST", path: "/sessions", body: map[string]any{"name": "ann", "password": "wrong password"}}
	var last reply
	for range 8 {
		if last = w.do(t, wrong); last.status == 429 {
			break
		}
		if last.status != 401 {
			t.Fatalf("wrong password: %d %s", last.status, last.raw)
		}
	}
	if last.status != 429 || last.header.Get("Retry-After") == "" {
		t.Fatalf("after eight failures: %d, Retry-After %q", last.status, last.header.Get("Retry-After"))
	}
}

func TestFirstPasswordMustBeChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	name, first, made, err := w.People.FirstOperator(context.Background(), w.Operator.Tenant)
	if err != nil || !made {
		t.Fatalf("first operator: %v %v", made, err)
	}
	if _, _, again, err := w.People.FirstOperator(context.Background(), w.Operator.Tenant); err != nil || again {
		t.Fatalf("a second first operator: %v %v", again, err)
	}
	r := w.want(t, 200, call{method: "POST", path: "/sessions", body: map[string]any{"name": name, "password": first}})
	auth := "Bearer " + r.body["token"].(string)
	w.want(t, 403, call{method: "GET", path: "/plans", auth: auth})
	w.want(t, 422, call{method: "POST", path: "/me/password", auth: auth, body: map[string]any{"old_password": "wrong", "new_password": password}})
	w.want(t, 204, call{method: "POST", path: "/me/password", auth: auth, body: map[string]any{"old_password": first, "new_password": password}})
	w.want(t, 200, call{method: "GET", path: "/plans", auth: auth})
}

func TestNarrowKeysStayNarrow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.signIn(t, w.Operator, "", "ann")
	narrow := func(body map[string]any) string {
		return basic(w.want(t, 201, call{method: "POST", path: "/access-keys", auth: owner, body: body}))
	}
	keys := narrow(map[string]any{"permissions": []string{"access_key:write", "subscriber:read"}})
	w.want(t, 200, call{method: "GET", path: "/subscribers", auth: keys})
	w.want(t, 403, call{method: "GET", path: "/plans", auth: keys})
	for name, body := range map[string]map[string]any{
		"everything":      {"full": true},
		"more":            {"permissions": []string{"plan:write"}},
		"wildcard":        {"permissions": []string{"*:*"}},
		"wildcard action": {"permissions": []string{"subscriber:*"}},
		"sets":            {"permissions": []string{"subscriber:read"}, "sets": []string{"billing"}},
		"only sets":       {"sets": []string{"billing"}},
	} {
		if r := w.do(t, call{method: "POST", path: "/access-keys", auth: keys, body: body}); r.status != 403 {
			t.Errorf("%s: a narrow key made a key: %d %s", name, r.status, r.raw)
		}
	}
	w.want(t, 201, call{method: "POST", path: "/access-keys", auth: keys, body: map[string]any{"permissions": []string{"subscriber:read"}}})
	full := w.want(t, 201, call{method: "POST", path: "/access-keys", auth: owner, body: map[string]any{"full": true}})
	w.want(t, 403, call{method: "POST", path: "/access-keys/" + full.body["id"].(string) + "/rotate", auth: keys})
	billing := w.want(t, 201, call{method: "POST", path: "/access-keys", auth: owner, body: map[string]any{"sets": []string{"billing"}, "permissions": []string{"subscriber:read"}}})
	w.want(t, 403, call{method: "POST", path: "/access-keys/" + billing.body["id"].(string) + "/rotate", auth: keys})
	elsewhere := narrow(map[string]any{"addresses": []string{"203.0.113.0/24"}, "full": true})
	w.want(t, 403, call{method: "GET", path: "/me", auth: elsewhere})
}

func TestDocumentedIsMounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	documented := map[string]bool{}
	for path, item := range w.api.OpenAPI().Paths {
		for method, op := range map[string]any{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if fmt.Sprint(op) != "<nil>" {
				documented[method+" "+api.Prefix+strings.NewReplacer("{", ":", "}", "").Replace(path)] = true
			}
		}
	}
	mounted := map[string]bool{}
	for _, r := range w.app.GetRoutes(true) {
		switch r.Method {
		case "GET", "POST", "PUT", "PATCH", "DELETE":
			if !strings.Contains(r.Path, "openapi") && strings.HasPrefix(r.Path, api.Prefix+"/") {
				mounted[r.Method+" "+r.Path] = true
			}
		}
	}
	for d := range documented {
		if !mounted[d] {
			t.Errorf("%s is documented and not mounted", d)
		}
	}
	for m := range mounted {
		if !documented[m] {
			t.Errorf("%s is mounted and not documented", m)
		}
	}
	if len(documented) < 40 {
		t.Fatalf("only %d operations are documented", len(documented))
	}
	doc := w.want(t, 200, call{method: "GET", path: "/openapi.json"})
	if doc.body["openapi"] != "3.1.0" {
		t.Fatalf("openapi is %v", doc.body["openapi"])
	}
}

func TestAKeyDoesNotOutliveItsOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.signIn(t, w.Operator, "", "ann")
	staff := map[string]any{"name": "bob", "password": password, "role": "readonly"}
	bob := w.want(t, 201, call{method: "POST", path: "/logins", auth: owner, body: staff})
	key := basic(w.want(t, 201, call{method: "POST", path: "/access-keys", auth: owner, body: map[string]any{"owner": "bob", "full": true}}))
	w.want(t, 200, call{method: "GET", path: "/me", auth: key})
	w.want(t, 204, call{method: "DELETE", path: "/logins/" + bob.body["id"].(string), auth: owner})
	staff["role"] = "owner"
	w.want(t, 201, call{method: "POST", path: "/logins", auth: owner, body: staff})
	w.want(t, 401, call{method: "GET", path: "/me", auth: key})
}

func TestReadOnlyStaffSeeNoPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.signIn(t, w.Operator, "", "ann")
	s := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: owner, body: map[string]any{"name": "carol"}})
	if _, err := w.People.AddLogin(context.Background(), w.Operator, identity.NewLogin{Name: "bob", Password: password, Role: "readonly"}); err != nil {
		t.Fatal(err)
	}
	in := w.want(t, 200, call{method: "POST", path: "/sessions", body: map[string]any{"name": "bob", "password": password}})
	auth := "Bearer " + in.body["token"].(string)
	w.want(t, 200, call{method: "GET", path: "/subscribers/" + s.body["id"].(string), auth: auth})
	w.want(t, 403, call{method: "GET", path: "/subscribers/" + s.body["id"].(string) + "/credentials", auth: auth})
	w.want(t, 403, call{method: "POST", path: "/subscribers/" + s.body["id"].(string) + "/suspend", auth: auth})
}
