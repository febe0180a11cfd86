package option

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"culvert/shared/nodeapi"
)

type sample struct {
	Flag bool  `json:"flag"`
	N    int64 `json:"n"`
	Sub  struct {
		S string `json:"s"`
	} `json:"sub"`
	Pool netip.Prefix `json:"pool"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, path, rule string }{
		{"empty keeps defaults", ``, "", ""},
		{"null keeps defaults", `null`, "", ""},
		{"whole", `{"flag":false,"n":3,"sub":{"s":"x"}}`, "", ""},
		{"unknown field", `{"nope":1}`, "nope", "is not an option of this kind"},
		{"wrong type", `{"n":"three"}`, "n", "must be a whole number, is a string"},
		{"wrong nested type", `{"sub":{"s":4}}`, "sub.s", "must be a text, is a number"},
		{"a text that its type refuses", `{"n":1,"pool":"10.0.0.0","flag":true}`, "pool", "cannot be read"},
		{"trailing", `{} {}`, "", "must be one JSON object"},
		{"not JSON", `{`, "", "cannot be read"},
		{"array", `[]`, "", "must be an object, is an array"},
		{"too large", `{"flag":` + strings.Repeat(" ", maxSize) + `true}`, "", "must not be larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := sample{Flag: true}
			err := Decode(json.RawMessage(c.in), &v)
			if c.rule == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("accepted")
			}
			path, rule := nodeapi.AsField(err)
			if path != c.path || !strings.Contains(rule, c.rule) {
				t.Errorf("got %q: %q, want %q: …%q…", path, rule, c.path, c.rule)
			}
		})
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	if Between("x", 1, 1, 2) != nil || Between("x", 3, 1, 2) == nil || Between("x", 0, 1, 2) == nil {
		t.Error("bounds are wrong")
	}
}
