// Package hysteria holds what both halves must know of the Hysteria 2 ingress: its options with defaults and validation,
// and the link that client apps import.
package hysteria

import (
	"bytes"
	"encoding/json"
	"time"

	"culvert/shared/nodeapi"
)

// Kind names this protocol in documents.
const Kind = "hysteria2"

// Options configure one listener. Rates are the server's own, as in Hysteria's server configuration: up is what the
// server sends, that is the subscribers' download.
type Options struct {
	Obfs       *Obfs      `json:"obfs,omitempty"`
	UpMbps     int        `json:"up_mbps,omitempty"`   // cap of what a client may ask the server to send; 0 = none
	DownMbps   int        `json:"down_mbps,omitempty"` // cap that the client is told for its own sending; 0 = none
	Congestion Congestion `json:"congestion"`
	// IgnoreClientBandwidth makes the congestion controller find the rate. When absent it is on exactly when UpMbps is 0:
	// a client's word alone must not set how fast a node floods somebody.
	IgnoreClientBandwidth *bool      `json:"ignore_client_bandwidth,omitempty"`
	DisableUDP            bool       `json:"disable_udp,omitempty"`
	UDPIdleTimeoutS       int        `json:"udp_idle_timeout_s,omitempty"` // 2 to 600; 60 when absent
	Masquerade            Masquerade `json:"masquerade"`
	QUIC                  QUIC       `json:"quic"`
	SNI                   string     `json:"sni,omitempty"`      // name that client links ask for
	Insecure              bool       `json:"insecure,omitempty"` // client links skip certificate checks (self-signed)
}

// Obfs hides that the packets are QUIC. It costs throughput.
type Obfs struct {
	Type     string `json:"type"` // salamander
	Password string `json:"password"`
}

// Congestion picks the controller for connections whose rate the client did not state.
type Congestion struct {
	Type       string `json:"type,omitempty"`        // bbr (default) or reno
	BBRProfile string `json:"bbr_profile,omitempty"` // standard (default), conservative or aggressive
}

// QUIC tunes the transport. Zero means the library's default.
type QUIC struct {
	MaxIdleTimeoutS        int    `json:"max_idle_timeout_s,omitempty"` // 4 to 120; 30 when absent
	InitialStreamWindow    uint64 `json:"initial_stream_window,omitempty"`
	MaxStreamWindow        uint64 `json:"max_stream_window,omitempty"`
	InitialConnWindow      uint64 `json:"initial_conn_window,omitempty"`
	MaxConnWindow          uint64 `json:"max_conn_window,omitempty"`
	MaxIncomingStreams     int64  `json:"max_incoming_streams,omitempty"` // 8 to 1048576; 1024 when absent
	DisablePathMTUDiscover bool   `json:"disable_path_mtu_discovery,omitempty"`
}

// The names that options use.
const (
	Salamander = "salamander"
	BBR        = "bbr"
	Reno       = "reno"
)

const (
	maxDocument    = 256 << 10
	minObfsKey     = 4
	maxMbps        = 1_000_000
	minWindow      = 16 << 10
	maxWindow      = 1 << 30
	maxStreams     = 1 << 20
	defaultUDPIdle = 60
	defaultQUICTTL = 30
	bitsPerByte    = 8
	bitsPerMbit    = 1_000_000
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
	if err := o.validate(); err != nil {
		return Options{}, err
	}
	return o, nil
}

func (o *Options) validate() error {
	if f := o.Obfs; f != nil {
		if f.Type != Salamander {
			return nodeapi.Fault("obfs.type", "must be %q", Salamander)
		}
		if len(f.Password) < minObfsKey || len(f.Password) > 256 {
			return nodeapi.Fault("obfs.password", "must have %d to 256 bytes", minObfsKey)
		}
	}
	if o.UpMbps < 0 || o.UpMbps > maxMbps {
		return nodeapi.Fault("up_mbps", "must be between 0 and %d", maxMbps)
	}
	if o.DownMbps < 0 || o.DownMbps > maxMbps {
		return nodeapi.Fault("down_mbps", "must be between 0 and %d", maxMbps)
	}
	if i := o.IgnoreClientBandwidth; i != nil && !*i && o.UpMbps == 0 {
		return nodeapi.Fault("ignore_client_bandwidth", "may be false only when up_mbps sets a cap")
	}
	if t := o.UDPIdleTimeoutS; t != 0 && (t < 2 || t > 600) {
		return nodeapi.Fault("udp_idle_timeout_s", "must be between 2 and 600")
	}
	if len(o.SNI) > 253 {
		return nodeapi.Fault("sni", "must have at most 253 characters")
	}
	if err := o.Congestion.validate(); err != nil {
		return err
	}
	if err := o.QUIC.validate(); err != nil {
		return err
	}
	return o.Masquerade.validate()
}

func (c *Congestion) validate() error {
	switch c.Type {
	case "", BBR, Reno:
	default:
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
	if t := q.MaxIdleTimeoutS; t != 0 && (t < 4 || t > 120) {
		return nodeapi.Fault("quic.max_idle_timeout_s", "must be between 4 and 120")
	}
	if n := q.MaxIncomingStreams; n != 0 && (n < 8 || n > maxStreams) {
		return nodeapi.Fault("quic.max_incoming_streams", "must be between 8 and %d", maxStreams)
	}
	for _, w := range []struct {
		path string
		v    uint64
	}{
		{"quic.initial_stream_window", q.InitialStreamWindow},
		{"quic.max_stream_window", q.MaxStreamWindow},
		{"quic.initial_conn_window", q.InitialConnWindow},
		{"quic.max_conn_window", q.MaxConnWindow},
	} {
		if w.v != 0 && (w.v < minWindow || w.v > maxWindow) {
			return nodeapi.Fault(w.path, "must be between %d and %d", minWindow, maxWindow)
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
func (o *Options) UpBytes() uint64 { return uint64(o.UpMbps) * bitsPerMbit / bitsPerByte }

// DownBytes is the cap that clients are told, in bytes per second, 0 for none.
func (o *Options) DownBytes() uint64 { return uint64(o.DownMbps) * bitsPerMbit / bitsPerByte }

// UDPIdle is how long a silent UDP association lives.
func (o *Options) UDPIdle() time.Duration {
	if o.UDPIdleTimeoutS == 0 {
		return defaultUDPIdle * time.Second
	}
	return time.Duration(o.UDPIdleTimeoutS) * time.Second
}

// IdleTimeout is how long a silent connection lives.
func (q *QUIC) IdleTimeout() time.Duration {
	if q.MaxIdleTimeoutS == 0 {
		return defaultQUICTTL * time.Second
	}
	return time.Duration(q.MaxIdleTimeoutS) * time.Second
}
