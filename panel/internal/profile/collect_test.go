package profile

import (
	"net/netip"
	"testing"

	"culvert/panel/internal/device"
	"culvert/panel/internal/network"
	"culvert/panel/internal/reach"
	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol/wireguard"
	"culvert/shared/secret"
)

func TestTheNameThatClientsAskFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host, asked string
		names       []string
		want        string
	}{
		"the host, when the certificate is for it":  {"fra.example", "", []string{"fra.example"}, "fra.example"},
		"the host, under a wildcard":                {"fra.example.net", "", []string{"*.example.net"}, "fra.example.net"},
		"what the options say":                      {"fra.example", "cdn.example", []string{"fra.example"}, "cdn.example"},
		"the certificate's own, beside an address":  {"192.0.2.1", "", []string{"*.x.example", "fra.example"}, "fra.example"},
		"a wildcard is no name: nothing else to do": {"192.0.2.1", "", []string{"*.x.example"}, "192.0.2.1"},
	} {
		got := checks(&reach.Place{Certificate: &reach.Certificate{Names: c.names}}, c.host, c.asked)
		if got.Name != c.want || got.Pin != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := checks(&reach.Place{Certificate: &reach.Certificate{SelfSigned: true, SHA256: []byte{1}, Names: []string{"a"}}}, "a", ""); len(got.Pin) != 1 || !got.unchecked() {
		t.Errorf("self-signed: %+v", got)
	}
}

func place(kind, options string) reach.Place {
	return reach.Place{
		ID: "ing_1", Kind: kind, Listen: netip.MustParseAddrPort("[::]:443"), Options: network.Options(options), Node: reach.Node{Name: "fra", Host: "fra.example"},
	}
}

func TestWhatNobodyCanUseIsLeftOut(t *testing.T) {
	t.Parallel()
	raw, err := wireguard.Complete([]byte(`{"pool4":"10.0.0.0/29"}`))
	if err != nil {
		t.Fatal(err)
	}
	nowhere, small := place("socks5", "{}"), place("wireguard", string(raw))
	nowhere.Node.Host = ""
	key, other := wireguard.Key{1}, "ing_2"
	held := device.Keys{Private: &key}
	v := &reach.View{Places: []reach.Place{place("hysteria2", "{}"), nowhere, place("gopher", "{}"), small}}
	devices := []device.Open{
		{Device: device.Device{Name: "fits", Number: 2}, Keys: held},
		{Device: device.Device{Name: "number beyond the pool", Number: 9}, Keys: held},
		{Device: device.Device{Name: "key of its own", Number: 3}},
		{Device: device.Device{Name: "bound elsewhere", Number: 4, IngressID: &other}, Keys: held},
	}
	// Somebody from before Hysteria has no secret for it: an empty one would be no credential.
	got, err := collect(v, &subscriber.Credentials{Secrets: map[string]secret.String{}}, devices)
	if err != nil || len(got) != 1 || got[0].Device != "fits" || got[0].Tunnel.Addresses[0].String() != "10.0.0.2" {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	d := &Document{User: "ann", Endpoints: []Endpoint{
		{Kind: "socks5", Node: "select"},
		{Kind: "socks5", Node: "fra"},
		{Kind: "socks5", Node: "fra"},
		{Kind: "wireguard", Node: "fra", Device: "phone"},
		notice("fra"),
	}}
	named(d, "{node}")
	for i, want := range []string{"select 2", "fra", "fra 2", "fra phone", "fra 3"} {
		if d.Endpoints[i].Label != want {
			t.Errorf("%d: %q, want %q", i, d.Endpoints[i].Label, want)
		}
	}
	for template, ok := range map[string]bool{"": false, "{user} {usage} {expire} {region}": true, "{x}": false, "a}": false, "🇩🇪 {node}": true, "a\x00": false} {
		if got := checkRemark(template); (got == "") != ok {
			t.Errorf("%q: %s", template, got)
		}
	}
	for name, want := range map[string]string{"my phone": "my-phone", "...": "wg", "  ": "wg", "a name that is long": "a-name-that-is", "-x-": "x"} {
		if got := fileName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
