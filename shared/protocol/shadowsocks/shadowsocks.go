// Package shadowsocks holds the options of a Shadowsocks ingress and what both halves compute from them: the key of each
// subscriber, and what its client is told.
//
// Two editions are served: AEAD (SIP004, https://shadowsocks.org/doc/aead.html), where a subscriber's generated secret is
// the password, and 2022 (SIP022 with identity headers, SIP023), where its key is derived from the secret and the client
// has the server's key as well. Both serve many subscribers on one port, over TCP and UDP.
package shadowsocks

import (
	"crypto/md5" //nolint:gosec // SIP004 makes keys of passwords as EVP_BytesToKey does; generated secrets are long
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lukechampine.com/blake3"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

// Name is the kind's name in documents, and the family of the secrets that open it.
const Name = "shadowsocks"

// DefaultMethod is what options without a method speak.
const DefaultMethod = "2022-blake3-aes-128-gcm"

// Method is a cipher of one edition.
type Method struct {
	Name    string
	KeySize int
	Modern  bool // the 2022 edition
	ChaCha  bool // ChaCha20-Poly1305; else AES-GCM
}

// methods lists what is served. The 2022 edition knows identity headers for its AES methods only.
func methods() []Method {
	return []Method{
		{Name: "2022-blake3-aes-128-gcm", KeySize: 16, Modern: true},
		{Name: "2022-blake3-aes-256-gcm", KeySize: 32, Modern: true},
		{Name: "aes-128-gcm", KeySize: 16},
		{Name: "aes-256-gcm", KeySize: 32},
		{Name: "chacha20-ietf-poly1305", KeySize: 32, ChaCha: true},
	}
}

// Options of a Shadowsocks ingress.
type Options struct {
	Method             string `json:"method" enum:"2022-blake3-aes-128-gcm,2022-blake3-aes-256-gcm,aes-128-gcm,aes-256-gcm,chacha20-ietf-poly1305"` // default 2022-blake3-aes-128-gcm
	Key                string `json:"key,omitempty" secret:"true"`                                                                                  // of the server, 2022 methods only: 16 or 32 bytes in base64. The panel makes one when it is left out
	UDP                bool   `json:"udp"`                                                                                                          // default true
	HandshakeTimeoutMS int64  `json:"handshake_timeout_ms"`                                                                                         // from accept to a complete request, and how long strangers are kept; default 15000
	UDPIdleTimeoutMS   int64  `json:"udp_idle_timeout_ms"`                                                                                          // a UDP session without datagrams ends; default 120000
	UDPSessions        int64  `json:"udp_sessions"`                                                                                                 // at once, all subscribers together; default 8192
	UDPSessionsEach    int64  `json:"udp_sessions_of_one_subscriber"`                                                                               // at once; default 256
}

// Parse reads options strictly and fills the defaults.
func Parse(raw json.RawMessage) (Options, error) {
	o := Options{
		Method: DefaultMethod, UDP: true, HandshakeTimeoutMS: 15_000, UDPIdleTimeoutMS: 120_000, UDPSessions: 8192, UDPSessionsEach: 256,
	}
	if err := option.Decode(raw, &o); err != nil {
		return Options{}, err
	}
	m, ok := Lookup(o.Method)
	if !ok {
		return Options{}, nodeapi.Fault("method", "%s", whyNot(o.Method))
	}
	switch _, err := ParseKey(o.Key, m.KeySize); {
	case m.Modern && err != nil:
		return Options{}, nodeapi.Fault("key", "%v", err)
	case !m.Modern && o.Key != "":
		return Options{}, nodeapi.Fault("key", "belongs to the 2022 methods: %s has no key of the server", m.Name)
	}
	for _, b := range []struct {
		path      string
		v, lo, hi int64
	}{
		{"handshake_timeout_ms", o.HandshakeTimeoutMS, 500, 120_000},
		{"udp_idle_timeout_ms", o.UDPIdleTimeoutMS, 1_000, 3_600_000},
		{"udp_sessions", o.UDPSessions, 1, 65_536},
		{"udp_sessions_of_one_subscriber", o.UDPSessionsEach, 1, 65_536},
	} {
		if err := option.Between(b.path, b.v, b.lo, b.hi); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}

// whyNot says why a method is not served.
func whyNot(name string) string {
	var names []string
	for _, m := range methods() {
		names = append(names, m.Name)
	}
	list := "must be one of " + strings.Join(names, ", ")
	switch {
	case strings.HasPrefix(name, "2022-blake3-chacha"):
		return list + ": the 2022 ChaCha methods have no identity headers, so one port would serve one subscriber only"
	case name == "none" || name == "plain":
		return list + ": no encryption would let anybody in"
	}
	return list
}

// Lookup finds a method by name.
func Lookup(name string) (Method, bool) {
	for _, m := range methods() {
		if m.Name == name {
			return m, true
		}
	}
	return Method{}, false
}

// Normalize is Parse, written back.
func Normalize(raw json.RawMessage) (json.RawMessage, error) {
	o, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	return option.Encode(o)
}

// crowd is how many subscribers of an AEAD port are still found quickly by trial: the edition says nowhere who speaks.
const crowd = 300

// Crowd implements protocol.Kind.Crowd.
func Crowd(raw json.RawMessage) (most int, advice string) {
	o, err := Parse(raw)
	if err != nil || o.Cipher().Modern {
		return 0, ""
	}
	return crowd, "every new connection is tried against all of them: choose a 2022 method, or spread them over more ports"
}

// NeedsCertificate is never: Shadowsocks has keys of its own.
func NeedsCertificate(json.RawMessage) bool { return false }

// Complete gives options of a 2022 method without a key a fresh one; others stay as they are. An empty key is none: that is
// how an update which changes the method asks for a key of another size, or for none.
func Complete(raw json.RawMessage) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &fields); err != nil {
			return raw, nil //nolint:nilerr // Normalize says what is wrong with it
		}
	}
	name := DefaultMethod
	if v, has := fields["method"]; has && json.Unmarshal(v, &name) != nil {
		return raw, nil
	}
	m, ok := Lookup(name)
	if v, has := fields["key"]; (has && string(v) != `""` && string(v) != "null") || !ok || !m.Modern {
		return raw, nil
	}
	key := make([]byte, m.KeySize)
	_, _ = rand.Read(key) // never fails
	var err error
	if fields["key"], err = json.Marshal(base64.StdEncoding.EncodeToString(key)); err != nil {
		return nil, fmt.Errorf("complete options: %w", err)
	}
	return json.Marshal(fields)
}

