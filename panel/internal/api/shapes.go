package api

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"culvert/panel/internal/errs"
)

const tagAuth = "auth"

// none is a request or response without anything in it.
type none struct{}

// ByID is a request that names an object.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

// Matched is a request that may insist on a version.
type Matched struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version this change is made to"`
}

// version returns the version to insist on, 0 for any.
func (m Matched) version() (int64, error) {
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

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// one is an answer that holds an object with its version.
type one[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// answer makes an answer of an object, or passes the error on.
func answer[T any](v *T, version func(*T) int64, err error) (*one[T], error) {
	if err != nil {
		return nil, err
	}
	return &one[T]{ETag: etag(version(v)), Body: *v}, nil
}

// bare is an answer without a version.
type bare[T any] struct{ Body T }

// Paged is a request for a page.
type Paged struct {
	Cursor string `query:"cursor" maxLength:"256" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// page is one page of a listing.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"cursor of the next page; empty at the end"`
}

// pageOf cuts a listing that was asked for one more than limit.
func pageOf[T any](items []T, limit int, cursor func(*T) string) *bare[page[T]] {
	p := page[T]{Items: items}
	if len(items) > limit {
		p.Items = items[:limit]
		p.Next = cursor(&p.Items[limit-1])
	}
	if p.Items == nil {
		p.Items = []T{}
	}
	return &bare[page[T]]{Body: p}
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

// orZero reads an optional body: absent is the same as empty.
func orZero[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

// wrap makes an answer without a version of an object, or passes the error on.
func wrap[T any](v *T, err error) (*bare[T], error) {
	if err != nil {
		return nil, err
	}
	return &bare[T]{Body: *v}, nil
}
