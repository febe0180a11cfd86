package shadowsocks

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"lukechampine.com/blake3"

	"culvert/shared/nodeapi"
)

const key16, key32 = "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestNormalize(t *testing.T) {
	t.Parallel()
	rest := `"udp":true,"handshake_timeout_ms":15000,"udp_idle_timeout_ms":120000,"udp_sessions":8192,"udp_sessions_of_one_subscriber":256}`
	for _, c := range []struct{ name, in, out, path string }{
		{"defaults", `{"key":"` + key16 + `"}`, `{"method":"2022-blake3-aes-128-gcm","key":"` + key16 + `",` + rest, ""},
		{"256", `{"method":"2022-blake3-aes-256-gcm","key":"` + key32 + `"}`, `{"method":"2022-blake3-aes-256-gcm","key":"` + key32 + `",` + rest, ""},
		{"aead", `{"method":"chacha20-ietf-poly1305"}`, `{"method":"chacha20-ietf-poly1305",` + rest, ""},
		{"key left out", `{}`, "", "key"},
		{"key of another size", `{"method":"2022-blake3-aes-256-gcm","key":"` + key16 + `"}`, "", "key"},
		{"key that is not base64", `{"key":"AAECAwQFBgcICQoLDA0ODx=="}`, "", "key"},
		{"key of AEAD", `{"method":"aes-128-gcm","key":"` + key16 + `"}`, "", "key"},
		{"no encryption", `{"method":"none"}`, "", "method"},
		{"stream cipher", `{"method":"aes-256-cfb"}`, "", "method"},
		{"no identity headers", `{"method":"2022-blake3-chacha20-poly1305","key":"` + key32 + `"}`, "", "method"},
		{"no time", `{"key":"` + key16 + `","handshake_timeout_ms":1}`, "", "handshake_timeout_ms"},
		{"idle for ever", `{"key":"` + key16 + `","udp_idle_timeout_ms":99999999}`, "", "udp_idle_timeout_ms"},
		{"no sessions", `{"key":"` + key16 + `","udp_sessions":0}`, "", "udp_sessions"},
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
	if _, err := Parse(json.RawMessage(`{"method":"2022-blake3-chacha20-poly1305"}`)); err == nil || !strings.Contains(err.Error(), "identity headers") {
		t.Errorf("the fault of a 2022 ChaCha method does not say why: %v", err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	for in, size := range map[string]int{
		``: 16, `null`: 16, `{}`: 16, `{"udp":false}`: 16, `{"method":"2022-blake3-aes-256-gcm"}`: 32, `{"method":"aes-128-gcm"}`: 0,
		`{"key":""}`: 16, `{"key":null}`: 16, `{"method":"aes-128-gcm","key":""}`: 0,
	} {
		raw, err := Complete(json.RawMessage(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		o, err := Parse(raw)
		if err != nil || len(o.ServerKey()) != size {
			t.Errorf("%s became %s: key of %d bytes, %v", in, raw, len(o.ServerKey()), err)
		}
		if again, err := Complete(raw); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("completing twice: %s then %s, %v", raw, again, err)
		}
	}
	for _, in := range []string{`[`, `{"method":7}`, `{"method":"none"}`, `{"key":"mine"}`} {
		if raw, err := Complete(json.RawMessage(in)); err != nil || string(raw) != in {
			t.Errorf("%s became %s, %v", in, raw, err)
		}
	}
}

// TestAEADKey pins EVP_BytesToKey by what OpenSSL prints: openssl enc -aes-256-cbc -md md5 -nosalt -k 'correct horse' -P.
func TestAEADKey(t *testing.T) {
	t.Parallel()
	const want = "3cb4e732631f47e6eb961f34554b7cde8ace33bdac244269f1a356b6733e4cf5"
	for _, name := range []string{"aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305"} {
		m, _ := Lookup(name)
		if got := hex.EncodeToString(m.UserKey("correct horse")); got != want[:2*m.KeySize] {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestModernKey: BLAKE3 is BLAKE3 (the official vector of derive_key), and a subscriber's key never changes with a release.
func TestModernKey(t *testing.T) {
	t.Parallel()
	got := make([]byte, 32)
	blake3.DeriveKey(got, "BLAKE3 2019-12-27 16:29:52 test vectors context", []byte{0})
	if h := hex.EncodeToString(got); h != "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c" {
		t.Errorf("derive_key gives %s", h)
	}
	small, _ := Lookup("2022-blake3-aes-128-gcm")
	large, _ := Lookup("2022-blake3-aes-256-gcm")
	long := large.UserKey("generated-secret")
	const want = "c0dc132d119486c157e59cbc7331e051168a9fa7487e3b5c87ad9892b21ffa84"
	if h := hex.EncodeToString(long); h != want {
		t.Errorf("the key is %s", h)
	}
	if !bytes.Equal(small.UserKey("generated-secret"), long[:16]) {
		t.Error("the short key is not the beginning of the long one")
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	m, _ := Lookup(DefaultMethod)
	want := key16 + ":" + base64.StdEncoding.EncodeToString(m.UserKey("secret"))
	if got := (Options{Method: DefaultMethod, Key: key16}).Password("secret"); got != want {
		t.Errorf("2022: %q, want %q", got, want)
	}
	if got := (Options{Method: "aes-256-gcm"}).Password("a+b/c"); got != "a+b/c" {
		t.Errorf("AEAD: %q", got)
	}
}
