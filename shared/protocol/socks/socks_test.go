package socks

import (
	"encoding/json"
	"testing"

	"culvert/shared/nodeapi"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, out, path string }{
		{"defaults", `{}`, `{"tls":false,"udp":true,"handshake_timeout_ms":15000,"udp_idle_timeout_ms":120000}`, ""},
		{
			"all", `{"tls":true,"udp":false,"public_address":"::ffff:203.0.113.7","handshake_timeout_ms":900,"udp_idle_timeout_ms":5000}`,
			`{"tls":true,"udp":false,"public_address":"203.0.113.7","handshake_timeout_ms":900,"udp_idle_timeout_ms":5000}`, "",
		},
		{"name as address", `{"public_address":"proxy.example"}`, "", "public_address"},
		{"any address", `{"public_address":"0.0.0.0"}`, "", "public_address"},
		{"no time", `{"handshake_timeout_ms":1}`, "", "handshake_timeout_ms"},
		{"idle for ever", `{"udp_idle_timeout_ms":99999999}`, "", "udp_idle_timeout_ms"},
		{"wrong type", `{"tls":"yes"}`, "", "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := Normalize(json.RawMessage(c.in))
			if c.path != "" {
				if path, _ := nodeapi.AsField(err); err == nil || path != c.path {
					t.Fatalf("error %v, want one about %s", err, c.path)
				}
				return
			}
			if err != nil || string(out) != c.out {
				t.Fatalf("got %s, %v; want %s", out, err, c.out)
			}
		})
	}
}

func TestNeedsCertificate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{`{"tls":true}`: true, `{}`: false, `{"tls":1}`: false} {
		if got := NeedsCertificate(json.RawMessage(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}
