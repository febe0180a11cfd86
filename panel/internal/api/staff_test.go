package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api"
	"culvert/panel/internal/identity"
)

// person adds a login and signs it in.
func (w *world) person(t *testing.T, a actor.Actor, realm string, n identity.NewLogin) (lid, auth string) {
	t.Helper()
	n.Password = password
	l, err := w.People.AddLogin(context.Background(), a, n)
	if err != nil {
		t.Fatal(err)
	}
	return l.ID, w.again(t, n.Name+"@"+realm, password)
}

// again signs somebody in, or gives "" when they may not.
func (w *world) again(t *testing.T, name, password string) string {
	t.Helper()
	r := w.do(t, call{method: "POST", path: "/sessions", body: map[string]any{"name": strings.TrimSuffix(name, "@"), "password": password}})
	if r.status != 200 {
		return ""
	}
	return "Bearer " + r.body["token"].(string)
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann, first := w.person(t, acme, "acme", identity.NewLogin{Name: "ann", Role: "owner"})
	_, support := w.person(t, acme, "acme", identity.NewLogin{Name: "sue", Role: "support"})
	second, third := w.again(t, "ann@acme", password), w.again(t, "ann@acme", password)
	l := w.want(t, 200, call{method: "GET", path: "/sessions", auth: second}).body["items"].([]any)
	current := ""
	for _, x := range l {
		if s := x.(map[string]any); s["current"] == true {
			current += s["id"].(string)
		} else if s["address"] != "198.51.100.7" || s["login_id"] != ann {
			t.Errorf("a session: %v", s)
		}
	}
	if len(l) != 3 || len(current) != len("ses_")+26 {
		t.Fatalf("three sessions, one of them this one: %v", l)
	}
	other := l[2].(map[string]any)["id"].(string)
	w.want(t, 403, call{method: "GET", path: "/sessions?login=" + ann, auth: support})
	w.want(t, 403, call{method: "DELETE", path: "/sessions?login=" + ann, auth: support})
	w.want(t, 403, call{method: "DELETE", path: "/sessions/" + other, auth: support})
	w.want(t, 204, call{method: "DELETE", path: "/sessions/" + other, auth: second})
	w.want(t, 404, call{method: "DELETE", path: "/sessions/" + other, auth: second})
	w.want(t, 401, call{method: "GET", path: "/me", auth: third})
	if r := w.want(t, 200, call{method: "DELETE", path: "/sessions", auth: second}); r.body["ended"] != float64(1) {
		t.Errorf("ended %v", r.body)
	}
	w.want(t, 401, call{method: "GET", path: "/me", auth: first})
	w.want(t, 200, call{method: "GET", path: "/me", auth: second})
	w.want(t, 200, call{method: "DELETE", path: "/sessions?current=true", auth: second})
	w.want(t, 401, call{method: "GET", path: "/me", auth: second})
	// The owner sees and ends the sessions of staff, the operator those of the owner; a key has none of its own.
	boss := w.again(t, "ann@acme", password)
	sue := w.want(t, 200, call{method: "GET", path: "/logins", auth: boss}).body["items"].([]any)[2].(map[string]any)["id"].(string)
	if l := w.want(t, 200, call{method: "GET", path: "/sessions?login=" + sue, auth: boss}).body["items"].([]any); len(l) != 1 {
		t.Errorf("sessions of staff: %v", l)
	}
	key := w.key(t, boss)
	w.want(t, 422, call{method: "GET", path: "/sessions", auth: key})
	w.want(t, 200, call{method: "DELETE", path: "/sessions?login=" + sue, auth: key})
	w.want(t, 401, call{method: "GET", path: "/me", auth: support})
	// Another tenant's login is one that never was.
	eve := w.signIn(t, w.Reseller(t, "thief"), "thief", "eve")
	w.want(t, 404, call{method: "GET", path: "/sessions?login=" + ann, auth: eve})
	w.want(t, 404, call{method: "DELETE", path: "/sessions?login=" + ann, auth: eve})
	operator := w.signIn(t, w.Operator, "", "root1")
	w.want(t, 200, call{method: "DELETE", path: "/sessions?login=" + ann, auth: operator})
	w.want(t, 401, call{method: "GET", path: "/me", auth: boss})
}

