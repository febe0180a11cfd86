// Package fault words what is wrong with a request: which field broke which rule, in terms that do not need Go.
package fault

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"culvert/panel/internal/errs"
)

// What the framework says of a body or a parameter, and what it means in our words.
var (
	requiredSaid = regexp.MustCompile(`^expected (?:required )?property (\S+) to be present`)                               //nolint:gochecknoglobals // a compiled constant
	typeSaid     = regexp.MustCompile(`cannot unmarshal (\w+)(?: \S+)? into Go (?:struct field (\S+)|value) of type (\S+)`) //nolint:gochecknoglobals // a compiled constant
)

// FieldOf names the field and the rule of one of the framework's faults; offending values are not echoed.
func FieldOf(e *huma.ErrorDetail) errs.Field {
	name, rule := e.Location, e.Message
	for _, in := range []string{"body", "query", "path", "header"} {
		if name == in {
			name = ""
		}
		name = strings.TrimPrefix(name, in+".")
	}
	if m := requiredSaid.FindStringSubmatch(rule); m != nil {
		return errs.Field{Name: strings.TrimPrefix(name+"."+m[1], "."), Rule: "is required"}
	}
	if m := typeSaid.FindStringSubmatch(rule); m != nil {
		parts := slices.DeleteFunc(strings.Split(m[2], "."), func(p string) bool { return p == "" || p[0] >= 'A' && p[0] <= 'Z' }) // Go's own names
		if len(parts) > 0 {
			name = strings.Join(parts, ".")
		}
		return errs.Field{Name: orBody(name), Rule: typeRule(m[1], m[3])}
	}
	switch {
	case strings.HasPrefix(rule, "invalid date/time for format"):
		rule = "must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z"
	case strings.HasPrefix(rule, `expected value to be one of ", `):
		rule = `expected value to be one of "` + strings.TrimPrefix(rule, `expected value to be one of ", `)
	case strings.HasPrefix(rule, "parsing time "):
		rule = "must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z"
	}
	return errs.Field{Name: orBody(name), Rule: rule}
}

func orBody(name string) string {
	if name == "" {
		return "body"
	}
	return name
}

// typeRule words a JSON value that does not fit.
func typeRule(got, want string) string {
	switch {
	case got == "number" && strings.Contains(want, "int"), got == "number" && strings.Contains(want, "unit."):
		return "must be a whole number that fits in 64 bits"
	case strings.Contains(want, "int"), strings.Contains(want, "unit."):
		return "must be a whole number, not a " + got
	case strings.Contains(want, "time.Time"):
		return "must be an RFC 3339 date and time, such as 2026-01-31T12:00:00Z"
	}
	return "must not be a " + got
}

// deepest is how far objects may be nested in what is checked: requests are three or four deep.
const deepest = 64

// SameNameTwice returns the place of the first name that an object in a JSON text has twice. Which one would count is
// nothing to guess at. A text that is no JSON is not its business; in one that is nested deeper than any request, nothing
// below is looked at.
func SameNameTwice(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	type level struct {
		seen  map[string]bool // nil: an array
		name  string
		value bool // an object's name was read, its value comes
		index int
	}
	var at []level
	place := func() string {
		parts := make([]string, len(at))
		for i := range at {
			if parts[i] = at[i].name; at[i].seen == nil {
				parts[i] = strconv.Itoa(at[i].index)
			}
		}
		return strings.Join(parts, ".")
	}
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		end, isEnd := t.(json.Delim)
		if isEnd && (end == '}' || end == ']') {
			at = at[:len(at)-1]
			continue
		}
		if n := len(at); n > 0 {
			top := &at[n-1]
			switch name, isText := t.(string); {
			case top.seen == nil:
				top.index++
			case top.value:
				top.value = false
			case isText:
				top.name, top.value = name, true
				if top.seen[name] {
					return place()
				}
				top.seen[name] = true
				continue
			}
		}
		if isEnd && len(at) >= deepest {
			return ""
		}
		switch {
		case isEnd && end == '{':
			at = append(at, level{seen: map[string]bool{}})
		case isEnd && end == '[':
			at = append(at, level{index: -1})
		}
	}
}
