package rest

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"culvert/panel/internal/errs"
	"culvert/shared/secret"
)

// None is a request or response without anything in it.
type None struct{}

// ByID is a request that names an object.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// Matched is a request that may insist on a version.
type Matched struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version this change is made to"`
}

// Version returns the version to insist on, 0 for any.
func (m Matched) Version() (int64, error) {
	t := strings.TrimSpace(m.IfMatch)
	if t == "" || t == "*" {
		return 0, nil
	}
	v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(t, "W/"), `"`), 10, 64)
	if err != nil || v < 1 {
		return 0, errs.Bad("If-Match", "must be an ETag of this object")
	}
	return v, nil
}

// ETag is the tag of a version.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// One is an answer that holds an object with its version.
type One[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// Answer makes an answer of an object, or passes the error on.
func Answer[T any](v *T, version func(*T) int64, err error) (*One[T], error) {
	if err != nil {
		return nil, err
	}
	return &One[T]{ETag: ETag(version(v)), Body: *v}, nil
}

// Bare is an answer without a version.
type Bare[T any] struct{ Body T }

// Paged is a request for a page.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"256" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// Page is one page of a listing.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"cursor of the next page; empty at the end"`
}

// PageOf cuts a listing that was asked for one more than limit.
func PageOf[T any](items []T, limit int, cursor func(*T) string) *Bare[Page[T]] {
	p := Page[T]{Items: items}
	if len(items) > limit {
		p.Items = items[:limit]
		p.Next = cursor(&p.Items[limit-1])
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return &Bare[Page[T]]{Body: p}
}

// Nullable tells an absent field (Set false) from null (Null true) and from a value.
type Nullable[T any] struct {
	Set, Null bool
	Value     T
}

// UnmarshalJSON implements json.Unmarshaler; it is called only for a field that is present.
func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.Set = true
	if string(b) == "null" {
		n.Null = true
		return nil
	}
	return json.Unmarshal(b, &n.Value)
}

// Schema implements huma.SchemaProvider.
func (n Nullable[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return &s
}

// OrZero reads an optional body: absent is the same as empty.
func OrZero[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

// Wrap makes an answer without a version of an object, or passes the error on.
func Wrap[T any](v *T, err error) (*Bare[T], error) {
	if err != nil {
		return nil, err
	}
	return &Bare[T]{Body: *v}, nil
}

// File is an answer that is no JSON.
type File struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// SecretInput is a secret in a request body: a plain string on the wire that nothing logs.
type SecretInput string

// Secret is the input as what refuses to be printed.
func (s SecretInput) Secret() secret.String { return secret.New(string(s)) }

// OrGenerated is the secret, or a generated one, which is then to be answered as well.
func (s SecretInput) OrGenerated(generate func() string) (password, generated string) {
	if s != "" {
		return string(s), ""
	}
	p := generate()
	return p, p
}
