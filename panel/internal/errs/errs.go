// Package errs holds the few kinds of error that callers act on. A kind is set where the fact is known; everything else
// wraps with what it was doing, and each surface maps kinds to its own answers in one table.
package errs

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what a caller can do about an error.
type Kind uint8

// The kinds. Internal is the zero value: an error nobody classified is ours to mend.
const (
	Internal     Kind = iota
	Invalid           // a field breaks a rule: Fields says which
	Denied            // the caller may not do this
	Unauthorized      // the caller is not who they say, or did not say
	Missing           // no such object, or not the caller's to see
	Conflict          // exists already
	State             // the object is in the wrong state for this (already suspended, ...)
	InUse             // something else needs the object
	Limited           // a limit of plan or tenant is reached
	Stale             // If-Match names another version
	Throttled         // too many requests; RetryAfter may be set by the surface
	Unavailable       // a part we need is down; the same call may work later
	Disabled          // the feature is switched off
)

var names = [...]string{
	"internal", "invalid", "denied", "unauthorized", "missing", "conflict", "state", "in_use", "limited", "stale",
	"throttled", "unavailable", "disabled",
}

func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// Field names one field and the rule it breaks.
type Field struct {
	Name string `json:"field"`
	Rule string `json:"rule"`
}

// Error is a classified error. Message is safe to show to the caller; the cause is for logs.
type Error struct {
	Kind    Kind
	Message string
	Fields  []Field
	Cause   error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s %s", f.Name, f.Rule)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of kind k whose message may be shown.
func New(k Kind, format string, a ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, a...)}
}

// Wrap classifies cause; the message is shown, the cause is not.
func Wrap(k Kind, cause error, format string, a ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, a...), Cause: cause}
}

// Bad is an Invalid error about one field.
func Bad(field, format string, a ...any) error {
	rule := fmt.Sprintf(format, a...)
	return &Error{Kind: Invalid, Message: "invalid request", Fields: []Field{{Name: field, Rule: rule}}}
}

// NotFound is the one answer for absent and for foreign objects.
func NotFound(what, name string) error { return New(Missing, "%s %s doesn't exist", what, name) }

// KindOf returns the kind of the outermost classified error in err's chain.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Public returns what may be shown of err: its message and fields, or a neutral text for internal errors.
func Public(err error) (string, []Field) {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		return e.Message, e.Fields
	}
	return "internal error", nil
}

// Faults collects Invalid fields so that all of them are reported at once.
type Faults struct{ fields []Field }

// Add notes that field breaks a rule.
func (f *Faults) Add(field, format string, a ...any) {
	f.fields = append(f.fields, Field{Name: field, Rule: fmt.Sprintf(format, a...)})
}

// Check adds a fault for field unless ok.
func (f *Faults) Check(ok bool, field, format string, a ...any) {
	if !ok {
		f.Add(field, format, a...)
	}
}

// Merge takes over the fields of an Invalid error, each below prefix; every other error is not its business.
func (f *Faults) Merge(prefix string, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Invalid {
		return
	}
	for _, x := range e.Fields {
		f.fields = append(f.fields, Field{Name: prefix + x.Name, Rule: x.Rule})
	}
}

// Err returns the collected faults as one error, or nil.
func (f *Faults) Err() error {
	if len(f.fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: "invalid request", Fields: f.fields}
}
