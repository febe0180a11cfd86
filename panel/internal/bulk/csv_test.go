package bulk_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/subscriber"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

func (w *world) export(t *testing.T, a actor.Actor, f subscriber.Filter) []byte {
	t.Helper()
	x, err := w.ops.Export(t.Context(), a, f)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for {
		part, err := x.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if part == nil {
			return all
		}
		all = append(all, part...)
	}
}

func (w *world) plan(t *testing.T, a actor.Actor, name string) {
	t.Helper()
	_, err := w.Plans.CreatePlan(t.Context(), a, billing.Plan{Name: name, TermDays: 30, Grants: billing.Grants{TrafficLimit: 1 << 30, Reset: billing.ResetMonthly, Devices: 3}})
	if err != nil {
		t.Fatal(err)
	}
}

// What is exported can be imported elsewhere, and is the same there.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := w.Reseller(t, "acme"), w.Reseller(t, "bolt")
	w.plan(t, here, "gold")
	w.plan(t, there, "gold")
	soon := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	limit := func(n unit.Bytes, devices int) func(*billing.Grants) {
		return func(g *billing.Grants) { g.TrafficLimit, g.Devices = n, devices }
	}
	for _, c := range []subscriber.Create{
		{Name: "bare"},
		{Name: "rich", Email: "rich@example.com", FullName: `Ünal "R", Ço`, Comment: "a, b; c", Label: "x", Language: "ru", ExternalID: "+49", Plan: "gold", ExpiresAt: &soon, Edit: limit(12345, 7)},
		{Name: "endless", Plan: "gold", Endless: true, Edit: limit(unit.Unlimited, 0)},
		{Name: "formula", FullName: "=1+1", Comment: "-2+3", Label: "@SUM(A1)", ExternalID: "'=x"},
		{Name: "marks", FullName: "'s Gravenhage", Comment: "''=x", ExternalID: "''+", Label: "'"},
	} {
		if _, err := w.Subs.Create(t.Context(), here, c); err != nil {
			t.Fatal(err)
		}
	}
	out := w.export(t, here, subscriber.Filter{})
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 6 || !bytes.Contains(out, []byte("\r\n")) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, row := range rows[1:] {
		for i, v := range row {
			if v != "" && strings.ContainsAny(v[:1], "=+-@\t\r") {
				t.Errorf("%s of %s is %q: a formula", rows[0][i], row[0], v)
			}
		}
	}
	x, err := w.ops.Import(t.Context(), there, out, false)
	if err != nil || x.Created != 5 || len(x.Items) != 5 || len(x.Items[0].Password) != 20 || x.Items[1].Line != 3 {
		t.Fatalf("%+v %v", x, err)
	}
	for _, item := range x.Items {
		a, err := w.Subs.ByName(t.Context(), here, item.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := w.Subs.Get(t.Context(), there, item.ID)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range map[string][2]any{
			"email": {a.Email, b.Email}, "full name": {a.FullName, b.FullName}, "comment": {a.Comment, b.Comment}, "label": {a.Label, b.Label},
			"language": {a.Language, b.Language}, "plan": {a.PlanName, b.PlanName}, "limit": {a.TrafficLimit, b.TrafficLimit}, "devices": {a.Devices, b.Devices},
			"external id": {fmt.Sprint(deref(a.ExternalID)), fmt.Sprint(deref(b.ExternalID))}, "expiry": {fmt.Sprint(a.ExpiresAt), fmt.Sprint(b.ExpiresAt)},
			"status": {a.Status, b.Status}, "reset": {a.Reset, b.Reset}, "sign-in": {w.Subs.CheckSignIn(t.Context(), there, item.Name, item.Password), error(nil)},
		} {
			if v[0] != v[1] {
				t.Errorf("%s of %s: %v, then %v", what, item.Name, v[0], v[1])
			}
		}
	}
	for what, query := range map[string]string{
		"records": "SELECT count(*) FROM audit WHERE action = 'subscriber.create' AND diff->>'name' IS NOT NULL AND tenant_id = $1",
		"events":  "SELECT count(*) FROM outbox WHERE kind = 'subscriber.changed' AND tenant_id = $1",
		"totals":  "SELECT count(*) FROM usage_total WHERE tenant_id = $1",
		"secrets": "SELECT count(DISTINCT subscriber_id) FROM credential WHERE tenant_id = $1",
	} {
		if n := w.number(t, query, there.Tenant); n != 5 {
			t.Errorf("%d %s for 5 subscribers", n, what)
		}
	}
	if n := w.number(t, "SELECT count(*) FROM audit WHERE action = 'subscriber.export'"); n != 1 {
		t.Errorf("%d records of the export", n)
	}
}