// Nobody lifts anybody above themselves, touches somebody above themselves, or leaves a tenant without an owner.
func TestWhoMayManageWhom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann, owner := w.person(t, acme, "acme", identity.NewLogin{Name: "ann", Role: "owner"})
	chief, manager := w.person(t, acme, "acme", identity.NewLogin{Name: "max", Role: "custom", Permissions: []string{"login:write", "subscriber:*"}})
	sue, support := w.person(t, acme, "acme", identity.NewLogin{Name: "sue", Role: "custom", Permissions: []string{"subscriber:read"}})
	boss := w.want(t, 200, call{method: "GET", path: "/logins", auth: owner}).body["items"].([]any)[0].(map[string]any)["id"].(string)
	narrow := w.key(t, owner)
	patch := func(lid string, body map[string]any) call {
		return call{method: "PATCH", path: "/logins/" + lid, body: body}
	}
	act := func(lid, verb string) call { return call{method: "POST", path: "/logins/" + lid + "/" + verb} }
	for _, c := range []struct {
		name, by string
		call     call
		status   int
	}{
		{"staff change nobody", support, patch(chief, map[string]any{"email": "x@example.com"}), 403},
		{"a wider one is left alone", manager, patch(ann, map[string]any{"email": "x@example.com"}), 403},
		{"nor suspended", manager, act(ann, "suspend"), 403},
		{"nor its password taken", manager, act(ann, "reset-password"), 403},
		{"nor deleted", manager, call{method: "DELETE", path: "/logins/" + ann}, 403},
		{"nobody is lifted above the lifter", manager, patch(sue, map[string]any{"role": "owner"}), 403},
		{"by permission neither", manager, patch(sue, map[string]any{"role": "custom", "permissions": []string{"plan:write"}}), 403},
		{"nor oneself", manager, patch(chief, map[string]any{"role": "admin"}), 403},
		{"up to one's own", manager, patch(sue, map[string]any{"permissions": []string{"subscriber:write"}}), 200},
		{"faults all at once", owner, patch(sue, map[string]any{"name": "-", "email": "nowhere", "role": "custom", "permissions": []string{"x"}}), 422},
		{"a taken name", owner, patch(sue, map[string]any{"name": "ann"}), 409},
		{"permissions without the role", owner, patch(boss, map[string]any{"permissions": []string{"plan:read"}}), 422},
		{"an owner less", owner, patch(boss, map[string]any{"role": "readonly"}), 200},
		{"the last owner keeps the role", owner, patch(ann, map[string]any{"role": "readonly"}), 409},
		{"is not deleted", owner, call{method: "DELETE", path: "/logins/" + ann}, 409},
		{"and nobody suspends themselves", owner, act(ann, "suspend"), 403},
		{"not even by a key", narrow, act(ann, "suspend"), 409},
		{"one's own password needs the old one", owner, act(ann, "reset-password"), 403},
		{"a stale version", owner, call{method: "POST", path: "/logins/" + sue + "/suspend", header: map[string]string{"If-Match": `"1"`}}, 412},
		{"suspended", owner, act(sue, "suspend"), 200},
	} {
		c.call.auth = c.by
		r := w.do(t, c.call)
		if r.status != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, r.status, c.status, r.raw)
		}
		if c.name == "faults all at once" {
			for _, field := range []string{"name", "email", "permissions"} {
				if !strings.Contains(fmt.Sprint(r.body["fields"]), "field:"+field+" ") {
					t.Errorf("no fault of %s: %s", field, r.raw)
				}
			}
		}
	}
	w.want(t, 401, call{method: "GET", path: "/me", auth: support})
	if w.again(t, "sue@acme", password) != "" {
		t.Error("a suspended login signed in")
	}
	w.want(t, 200, call{method: "POST", path: "/logins/" + sue + "/unsuspend", auth: owner})
	w.want(t, 401, call{method: "GET", path: "/me", auth: support})
	if w.again(t, "sue@acme", password) == "" {
		t.Error("an unsuspended login cannot sign in")
	}
}

