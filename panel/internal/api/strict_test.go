package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/shared/protocol"
)

func TestPathsMethodsAndParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Operator, "", "ann")
	for name, c := range map[string]struct {
		call   call
		status int
		allow  string
		fields []string
	}{
		"no such path":             {call{method: "GET", path: "/nope", auth: auth}, 404, "", nil},
		"none for strangers":       {call{method: "GET", path: "/nope"}, 404, "", nil},
		"below a path":             {call{method: "GET", path: "/plans/x/y", auth: auth}, 404, "", nil},
		"the root":                 {call{method: "GET", path: "/", auth: auth}, 404, "", nil},
		"PUT on a list":            {call{method: "PUT", path: "/plans", auth: auth}, 405, "GET, POST", nil},
		"POST on an object":        {call{method: "POST", path: "/plans/pln_x", auth: auth}, 405, "DELETE, GET, PATCH", nil},
		"GET on an action":         {call{method: "GET", path: "/subscribers/x/suspend", auth: auth}, 405, "POST", nil},
		"OPTIONS":                  {call{method: "OPTIONS", path: "/me"}, 405, "GET, PATCH", nil},
		"POST on the document":     {call{method: "POST", path: "/openapi.json"}, 405, "GET", nil},
		"a misspelt filter":        {call{method: "GET", path: "/subscribers?stauts=active&q=x&limt=1", auth: auth}, 422, "", []string{"limt", "stauts"}},
		"a parameter of a write":   {call{method: "POST", path: "/plans?dry_run=1", auth: auth, body: map[string]any{"name": "p"}}, 422, "", []string{"dry_run"}},
		"a stranger's parameter":   {call{method: "GET", path: "/subscribers?stauts=active"}, 401, "", nil},
		"at sign-in":               {call{method: "POST", path: "/sessions?x=1", body: map[string]any{"name": "a", "password": "b"}}, 422, "", []string{"x"}},
		"known ones":               {call{method: "GET", path: "/subscribers?status=active&limit=1&tree=true", auth: auth}, 200, "", nil},
		"both faults of a speed":   {call{method: "POST", path: "/plans", auth: auth, body: map[string]any{"name": "p", "speed_up": -1, "speed_down": -1}}, 422, "", []string{"speed_up", "speed_down"}},
		"a tenant and its owner":   {call{method: "POST", path: "/tenants", auth: auth, body: map[string]any{"name": "", "realm": "-", "node_groups": []string{"x"}, "owner": map[string]any{"name": "-", "email": "?", "password": "short"}}}, 422, "", []string{"name", "realm", "node_groups[0]", "owner.name", "owner.email", "owner.password"}},
		"all of a key":             {call{method: "POST", path: "/access-keys", auth: auth, body: map[string]any{"sets": []string{"billing", "!"}, "permissions": []string{"x"}, "addresses": []string{"10.0.0.1", "nowhere", "10.0.0.0/99"}, "expires_at": "2001-01-01T00:00:00Z"}}, 422, "", []string{"sets[1]", "permissions[0]", "addresses[1]", "addresses[2]", "expires_at"}},
		"all of a login":           {call{method: "POST", path: "/logins", auth: auth, body: map[string]any{"name": "!", "email": "x", "password": "short", "role": "custom", "permissions": []string{"x"}}}, 422, "", []string{"name", "email", "password", "permissions"}},
		"an option of the kind":    {call{method: "POST", path: "/ingresses", auth: auth, body: map[string]any{"node_id": "nod_x", "kind": "socks5", "name": "s", "listen": ":1", "options": map[string]any{"nope": 1}}}, 422, "", nil},
		"a plan that is not there": {call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob", "plan": "nope"}}, 404, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.want(t, c.status, c.call)
			if c.status == 200 {
				return
			}
			if r.header.Get("Content-Type") != "application/problem+json" || r.body["trace"] == nil || r.body["trace"] != r.header.Get("X-Request-Id") {
				t.Errorf("%s, trace %v of %s", r.header.Get("Content-Type"), r.body["trace"], r.header.Get("X-Request-Id"))
			}
			if got := r.header.Get("Allow"); got != c.allow {
				t.Errorf("Allow: %q, want %q", got, c.allow)
			}
			var got []string
			l, _ := r.body["fields"].([]any)
			for _, f := range l {
				got = append(got, f.(map[string]any)["field"].(string))
			}
			slices.Sort(got)
			slices.Sort(c.fields)
			if c.fields != nil && !slices.Equal(got, c.fields) {
				t.Errorf("fields %q, want %q", got, c.fields)
			}
		})
	}
}

