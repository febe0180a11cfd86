package api_test

import (
	"encoding/base64"
	"strings"
	"testing"
)

// A NUL, or bytes that are no text, are the caller's fault wherever they are sent: the database cannot hold them.
func TestNoTextIsOurFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	auth := w.signIn(t, w.Operator, "", "ann")
	_, visitor := w.visitor(t, auth, "", "visitor")
	for _, op := range w.api.Operations() {
		if !strings.Contains(op.Path, "{id}") {
			continue
		}
		auth := auth
		if op.Portal {
			auth = visitor
		}
		for _, bad := range []string{"a%00b", "%ff%fe"} {
			if r := w.do(t, call{method: op.Method, path: strings.Replace(op.Path, "{id}", bad, 1), auth: auth, body: bodyOf(op)}); r.status >= 500 {
				t.Errorf("%s %s: %d %s", op.Method, strings.Replace(op.Path, "{id}", bad, 1), r.status, r.raw)
			}
		}
	}
	for name, c := range map[string]call{
		"query":   {method: "GET", path: "/subscribers?q=a%00b", auth: auth},
		"cursor":  {method: "GET", path: "/logins?cursor=a%00b", auth: auth},
		"login":   {method: "GET", path: "/sessions?login=a%00b", auth: auth},
		"tenant":  {method: "GET", path: "/plans", auth: auth, header: map[string]string{"Culvert-Tenant": "a\xffb"}},
		"key":     {method: "GET", path: "/plans", auth: "Basic " + base64.StdEncoding.EncodeToString([]byte("a\x00b:c"))},
		"name":    {method: "POST", path: "/sessions", body: map[string]any{"name": "a\x00b", "password": "x"}},
		"tenants": {method: "POST", path: "/tenants", auth: auth, body: map[string]any{"name": "a\x00b", "realm": "abc", "owner": map[string]any{"name": "o"}}},
		"comment": {method: "POST", path: "/access-keys", auth: auth, body: map[string]any{"comment": "a\x00b", "full": true}},
		"owner":   {method: "POST", path: "/access-keys", auth: auth, body: map[string]any{"owner": "a\x00b", "full": true}},
		"email":   {method: "POST", path: "/logins", auth: auth, body: map[string]any{"name": "bob", "email": "a\x00b@c", "role": "readonly"}},
		"plan":    {method: "POST", path: "/subscribers", auth: auth, body: map[string]any{"name": "bob", "plan": "a\x00b"}},
		"audit":   {method: "GET", path: "/audit?object=a%00b", auth: auth},
		"idem":    {method: "POST", path: "/plans", auth: auth, body: map[string]any{"name": "p"}, header: map[string]string{"Idempotency-Key": "a\xff"}},
	} {
		if r := w.do(t, c); r.status >= 500 {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
}
