package registry

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/subscriber"
)

// kind is a type of argument: what a value must look like, and whether it may be shown.
type kind struct {
	label  string // in "invalid … format"
	ok     func(string) bool
	empty  bool // a required argument of this kind may be empty: the command knows what it means
	secret bool
}

const maxText = 255

// kinds lists the types of arguments; a Spec names them.
func kinds() map[string]kind {
	anything := func(string) bool { return true }
	match := func(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }
	one := func(words ...string) func(string) bool {
		return func(s string) bool { return slices.Contains(words, s) }
	}
	name := match(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	return map[string]kind{
		"user":      {label: "user", ok: name},
		"whose":     {label: "user", ok: name},
		"newuser":   {label: "user", ok: newName, empty: true},
		"login":     {label: "user", ok: name},
		"package":   {label: "package", ok: match(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,64}[A-Za-z0-9])?$`)},
		"password":  {label: "password", ok: anything, secret: true},
		"secret":    {label: "key", ok: match(`^[\x21-\x7e]{1,256}$`), secret: true},
		"content":   {label: "content", ok: anything, empty: true, secret: true},
		"email":     {label: "email", ok: func(s string) bool { return subscriber.CheckEmail(s) == "" }},
		"name":      {label: "name", ok: func(s string) bool { return Printable(s, 128) }},
		"comment":   {label: "comment", ok: func(s string) bool { return Printable(s, maxText) }},
		"text":      {label: "value", ok: func(s string) bool { return Printable(s, maxText) }},
		"word":      {label: "value", ok: match(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)},
		"value":     {label: "value", ok: func(s string) bool { return Printable(s, 4096) }, empty: true},
		"file":      {label: "file", ok: match(`^(/tmp/)?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)},
		"domain":    {label: "domain", ok: func(s string) bool { return len(s) <= 253 && Printable(s, 253) }},
		"options":   {label: "options", ok: func(s string) bool { return len(s) <= 16<<10 && json.Valid([]byte(s)) }},
		"format":    {label: "format", ok: anything},
		"yesno":     {label: "boolean", ok: one("yes", "no")},
		"count":     {label: "number", ok: match(`^(0|[1-9][0-9]{0,8})$`)},
		"limit":     {label: "number", ok: match(`^(unlimited|0|[1-9][0-9]{0,11})$`)},
		"date":      {label: "date", ok: func(s string) bool { _, err := ParseDate(s); return err == nil }},
		"until":     {label: "date", ok: func(s string) bool { _, err := ParseDate(s); return s == "never" || err == nil }},
		"step":      {label: "step", ok: one("hour", "day", "month")},
		"reset":     {label: "reset", ok: one("never", "daily", "weekly", "monthly", "anniversary")},
		"reason":    {label: "reason", ok: match(`^[a-z]{1,16}$`)},
		"protocol":  {label: "protocol", ok: match(`^[a-z0-9]{1,32}$`)},
		"node":      {label: "node", ok: name},
		"peer":      {label: "peer", ok: match(`^[A-Za-z0-9 ._-]{1,64}$`)},
		"publickey": {label: "public_key", ok: match(`^[A-Za-z0-9+/]{43}=$`)},
		"conftype":  {label: "type", ok: one("uri", "conf", "clash", "singbox", "json")},
		"qrtype":    {label: "type", ok: one("svg", "png", "text")},
		"token":     {label: "token", ok: match(`^[A-Za-z0-9_]{1,64}$`)},
		"language":  {label: "language", ok: match(`^[a-z]{2}(-[A-Za-z]{2,4})?$`)},
		"shell":     {label: "shell", ok: match(`^[a-z/-]{1,64}$`)},
		"role":      {label: "role", ok: one("admin", "user", "dns-cluster")},
		"keyid":     {label: "access_key_id", ok: match(`^[0-9A-Za-z]{20}$`)},
		"sets":      {label: "permissions", ok: match(`^(\*|[a-z0-9-]{1,32}(,[a-z0-9-]{1,32}){0,31})$`)},
		"command":   {label: "command", ok: match(`^[A-Za-z0-9_-]{1,64}$`)},
		"address":   {label: "ip", ok: func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }},
		"range":     {label: "ip", ok: func(s string) bool { return s != "" && Printable(s, 64) }},
		"ranges":    {label: "ip", ok: func(s string) bool { return Printable(s, 4096) }},
		"realm":     {label: "tenant", ok: match(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])$`)},
		"nid":       {label: "notification", ok: match(`^(all|[1-9][0-9]{0,8})$`)},
		"cursor":    {label: "cursor", ok: match(`^[A-Za-z0-9_-]{0,128}$`)},
		"any":       {label: "value", ok: anything, empty: true}, // looked at by the command, in its own time
		"ignored":   {label: "value", ok: anything, empty: true},
	}
}

// newName is Hestia's rule on top of ours: a letter first. A reserved name is well-formed; who takes it is told so later.
func newName(s string) bool {
	rule := subscriber.CheckName(strings.ToLower(s))
	return letter(s) && (rule == "" || rule == "is reserved")
}

func letter(s string) bool {
	return s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}

// Printable reports whether a text is valid, has no control characters and at most that many characters.
func Printable(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, unicode.IsControl)
}

// ParseDate reads YYYY-MM-DD (midnight, UTC) and RFC 3339.
func ParseDate(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return t, errs.Bad("date", "must be YYYY-MM-DD or RFC 3339")
	}
	return t.UTC(), nil
}

// malformed is the refusal of a value that does not look like its kind. secrets are not repeated.
func malformed(k kind, value string) error {
	text := "invalid " + k.label + " format"
	if !k.secret {
		text += " :: " + Brief(value)
	}
	return errs.New(errs.Invalid, "%s", text)
}

// Brief shortens what a caller sent to what may be repeated in an answer.
func Brief(s string) string {
	if !utf8.ValidString(s) {
		return strconv.QuoteToASCII(s[:min(len(s), 64)])
	}
	r := []rune(s)
	if len(r) > 64 {
		r = append(r[:64], '…')
	}
	for i, c := range r {
		if unicode.IsControl(c) {
			r[i] = '?'
		}
	}
	return string(r)
}

// Malformed is the refusal of a value that does not look like the named kind of argument.
func (r *Registry) Malformed(kindName, value string) error {
	return malformed(r.kinds[kindName], value)
}

// Trim cuts what PHP's trim cuts.
func Trim(s string) string { return strings.Trim(s, " \t\n\r\x00\x0b") }