// ParseKey reads a server's key of so many bytes.
func ParseKey(s string, size int) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("must be %d bytes in base64, as openssl rand -base64 %d prints them", size, size)
	}
	return b, nil
}

// Cipher is the method of options that Parse returned.
func (o Options) Cipher() Method {
	m, _ := Lookup(o.Method)
	return m
}

// ServerKey is the server's key; nil for methods without one.
func (o Options) ServerKey() []byte {
	k, err := ParseKey(o.Key, o.Cipher().KeySize)
	if err != nil {
		return nil
	}
	return k
}

// userContext separates the keys of subscribers from every other use of their secrets (BLAKE3, derive_key).
const userContext = "culvert 2026-11-22 shadowsocks 2022 user key from generated secret"

// UserKey is the key that the subscriber with this generated secret has: in the 2022 edition
//
//	BLAKE3.derive_key(userContext, secret), its first KeySize bytes
//
// and in the AEAD edition what EVP_BytesToKey (MD5, no salt, one round) makes of the secret as a password.
func (m Method) UserKey(secret string) []byte {
	key := make([]byte, m.KeySize)
	if m.Modern {
		blake3.DeriveKey(key, userContext, []byte(secret))
		return key
	}
	var last []byte
	for done := 0; done < len(key); {
		sum := md5.Sum(append(last, secret...)) //nolint:gosec // see the import
		last = sum[:]
		done += copy(key[done:], last)
	}
	return key
}

// Password is what the client of the subscriber with this generated secret is given: serverKey:userKey in base64 for the
// 2022 edition, the secret itself for AEAD.
func (o Options) Password(secret string) string {
	m := o.Cipher()
	if !m.Modern {
		return secret
	}
	return o.Key + ":" + base64.StdEncoding.EncodeToString(m.UserKey(secret))
}

// HandshakeTimeout is the time from accept to a complete request.
func (o Options) HandshakeTimeout() time.Duration {
	return time.Duration(o.HandshakeTimeoutMS) * time.Millisecond
}

// UDPIdleTimeout is how long a UDP session may be silent.
func (o Options) UDPIdleTimeout() time.Duration {
	return time.Duration(o.UDPIdleTimeoutMS) * time.Millisecond
}
