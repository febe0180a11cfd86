package nodeapi

import "errors"

// GatewayName is the name in the gateway's certificate, whatever address it is dialled by. Agents ask for it and trust
// the panel's own CA for it.
const GatewayName = "gateway.culvert.internal"

// Codes of a Problem that an agent acts on; any other code is told to people only.
const (
	CodeCertificate = "certificate"         // none, or not of this panel
	CodeExpired     = "certificate_expired" // enrol again
	CodeClock       = "clock"               // the certificate is not valid yet: a clock is wrong
	CodeRevoked     = "revoked"             // the node is revoked or gone: enrol again
	CodeDenied      = "denied"              // an enrolment token that is not valid
	CodeInvalid     = "invalid"             // the document breaks a rule: sending it again changes nothing
	CodeTooMany     = "too_many"            // slow down
	CodeUnavailable = "unavailable"         // a part the panel needs is down: try again
	CodeInternal    = "internal"            // the panel's mistake: try again
)

// Problem is the body of every answer of the node API with a status of 400 or more.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Path    string `json:"path,omitempty"` // of the field that was refused
	Clock   int64  `json:"clock"`          // the panel's, Unix milliseconds: tells a wrong clock apart from a wrong certificate
}

func (p *Problem) Error() string {
	if p.Path != "" {
		return p.Message + " (" + p.Path + ")"
	}
	return p.Message
}

// CodeOf returns the code of the Problem in err's chain, or "".
func CodeOf(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}
