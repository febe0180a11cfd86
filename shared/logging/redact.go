package logging

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

type rule struct {
	find *regexp.Regexp
	with string
}

// rules find secrets inside text: in URLs, headers, form bodies and connection strings. Each keeps the part
// before the secret, so that a line still tells what it was about.
func rules() []rule {
	const keep = "${1}" + Redacted
	return []rule{
		{regexp.MustCompile(`(/(?:sub|get|once|reset|invite)/)[^/?#\s"']+`), keep},
		{regexp.MustCompile(`(?i)\b((?:token|password|passwd|pass|v_password|hash|secret|secret_key|access_key_secret|api_?key|code)=)[^&\s"']+`), keep},
		{regexp.MustCompile(`(?i)\b(bearer\s+|authorization\W+basic\s+)[a-z0-9._~+/=:-]{6,}`), keep},
		{regexp.MustCompile(`([a-z][a-z0-9+.-]*://[^:@/\s]*:)[^@/\s]+@`), keep + "@"},
		{regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*`), keep},
	}
}

// secretKey reports whether an attribute of this name must not be shown at all.
func secretKey(key string) bool {
	k := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(key))
	for _, word := range []string{
		"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie",
		"privatekey", "masterkey", "apikey", "presharedkey", "credential",
	} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return k == "psk" || k == "pass" || k == "dsn"
}

type redactor struct {
	next  slog.Handler
	rules []rule
}

// Redact wraps a handler so that secrets in messages and attributes do not reach it.
func Redact(next slog.Handler) slog.Handler {
	return redactor{next: next, rules: rules()}
}

func (r redactor) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level)
}

func (r redactor) WithGroup(name string) slog.Handler {
	return redactor{next: r.next.WithGroup(name), rules: r.rules}
}

func (r redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redactor{next: r.next.WithAttrs(r.attrs(attrs)), rules: r.rules}
}

func (r redactor) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, r.text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(r.attr(a))
		return true
	})
	return r.next.Handle(ctx, clean)
}

func (r redactor) attrs(in []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(in))
	for i, a := range in {
		out[i] = r.attr(a)
	}
	return out
}

func (r redactor) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(r.attrs(v.Group())...)}
	case slog.KindString:
		if secretKey(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		return slog.String(a.Key, r.text(v.String()))
	case slog.KindAny:
		if secretKey(a.Key) {
			return slog.String(a.Key, Redacted)
		}
		return slog.Attr{Key: a.Key, Value: r.opaque(v)}
	default: // numbers, times and booleans: "tokens=3" is a count
		return slog.Attr{Key: a.Key, Value: v}
	}
}

// opaque looks at how a value would print. It is passed on as it is unless something had to be hidden.
func (r redactor) opaque(v slog.Value) slog.Value {
	var text string
	switch x := v.Any().(type) {
	case nil:
		return v
	case []byte:
		text = string(x)
	default:
		text = fmt.Sprintf("%+v", x) // uses Error and String where there are such
	}
	if clean := r.text(text); clean != text {
		return slog.StringValue(clean)
	}
	return v
}

// text hides the secrets in a line. Most lines hold none of the marks and cost one scan.
func (r redactor) text(s string) string {
	if !strings.ContainsAny(s, "/=") && !strings.Contains(s, "PRIVATE KEY") && !strings.ContainsAny(s, "bB") {
		return s
	}
	for _, rule := range r.rules {
		s = rule.find.ReplaceAllString(s, rule.with)
	}
	return s
}
