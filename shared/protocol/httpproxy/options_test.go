package httpproxy

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
		"unknown field":  {`{"ssl":true}`, "ssl"},
		"not json":       {`[`, ""},
		"realm quote":    {`{"realm":"a\"b"}`, "realm"},
		"realm newline":  {`{"realm":"a\nb"}`, "realm"},
		"header timeout": {`{"header_timeout_ms":121000}`, "header_timeout_ms"},
		"idle timeout":   {`{"idle_timeout_ms":-1}`, "idle_timeout_ms"},
		"header bytes":   {`{"max_header_bytes":1}`, "max_header_bytes"},
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
	o, err := Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.Realm != "proxy" || o.HeaderTimeout() != 15*time.Second || o.IdleTimeout() != 90*time.Second || o.MaxHeaderBytes != 64<<10 {
		t.Errorf("defaults are %q %v %v %d", o.Realm, o.HeaderTimeout(), o.IdleTimeout(), o.MaxHeaderBytes)
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		o := Options{TLS: tls}
		u, err := url.Parse(o.Link("ann@acme", "p@ss:w/rd", "proxy.example", 3128, "Ann"))
		if err != nil {
			t.Fatal(err)
		}
		pass, _ := u.User.Password()
		if u.User.Username() != "ann@acme" || pass != "p@ss:w/rd" || u.Host != "proxy.example:3128" || (u.Scheme == "https") != tls {
			t.Errorf("link reads back as %v", u)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"realm":"x","idle_timeout_ms":3000}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		o, err := Parse(doc)
		if err != nil {
			return
		}
		once, err := option.Encode(o)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Normalize(once); err != nil || string(twice) != string(once) {
			t.Fatalf("second time: %v\n%s\n%s", err, once, twice)
		}
	})
}

func TestNeedsCertificate(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{`{"tls":true}`: true, `{}`: false, `{"tls":1}`: false} {
		if got := NeedsCertificate(json.RawMessage(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}
