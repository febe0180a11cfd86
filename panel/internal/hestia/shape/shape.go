// Package shape writes the answers of the command API in its formats: json, plain, csv, shell and list (hestia-api.md §7).
// Every value is a text; json is written by a real encoder, csv by RFC 4180, plain with tab, newline and backslash
// escaped, so that each can be read back to what it was written from.
package shape

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// The formats.
const (
	JSON  = "json"
	Plain = "plain"
	CSV   = "csv"
	Shell = "shell"
	List  = "list"
)

// Formats lists all of them.
func Formats() []string { return []string{JSON, Plain, CSV, Shell, List} }

// Field is one named value. A list is an array in json and joined by commas elsewhere.
type Field struct {
	Name  string
	Value string
	List  []string
	Many  bool
}

// F makes a field.
func F(name, value string) Field { return Field{Name: name, Value: value} }

// L makes a list field.
func L(name string, values []string) Field { return Field{Name: name, List: values, Many: true} }

func (f *Field) text() string {
	if f.Many {
		return strings.Join(f.List, ",")
	}
	return f.Value
}

// Row is one object.
type Row struct {
	Key    string
	Fields []Field
}

// Table is an answer: objects by key.
type Table struct {
	Rows    []Row
	KeyName string   // header of the key's column where the fields do not hold the key; empty: no column
	One     bool     // one object: people get labels and values, not a table
	Flat    bool     // json writes the object's fields without its key around them
	Names   bool     // json writes an array of the keys
	Short   []string // fields of the table for people; empty: all
}

// Write returns the answer in a format. An unknown format is an empty answer, as in Hestia: some clients ask so on purpose.
func (t *Table) Write(format string) string {
	switch format {
	case JSON:
		return t.json()
	case Plain:
		return t.plain()
	case CSV:
		return t.csv()
	case List:
		keys := make([]string, len(t.Rows))
		for i := range t.Rows {
			keys[i] = t.Rows[i].Key
		}
		return strings.Join(keys, "\n")
	case Shell:
		if t.One {
			return t.labels()
		}
		return t.grid()
	}
	return ""
}

const indent = "    "

func (t *Table) json() string {
	var b strings.Builder
	if t.Names {
		values := make([]string, len(t.Rows))
		for i := range t.Rows {
			values[i] = t.Rows[i].Key
		}
		array(&b, values, "")
		return b.String()
	}
	if t.Flat && len(t.Rows) > 0 {
		object(&b, t.Rows[0].Fields, "")
		return b.String()
	}
	if len(t.Rows) == 0 {
		return "{}"
	}
	b.WriteString("{\n")
	for i := range t.Rows {
		b.WriteString(indent + quote(t.Rows[i].Key) + ": ")
		object(&b, t.Rows[i].Fields, indent)
		end(&b, i == len(t.Rows)-1)
	}
	b.WriteString("}")
	return b.String()
}

func end(b *strings.Builder, last bool) {
	if !last {
		b.WriteByte(',')
	}
	b.WriteByte('\n')
}

func object(b *strings.Builder, fields []Field, at string) {
	if len(fields) == 0 {
		b.WriteString("{}")
		return
	}
	b.WriteString("{\n")
	for i := range fields {
		b.WriteString(at + indent + quote(fields[i].Name) + ": ")
		if fields[i].Many {
			array(b, fields[i].List, at+indent)
		} else {
			b.WriteString(quote(fields[i].Value))
		}
		end(b, i == len(fields)-1)
	}
	b.WriteString(at + "}")
}

func array(b *strings.Builder, values []string, at string) {
	if len(values) == 0 {
		b.WriteString("[]")
		return
	}
	b.WriteString("[\n")
	for i, v := range values {
		b.WriteString(at + indent + quote(v))
		end(b, i == len(values)-1)
	}
	b.WriteString(at + "]")
}

// quote is the JSON encoder's string, without the escapes meant for HTML. Most values need no encoder.
func quote(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return `"` + s + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func escaper() *strings.Replacer {
	return strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r")
}

func (t *Table) plain() string {
	esc := escaper()
	var b strings.Builder
	for i := range t.Rows {
		if i > 0 {
			b.WriteByte('\n')
		}
		for j, v := range t.values(&t.Rows[i]) {
			if j > 0 {
				b.WriteByte('\t')
			}
			_, _ = esc.WriteString(&b, v)
		}
	}
	return b.String()
}

func (t *Table) values(r *Row) []string {
	out := make([]string, 0, len(r.Fields)+1)
	if t.KeyName != "" {
		out = append(out, r.Key)
	}
	for i := range r.Fields {
		out = append(out, r.Fields[i].text())
	}
	return out
}

func (t *Table) header() []string {
	var out []string
	if t.KeyName != "" {
		out = append(out, t.KeyName)
	}
	if len(t.Rows) > 0 {
		for i := range t.Rows[0].Fields {
			out = append(out, t.Rows[0].Fields[i].Name)
		}
	}
	return out
}

func (t *Table) csv() string {
	if len(t.Rows) == 0 {
		return ""
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(t.header()) // a strings.Builder takes everything
	for i := range t.Rows {
		_ = w.Write(t.values(&t.Rows[i]))
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

func (t *Table) labels() string {
	var b strings.Builder
	esc := escaper()
	for i := range t.Rows {
		names, values := t.header(), t.values(&t.Rows[i])
		widest := 0
		for _, n := range names {
			widest = max(widest, cells(n))
		}
		for j, n := range names {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(n + ":" + strings.Repeat(" ", widest-cells(n)+3) + esc.Replace(values[j]))
		}
	}
	return b.String()
}

func (t *Table) grid() string {
	if len(t.Rows) == 0 {
		return ""
	}
	lines := [][]string{t.pick(t.header())}
	rule := make([]string, len(lines[0]))
	for i, h := range lines[0] {
		rule[i] = strings.Repeat("-", cells(h))
	}
	lines = append(lines, rule)
	esc := escaper()
	for i := range t.Rows {
		line := t.pick(t.values(&t.Rows[i]))
		for j := range line {
			line[j] = esc.Replace(line[j])
		}
		lines = append(lines, line)
	}
	return columns(lines)
}

// pick keeps the columns of Short, in its order.
func (t *Table) pick(line []string) []string {
	if len(t.Short) == 0 {
		return line
	}
	var out []string
	header := t.header()
	for _, want := range t.Short {
		for i, h := range header {
			if h == want && i < len(line) {
				out = append(out, line[i])
			}
		}
	}
	return out
}

func columns(lines [][]string) string {
	wide := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, v := range line {
			wide[i] = max(wide[i], cells(v))
		}
	}
	out := make([]string, len(lines))
	for n, line := range lines {
		var b strings.Builder
		for i, v := range line {
			b.WriteString(v)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", wide[i]-cells(v)+2))
			}
		}
		out[n] = strings.TrimRight(b.String(), " ")
	}
	return strings.Join(out, "\n")
}

// cells is how many columns of a terminal a text takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) || unicode.Is(unicode.Cf, r):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func isWide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}
