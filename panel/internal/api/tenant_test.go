package api_test

import (
	"strings"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api"
	"culvert/shared/id"
)

// foreign holds, for each collection, the id of an object that belongs to somebody else than the caller.
func (w *world) foreign(t *testing.T, operator, victim string) map[string]string {
	t.Helper()
	make := func(auth, path string, body map[string]any) string {
		return w.want(t, 201, call{method: "POST", path: path, auth: auth, body: body}).body["id"].(string)
	}
	node := w.Node(t, "n1")
	subscriber := make(victim, "/subscribers", map[string]any{"name": "victim"})
	return map[string]string{
		"tenants":             make(operator, "/tenants", map[string]any{"name": "T", "realm": "victim2", "owner": map[string]any{"name": "o", "password": password}}),
		"logins":              make(victim, "/logins", map[string]any{"name": "staff", "password": password, "role": "readonly"}),
		"sessions":            w.want(t, 200, call{method: "GET", path: "/sessions", auth: victim}).body["items"].([]any)[0].(map[string]any)["id"].(string),
		"access-keys":         make(victim, "/access-keys", map[string]any{"full": true}),
		"plans":               make(victim, "/plans", map[string]any{"name": "theirs"}),
		"subscribers":         subscriber,
		"devices":             make(victim, "/subscribers/"+subscriber+"/devices", map[string]any{"name": "phone"}),
		"subscription-tokens": make(victim, "/subscribers/"+subscriber+"/tokens", map[string]any{}),
		"bulk-operations":     w.want(t, 202, call{method: "POST", path: "/bulk-operations", auth: victim, body: map[string]any{"action": "extend", "days": 1, "ids": []string{subscriber}}}).body["id"].(string),
		"nodes":               node,
		"jobs":                w.want(t, 202, call{method: "POST", path: "/nodes/" + node + "/jobs", auth: operator, body: map[string]any{"kind": "collect"}}).body["id"].(string),
		"node-groups":         make(operator, "/node-groups", map[string]any{"name": "g1"}),
		"ingresses":           make(operator, "/ingresses", map[string]any{"node_id": node, "kind": "socks5", "name": "s", "listen": ":1080"}),
		"certificates":        make(operator, "/certificates", map[string]any{"name": "c1", "names": []string{"a.example"}}),
	}
}

// bodyOf gives a write a body that passes the shape, so that the lookup is what answers.
func bodyOf(op api.Operation) any {
	switch {
	case op.Method == "GET" || op.Method == "DELETE":
		return nil
	case op.Method == "POST" && strings.HasSuffix(op.Path, "/devices"):
		return map[string]any{"name": "d"}
	case strings.HasSuffix(op.Path, "/plan"):
		return map[string]any{"plan": "default"}
	case strings.HasSuffix(op.Path, "/jobs"):
		return map[string]any{"kind": "collect"}
	case strings.HasSuffix(op.Path, "/grants"):
		return map[string]any{"bytes": 1}
	case op.Method == "PUT" && strings.HasPrefix(op.Path, "/certificates"):
		return map[string]any{"chain": "x", "key": "y"}
	case strings.HasSuffix(op.Path, "/logo"):
		return "RIFF\x00\x00\x00\x00WEBPVP8 "
	case op.Method == "PATCH":
		return map[string]any{}
	}
	return nil
}

func neverWas(collection string) string {
	kinds := map[string]id.Kind{
		"tenants": id.Tenant, "logins": id.Login, "plans": id.Plan, "subscribers": id.Subscriber, "nodes": id.Node,
		"node-groups": id.NodeGroup, "ingresses": id.Ingress, "certificates": id.Cert, "access-keys": "", "jobs": id.Job,
		"sessions": id.Session, "devices": id.Device, "subscription-tokens": id.Token, "bulk-operations": id.Bulk,
	}
	if k := kinds[collection]; k != "" {
		return id.New(k)
	}
	return strings.Repeat("Z", 20)
}

// TestTenantWall walks every mounted route with somebody else's id, by every kind of credential: the answer is that of an
// id that never was. It runs twice, the second time with all checks in code switched off: the database holds alone.
func TestTenantWall(t *testing.T) {
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
			operator := w.signIn(t, w.Operator, "", "root1")
			victim := w.signIn(t, w.Reseller(t, "victim"), "victim", "ann")
			ids := w.foreign(t, operator, victim)
			session := w.signIn(t, w.Reseller(t, "thief"), "thief", "eve")
			walked := 0
			for kind, auth := range map[string]string{"session": session, "access key": w.key(t, session)} {
				for _, op := range w.api.Operations() {
					if op.Portal {
						continue
					}
					collection, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
					if !strings.Contains(op.Path, "{id}") {
						continue
					}
					walked++
					w.wall(t, op, kind, auth, ids[collection], neverWas(collection), elevate != nil)
				}
			}
			if walked < 60 {
				t.Fatalf("only %d routes were walked", walked)
			}
			for collection, oid := range ids {
				auth := victim
				if collection == "tenants" || strings.HasPrefix(collection, "node") || collection == "ingresses" || collection == "certificates" || collection == "jobs" {
					auth = operator
				}
				path := "/" + collection + "/" + oid
				if collection == "subscription-tokens" {
					path = "/subscribers/" + ids["subscribers"] + "/tokens"
				}
				w.want(t, 200, call{method: "GET", path: path, auth: auth})
			}
		})
	}
}

func (w *world) wall(t *testing.T, op api.Operation, kind, auth, foreign, never string, elevated bool) {
	t.Helper()
	if foreign == "" {
		t.Errorf("%s %s: the test has no foreign object for it: add one", op.Method, op.Path)
		return
	}
	send := func(oid string) reply {
		return w.do(t, call{method: op.Method, path: strings.Replace(op.Path, "{id}", oid, 1), auth: auth, body: bodyOf(op)})
	}
	got, absent := send(foreign), send(never)
	if got.status != absent.status {
		t.Errorf("%s %s by %s: %d for a foreign id, %d for one that never was: %s", op.Method, op.Path, kind, got.status, absent.status, got.raw)
	}
	// A reseller is told that a route is the operator's, whatever the id; with the checks off, only the database answers.
	if got.status != 404 && (elevated || got.status != 403) {
		t.Errorf("%s %s by %s: %d, want 404: %s", op.Method, op.Path, kind, got.status, got.raw)
	}
}

func TestActingForATenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	a, b := w.Reseller(t, "acme"), w.Reseller(t, "bolt")
	ann := w.signIn(t, a, "acme", "ann")
	for name, c := range map[string]struct {
		auth, tenant string
		status       int
	}{
		"operator for a reseller": {operator, a.Tenant, 201},
		"reseller for itself":     {ann, a.Tenant, 201},
		"reseller for a sibling":  {ann, b.Tenant, 404},
		"reseller for its parent": {ann, w.Operator.Tenant, 404},
		"nonsense":                {ann, "tnt_x", 404},
	} {
		r := w.do(t, call{
			method: "POST", path: "/plans", auth: c.auth, body: map[string]any{"name": "p" + name[:3] + name[len(name)-3:]},
			header: map[string]string{api.HeaderTenant: c.tenant},
		})
		if r.status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, r.status, c.status, r.raw)
		}
	}
}
