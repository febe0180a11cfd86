// Package hysteria holds what both halves must know of the Hysteria 2 ingress: its options with defaults and validation,
// and the link that client apps import.
package hysteria

import (
	"encoding/json"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/protocol/option"
)

// Name is the kind's name in documents, and the family of its generated secrets.
const Name = "hysteria2"

// Options of a Hysteria 2 ingress. Rates are the server's own, as in Hysteria's server configuration: up is what the
// server sends, that is the subscribers' download.
type Options struct {
	Obfs       *Obfs      `json:"obfs,omitempty"`
	UpMbps     int64      `json:"up_mbps"`   // cap of what a client may ask the server to send; 0 = none
	DownMbps   int64      `json:"down_mbps"` // cap that the client is told for its own sending; 0 = none
	Congestion Congestion `json:"congestion"`
	// IgnoreClientBandwidth makes the congestion controller find the rate. When absent it is on exactly when UpMbps is 0:
	// a client's word alone must not set how fast a node floods somebody.
	IgnoreClientBandwidth *bool      `json:"ignore_client_bandwidth,omitempty"`
	UDP                   bool       `json:"udp"`                 // carry UDP; default true
	UDPIdleTimeoutMS      int64      `json:"udp_idle_timeout_ms"` // an association without datagrams ends; default 60000
	Masquerade            Masquerade `json:"masquerade"`
	QUIC                  QUIC       `json:"quic"`
	SNI                   string     `json:"sni,omitempty"` // name that client links ask for
	Insecure              bool       `json:"insecure"`      // client links skip certificate checks (self-signed)
}

// Obfs hides that the packets are QUIC. It costs throughput.
type Obfs struct {
	Type     string `json:"type" enum:"salamander"`
	Password string `json:"password"`
}

// Congestion picks the controller for connections whose rate the client did not state.
type Congestion struct {
	Type       string `json:"type" enum:"bbr,reno"`
	BBRProfile string `json:"bbr_profile,omitempty" enum:"standard,conservative,aggressive"`
}

// QUIC tunes the transport. The library raises a window from its initial to its largest size as it is used.
type QUIC struct {
	MaxIdleTimeoutMS        int64  `json:"max_idle_timeout_ms"` // 4000 to 120000; default 30000
	InitialStreamWindow     uint64 `json:"initial_stream_window"`
	MaxStreamWindow         uint64 `json:"max_stream_window"`
	InitialConnWindow       uint64 `json:"initial_conn_window"`
	MaxConnWindow           uint64 `json:"max_conn_window"`
	MaxIncomingStreams      int64  `json:"max_incoming_streams"` // open TCP flows of one connection; default 1024
	DisablePathMTUDiscovery bool   `json:"disable_path_mtu_discovery"`
}

// The names that options use.
const (
	Salamander = "salamander"
	BBR        = "bbr"
	Reno       = "reno"
)

const (
	minObfsKey  = 4
	maxObfsKey  = 256
	maxMbps     = 1_000_000
	minWindow   = 16 << 10
	maxWindow   = 1 << 30
	maxStreams  = 1 << 20
	maxName     = 253
	mbitInBytes = 1_000_000 / 8

	streamWindow = 8 << 20
	connWindow   = 20 << 20
)

// Parse reads options strictly, fills the defaults and validates them. Errors are FieldErrors whose path is relative to
// the options.
func Parse(raw json.RawMessage) (Options, error) {
	o := Options{
		UDP:              true,
		UDPIdleTimeoutMS: 60_000,
		Congestion:       Congestion{Type: BBR},
		Masquerade:       Masquerade{Type: Masq404},
		QUIC: QUIC{
			MaxIdleTimeoutMS:    30_000,
			InitialStreamWindow: streamWindow, MaxStreamWindow: streamWindow,
			InitialConnWindow: connWindow, MaxConnWindow: connWindow,
			MaxIncomingStreams: 1024,
		},
	}
	if err := option.Decode(raw, &o); err != nil {
		return Options{}, err
	}
	if err := o.validate(); err != nil {
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

// NeedsCertificate reports true: QUIC is always TLS.
func NeedsCertificate(json.RawMessage) bool { return true }

func (o *Options) validate() error {
	if f := o.Obfs; f != nil {
		if f.Type != Salamander {
			return nodeapi.Fault("obfs.type", "must be %q", Salamander)
		}
		if len(f.Password) < minObfsKey || len(f.Password) > maxObfsKey {
			return nodeapi.Fault("obfs.password", "must have %d to %d bytes", minObfsKey, maxObfsKey)
		}
	}
	if i := o.IgnoreClientBandwidth; i != nil && !*i && o.UpMbps == 0 {
		return nodeapi.Fault("ignore_client_bandwidth", "may be false only when up_mbps sets a cap")
	}
	if len(o.SNI) > maxName {
		return nodeapi.Fault("sni", "must have at most %d characters", maxName)
	}
	return firstOf(
		option.Between("up_mbps", o.UpMbps, 0, maxMbps),
		option.Between("down_mbps", o.DownMbps, 0, maxMbps),
		option.Between("udp_idle_timeout_ms", o.UDPIdleTimeoutMS, 2_000, 600_000),
		o.Congestion.validate(),
		o.QUIC.validate(),
		o.Masquerade.validate(),
	)
}

func (c *Congestion) validate() error {
	if c.Type != BBR && c.Type != Reno {
		return nodeapi.Fault("congestion.type", "must be %q or %q", BBR, Reno)
	}
	switch c.BBRProfile {
	case "":
	case "standard", "conservative", "aggressive":
		if c.Type == Reno {
			return nodeapi.Fault("congestion.bbr_profile", "has no meaning with %q", Reno)
		}
	default:
		return nodeapi.Fault("congestion.bbr_profile", "must be standard, conservative or aggressive")
	}
	return nil
}

func (q *QUIC) validate() error {
	return firstOf(
		option.Between("quic.max_idle_timeout_ms", q.MaxIdleTimeoutMS, 4_000, 120_000),
		option.Between("quic.max_incoming_streams", q.MaxIncomingStreams, 8, maxStreams),
		window("quic.initial_stream_window", q.InitialStreamWindow),
		window("quic.max_stream_window", q.MaxStreamWindow),
		window("quic.initial_conn_window", q.InitialConnWindow),
		window("quic.max_conn_window", q.MaxConnWindow),
	)
}

func window(path string, v uint64) error {
	if v < minWindow || v > maxWindow {
		return nodeapi.Fault(path, "must be between %d and %d, is %d", minWindow, maxWindow, v)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// IgnoreBandwidth resolves the default of IgnoreClientBandwidth.
func (o *Options) IgnoreBandwidth() bool {
	if o.IgnoreClientBandwidth != nil {
		return *o.IgnoreClientBandwidth
	}
	return o.UpMbps == 0
}

// UpBytes is the cap of the server's sending in bytes per second, 0 for none.
func (o *Options) UpBytes() uint64 { return uint64(o.UpMbps) * mbitInBytes }

// DownBytes is the cap that clients are told, in bytes per second, 0 for none.
func (o *Options) DownBytes() uint64 { return uint64(o.DownMbps) * mbitInBytes }

// UDPIdle is how long a silent UDP association lives.
func (o *Options) UDPIdle() time.Duration {
	return time.Duration(o.UDPIdleTimeoutMS) * time.Millisecond
}

// IdleTimeout is how long a silent connection lives.
func (q *QUIC) IdleTimeout() time.Duration {
	return time.Duration(q.MaxIdleTimeoutMS) * time.Millisecond
}
