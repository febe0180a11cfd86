package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// visitor makes a subscriber of auth's tenant and signs them in to the portal.
func (w *world) visitor(t testing.TB, auth, realm, name string) (sid, bearer string) {
	t.Helper()
	s := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": name, "password": password, "traffic_limit": 1000}})
	return s.body["id"].(string), w.visit(t, map[string]any{"login": name + "@" + realm, "password": password})
}

func (w *world) visit(t testing.TB, body map[string]any) string {
	t.Helper()
	return "Bearer " + w.want(t, 200, call{method: "POST", path: "/portal/sessions", body: body}).body["token"].(string)
}

func TestPortalShowsASubscriberTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	node := w.Node(t, "fra1")
	w.seen(t, node)
	w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "socks5", "name": "s", "listen": ":1080"}})
	w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "wireguard", "name": "wg", "listen": ":51820"}})
	w.want(t, 200, call{method: "PATCH", path: "/nodes/" + node, auth: operator, body: map[string]any{"host": "fra1.example"}})
	sid, bob := w.visitor(t, ann, "acme", "bob")

	me := w.want(t, 200, call{method: "GET", path: "/portal/me", auth: bob}).body
	usage := me["usage"].(map[string]any)
	if me["login"] != "bob@acme" || me["status"] != "active" || usage["limit"] != 1000.0 || usage["left"] != 1000.0 || me["branding"].(map[string]any)["realm"] != "acme" {
		t.Errorf("me: %v", me)
	}
	if me := w.want(t, 200, call{method: "PATCH", path: "/portal/me", auth: bob, body: map[string]any{"language": "ko"}}).body; me["language"] != "ko" {
		t.Errorf("language: %v", me["language"])
	}
	w.want(t, 422, call{method: "PATCH", path: "/portal/me", auth: bob, body: map[string]any{"language": "xx"}})

	e := w.want(t, 200, call{method: "GET", path: "/portal/endpoints", auth: bob}).body["items"].([]any)
	if first := e[0].(map[string]any); len(e) != 1 || !strings.HasPrefix(first["link"].(string), "socks5://") || !strings.HasPrefix(first["qr"].(string), "<svg") || first["user"] != "bob@acme" {
		t.Errorf("endpoints: %v", e)
	}
	s := w.want(t, 200, call{method: "GET", path: "/portal/subscription", auth: bob}).body
	if again := w.want(t, 200, call{method: "GET", path: "/portal/subscription", auth: bob}).body; again["url"] != s["url"] || len(s["links"].([]any)) < 4 {
		t.Errorf("subscription: %v, then %v", s, again)
	}

	d := w.want(t, 201, call{method: "POST", path: "/portal/devices", auth: bob, body: map[string]any{"name": "phone"}}).body["id"].(string)
	conf := w.want(t, 200, call{method: "GET", path: "/portal/devices/" + d + "/config", auth: bob})
	if !strings.Contains(string(conf.raw), "Endpoint = fra1.example:51820") {
		t.Errorf("config: %s", conf.raw)
	}
	w.want(t, 200, call{method: "GET", path: "/portal/devices/" + d + "/qr?type=png", auth: bob})
	w.want(t, 200, call{method: "PATCH", path: "/portal/devices/" + d, auth: bob, body: map[string]any{"name": "tablet"}})
	own := w.want(t, 201, call{method: "POST", path: "/portal/devices", auth: bob, body: map[string]any{"name": "laptop", "public_key": "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="}}).body
	if own["own_key"] != true {
		t.Errorf("a key of the browser's: %v", own)
	}
	blank := w.want(t, 200, call{method: "GET", path: "/portal/devices/" + own["id"].(string) + "/config?blank=true", auth: bob})
	if text := string(blank.raw); !strings.Contains(text, "PrivateKey = PRIVATE_KEY\n") || !strings.Contains(text, "Endpoint = fra1.example:51820\n") {
		t.Errorf("a file to be completed: %s", text)
	}
	w.want(t, 422, call{method: "GET", path: "/portal/devices/" + d + "/config?blank=true", auth: bob})
	w.want(t, 422, call{method: "POST", path: "/portal/devices", auth: bob, body: map[string]any{"name": "x", "public_key": "short"}})
	w.want(t, 204, call{method: "DELETE", path: "/portal/devices/" + d, auth: bob})

	w.want(t, 200, call{method: "GET", path: "/portal/usage?step=hour&from=" + time.Now().UTC().Add(-time.Hour).Format(time.RFC3339), auth: bob})
	one := id.New(id.Session)
	w.connect(t, sid, node, one)
	c := w.want(t, 200, call{method: "GET", path: "/portal/connections", auth: bob}).body["items"].([]any)
	if x := c[0].(map[string]any); len(c) != 1 || x["node"] != "fra1" || x["protocol"] != "socks5" || x["address"] != "192.0.2.7" {
		t.Errorf("connections: %v", c)
	}
	w.want(t, 202, call{method: "POST", path: "/portal/connections/" + one + "/kick", auth: bob})
	w.want(t, 404, call{method: "POST", path: "/portal/connections/other/kick", auth: bob})
	if got := w.diagnosis(t, bob); got != "kicked" {
		t.Errorf("after a kick: %s", got)
	}
	record := w.want(t, 200, call{method: "GET", path: "/audit?object=subscriber/" + sid, auth: ann})
	for _, action := range []string{"subscriber.sign_in", "subscriber.kick", `"actor_kind":"subscriber"`} {
		if !strings.Contains(string(record.raw), action) {
			t.Errorf("no record of %s", action)
		}
	}
}