// Keys follow their owner: to a new name, and down to what is left of the rights.
func TestKeysFollowTheirOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.signIn(t, w.Operator, "", "ann")
	bob := w.want(t, 201, call{method: "POST", path: "/logins", auth: owner, body: map[string]any{"name": "bob", "role": "owner"}})
	if p, _ := bob.body["password"].(string); len(p) != 20 || bob.body["must_change_password"] != true {
		t.Fatalf("a login without a password gets one: %s", bob.raw)
	}
	at := "/logins/" + bob.body["id"].(string)
	if r := w.want(t, 200, call{method: "GET", path: at, auth: owner}); strings.Contains(string(r.raw), bob.body["password"].(string)) {
		t.Error("the password is shown again")
	}
	r := w.want(t, 201, call{method: "POST", path: "/access-keys", auth: owner, body: map[string]any{"owner": "bob", "permissions": []string{"plan:write", "subscriber:read"}}})
	key := basic(r)
	w.want(t, 200, call{method: "GET", path: "/subscribers", auth: key})
	w.want(t, 201, call{method: "POST", path: "/plans", auth: key, body: map[string]any{"name": "p1"}})
	w.want(t, 200, call{method: "PATCH", path: at, auth: owner, body: map[string]any{"name": "rob", "role": "readonly"}})
	w.want(t, 200, call{method: "GET", path: "/subscribers", auth: key})
	w.want(t, 200, call{method: "GET", path: "/plans", auth: key})
	w.want(t, 403, call{method: "POST", path: "/plans", auth: key, body: map[string]any{"name": "p2"}})
	w.want(t, 200, call{method: "POST", path: at + "/suspend", auth: owner})
	w.want(t, 401, call{method: "GET", path: "/subscribers", auth: key})
}

func TestOperatorResetsAnOwnersPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	acme := w.Reseller(t, "acme")
	ann, auth := w.person(t, acme, "acme", identity.NewLogin{Name: "ann", Role: "owner"})
	operator := w.signIn(t, w.Operator, "", "root1")
	l := w.want(t, 200, call{method: "GET", path: "/logins", auth: operator, header: map[string]string{api.HeaderTenant: acme.Tenant}}).body["items"].([]any)
	if len(l) != 2 {
		t.Fatalf("the reseller's people: %v", l)
	}
	fresh := w.want(t, 200, call{method: "POST", path: "/logins/" + ann + "/reset-password", auth: operator}).body["password"].(string)
	w.want(t, 401, call{method: "GET", path: "/me", auth: auth})
	if w.again(t, "ann@acme", password) != "" {
		t.Error("the old password is good")
	}
	w.want(t, 403, call{method: "GET", path: "/plans", auth: w.again(t, "ann@acme", fresh)})
	// The command line's way.
	for _, c := range []struct {
		name string
		ok   bool
	}{{"boss@acme", true}, {"root1", true}, {"boss", false}, {"boss@nowhere", false}, {"root1@", false}, {"boss@acme@x", false}} {
		p, err := w.People.ResetPasswordOf(context.Background(), w.Operator, c.name)
		if (err == nil) != c.ok || c.ok && w.again(t, c.name, p.Reveal()) == "" {
			t.Errorf("reset-password %s: %v", c.name, err)
		}
	}
	if _, err := w.People.ResetPasswordOf(context.Background(), acme, "root1"); err == nil {
		t.Error("a reseller reset the operator's password")
	}
}
