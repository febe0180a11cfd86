// Package socks holds the options of a SOCKS5 ingress (RFC 1928, RFC 1929).
package socks

import (
	"encoding/json"
	"net/netip"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

// Name is the kind's name in documents.
const Name = "socks5"

// Options of a SOCKS5 ingress.
type Options struct {
	TLS bool `json:"tls"` // SOCKS5 inside TLS; the ingress must then name a certificate
	UDP bool `json:"udp"` // allow UDP ASSOCIATE; default true
	// PublicAddress is told to clients as the UDP relay's address when the node sits behind address translation; empty
	// means the address the control connection arrived at.
	PublicAddress      string `json:"public_address,omitempty"`
	HandshakeTimeoutMS int64  `json:"handshake_timeout_ms"` // from accept to a complete request; default 15000
	UDPIdleTimeoutMS   int64  `json:"udp_idle_timeout_ms"`  // an association without datagrams ends; default 120000
}

// Parse reads options strictly and fills the defaults.
func Parse(raw json.RawMessage) (Options, error) {
	o := Options{UDP: true, HandshakeTimeoutMS: 15_000, UDPIdleTimeoutMS: 120_000}
	if err := option.Decode(raw, &o); err != nil {
		return Options{}, err
	}
	if o.PublicAddress != "" {
		a, err := netip.ParseAddr(o.PublicAddress)
		if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return Options{}, nodeapi.Fault("public_address", "must be an IPv4 or IPv6 address")
		}
		o.PublicAddress = a.Unmap().String()
	}
	if err := option.Between("handshake_timeout_ms", o.HandshakeTimeoutMS, 500, 120_000); err != nil {
		return Options{}, err
	}
	if err := option.Between("udp_idle_timeout_ms", o.UDPIdleTimeoutMS, 1_000, 3_600_000); err != nil {
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

// HandshakeTimeout is the time from accept to a complete request.
func (o Options) HandshakeTimeout() time.Duration {
	return time.Duration(o.HandshakeTimeoutMS) * time.Millisecond
}

// UDPIdleTimeout is how long an association may be silent.
func (o Options) UDPIdleTimeout() time.Duration {
	return time.Duration(o.UDPIdleTimeoutMS) * time.Millisecond
}
