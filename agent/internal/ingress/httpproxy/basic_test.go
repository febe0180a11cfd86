package httpproxy

import (
	"encoding/base64"
	"strings"
	"testing"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestParseBasic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   []string
		want credential
		ok   bool
	}{
		"ordinary":           {[]string{"Basic " + b64("ann@acme:se:cret")}, credential{"ann@acme", "se:cret"}, true},
		"scheme in capitals": {[]string{"BASIC  " + b64("a:b") + " "}, credential{"a", "b"}, true},
		"empty password":     {[]string{"Basic " + b64("a:")}, credential{"a", ""}, true},
		"utf-8":              {[]string{"Basic " + b64("ann:pässwörd")}, credential{"ann", "pässwörd"}, true},
		"nothing":            {nil, credential{}, false},
		"two":                {[]string{"Basic " + b64("a:b"), "Basic " + b64("c:d")}, credential{}, false},
		"other scheme":       {[]string{"Bearer " + b64("a:b")}, credential{}, false},
		"no space":           {[]string{"Basic" + b64("a:b")}, credential{}, false},
		"no colon":           {[]string{"Basic " + b64("ab")}, credential{}, false},
		"no name":            {[]string{"Basic " + b64(":b")}, credential{}, false},
		"control":            {[]string{"Basic " + b64("a\r\n:b")}, credential{}, false},
		"nul in password":    {[]string{"Basic " + b64("a:b\x00")}, credential{}, false},
		"not base64":         {[]string{"Basic !!!!"}, credential{}, false},
		"url base64":         {[]string{"Basic " + base64.URLEncoding.EncodeToString([]byte("a:\xff\xfe\xff"))}, credential{}, false},
		"long":               {[]string{"Basic " + b64("a:"+strings.Repeat("b", maxAuthorization))}, credential{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := parseBasic(c.in)
			if got != c.want || ok != c.ok {
				t.Errorf("got %q, %v; want %q, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzParseBasic(f *testing.F) {
	f.Add("Basic YTpi")
	f.Add("basic  OmI=")
	f.Add("Basic " + b64("name@realm:pa:ss"))
	f.Fuzz(func(t *testing.T, v string) {
		c, ok := parseBasic([]string{v})
		if !ok {
			if c != (credential{}) {
				t.Fatalf("%q was refused and still gave %q", v, c)
			}
			return
		}
		if c.name == "" || strings.Contains(c.name, ":") || hasControl(c.name+c.password) {
			t.Fatalf("%q gave %q", v, c)
		}
		// What was read is what a client would have sent for it.
		if again, ok := parseBasic([]string{"Basic " + b64(c.name+":"+c.password)}); !ok || again != c {
			t.Fatalf("%q reads back as %q", c, again)
		}
	})
}