func deref(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	if _, err := w.Subs.Create(t.Context(), a, subscriber.Create{Name: "taken", ExternalID: "e1"}); err != nil {
		t.Fatal(err)
	}
	many := "name\n"
	for i := range 10_001 {
		many += fmt.Sprintf("u%d\n", i+10)
	}
	t.Run("files", func(t *testing.T) {
		for name, c := range map[string]struct {
			file string
			want []string // line.column: rule
		}{
			"empty":                 {"", []string{"1.: is missing"}},
			"a BOM alone":           {"\ufeff", []string{"1.: is missing"}},
			"a header alone":        {"name,email\n", []string{"1.: nobody"}},
			"no name":               {"email\nx@example.com\n", []string{"1.name: is missing"}},
			"a stranger's column":   {"name,colour\nbob,red\n", []string{"1.colour: not a column"}},
			"a column twice":        {"name,email,Email\nbob,,\n", []string{"1.email: twice"}},
			"20,000 columns":        {"name" + strings.Repeat(",x", 20_000) + "\nbob\n", []string{"1.: 20001 columns"}},
			"20,000 fields":         {"name\nbob" + strings.Repeat(",x", 20_000) + "\n", []string{"2.: 20001 fields"}},
			"too few fields":        {"name,email\nbob\n", []string{"2.: has 1 fields"}},
			"a NUL":                 {"name\nbob\nc\x00l\n", []string{"3.: NUL"}},
			"no UTF-8":              {"name\r\nbob\r\n\xff\xfe\r\n", []string{"3.: UTF-8"}},
			"UTF-16":                {"\xff\xfen\x00a\x00m\x00e\x00", []string{"1.: NUL"}},
			"an open quote":         {"name,comment\nbob,\"x\n", []string{"2.: where none can be"}},
			"a bare quote":          {"name,comment\nbob,a\"b\n", []string{"2.: where none can be"}},
			"a quote in the header": {"na\"me\nbob\n", []string{"1.: where none can be"}},
			"twice in the file":     {"name,external_id\nbob,1\nBOB,2\nann,1\n", []string{"3.name: twice", "4.external_id: twice"}},
			"there already":         {"name,external_id\ntaken,\nbob,e1\n", []string{"2.name: exists", "3.external_id: exists"}},
			"all of a row": {
				"name,password,email,full_name,comment,label,language,external_id,plan,traffic_limit,expires_at,devices\n" +
					"x,short,nope,\"a\nb\",,,xx,,none,much,1999-01-01,many\n",
				[]string{"2.name: 2 to 32", "2.password: 8 to 128", "2.email: e-mail", "2.full_name: printable", "2.language: en, zh", "2.plan: doesn't exist", "2.traffic_limit: whole number", "2.expires_at: in the future", "2.devices: whole number"},
			},
			"numbers that cannot be": {"name,traffic_limit,devices,expires_at\nbob,-2,-1,soon\n", []string{"2.traffic_limit: unlimited", "2.devices: between", "2.expires_at: must be a date"}},
			"10,001 rows":            {many, []string{"10002.: at most 10000"}},
			"lines that go on":       {"name,comment\r\nbob,\"a\r\nb\"\r\nx,\r\n", []string{"2.comment: printable", "4.name: 2 to 32"}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x, err := w.ops.Import(t.Context(), a, []byte(c.file), true)
				if err != nil || x.FaultCount != len(c.want) || x.Created != 0 {
					t.Fatalf("%+v %v", x, err)
				}
				for _, want := range c.want {
					place, rule, _ := strings.Cut(want, ": ")
					found := false
					for _, f := range x.Faults {
						found = found || fmt.Sprintf("%d.%s", f.Line, f.Column) == place && strings.Contains(f.Rule, rule)
					}
					if !found {
						t.Errorf("%s is not told: %+v", want, x.Faults)
					}
				}
				if _, err = w.ops.Import(t.Context(), a, []byte(c.file), false); !errs.Is(err, errs.Invalid) {
					t.Errorf("imported: %v", err)
				} else if _, fields := errs.Public(err); len(fields) != len(c.want) || !strings.HasPrefix(fields[0].Name, "lines[") {
					t.Errorf("fields: %+v", fields)
				}
			})
		}
	})
	if got := strings.Join(w.exportNames(t, a), " "); got != "taken" {
		t.Errorf("%q, want the one that was there", got)
	}
}

