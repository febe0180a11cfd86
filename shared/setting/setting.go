// Package setting reads a program's configuration: environment variables over an optional YAML file. It
// collects every mistake, so that an operator corrects a configuration once, not line by line.
package setting

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Reader hands out settings by the name of their variable. The file's key is the same name without the
// prefix, in lower case: CULVERT_DATA_DIR is data_dir.
type Reader struct {
	prefix   string
	values   map[string]value
	known    map[string]bool
	mistakes []string
}

type value struct{ text, origin string }

// Read takes the variables with the prefix from environ ("NAME=value"), and those of the YAML file that the
// variable prefix+"CONFIG" names. Variables whose names start with one of foreign belong to other programs.
func Read(environ []string, prefix string, foreign ...string) *Reader {
	r := &Reader{prefix: prefix, values: map[string]value{}, known: map[string]bool{}}
	for _, line := range environ {
		name, text, _ := strings.Cut(line, "=")
		alien := slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(name, p) })
		if strings.HasPrefix(name, prefix) && !alien {
			r.values[name] = value{text: text, origin: "environment"}
		}
	}
	if path := r.String("CONFIG", ""); path != "" {
		r.file(path)
	}
	return r
}

func (r *Reader) file(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		r.Mistake("CONFIG", "names a file that can be read: "+err.Error())
		return
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		r.Mistake("CONFIG", "names a YAML file of \"key: value\" lines: "+err.Error())
		return
	}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		name := r.prefix + strings.ToUpper(key)
		text, ok := scalar(doc[key])
		if !ok || key != strings.ToLower(key) {
			r.mistakes = append(r.mistakes, fmt.Sprintf("%s: key %q: a lower-case name with one value, or a list of values", path, key))
			continue
		}
		if _, set := r.values[name]; !set {
			r.values[name] = value{text: text, origin: path}
		}
	}
}

// scalar renders a YAML value as the variable would be written; a list is separated by commas.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			part, ok := scalar(e)
			if _, nested := e.([]any); !ok || nested {
				return "", false
			}
			parts[i] = part
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// Mistake records that a setting breaks its rule. The rule is a phrase that completes "must be …" or tells
// what the variable does.
func (r *Reader) Mistake(name, rule string) {
	name = r.prefix + name
	origin := ""
	if v, ok := r.values[name]; ok && v.origin != "environment" {
		origin = " (in " + v.origin + ")"
	}
	r.mistakes = append(r.mistakes, name+origin+": "+rule)
}

// Err reports all mistakes, settings that nobody asked for among them; nil when there are none. Call it last.
func (r *Reader) Err() error {
	all := slices.Clone(r.mistakes)
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		if !r.known[name] {
			known := slices.Sorted(maps.Keys(r.known))
			all = append(all, fmt.Sprintf("%s: there is no such setting%s; known: %s", name, from(r.values[name]), strings.Join(known, " ")))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New("configuration:\n  " + strings.Join(all, "\n  "))
}

func from(v value) string {
	if v.origin == "environment" {
		return ""
	}
	return " (in " + v.origin + ")"
}

// String reads a text; an empty value counts as unset.
func (r *Reader) String(name, def string) string {
	name = r.prefix + name
	r.known[name] = true
	if v := strings.TrimSpace(r.values[name].text); v != "" {
		return v
	}
	return def
}

// Choice reads one of the options.
func (r *Reader) Choice(name, def string, options ...string) string {
	v := r.String(name, def)
	if !slices.Contains(options, v) {
		r.Mistake(name, fmt.Sprintf("must be one of %s, not %q", strings.Join(options, ", "), v))
	}
	return v
}

// Duration reads a time span such as 10s within bounds.
func (r *Reader) Duration(name string, def, least, most time.Duration) time.Duration {
	text := r.String(name, def.String())
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.Mistake(name, fmt.Sprintf("must be a duration between %v and %v, such as %v, not %q", least, most, def, text))
		return def
	}
	return d
}

// Listen reads an address to listen on: host:port, the host empty or an IP address, the port 0 to 65535.
func (r *Reader) Listen(name, def string) string {
	text := r.String(name, def)
	if text == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	_, portErr := strconv.ParseUint(port, 10, 16)
	_, hostErr := netip.ParseAddr(host)
	if err != nil || portErr != nil || host != "" && host != "localhost" && hostErr != nil {
		r.Mistake(name, fmt.Sprintf("must be an address to listen on, [ip]:port such as %s, not %q", orDefault(def, "127.0.0.1:8080"), text))
	}
	return text
}

// HostPort reads an address to dial: host:port, neither empty, the port not 0.
func (r *Reader) HostPort(name, def string) string {
	text := r.String(name, def)
	if text == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || portErr != nil || n == 0 {
		r.Mistake(name, fmt.Sprintf("must be an address to dial, host:port, not %q", text))
	}
	return text
}

// URL reads an absolute URL with one of the schemes. The text is not repeated in a mistake: it may hold a password.
func (r *Reader) URL(name, def string, schemes ...string) string {
	text := r.String(name, def)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || !slices.Contains(schemes, u.Scheme) {
		r.Mistake(name, fmt.Sprintf("must be a URL that starts with %s://", strings.Join(schemes, ":// or ")))
	}
	return text
}

// Prefixes reads a comma-separated list of CIDRs; a bare address is a network of one.
func (r *Reader) Prefixes(name string) []netip.Prefix {
	var out []netip.Prefix
	for part := range strings.SplitSeq(r.String(name, ""), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(part); err == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil {
			r.Mistake(name, fmt.Sprintf("must be CIDRs separated by commas, such as 10.0.0.0/8, not %q", part))
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
