// Package httpproxy holds what both halves must know of the HTTP proxy ingress: its options with defaults and
// validation, and the URL that client apps import.
package httpproxy

import (
	"encoding/json"
	"net"
	"net/url"
	"strconv"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

// Name is the kind's name in documents.
const Name = "http"

// Options of an HTTP proxy ingress.
type Options struct {
	TLS             bool   `json:"tls"`               // the proxy itself speaks TLS; the ingress must then name a certificate
	Realm           string `json:"realm"`             // shown by browsers that ask for the password; default "proxy"
	HeaderTimeoutMS int64  `json:"header_timeout_ms"` // time for a TLS handshake and for a request's header; default 15000
	IdleTimeoutMS   int64  `json:"idle_timeout_ms"`   // how long a connection may wait for its next request; default 90000
	MaxHeaderBytes  int64  `json:"max_header_bytes"`  // of one request; default 65536
}

const maxRealm = 64

// Parse reads options strictly, fills the defaults and validates them. Errors are FieldErrors whose path is relative to
// the options.
func Parse(raw json.RawMessage) (Options, error) {
	o := Options{Realm: "proxy", HeaderTimeoutMS: 15_000, IdleTimeoutMS: 90_000, MaxHeaderBytes: 64 << 10}
	if err := option.Decode(raw, &o); err != nil {
		return Options{}, err
	}
	if o.Realm == "" || len(o.Realm) > maxRealm {
		return Options{}, nodeapi.Fault("realm", "must have 1 to %d characters", maxRealm)
	}
	for _, r := range o.Realm {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return Options{}, nodeapi.Fault("realm", "must be printable ASCII without quotes and backslashes")
		}
	}
	if err := option.Between("header_timeout_ms", o.HeaderTimeoutMS, 500, 120_000); err != nil {
		return Options{}, err
	}
	if err := option.Between("idle_timeout_ms", o.IdleTimeoutMS, 500, 3_600_000); err != nil {
		return Options{}, err
	}
	if err := option.Between("max_header_bytes", o.MaxHeaderBytes, 4<<10, 1<<20); err != nil {
		return Options{}, err
	}
	return o, nil
}

// Normalize is Parse, written back.
func Normalize(raw json.RawMessage) (json.RawMessage, error) {
	o, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	return option.Encode(o)
}

// NeedsCertificate reports whether the options ask for TLS.
func NeedsCertificate(raw json.RawMessage) bool {
	o, err := Parse(raw)
	return err == nil && o.TLS
}

// HeaderTimeout bounds a request's header.
func (o *Options) HeaderTimeout() time.Duration {
	return time.Duration(o.HeaderTimeoutMS) * time.Millisecond
}

// IdleTimeout bounds the wait for the next request.
func (o *Options) IdleTimeout() time.Duration {
	return time.Duration(o.IdleTimeoutMS) * time.Millisecond
}

// Link is what a client app imports: http://name:password@host:port, https when the listener speaks TLS.
func (o *Options) Link(name, password, host string, port uint16, label string) string {
	u := url.URL{
		Scheme:   "http",
		User:     url.UserPassword(name, password),
		Host:     net.JoinHostPort(host, strconv.Itoa(int(port))),
		Fragment: label,
	}
	if o.TLS {
		u.Scheme = "https"
	}
	return u.String()
}