func (w *world) exportNames(t *testing.T, a actor.Actor) []string {
	t.Helper()
	p, err := w.Subs.List(t.Context(), a, subscriber.Filter{}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range p.Items {
		out = append(out, s.Name)
	}
	return out
}

func TestFilesThatAreFine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, names string }{
		"a BOM and CRLF":   {"\ufeffname,email\r\nbob,bob@example.com\r\nann,\r\n", "bob ann"},
		"semicolons":       {"name;comment\nbob;a,b\n", "bob"},
		"quotes":           {"\"name\",\"comment\"\n\"bob\",\"a \"\"b\"\", c\"\n", "bob"},
		"no last newline":  {"name\nbob", "bob"},
		"blank lines":      {"name\n\nbob\n\n\nann\n", "bob ann"},
		"other case":       {" Name ,EMAIL\n Bob ,\n", "bob"},
		"formula password": {"name,password\nbob,'=secret password\n", "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			x, err := w.ops.Import(t.Context(), w.Operator, []byte(c.file), false)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.exportNames(t, w.Operator), " "); got != c.names {
				t.Errorf("%q, want %q", got, c.names)
			}
			if name == "formula password" {
				if err := w.Subs.CheckSignIn(t.Context(), w.Operator, "bob", "'=secret password"); err != nil || x.Items[0].Password != "" {
					t.Errorf("a chosen password is another one now: %v %+v", err, x.Items)
				}
			}
		})
	}
}

// A password that somebody has opens Hysteria alone for them only, whatever tenant they are of; nobody is told.
func TestChosenPasswordsInAFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const common = "the same password"
	if _, err := w.Subs.Create(t.Context(), w.Reseller(t, "acme"), subscriber.Create{Name: "first", Password: secret.New(common)}); err != nil {
		t.Fatal(err)
	}
	there := w.Reseller(t, "bolt")
	file := "name,password\nann," + common + "\nbob,another password\ncarl,another password\n"
	if _, err := w.ops.Import(t.Context(), there, []byte(file), false); err != nil {
		t.Fatal(err)
	}
	for name, alone := range map[string]bool{"ann": false, "bob": true, "carl": false} {
		s, err := w.Subs.ByName(t.Context(), there, name)
		if err != nil || s.Alone != alone {
			t.Errorf("%s: alone %v, %v", name, s, err)
		}
	}
}

// An export holds one page in memory and comes in parts.
func TestExportComesInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.people(t, w.Operator, 501)
	x, err := w.ops.Export(t.Context(), w.Operator, subscriber.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for {
		part, err := x.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if part == nil {
			break
		}
		lines = append(lines, bytes.Count(part, []byte("\r\n")))
	}
	if fmt.Sprint(lines) != "[501 1]" {
		t.Errorf("lines of parts: %v", lines)
	}
}

// The largest file is imported within the deadline of a request.
func TestTheLargestFile(t *testing.T) {
	t.Parallel()
	rows := 1000 // under the race detector
	if os.Getenv("CULVERT_TEST_SOAK") != "" {
		rows = 10_000
	}
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("name,email,plan,traffic_limit\n")
	for i := range rows {
		fmt.Fprintf(&b, "user%05d,user%05d@example.com,default,1000000\n", i, i)
	}
	began := time.Now()
	x, err := w.ops.Import(t.Context(), w.Operator, []byte(b.String()), false)
	if err != nil || x.Created != rows {
		t.Fatalf("%v", err)
	}
	t.Logf("%d rows in %s", rows, time.Since(began))
	if rows == 10_000 && time.Since(began) > rest.RequestLimit {
		t.Errorf("it took %s, a request has %s", time.Since(began), rest.RequestLimit)
	}
	if n := w.number(t, "SELECT count(*) FROM credential c JOIN subscriber s ON s.id = c.subscriber_id WHERE s.traffic_limit = 1000000"); n < rows {
		t.Errorf("%d secrets for %d rows", n, rows)
	}
}
