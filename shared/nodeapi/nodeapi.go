// Package nodeapi is the one language between panel and node agent: documents, their validation, their strict codec and
// the paths they travel on. It knows no transport, no storage and no protocol options. PROTOCOL.md beside this file tells
// the exchange in words; golden documents in testdata must be readable by both halves.
package nodeapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Capability is the version of this language that this build speaks. One dated line a change:
//
//	1  2026-11-22  first: desired state with subscriber deltas, reports, allowances, signed jobs
//	2  2026-11-22  peers of subscribers (WireGuard); secrets in clear where a protocol needs them (Shadowsocks); device of a session;
//	               devices of subscribers with a limit are admitted over all nodes; rates of running sessions, endpoint and
//	               handshake of their devices
const Capability = 2

// ALPN protocol names of the gateway's single port.
const (
	ALPNAPI   = "h2"            // the node API of this package
	ALPNQueue = "culvert-queue" // filtering pipe to Redis for the agent's asynq worker
)

// Paths of the node API. All but PathEnrol need the node's client certificate.
const (
	PathEnrol  = "/v1/enrol"  // POST EnrolRequest -> EnrolResponse
	PathRenew  = "/v1/renew"  // POST RenewRequest -> RenewResponse
	PathHello  = "/v1/hello"  // POST Hello -> HelloResponse
	PathWatch  = "/v1/watch"  // POST, full duplex: AgentFrame lines up, PanelFrame lines down
	PathState  = "/v1/state"  // GET ?since=REVISION&hash=HASH -> Update; 304 when there is nothing newer
	PathAck    = "/v1/ack"    // POST Ack -> 204
	PathReport = "/v1/report" // POST Report -> ReportAck
	PathLease  = "/v1/lease"  // POST LeaseRequest -> LeaseResponse
	PathAdmit  = "/v1/admit"  // POST AdmitRequest -> AdmitResponse
	PathResult = "/v1/result" // POST JobResult -> 204
)

// MaxBody bounds every JSON body but Update, which is bounded by MaxUpdate.
const (
	MaxBody   = 8 << 20
	MaxUpdate = 256 << 20
)

// FieldError says which field of a document broke which rule. Path is a JSON path such as "ingresses[2].listen".
type FieldError struct {
	Path string `json:"path"`
	Rule string `json:"rule"`
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Rule }

// Fault builds a FieldError.
func Fault(path, format string, a ...any) error {
	return &FieldError{Path: path, Rule: fmt.Sprintf(format, a...)}
}

// AsField returns the path and the rule of err, with an empty path when err names no field.
func AsField(err error) (path, rule string) {
	var fe *FieldError
	if errors.As(err, &fe) {
		return fe.Path, fe.Rule
	}
	return "", err.Error()
}

// DecodeStrict reads exactly one JSON value of at most limit bytes and refuses unknown fields: what the panel sends must
// be understood whole, or refused whole.
func DecodeStrict(r io.Reader, limit int64, v any) error { return decode(r, limit, v, true) }

// Decode reads exactly one JSON value of at most limit bytes and ignores unknown fields: older and newer agents may talk
// to one panel.
func Decode(r io.Reader, limit int64, v any) error { return decode(r, limit, v, false) }

func strict(raw json.RawMessage, v any) error {
	return decode(bytes.NewReader(raw), int64(len(raw)), v, true)
}

func decode(r io.Reader, limit int64, v any, strict bool) error {
	lr := &io.LimitedReader{R: r, N: limit + 1}
	d := json.NewDecoder(lr)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(v)
	if lr.N <= 0 {
		return fmt.Errorf("document is larger than %d bytes", limit)
	}
	if err != nil {
		return fmt.Errorf("decode document: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("decode document: something follows the first value")
	}
	return nil
}
