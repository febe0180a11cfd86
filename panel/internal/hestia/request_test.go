package hestia

import (
	"strings"
	"testing"
)

// FuzzRequest: whatever arrives, parsing ends, arguments are in bounds and trimmed, and a proof is of one kind.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][2]string{
		{"application/x-www-form-urlencoded", "access_key=a&secret_key=b&cmd=v-list-users&arg1=x&arg3=y"},
		{"application/json", `{"hash":"a:b","cmd":"x","arg1":[1],"arg2":null,"arg3":1e3,"arg4":true}`},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nv\r\n--x--\r\n"},
		{"multipart/form-data", "--x"},
		{"", "%%%&=&a[]=b"},
		{"text/plain", "{"},
		{"application/json", "\xff\xfe{}"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		r, ok := parseRequest(contentType, body)
		if !ok {
			if r != nil {
				t.Fatal("nothing usable, and fields")
			}
			return
		}
		args := r.arguments()
		if len(args) > 13 {
			t.Fatalf("%d arguments", len(args))
		}
		if len(args) > 0 && !args[len(args)-1].Sent {
			t.Fatal("the last argument was not sent")
		}
		for _, a := range args {
			if a.Text != strings.Trim(a.Text, " \t\n\r\x00\x0b") {
				t.Fatalf("%q is not trimmed", a.Text)
			}
		}
		if p, ok := r.proof(); ok && p.isKey && p.isHash {
			t.Fatal("two proofs")
		}
		_, _ = r.command(), r.numeric()
	})
}

func TestKindsOfProof(t *testing.T) {
	t.Parallel()
	id, secret := strings.Repeat("a", 20), strings.Repeat("b", 40)
	for name, c := range map[string]struct {
		form string
		want string
	}{
		"pair":                   {"access_key=x&secret_key=y", "key x"},
		"hash of a pair":         {"hash=" + id + ":" + secret, "key " + id},
		"the pair wins":          {"hash=" + id + ":" + secret + "&access_key=x&secret_key=y", "key x"},
		"short hash":             {"hash=AAAA:bbbb", "legacy"},
		"two colons":             {"hash=" + id + ":" + secret[1:] + ":", "legacy"},
		"plain hash":             {"hash=abcdef", "legacy"},
		"password":               {"user=admin&password=x", "password admin"},
		"hash before user":       {"user=admin&password=x&hash=abc", "legacy"},
		"empty hash":             {"hash=", "password "},
		"half a pair":            {"access_key=x", "none"},
		"half a pair and a user": {"access_key=x&user=admin", "password admin"},
		"nothing":                {"cmd=x", "none"},
	} {
		got := "none"
		if r, ok := parseRequest("application/x-www-form-urlencoded", []byte(c.form)); ok {
			if p, ok := r.proof(); ok {
				switch {
				case p.isKey:
					got = "key " + p.key
				case p.isHash:
					got = "legacy"
				default:
					got = "password " + p.user
				}
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNumbersOfJSON(t *testing.T) {
	t.Parallel()
	r, ok := parseRequest("", []byte(`{"user":"x","arg1":10,"arg2":1.50,"arg3":1e3,"arg4":true,"arg5":false,"arg6":null,"arg7":-0.5,"arg8":12345678901234567890}`))
	if !ok {
		t.Fatal("not parsed")
	}
	var got []string
	for _, a := range r.arguments() {
		got = append(got, a.Text)
	}
	if s := strings.Join(got, "|"); s != "10|1.5|1000|1||"+"|-0.5|12345678901234567890" {
		t.Errorf("%s", s)
	}
}
