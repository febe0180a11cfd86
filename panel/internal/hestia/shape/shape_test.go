package shape_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"culvert/panel/internal/hestia/shape"
)

func sample() *shape.Table {
	return &shape.Table{KeyName: "USER", Short: []string{"USER", "NAME"}, Rows: []shape.Row{
		{Key: "ann", Fields: []shape.Field{shape.F("NAME", `Ann "O'Neil", 日本`), shape.F("EMPTY", ""), shape.L("SETS", []string{"a", "b"})}},
		{Key: "bob", Fields: []shape.Field{shape.F("NAME", "tab\tnew\nline\\"), shape.F("EMPTY", ""), shape.L("SETS", nil)}},
	}}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		shape.JSON: `{
    "ann": {
        "NAME": "Ann \"O'Neil\", 日本",
        "EMPTY": "",
        "SETS": [
            "a",
            "b"
        ]
    },
    "bob": {
        "NAME": "tab\tnew\nline\\",
        "EMPTY": "",
        "SETS": []
    }
}`,
		shape.Plain: "ann\tAnn \"O'Neil\", 日本\t\ta,b\nbob\ttab\\tnew\\nline\\\\\t\t",
		shape.CSV:   "USER,NAME,EMPTY,SETS\nann,\"Ann \"\"O'Neil\"\", 日本\",,\"a,b\"\nbob,\"tab\tnew\nline\\\",,",
		shape.Shell: "USER  NAME\n----  ----\nann   Ann \"O'Neil\", 日本\nbob   tab\\tnew\\nline\\\\",
		shape.List:  "ann\nbob",
		"zzz":       "",
	} {
		if got := sample().Write(format); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
		}
	}
}

func TestShapesOfJSON(t *testing.T) {
	t.Parallel()
	fields := []shape.Field{shape.F("A", "1")}
	rows := []shape.Row{{Key: "x", Fields: fields}}
	for name, c := range map[string]struct {
		table shape.Table
		want  string
	}{
		"nothing":    {shape.Table{}, "{}"},
		"flat":       {shape.Table{Flat: true, Rows: rows}, "{\n    \"A\": \"1\"\n}"},
		"names":      {shape.Table{Names: true, Rows: rows}, "[\n    \"x\"\n]"},
		"no names":   {shape.Table{Names: true}, "[]"},
		"no fields":  {shape.Table{Rows: []shape.Row{{Key: "x"}}}, "{\n    \"x\": {}\n}"},
		"one, shell": {shape.Table{One: true, Rows: rows}, "{\n    \"x\": {\n        \"A\": \"1\"\n    }\n}"},
	} {
		if got := c.table.Write(shape.JSON); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	one := shape.Table{One: true, KeyName: "名前", Rows: rows}
	if got := one.Write(shape.Shell); got != "名前:   x\nA:      1" {
		t.Errorf("labels: %q", got)
	}
}

// FuzzRoundTrip: what goes into json, csv and plain comes out again.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "a", `"`, "'", `\`, "\\t", "\t", "\n", "\r\n", "$(id)", "日本", "a,b", " x ", "\u2028", "</script>"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, ""), strings.ToValidUTF8(b, "")
		table := shape.Table{KeyName: "KEY", Rows: []shape.Row{{Key: "k", Fields: []shape.Field{shape.F("A", a), shape.F("B", b)}}}}
		var out map[string]map[string]string
		if err := json.Unmarshal([]byte(table.Write(shape.JSON)), &out); err != nil || out["k"]["A"] != a || out["k"]["B"] != b {
			t.Fatalf("json: %v %v", out, err)
		}
		lines, err := csv.NewReader(strings.NewReader(table.Write(shape.CSV))).ReadAll()
		crlf := strings.NewReplacer("\r\n", "\n") // RFC 4180 readers join line ends inside quotes
		if err != nil || len(lines) != 2 || lines[1][1] != crlf.Replace(a) || lines[1][2] != crlf.Replace(b) {
			t.Fatalf("csv: %q %v", lines, err)
		}
		cells := strings.Split(table.Write(shape.Plain), "\t")
		if len(cells) != 3 || unescape(cells[1]) != a || unescape(cells[2]) != b {
			t.Fatalf("plain: %q", cells)
		}
		_ = table.Write(shape.Shell)
	})
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(s)
}
