package hysteria

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, path string }{
		"unknown field":             {`{"up":1}`, "up"},
		"trailing value":            {`{} {}`, ""},
		"not json":                  {`{`, ""},
		"obfs type":                 {`{"obfs":{"type":"xplus","password":"secret"}}`, "obfs.type"},
		"obfs password":             {`{"obfs":{"type":"salamander","password":"abc"}}`, "obfs.password"},
		"negative rate":             {`{"up_mbps":-1}`, "up_mbps"},
		"huge rate":                 {`{"down_mbps":1000001}`, "down_mbps"},
		"trusting without a cap":    {`{"ignore_client_bandwidth":false}`, "ignore_client_bandwidth"},
		"congestion":                {`{"congestion":{"type":"cubic"}}`, "congestion.type"},
		"profile":                   {`{"congestion":{"bbr_profile":"fast"}}`, "congestion.bbr_profile"},
		"profile of reno":           {`{"congestion":{"type":"reno","bbr_profile":"standard"}}`, "congestion.bbr_profile"},
		"udp idle":                  {`{"udp_idle_timeout_ms":1}`, "udp_idle_timeout_ms"},
		"quic idle":                 {`{"quic":{"max_idle_timeout_ms":3}}`, "quic.max_idle_timeout_ms"},
		"streams":                   {`{"quic":{"max_incoming_streams":7}}`, "quic.max_incoming_streams"},
		"window":                    {`{"quic":{"max_conn_window":1}}`, "quic.max_conn_window"},
		"masquerade type":           {`{"masquerade":{"type":"file"}}`, "masquerade.type"},
		"masquerade 404 with more":  {`{"masquerade":{"content":"x"}}`, "masquerade.type"},
		"masquerade auth status":    {`{"masquerade":{"type":"string","status":233}}`, "masquerade.status"},
		"masquerade string status":  {`{"masquerade":{"type":"string","status":99}}`, "masquerade.status"},
		"masquerade header":         {`{"masquerade":{"type":"string","headers":{"a b":"c"}}}`, "masquerade.headers"},
		"masquerade split header":   {`{"masquerade":{"type":"string","headers":{"a":"b\r\nc: d"}}}`, "masquerade.headers"},
		"masquerade redirect url":   {`{"masquerade":{"type":"redirect","url":"/x"}}`, "masquerade.url"},
		"masquerade redirect code":  {`{"masquerade":{"type":"redirect","url":"https://example.com","status":200}}`, "masquerade.status"},
		"masquerade proxy scheme":   {`{"masquerade":{"type":"proxy","url":"file:///etc/passwd"}}`, "masquerade.url"},
		"masquerade proxy userinfo": {`{"masquerade":{"type":"proxy","url":"http://a:b@example.com"}}`, "masquerade.url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(json.RawMessage(c.doc))
			if err == nil {
				t.Fatal("was accepted")
			}
			if path, _ := nodeapi.AsField(err); path != c.path {
				t.Fatalf("refused at %q (%v), want %q", path, err, c.path)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "{}", "  "} {
		o, err := Parse(json.RawMessage(doc))
		if err != nil {
			t.Fatalf("Parse(%q): %v", doc, err)
		}
		if !o.IgnoreBandwidth() || o.UpBytes() != 0 || o.UDPIdle() != time.Minute || o.QUIC.IdleTimeout() != 30*time.Second {
			t.Errorf("Parse(%q) has other defaults: %+v", doc, o)
		}
	}
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	o, err := Parse(json.RawMessage(`{"up_mbps":100,"down_mbps":8}`))
	if err != nil {
		t.Fatal(err)
	}
	if o.IgnoreBandwidth() {
		t.Error("a capped listener ignores what clients state")
	}
	if o.UpBytes() != 12_500_000 || o.DownBytes() != 1_000_000 {
		t.Errorf("caps are %d up, %d down", o.UpBytes(), o.DownBytes())
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	o := Options{SNI: "cdn.example", Insecure: true, Obfs: &Obfs{Type: Salamander, Password: "p&q=r"}}
	link := o.Link("ann@acme:pa:ss/w", "2001:db8::1", 443, "Ann's phone")
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "hysteria2" || u.Host != "[2001:db8::1]:443" || u.Fragment != "Ann's phone" {
		t.Errorf("link is %s", link)
	}
	if auth, _ := url.PathUnescape(u.User.String()); auth != "ann@acme:pa:ss/w" {
		t.Errorf("auth reads back as %q", auth)
	}
	want := url.Values{"sni": {"cdn.example"}, "insecure": {"1"}, "obfs": {"salamander"}, "obfs-password": {"p&q=r"}}
	if u.Query().Encode() != want.Encode() {
		t.Errorf("query is %q, want %q", u.RawQuery, want.Encode())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"obfs":{"type":"salamander","password":"secret"},"up_mbps":100}`))
	f.Add([]byte(`{"masquerade":{"type":"proxy","url":"https://example.com"},"quic":{"max_idle_timeout_ms":4}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		o, err := Parse(doc)
		if err != nil {
			return
		}
		// What was accepted must survive a round trip: it is stored and sent again.
		once, err := option.Encode(o)
		if err != nil {
			t.Fatalf("accepted options do not marshal: %v", err)
		}
		if twice, err := Normalize(once); err != nil || string(twice) != string(once) {
			t.Fatalf("second time: %v\n%s\n%s", err, once, twice)
		}
	})
}