// seen makes a node online.
func (w *world) seen(t testing.TB, node string) {
	t.Helper()
	w.exec(t, "UPDATE node SET seen_at = now() WHERE id = $1", node)
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

// connect opens a session, as a node's report would.
func (w *world) connect(t testing.TB, sid, node, session string) {
	t.Helper()
	w.exec(t, `INSERT INTO session_record (tenant_id, id, subscriber_id, node_id, ingress_id, kind, source, opened_at, rate_up, rate_down)
		SELECT tenant_id, $2, id, $3, 'ing_x', 'socks5', '192.0.2.7', now(), 1000, 2000 FROM subscriber WHERE id = $1`, sid, session, node)
}

func (w *world) diagnosis(t testing.TB, auth string) string {
	t.Helper()
	var out []string
	for _, x := range w.want(t, 200, call{method: "GET", path: "/portal/diagnosis", auth: auth}).body["items"].([]any) {
		out = append(out, x.(map[string]any)["code"].(string))
	}
	return strings.Join(out, " ")
}

func TestPortalDiagnosis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	sid, bob := w.visitor(t, ann, "acme", "bob")
	expect := func(want string) {
		t.Helper()
		if got := w.diagnosis(t, bob); got != want {
			t.Errorf("diagnosis %q, want %q", got, want)
		}
	}
	expect("no_ingress")
	node := w.Node(t, "fra1")
	g := w.want(t, 201, call{method: "POST", path: "/ingresses", auth: operator, body: map[string]any{"node_id": node, "kind": "socks5", "name": "s", "listen": ":1080"}}).body["id"]
	expect("node_offline")
	w.seen(t, node)
	expect("ok")
	w.exec(t, "UPDATE ingress SET fault = 'port is taken' WHERE id = $1", g)
	expect("no_ingress ingress_fault")
	w.exec(t, "UPDATE ingress SET fault = '' WHERE id = $1", g)
	w.exec(t, "UPDATE subscriber SET devices = 1 WHERE id = $1", sid)
	w.connect(t, sid, node, "one")
	expect("devices_full")
	w.exec(t, "UPDATE subscriber SET devices = 0 WHERE id = $1", sid)
	w.want(t, 401, call{method: "POST", path: "/portal/sessions", body: map[string]any{"login": "bob", "realm": "acme", "password": "wrong password"}})
	expect("wrong_password_recently")
	w.exec(t, "DELETE FROM throttle")
	for status, reason := range map[string]string{"suspended": "overdue", "expired": "", "limited": "", "on_hold": ""} {
		w.exec(t, "UPDATE subscriber SET status = $2, reason = $3 WHERE id = $1", sid, status, reason)
		expect(status)
	}
}

func TestPortalSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann := w.signIn(t, acme, "acme", "ann")
	sid, bob := w.visitor(t, ann, "acme", "bob")
	me := func(status int, auth string) {
		t.Helper()
		w.want(t, status, call{method: "GET", path: "/portal/me", auth: auth})
	}
	// By a subscription address, as long as it is one.
	made := w.want(t, 201, call{method: "POST", path: "/subscribers/" + sid + "/tokens", auth: ann, body: map[string]any{}}).body
	address := made["url"].(string)
	token := address[strings.LastIndex(address, "/")+1:]
	linked := w.visit(t, map[string]any{"token": token})
	me(200, linked)
	l := w.want(t, 200, call{method: "GET", path: "/portal/sessions", auth: linked}).body["items"].([]any)
	if len(l) != 2 || l[0].(map[string]any)["current"] != true || l[0].(map[string]any)["by_link"] != true {
		t.Fatalf("sessions: %v", l)
	}
	w.want(t, 200, call{method: "POST", path: "/subscription-tokens/" + made["id"].(string) + "/rotate", auth: ann})
	me(401, linked)
	w.want(t, 401, call{method: "POST", path: "/portal/sessions", body: map[string]any{"token": token}})
	// By a password, as long as it is the password.
	second := w.visit(t, map[string]any{"login": "BOB", "realm": "acme", "password": password})
	w.want(t, 204, call{method: "DELETE", path: "/portal/sessions/" + l[1].(map[string]any)["id"].(string), auth: second})
	me(401, bob)
	w.want(t, 204, call{method: "DELETE", path: "/portal/sessions/current", auth: w.visit(t, map[string]any{"login": "bob@acme", "password": password})})
	w.want(t, 200, call{method: "POST", path: "/subscribers/" + sid + "/password", auth: ann, body: map[string]any{"password": "another password"}})
	me(401, second)
	// Who may not connect is let in to be told why; whose seller is suspended is not.
	w.want(t, 200, call{method: "POST", path: "/subscribers/" + sid + "/suspend", auth: ann})
	third := w.visit(t, map[string]any{"login": "bob@acme", "password": "another password"})
	me(200, third)
	w.exec(t, "UPDATE tenant SET status = 'suspended' WHERE tenant_id = $1", acme.Tenant)
	me(401, third)
	w.want(t, 401, call{method: "POST", path: "/portal/sessions", body: map[string]any{"login": "bob@acme", "password": "another password"}})
}

func TestPortalSignInFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	w.visitor(t, ann, "acme", "bob")
	for name, c := range map[string]struct {
		body   map[string]any
		status int
		field  string
	}{
		"wrong password": {map[string]any{"login": "bob@acme", "password": "wrong password"}, 401, ""},
		"another realm":  {map[string]any{"login": "bob@bolt", "password": password}, 401, ""},
		"no realm":       {map[string]any{"login": "bob", "password": password}, 401, ""},
		"staff":          {map[string]any{"login": "ann@acme", "password": password}, 401, ""},
		"NUL":            {map[string]any{"login": "bob\x00@acme", "password": password}, 401, ""},
		"no token":       {map[string]any{"token": "nonsense"}, 401, ""},
		"nothing":        {map[string]any{}, 422, "login"},
		"no password":    {map[string]any{"login": "bob@acme"}, 422, "password"},
		"both":           {map[string]any{"login": "bob@acme", "password": password, "token": "x"}, 422, "token"},
	} {
		from := map[string]string{addressHeader: fmt.Sprintf("2001:db8:%x::1", len(name)*256+int(name[0]))}
		r := w.want(t, c.status, call{method: "POST", path: "/portal/sessions", body: c.body, header: from})
		if c.field != "" && !strings.Contains(string(r.raw), `"field":"`+c.field+`"`) {
			t.Errorf("%s: %s", name, r.raw)
		}
	}
	last := 0
	for range 8 {
		last = w.do(t, call{method: "POST", path: "/portal/sessions", body: map[string]any{"login": "bob@acme", "password": "wrong password"}}).status
	}
	if last != 429 {
		t.Errorf("after eight failures: %d", last)
	}
}

func TestPortalCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	w.visitor(t, ann, "acme", "bob")
	r := w.want(t, 200, call{method: "POST", path: "/portal/sessions", body: map[string]any{"login": "bob@acme", "password": password, "cookie": true}})
	cookie := strings.Split(r.header.Get("Set-Cookie"), ";")[0]
	if !strings.HasPrefix(cookie, "__Host-culvert_portal=") || r.body["token"] != nil {
		t.Fatalf("%s; %s", r.header.Get("Set-Cookie"), r.raw)
	}
	w.want(t, 200, call{method: "GET", path: "/portal/me", header: map[string]string{"Cookie": cookie}})
	w.want(t, 401, call{method: "GET", path: "/me", header: map[string]string{"Cookie": cookie}})
	w.want(t, 401, call{method: "GET", path: "/me", header: map[string]string{"Cookie": strings.Replace(cookie, "_portal", "", 1)}})
	for site, status := range map[string]int{"cross-site": 403, "same-origin": 201} {
		w.want(t, status, call{method: "POST", path: "/portal/devices", body: map[string]any{"name": "phone"}, header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": site}})
	}
}

// TestPortalWall walks every route by every kind of credential: a visitor is nobody outside the portal, staff are nobody in
// it, and ids of others are those that never were. It runs twice, the second time with the checks in code switched off.
func TestPortalWall(t *testing.T) {
	t.Parallel()
	for name, elevate := range map[string]func(actor.Actor) actor.Actor{
		"checks on": nil,
		"checks off": func(a actor.Actor) actor.Actor {
			a.Permissions, a.Operator = actor.Full(), true
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldWith(t, elevate)
			ann, eve := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann"), w.signIn(t, w.Reseller(t, "thief"), "thief", "eve")
			victim, bob := w.visitor(t, ann, "acme", "bob")
			node := w.Node(t, "n1")
			w.connect(t, victim, node, "conn_1")
			ids := map[string]string{
				"devices":     w.want(t, 201, call{method: "POST", path: "/portal/devices", auth: bob, body: map[string]any{"name": "phone"}}).body["id"].(string),
				"sessions":    w.want(t, 200, call{method: "GET", path: "/portal/sessions", auth: bob}).body["items"].([]any)[0].(map[string]any)["id"].(string),
				"connections": "conn_1",
			}
			never := map[string]string{"devices": id.New(id.Device), "sessions": id.New(id.Session), "connections": "conn_9"}
			_, sibling := w.visitor(t, ann, "acme", "eve")
			_, stranger := w.visitor(t, eve, "thief", "bob")
			strangers := map[string]string{"staff": ann, "access key": w.key(t, ann), "nobody": ""}
			walked := 0
			for _, op := range w.api.Operations() {
				if !op.Portal {
					if !op.Open {
						walked++
						c := call{method: op.Method, path: strings.Replace(op.Path, "{id}", victim, 1), body: bodyOf(op)}
						nobody := w.do(t, c)
						c.auth = bob
						if r := w.do(t, c); r.status != nobody.status || r.status < 400 { // a body that is missing is told anybody
							t.Errorf("%s %s by a visitor: %d, by nobody: %d", op.Method, op.Path, r.status, nobody.status)
						}
					}
					continue
				}
				collection := strings.Split(op.Path, "/")[2]
				for kind, auth := range strangers {
					walked++
					r := w.do(t, call{method: op.Method, path: strings.Replace(op.Path, "{id}", ids[collection], 1), auth: auth, body: portalBody(op.Path, op.Method)})
					if r.status != http.StatusUnauthorized {
						t.Errorf("%s %s by %s: %d", op.Method, op.Path, kind, r.status)
					}
				}
				if !strings.Contains(op.Path, "{id}") {
					continue
				}
				for kind, auth := range map[string]string{"a subscriber of the same seller": sibling, "a subscriber of another": stranger} {
					walked++
					send := func(oid string) reply {
						return w.do(t, call{method: op.Method, path: strings.Replace(op.Path, "{id}", oid, 1), auth: auth, body: portalBody(op.Path, op.Method)})
					}
					got, absent := send(ids[collection]), send(never[collection])
					if got.status != http.StatusNotFound || absent.status != http.StatusNotFound {
						t.Errorf("%s %s by %s: %d, and %d for what never was: %s", op.Method, op.Path, kind, got.status, absent.status, got.raw)
					}
				}
			}
			if walked < 120 {
				t.Fatalf("only %d routes were walked", walked)
			}
			for _, path := range []string{"/portal/devices", "/portal/connections", "/portal/sessions"} {
				if n := len(w.want(t, 200, call{method: "GET", path: path, auth: bob}).body["items"].([]any)); n != 1 {
					t.Errorf("%s of the victim: %d", path, n)
				}
				mine := w.want(t, 200, call{method: "GET", path: path, auth: sibling}).body["items"].([]any)
				if path != "/portal/sessions" && len(mine) != 0 {
					t.Errorf("%s of a sibling: %v", path, mine)
				}
			}
		})
	}
}

func portalBody(path, method string) any {
	switch {
	case method == http.MethodPatch && strings.HasSuffix(path, "/me"):
		return map[string]any{"language": "en"}
	case method == http.MethodPatch, method == http.MethodPost && strings.HasSuffix(path, "/devices"):
		return map[string]any{"name": "stolen"}
	}
	return nil
}
