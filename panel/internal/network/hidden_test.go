package network

import (
	"strings"
	"testing"
)

func TestHiddenOptions(t *testing.T) {
	t.Parallel()
	g := Ingress{Kind: "wireguard", Name: "wg", Listen: ":51820", Options: Options(`{"mtu":1400}`)}
	if err := g.complete(nil); err != nil {
		t.Fatal(err)
	}
	if err := g.check(); err != nil {
		t.Fatal(err)
	}
	first := g.Options
	if !strings.Contains(string(first), `"private_key":"`) {
		t.Fatalf("no key was made: %s", first)
	}
	if s := g.shown(); strings.Contains(string(s.Options), "private_key") || !strings.Contains(string(s.Options), `"mtu":1400`) {
		t.Errorf("shown: %s", s.Options)
	}
	key := string(first[strings.Index(string(first), `"private_key"`):])
	key = key[:strings.Index(key, ",")]
	g.Options = g.shown().Options // as somebody who read it sends it back
	if err := g.complete(first); err != nil || g.check() != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(g.Options), key) {
		t.Errorf("an update without the key changed it: %s, was %s", g.Options, key)
	}
	g.Options = Options(`[1]`)
	if err := g.complete(first); err != nil {
		t.Fatal(err)
	}
	if err := g.check(); err == nil {
		t.Error("a list was taken for options")
	}
}
