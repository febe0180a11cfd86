// Package httpproxy holds what both halves must know of the HTTP proxy ingress: its options with defaults and
// validation, and the URL that client apps import.
package httpproxy

import (
	"bytes"
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"time"

	"culvert/shared/nodeapi"
)

// Kind names this protocol in documents.
const Kind = "http"

// Options configure one listener. It speaks TLS exactly when its ingress names a certificate.
type Options struct {
	Realm          string `json:"realm,omitempty"`            // shown by browsers that ask for the password; "proxy" when absent
	HeaderTimeoutS int    `json:"header_timeout_s,omitempty"` // time for a request's header and a TLS handshake, 1 to 120; 15 when absent
	IdleTimeoutS   int    `json:"idle_timeout_s,omitempty"`   // how long a connection may wait for its next request, 1 to 3600; 90 when absent
	MaxHeaderBytes int    `json:"max_header_bytes,omitempty"` // 4096 to 1048576; 65536 when absent
}

const (
	maxDocument      = 16 << 10
	defaultRealm     = "proxy"
	defaultHeaderS   = 15
	defaultIdleS     = 90
	defaultMaxHeader = 64 << 10
)

// Decode reads options, strictly, and validates them. An empty document means the defaults. Errors are FieldErrors whose
// path is relative to the options.
func Decode(raw json.RawMessage) (Options, error) {
	var o Options
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := nodeapi.DecodeStrict(bytes.NewReader(raw), maxDocument, &o); err != nil {
			return Options{}, nodeapi.Fault("", "%v", err)
		}
	}
	return o, o.validate()
}

func (o *Options) validate() error {
	if len(o.Realm) > 64 {
		return nodeapi.Fault("realm", "must have at most 64 characters")
	}
	for _, r := range o.Realm {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return nodeapi.Fault("realm", "must be printable ASCII without quotes and backslashes")
		}
	}
	if t := o.HeaderTimeoutS; t != 0 && (t < 1 || t > 120) {
		return nodeapi.Fault("header_timeout_s", "must be between 1 and 120")
	}
	if t := o.IdleTimeoutS; t != 0 && (t < 1 || t > 3600) {
		return nodeapi.Fault("idle_timeout_s", "must be between 1 and 3600")
	}
	if n := o.MaxHeaderBytes; n != 0 && (n < 4<<10 || n > 1<<20) {
		return nodeapi.Fault("max_header_bytes", "must be between 4096 and 1048576")
	}
	return nil
}

// RealmText is the realm of the authentication challenge.
func (o *Options) RealmText() string {
	if o.Realm == "" {
		return defaultRealm
	}
	return o.Realm
}

// HeaderTimeout bounds a request's header.
func (o *Options) HeaderTimeout() time.Duration { return seconds(o.HeaderTimeoutS, defaultHeaderS) }

// IdleTimeout bounds the wait for the next request.
func (o *Options) IdleTimeout() time.Duration { return seconds(o.IdleTimeoutS, defaultIdleS) }

// MaxHeader bounds a request's header in bytes.
func (o *Options) MaxHeader() int {
	if o.MaxHeaderBytes == 0 {
		return defaultMaxHeader
	}
	return o.MaxHeaderBytes
}

func seconds(n, otherwise int) time.Duration {
	if n == 0 {
		n = otherwise
	}
	return time.Duration(n) * time.Second
}

// Link is what a client app imports: http://name:password@host:port, https when the listener speaks TLS.
func Link(tls bool, name, password, host string, port uint16, label string) string {
	u := url.URL{
		Scheme:   "http",
		User:     url.UserPassword(name, password),
		Host:     net.JoinHostPort(host, strconv.Itoa(int(port))),
		Fragment: label,
	}
	if tls {
		u.Scheme = "https"
	}
	return u.String()
}
