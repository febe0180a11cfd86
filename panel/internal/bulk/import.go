package bulk

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/subscriber"
)

// Bounds of a file.
const (
	MaxFile     = 5 << 20
	mostRows    = 10_000
	mostColumns = 64
	mostFaults  = 1000 // told
)

// LineFault is what is wrong with a file, where.
type LineFault struct {
	Line   int    `json:"line" doc:"from 1, the header"`
	Column string `json:"column" doc:"name; empty: the whole line"`
	Rule   string `json:"rule"`
}

// Imported is one subscriber that a file made.
type Imported struct {
	Line     int    `json:"line"`
	Name     string `json:"name"`
	ID       string `json:"id"`
	Password string `json:"password,omitempty" doc:"when it was generated; later it is under credentials"`
}

// Import is what became of a file, or would.
type Import struct {
	Rows       int         `json:"rows"`
	Created    int         `json:"created"`
	Items      []Imported  `json:"items"`
	Faults     []LineFault `json:"faults" doc:"of a dry run: the first 1000"`
	FaultCount int         `json:"fault_count"`
}

func (x *Import) fault(line int, column, rule string, args ...any) {
	x.FaultCount++
	if len(x.Faults) < mostFaults {
		x.Faults = append(x.Faults, LineFault{line, column, fmt.Sprintf(rule, args...)})
	}
}

// err refuses a file with faults as a whole.
func (x *Import) err() error {
	if x.FaultCount == 0 {
		return nil
	}
	e := &errs.Error{Kind: errs.Invalid, Message: fmt.Sprintf("the file has %d faults; nobody was added", x.FaultCount)}
	for _, f := range x.Faults {
		name := fmt.Sprintf("lines[%d]", f.Line)
		if f.Column != "" {
			name += "." + f.Column
		}
		e.Fields = append(e.Fields, errs.Field{Name: name, Rule: f.Rule})
	}
	return e
}

// Import adds the subscribers of a file (RFC 4180, UTF-8, a header that names the columns) to the actor's tenant: all, or none.
// A dry run tells what is wrong and adds nobody. A panel hashes the passwords of one file at a time.
func (s *Service) Import(ctx context.Context, a actor.Actor, file []byte, dry bool) (*Import, error) {
	if err := may(a, actor.Write); err != nil {
		return nil, err
	}
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return nil, errs.New(errs.Unavailable, "another file is being imported; try again")
	}
	out := &Import{Items: []Imported{}, Faults: []LineFault{}}
	list, lines := out.parse(file)
	out.Rows = len(list)
	if dry || out.FaultCount > 0 {
		// What was not read whole has more faults than can be found; of what was read, all are told.
		rows, err := subscriber.CheckAll(ctx, s.Subs, a, list)
		if err != nil {
			return nil, err
		}
		out.take(rows, lines)
		if dry {
			return out, nil
		}
		return nil, out.err()
	}
	generated := make([]bool, len(list))
	for i := range list {
		generated[i] = list[i].Password.Empty()
	}
	made, err := subscriber.CreateAll(ctx, s.Subs, a, list)
	var rows subscriber.RowFaults
	if errors.As(err, &rows) {
		out.take(rows, lines)
		err = out.err()
	}
	if err != nil {
		return nil, err
	}
	out.Created = len(made)
	for i, sub := range made {
		x := Imported{Line: lines[i], Name: sub.Name, ID: sub.ID}
		if generated[i] {
			x.Password = list[i].Password.Reveal()
		}
		out.Items = append(out.Items, x)
	}
	return out, nil
}

// take adds the faults of rows, those that reading has not told already.
func (x *Import) take(rows subscriber.RowFaults, lines []int) {
	told := map[string]bool{}
	for _, f := range x.Faults {
		told[fmt.Sprint(f.Line, " ", f.Column)] = true
	}
	for _, f := range rows {
		if !told[fmt.Sprint(lines[f.Row], " ", f.Name)] {
			x.fault(lines[f.Row], f.Name, "%s", f.Rule)
		}
	}
}

// parse reads a file into new subscribers and the lines that they are on. Faults of form end it: what follows a quotation
// mark that is nobody's can be anything.
func (x *Import) parse(file []byte) (list []subscriber.Create, lines []int) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if at := notText(file); at >= 0 {
		x.fault(1+bytes.Count(file[:at], []byte{'\n'}), "", "holds a NUL, or bytes that are no UTF-8")
		return nil, nil
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord, r.ReuseRecord, r.Comma = -1, true, separator(file)
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		x.fault(1, "", "is missing: the first line names the columns")
		return nil, nil
	}
	columns, ok := x.header(head, err)
	if !ok {
		return nil, nil
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			x.broken(err)
			break
		}
		line, _ := r.FieldPos(0)
		switch {
		case len(list) == mostRows:
			x.fault(line, "", "is too much: a file has at most %d subscribers", mostRows)
			return list, lines
		case len(record) != len(columns):
			x.fault(line, "", "has %d fields, the header has %d", len(record), len(columns))
			continue
		}
		list, lines = append(list, x.row(record, columns, line)), append(lines, line)
	}
	if len(list) == 0 && x.FaultCount == 0 {
		x.fault(1, "", "has nobody below it")
	}
	return list, lines
}

// header finds the column of each field.
func (x *Import) header(head []string, err error) ([]column, bool) {
	if err != nil {
		x.broken(err)
		return nil, false
	}
	if len(head) > mostColumns {
		x.fault(1, "", "has %d columns, at most %d can be", len(head), mostColumns)
		return nil, false
	}
	known, seen := importable(), map[string]bool{}
	out := make([]column, len(head))
	for i, field := range head {
		name := strings.ToLower(strings.TrimSpace(field))
		c, ok := known[name]
		switch {
		case !ok:
			x.fault(1, shown(name), "is not a column of subscribers")
		case seen[name]:
			x.fault(1, name, "is there twice")
		}
		seen[name], out[i] = true, c
	}
	if !seen["name"] {
		x.fault(1, "name", "is missing")
	}
	return out, x.FaultCount == 0
}

func (x *Import) row(record []string, columns []column, line int) subscriber.Create {
	var c subscriber.Create
	var g grants
	for i, col := range columns {
		if col.set == nil {
			continue
		}
		v := record[i]
		if col.name != password {
			v = strings.TrimSpace(plain(v))
		}
		if rule := col.set(&c, &g, strings.Clone(v)); rule != "" {
			x.fault(line, col.name, "%s", rule)
		}
	}
	c.Edit = g.edit()
	return c
}

// broken words a fault of form.
func (x *Import) broken(err error) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		x.fault(1, "", "cannot be read")
		return
	}
	x.fault(p.Line, "", `has a " where none can be: a field with one is put in quotation marks, and it is doubled`)
}

// notText returns where a file stops being text, -1 when it does not.
func notText(file []byte) int {
	if at := bytes.IndexByte(file, 0); at >= 0 {
		return at
	}
	for at := 0; at < len(file); {
		r, n := utf8.DecodeRune(file[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// separator is what stands between fields: spreadsheets of countries that write 1,5 use a semicolon.
func separator(file []byte) rune {
	head, _, _ := bytes.Cut(file, []byte{'\n'})
	if !bytes.ContainsRune(head, ',') && bytes.ContainsRune(head, ';') {
		return ';'
	}
	return ','
}

// shown is a stranger's text as it may be repeated.
func shown(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	if len(text) > 64 {
		return strings.ToValidUTF8(text[:64], "") + "…"
	}
	return text
}
