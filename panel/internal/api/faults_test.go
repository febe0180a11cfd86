package api_test

import (
	"strings"
	"testing"
)

// Every fault names its field and says the rule in words that do not need Go.
func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	for name, c := range map[string]struct {
		path, raw string
		fields    map[string]string // field to a part of its rule
	}{
		"a missing property":         {"/plans", `{}`, map[string]string{"name": "is required"}},
		"a missing one below":        {"/tenants", `{"name": "x", "realm": "x", "owner": {}}`, map[string]string{"owner.name": "is required"}},
		"a number too large":         {"/plans", `{"name": "p", "traffic_limit": 99999999999999999999}`, map[string]string{"traffic_limit": "64 bits"}},
		"a text for a number":        {"/plans", `{"name": "p", "traffic_limit": "much"}`, map[string]string{"traffic_limit": "expected integer"}},
		"a text that is no date":     {"/subscribers", `{"name": "bob", "expires_at": "tomorrow"}`, map[string]string{"expires_at": "RFC 3339"}},
		"a word of a list":           {"/subscribers", `{"name": "bob", "language": "xx"}`, map[string]string{"language": `one of "en, zh`}},
		"a name twice":               {"/plans", `{"name": "p", "price": 1, "name": "q"}`, map[string]string{"name": "twice"}},
		"a name twice below":         {"/tenants", `{"name": "x", "realm": "x", "owner": {"name": "a", "name": "b"}}`, map[string]string{"owner.name": "twice"}},
		"all of a subscriber's":      {"/subscribers", `{"name": "bob", "email": "x", "devices": -1, "speed_up": -1, "protocols": ["x"]}`, map[string]string{"email": "e-mail", "devices": "between", "speed_up": "bits", "protocols": "protocol"}},
		"a name in another case":     {"/plans", `{"Name": "p"}`, map[string]string{"name": "is required", "Name": "unexpected"}},
		"twice but for the case":     {"/plans", `{"name": "p", "NAME": "q"}`, map[string]string{"NAME": "unexpected"}},
		"a key for nothing":          {"/access-keys", `{}`, map[string]string{"permissions": "must be given"}},
		"a key for all and less":     {"/access-keys", `{"full": true, "sets": ["billing"]}`, map[string]string{"full": "alone"}},
		"a set that is none":         {"/access-keys", `{"sets": ["billing", "bilingg"]}`, map[string]string{"sets[1]": "bilingg"}},
		"a permission that is none":  {"/access-keys", `{"permissions": ["x:y"]}`, map[string]string{"permissions[0]": "subscriber"}},
		"a body that is not JSON":    {"/plans", `{`, map[string]string{}},
		"a body of the wrong type":   {"/plans", `[]`, map[string]string{"body": "object"}},
		"a subscriber's other words": {"/subscribers", `{"name": "bob", "colour": "red"}`, map[string]string{"colour": "unexpected"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.do(t, call{method: "POST", path: c.path, auth: auth, body: c.raw})
			if r.status != 422 && r.status != 400 {
				t.Fatalf("%d %s", r.status, r.raw)
			}
			got := map[string]string{}
			l, _ := r.body["fields"].([]any)
			for _, f := range l {
				got[f.(map[string]any)["field"].(string)] = f.(map[string]any)["rule"].(string)
			}
			for field, rule := range c.fields {
				if !strings.Contains(got[field], rule) {
					t.Errorf("%s: %q, want %q; all: %v", field, got[field], rule, got)
				}
			}
			if strings.Contains(string(r.raw), "struct field") || strings.Contains(string(r.raw), "2006-01-02") {
				t.Errorf("speaks Go: %s", r.raw)
			}
		})
	}
	t.Run("a date in the query", func(t *testing.T) {
		t.Parallel()
		r := w.want(t, 422, call{method: "GET", path: "/subscribers?expires_before=soon", auth: auth})
		if !strings.Contains(string(r.raw), "RFC 3339 date and time") {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("a plan that cannot be", func(t *testing.T) {
		t.Parallel()
		w.want(t, 422, call{method: "GET", path: "/subscribers?plan=zzz", auth: auth})
	})
}

// What a deleted subscriber moved stays on record, for whoever could see them.
func TestADeletedSubscribersUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	other := w.signIn(t, w.Reseller(t, "umbra"), "umbra", "eve")
	sub := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob"}}).body["id"].(string)
	w.want(t, 204, call{method: "DELETE", path: "/subscribers/" + sub, auth: auth})
	for _, what := range []string{"/usage", "/sessions"} {
		w.want(t, 200, call{method: "GET", path: "/subscribers/" + sub + what, auth: auth})
		w.want(t, 404, call{method: "GET", path: "/subscribers/" + sub + what, auth: other})
	}
	w.want(t, 404, call{method: "GET", path: "/unbooked-usage", auth: auth})
	w.want(t, 200, call{method: "GET", path: "/unbooked-usage", auth: w.signIn(t, w.Operator, "", "op")})
}

// The same grant again changes nothing: not the version, not the record.
func TestAGrantTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Reseller(t, "acme"), "acme", "ann")
	sub := w.want(t, 201, call{method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob", "traffic_limit": 10}}).body["id"].(string)
	grant := call{method: "POST", path: "/subscribers/" + sub + "/grants", auth: auth, body: map[string]any{"bytes": 5, "source": "invoice 1"}}
	first := w.do(t, grant)
	again := w.do(t, grant)
	if first.status >= 300 || again.status != first.status || first.body["version"] != again.body["version"] {
		t.Fatalf("%d %s, then %d %s", first.status, first.raw, again.status, again.raw)
	}
	l := w.want(t, 200, call{method: "GET", path: "/audit?object=subscriber/" + sub, auth: auth}).body["items"].([]any)
	grants := 0
	for _, e := range l {
		if e.(map[string]any)["action"] == "subscriber.grant" {
			grants++
		}
	}
	if grants != 1 {
		t.Errorf("%d records of one grant", grants)
	}
}
