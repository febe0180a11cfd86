package hestia

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"culvert/panel/internal/hestia/registry"
	"culvert/shared/secret"
)

// field is one received field.
type field struct {
	text string
	bad  bool // an array or an object
}

// request is what was received, before anything of it is believed.
type request map[string]field

// parseRequest reads a body as hestia-api.md §1.1 says: a form when it holds one of the three fields that name a caller,
// else JSON, whatever the Content-Type. ok is false when neither gives anything.
func parseRequest(contentType string, body []byte) (r request, ok bool) {
	media, params, err := mime.ParseMediaType(contentType)
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	looksJSON := len(trimmed) > 0 && trimmed[0] == '{'
	switch {
	case err == nil && media == "multipart/form-data":
		r = parseMultipart(body, params["boundary"])
	case media == "application/x-www-form-urlencoded", !looksJSON:
		r = parseForm(string(body))
	}
	if r.has("access_key") || r.has("user") || r.has("hash") {
		return r, true
	}
	if r, err = parseJSON(body); err == nil && len(r) > 0 {
		return r, true
	}
	return nil, false
}

func (r request) has(name string) bool {
	_, ok := r[name]
	return ok
}

// text returns a field, trimmed as PHP does it.
func (r request) text(name string) string {
	if r[name].bad {
		return ""
	}
	return registry.Trim(r[name].text)
}

// parseForm reads a form as PHP does: & separates, the last of a name wins, a stray % stands for itself.
func parseForm(body string) request {
	r := request{}
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name = unescape(name); name == "" {
			continue
		}
		base, isArray := strings.CutSuffix(name, "[]")
		r[base] = field{text: unescape(value), bad: isArray}
	}
	return r
}

func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && ishex(s[i+1]) && ishex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func ishex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

const maxParts = 100

func parseMultipart(body []byte, boundary string) request {
	if boundary == "" {
		return nil
	}
	r := request{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		p, err := parts.NextRawPart()
		if err != nil {
			return r
		}
		if p.FormName() == "" || p.FileName() != "" {
			continue
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return r
		}
		base, isArray := strings.CutSuffix(p.FormName(), "[]")
		r[base] = field{text: string(text), bad: isArray}
	}
	return r
}

func parseJSON(body []byte) (request, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	r := request{}
	for name, v := range values {
		switch v := v.(type) {
		case nil: // absent
		case string:
			r[name] = field{text: v}
		case json.Number:
			r[name] = field{text: decimal(v)}
		case bool:
			if v {
				r[name] = field{text: "1"}
			} else {
				r[name] = field{}
			}
		default:
			r[name] = field{bad: true}
		}
	}
	return r, nil
}

// decimal writes a number without an exponent.
func decimal(n json.Number) string {
	if !strings.ContainsAny(n.String(), ".eE") {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// proof is how a caller says who they are.
type proof struct {
	key      string // access key id
	secret   secret.String
	legacy   secret.String // legacy key
	user     string
	password secret.String
	isKey    bool // an access key
	isHash   bool // a legacy key
}

// Lengths of an access key's parts in a hash.
const (
	idLen     = 20
	secretLen = 40
)

// proof tells which kind of authentication was meant (hestia-api.md §1.2); ok is false for none.
func (r request) proof() (p proof, ok bool) {
	hash := r.text("hash")
	left, right, cut := strings.Cut(hash, ":")
	switch {
	case !r.has("access_key") && cut && len(left) == idLen && len(right) == secretLen && !strings.Contains(right, ":"):
		return proof{isKey: true, key: left, secret: secret.New(right)}, true
	case r.has("access_key") && r.has("secret_key"):
		return proof{isKey: true, key: r.text("access_key"), secret: secret.New(r.text("secret_key"))}, true
	case hash != "":
		return proof{isHash: true, legacy: secret.New(hash)}, true
	case r.has("user") || r.has("hash"):
		return proof{user: r.text("user"), password: secret.New(r.text("password"))}, true
	}
	return proof{}, false
}

// arguments returns arg1 to the last one sent. A missing number before a later one counts as an empty argument.
func (r request) arguments() []registry.Argument {
	var out []registry.Argument
	for n := registry.MaxArgs; n >= 1; n-- {
		name := "arg" + strconv.Itoa(n)
		f, sent := r[name]
		if !sent && out == nil {
			continue
		}
		if out == nil {
			out = make([]registry.Argument, n)
		}
		out[n-1] = registry.Argument{Text: r.text(name), Sent: sent, Bad: f.bad}
	}
	return out
}

// command returns the command's name; one that is no text is malformed.
func (r request) command() string {
	if r["cmd"].bad {
		return "(not a text)"
	}
	return r.text("cmd")
}

// numeric reports whether the caller wants the exit code as the body.
func (r request) numeric() bool { return !r["returncode"].bad && r["returncode"].text == "yes" }
