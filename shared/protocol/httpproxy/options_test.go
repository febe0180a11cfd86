package httpproxy

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"culvert/shared/nodeapi"
)

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, path string }{
		"unknown field":  {`{"tls":true}`, ""},
		"not json":       {`[`, ""},
		"realm quote":    {`{"realm":"a\"b"}`, "realm"},
		"realm newline":  {`{"realm":"a\nb"}`, "realm"},
		"header timeout": {`{"header_timeout_s":121}`, "header_timeout_s"},
		"idle timeout":   {`{"idle_timeout_s":-1}`, "idle_timeout_s"},
		"header bytes":   {`{"max_header_bytes":1}`, "max_header_bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode(json.RawMessage(c.doc))
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
	o, err := Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.RealmText() != "proxy" || o.HeaderTimeout() != 15*time.Second || o.IdleTimeout() != 90*time.Second || o.MaxHeader() != 64<<10 {
		t.Errorf("defaults are %q %v %v %d", o.RealmText(), o.HeaderTimeout(), o.IdleTimeout(), o.MaxHeader())
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		u, err := url.Parse(Link(tls, "ann@acme", "p@ss:w/rd", "proxy.example", 3128, "Ann"))
		if err != nil {
			t.Fatal(err)
		}
		pass, _ := u.User.Password()
		if u.User.Username() != "ann@acme" || pass != "p@ss:w/rd" || u.Host != "proxy.example:3128" || (u.Scheme == "https") != tls {
			t.Errorf("link reads back as %v", u)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"realm":"x","idle_timeout_s":3}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		o, err := Decode(doc)
		if err != nil {
			return
		}
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err != nil {
			t.Fatalf("accepted options are refused the second time: %v", err)
		}
	})
}
