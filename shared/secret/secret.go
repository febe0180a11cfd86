// Package secret holds strings that refuse to print, log or marshal by accident.
package secret

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// String is a secret text. Every formatting verb, slog and encoding/json show a placeholder; Reveal is the one way out,
// so that a search for it lists every place where a secret leaves its box.
type String struct{ s string }

// New wraps s.
func New(s string) String { return String{s: s} }

// Reveal returns the secret text.
func (s String) Reveal() string { return s.s }

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s.s == "" }

// Equal compares in time that depends only on the lengths.
func (s String) Equal(o String) bool {
	return subtle.ConstantTimeCompare([]byte(s.s), []byte(o.s)) == 1
}

// Format implements fmt.Formatter for all verbs.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder: documents that must carry a secret say so with a plain string field.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// UnmarshalJSON reads a secret from a JSON string.
func (s *String) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &s.s) }