// This surface speaks of plans and subscribers, never of Hestia's packages and users.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	plan := w.want(t, 201, call{method: "POST", path: "/plans", auth: auth, body: map[string]any{"name": "gold", "traffic_limit": 10}}).body["id"].(string)
	sub := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob", "plan": "gold"}}).body["id"].(string)
	w.want(t, 200, call{method: "POST", path: "/subscribers/" + sub + "/suspend", auth: auth})
	for name, c := range map[string]call{
		"a taken plan":         {method: "POST", path: "/plans", body: map[string]any{"name": "gold"}},
		"a plan in use":        {method: "DELETE", path: "/plans/" + plan},
		"no such plan":         {method: "GET", path: "/plans/pln_x"},
		"a taken name":         {method: "POST", path: "/subscribers", body: map[string]any{"name": "bob"}},
		"no such subscriber":   {method: "GET", path: "/subscribers/sub_x"},
		"suspended already":    {method: "POST", path: "/subscribers/" + sub + "/suspend"},
		"plan of a subscriber": {method: "POST", path: "/subscribers/" + sub + "/plan", body: map[string]any{"plan": "nope"}},
		"owner of a key":       {method: "POST", path: "/access-keys", body: map[string]any{"owner": "zed", "full": true}},
	} {
		c.auth = auth
		r := w.do(t, c)
		if text := fmt.Sprint(r.body["detail"], r.body["fields"]); r.status < 400 || strings.Contains(text, "package") || strings.Contains(text, "user") {
			t.Errorf("%s: %d %s", name, r.status, text)
		}
	}
}

// lists collects the names of all properties that the document calls arrays.
func lists(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if props, ok := v["properties"].(map[string]any); ok {
			for name, p := range props {
				if p, ok := p.(map[string]any); ok && p["type"] == "array" {
					into[name] = true
				}
			}
		}
		for _, x := range v {
			lists(x, into)
		}
	case []any:
		for _, x := range v {
			lists(x, into)
		}
	}
}

func nulls(at string, v any, arrays map[string]bool) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if x == nil && arrays[name] {
				out = append(out, at+"."+name)
			}
			out = append(out, nulls(at+"."+name, x, arrays)...)
		}
	case []any:
		for _, x := range v {
			out = append(out, nulls(at+"[]", x, arrays)...)
		}
	}
	return out
}

// An empty list is [], in listings and inside of objects, fresh ones too.
func TestListsAreNeverNull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := w.signIn(t, w.Operator, "", "root1")
	empty := w.signIn(t, w.Reseller(t, "empty"), "empty", "eve")
	acme := w.Reseller(t, "acme")
	arrays := map[string]bool{}
	lists(any(w.want(t, 200, call{method: "GET", path: "/openapi.json"}).body), arrays)
	if !arrays["items"] || !arrays["permissions"] || !arrays["node_groups"] {
		t.Fatalf("arrays of the document: %v", arrays)
	}
	look := func(r reply, what string) {
		for _, n := range nulls(what, r.body, arrays) {
			t.Errorf("%s is null", n)
		}
	}
	w.foreign(t, operator, w.signIn(t, acme, "acme", "ann"))
	for _, made := range []struct {
		path string
		body map[string]any
	}{
		{"/tenants", map[string]any{"name": "T", "realm": "third", "owner": map[string]any{"name": "o"}}},
		{"/logins", map[string]any{"name": "l1", "role": "readonly"}},
		{"/access-keys", map[string]any{"full": true}},
		{"/plans", map[string]any{"name": "p1"}},
		{"/subscribers", map[string]any{"name": "s1"}},
		{"/nodes", map[string]any{"name": "n2"}},
		{"/node-groups", map[string]any{"name": "g2"}},
	} {
		look(w.want(t, 201, call{method: "POST", path: made.path, auth: operator, body: made.body}), "POST "+made.path)
	}
	for _, op := range w.api.Operations() {
		if op.Method != "GET" || strings.Contains(op.Path, "{") {
			continue
		}
		for _, auth := range []string{operator, empty} {
			r := w.do(t, call{method: "GET", path: op.Path, auth: auth})
			look(r, op.Path)
			if l, paged := r.body["items"]; paged && l == nil {
				t.Errorf("%s: %s", op.Path, r.raw)
			}
		}
	}
}

func TestTheDocumentDescribesOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doc := w.want(t, 200, call{method: "GET", path: "/openapi.json"})
	schemas := doc.body["components"].(map[string]any)["schemas"].(map[string]any)
	ingress := schemas["Ingress"].(map[string]any)
	if options := ingress["properties"].(map[string]any)["options"].(map[string]any); options["type"] != "object" || options["contentEncoding"] != nil {
		t.Errorf("options: %v", options)
	}
	if n := len(ingress["oneOf"].([]any)); n != len(protocol.Kinds()) {
		t.Errorf("%d kinds are described", n)
	}
	for name, has := range map[string]string{"HysteriaOptions": "obfs", "HttpproxyOptions": "realm", "SocksOptions": "public_address"} {
		s, ok := schemas[name].(map[string]any)
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if s["required"] != nil || s["properties"].(map[string]any)[has] == nil {
			t.Errorf("%s: %v", name, s)
		}
	}
	// Every reference leads somewhere.
	raw, err := json.Marshal(doc.body)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(raw), `"$ref":"#/components/schemas/`)[1:] {
		if name, _, _ := strings.Cut(part, `"`); schemas[name] == nil {
			t.Errorf("a reference to %s, which is not there", name)
		}
	}
}
