// Package option reads a protocol's option document: strictly, over defaults, with faults that name their field.
package option

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"culvert/shared/nodeapi"
)

// maxSize bounds one ingress's options; the largest honest ones (a masquerade page) stay far below.
const maxSize = 1 << 20

// Decode reads raw over the defaults that v, a pointer to a struct, already holds. Empty input leaves the defaults.
// Unknown fields, wrong types and trailing values are *nodeapi.FieldError with a path relative to the options.
func Decode(raw json.RawMessage, v any) error {
	if len(raw) > maxSize {
		return nodeapi.Fault("", "options must not be larger than %d bytes", maxSize)
	}
	if len(bytes.TrimSpace(raw)) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fault(err, raw, v)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nodeapi.Fault("", "options must be one JSON object")
	}
	return nil
}

// Encode writes options in their normal form.
func Encode(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, nodeapi.Fault("", "options cannot be written: %v", err)
	}
	return b, nil
}

// fault gives a decoder's error the path of its field. The name of an unknown field is only in the error's text: there
// is no type for it in encoding/json.
func fault(err error, raw json.RawMessage, v any) error {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return nodeapi.Fault(te.Field, "must be %s, is %s", kindOf(te.Type), withArticle(te.Value))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return nodeapi.Fault(strings.Trim(name, `"`), "is not an option of this kind")
	}
	return nodeapi.Fault(blamed(raw, v), "cannot be read: %v", err)
}

// blamed names the field whose text its own type refuses (an address, a prefix, a key): the decoder does not say which it was.
// Empty: the whole is no JSON.
func blamed(raw json.RawMessage, v any) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		one, err := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err == nil && json.Unmarshal(one, reflect.New(reflect.TypeOf(v).Elem()).Interface()) != nil {
			return name
		}
	}
	return ""
}

// kindOf says in words what a field takes.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a whole number"
	}
}

func withArticle(value string) string {
	if strings.HasPrefix(value, "a") || strings.HasPrefix(value, "o") {
		return "an " + value
	}
	return "a " + value
}

// Between checks that lo <= v <= hi.
func Between(path string, v, lo, hi int64) error {
	if v < lo || v > hi {
		return nodeapi.Fault(path, "must be between %d and %d, is %d", lo, hi, v)
	}
	return nil
}
