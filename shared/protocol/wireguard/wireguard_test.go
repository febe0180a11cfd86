package wireguard

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"culvert/shared/nodeapi"
)

const someKey = "2D63QhD1p7GqQLSc0LCZ7Q8v6NmFQWj3FSUvGnWZ1XE="

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, path string }{
		{"least", `{"private_key":"KEY"}`, ""},
		{"all", `{"private_key":"KEY","pool4":"10.0.0.7/24","pool6":"fd00::1/112","endpoint_host":"vpn.example.com","endpoint_port":443,"dns":["9.9.9.9","2620:fe::fe"],"upstream":"[2620:fe::fe]:53","mtu":1280,"keepalive_s":0}`, ""},
		{"no key", `{}`, "private_key"},
		{"short key", `{"private_key":"c2hvcnQ="}`, "private_key"},
		{"pool too small", `{"private_key":"KEY","pool4":"10.0.0.0/30"}`, "pool4"},
		{"pool of the other family", `{"private_key":"KEY","pool4":"fd00::/64"}`, "pool4"},
		{"IPv6 pool too small", `{"private_key":"KEY","pool6":"fd00::/120"}`, "pool6"},
		{"host with a port", `{"private_key":"KEY","endpoint_host":"vpn.example.com:51820"}`, "endpoint_host"},
		{"host with a line break", `{"private_key":"KEY","endpoint_host":"a\nPostUp = x"}`, "endpoint_host"},
		{"resolver of no use", `{"private_key":"KEY","dns":["0.0.0.0"]}`, "dns[0]"},
		{"upstream without a port", `{"private_key":"KEY","upstream":"1.1.1.1:0"}`, "upstream"},
		{"packets too small", `{"private_key":"KEY","mtu":1000}`, "mtu"},
		{"keepalive", `{"private_key":"KEY","keepalive_s":70000}`, "keepalive_s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			once, err := Normalize(json.RawMessage(strings.Replace(c.in, "KEY", someKey, 1)))
			if c.path != "" {
				if err == nil {
					t.Fatalf("taken: %s", once)
				}
				if path, _ := nodeapi.AsField(err); path != c.path {
					t.Errorf("error %v, want one about %q", err, c.path)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if twice, err := Normalize(once); err != nil || string(twice) != string(once) {
				t.Errorf("twice: %s, %v", twice, err)
			}
		})
	}
}

func TestInnerAddresses(t *testing.T) {
	t.Parallel()
	o, err := Parse(json.RawMessage(fmt.Sprintf(`{"private_key":%q,"pool4":"10.7.0.0/24"}`, someKey)))
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[int64]string{1: "[10.7.0.1 fd64:6376::1]", 2: "[10.7.0.2 fd64:6376::2]", 254: "[10.7.0.254 fd64:6376::fe]"} {
		got, ok := o.Inner(number)
		if !ok || fmt.Sprint(got) != want {
			t.Errorf("%d: %v %v, want %s", number, got, ok, want)
		}
		if back, ok := o.Number(got[0]); back != number || ok != (number > 1) {
			t.Errorf("%s: number %d %v", got[0], back, ok)
		}
	}
	for _, number := range []int64{-1, 0, 255, 256, 1 << 40} {
		if got, ok := o.Inner(number); ok {
			t.Errorf("%d has a place: %v", number, got)
		}
	}
	for _, a := range []string{"10.7.0.0", "10.7.0.255", "10.7.1.2", "::1"} {
		if n, ok := o.Number(netip.MustParseAddr(a)); ok {
			t.Errorf("%s is number %d", a, n)
		}
	}
}

func TestCompleteMakesAKeyOnce(t *testing.T) {
	t.Parallel()
	a, err := Complete(json.RawMessage(`{"mtu":1400}`))
	if err != nil {
		t.Fatal(err)
	}
	if o, err := Parse(a); err != nil || o.MTU != 1400 {
		t.Errorf("%s: %v", a, err)
	}
	if b, err := Complete(a); err != nil || string(a) != string(b) {
		t.Errorf("again: %s, %v", b, err)
	}
	if _, err := Complete(json.RawMessage(`[`)); err != nil {
		t.Errorf("what is no JSON is for Normalize to refuse: %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if k[0]&7 != 0 || k[31]&192 != 64 {
		t.Error("the key is not clamped")
	}
	back, err := ParseKey(k.String())
	if err != nil || back != k {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "x", k.String()[1:], k.String() + "\n"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
