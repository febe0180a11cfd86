package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A rule that never refuses anything is worth nothing: each one is shown a small tree that breaks it, and one
// that does not.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		files map[string]string
		rule  func(*tree) []string
		want  []string // substrings, one a fault; none = accepted
	}{
		"upward import": {
			map[string]string{"panel/internal/tenant/a.go": imports("culvert/panel/internal/identity")}, panelFaults, []string{"tenant (rank 4) imports identity (rank 5)"},
		},
		"sibling import":  {map[string]string{"panel/internal/outbox/a.go": imports("culvert/panel/internal/audit")}, panelFaults, []string{"outbox"}},
		"downward import": {map[string]string{"panel/internal/app/a.go": imports("culvert/panel/internal/pg")}, panelFaults, nil},
		"own helper":      {map[string]string{"panel/internal/pg/pgtest/a.go": imports("culvert/panel/internal/local")}, panelFaults, nil},
		"no rank":         {map[string]string{"panel/internal/misc/a.go": imports("fmt")}, panelFaults, []string{"misc has no rank"}},
		"gateway":         {map[string]string{"panel/internal/gateway/a.go": imports("culvert/panel/internal/agentapi")}, panelFaults, nil},
		"protocol looks at engine": {
			map[string]string{"agent/internal/ingress/socks/a.go": imports("culvert/agent/internal/meter")}, agentFaults, []string{"may not import meter"},
		},
		"protocol looks at protocol": {
			map[string]string{"agent/internal/ingress/socks/a.go": imports("culvert/agent/internal/ingress/hysteria")}, agentFaults, []string{"never import one another"},
		},
		"protocol reads foreign options": {
			map[string]string{"agent/internal/ingress/socks/a.go": imports("culvert/shared/protocol/hysteria")}, agentFaults, []string{"its own options only"},
		},
		"protocol as it should be": {
			map[string]string{"agent/internal/ingress/socks/a.go": imports("culvert/agent/internal/ingress", "culvert/agent/internal/flow", "culvert/shared/protocol/socks")}, agentFaults, nil,
		},
		"gorm":            {map[string]string{"panel/internal/tenant/tenant.go": imports("gorm.io/gorm")}, boundaryFaults, []string{"GORM"}},
		"gorm in a store": {map[string]string{"panel/internal/tenant/store_list.go": imports("gorm.io/gorm/clause")}, boundaryFaults, nil},
		"fiber":           {map[string]string{"panel/internal/usage/a.go": imports("github.com/gofiber/fiber/v2")}, boundaryFaults, []string{"Fiber"}},
		"asynq":           {map[string]string{"panel/internal/app/a.go": imports("github.com/hibiken/asynq")}, boundaryFaults, []string{"asynq"}},
		"quic in panel":   {map[string]string{"panel/internal/app/a.go": imports("github.com/apernet/quic-go")}, boundaryFaults, []string{"QUIC"}},
		"exec":            {map[string]string{"panel/internal/app/a.go": imports("os/exec")}, boundaryFaults, []string{"programs are started"}},
		"exec in a test":  {map[string]string{"panel/internal/app/a_test.go": imports("os/exec")}, boundaryFaults, nil},
		"helper":          {map[string]string{"panel/internal/app/a.go": imports("culvert/panel/internal/pg/pgtest")}, boundaryFaults, []string{"helpers are for tests"}},
		"shared looks up": {map[string]string{"shared/id/a.go": imports("culvert/panel/internal/pg")}, boundaryFaults, []string{"neither half"}},
		"shared by one": {
			map[string]string{"panel/internal/app/a.go": imports("culvert/shared/x"), "shared/x/a.go": imports("culvert/shared/y"), "shared/y/a.go": imports("fmt"), "agent/main.go": imports("culvert/shared/y")},
			func(tr *tree) []string { return sharedFaults(tr, nil) },
			[]string{"shared/x is imported by panel: true, by agent: false"},
		},
		"no comment":   {map[string]string{"a/a.go": "package a\n"}, commentFaults, []string{"this has 0"}},
		"two comments": {map[string]string{"a/a.go": "// Package a is.\npackage a\n", "a/b.go": "// Package a too.\npackage a\n"}, commentFaults, []string{"this has 2"}},
		"init":         {map[string]string{"a/a.go": "package a\nfunc init() {}\n"}, mannerFaults, []string{"no init()"}},
		"sleep":        {map[string]string{"a/a_test.go": "package a\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"}, mannerFaults, []string{"no time.Sleep"}},
		"fake sleep":   {map[string]string{"a/a_test.go": "package a\nimport (\n\"time\"\n_ \"testing/synctest\"\n)\nfunc f() { time.Sleep(1) }\n"}, mannerFaults, nil},
		"background":   {map[string]string{"a/a.go": "package a\nimport \"context\"\nvar c = context.Background()\n"}, mannerFaults, []string{"below main"}},
		"unfinished":   {map[string]string{"a/a.go": "package a\n\n// TODO: rest\n"}, mannerFaults, []string{"finish it"}},
		"changed variable": {
			map[string]string{"a/a.go": "package a\nvar n int\nvar m = map[int]int{}\n", "a/b.go": "package a\nfunc f() { n++; m[1] = 2 }\n"},
			variableFaults,
			[]string{"variable n", "variable m"},
		},
		"blank is no variable":   {map[string]string{"a/a.go": "package a\nvar _ = 1\nfunc f() { _ = 2 }\n"}, variableFaults, nil},
		"local of the same name": {map[string]string{"a/a.go": "package a\nvar n int\nfunc f() { n := 1; n++; func(m int) { m = 2 }(n) }\n"}, variableFaults, nil},
		"budgets": {
			map[string]string{"a/a.go": "package a\ntype T struct{" + strings.Repeat("A,", 25) + "A int}\nfunc f() {" + strings.Repeat("\n", 100) + "}\n" + strings.Repeat("\n", 600)},
			func(tr *tree) []string { return slices.Sorted(maps.Values(budgetFaults(tr))) },
			[]string{"26 fields", "lines in a function", "lines, the hard stop is 700"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := fstest.MapFS{}
			for p, src := range c.files {
				fsys[p] = &fstest.MapFile{Data: []byte(src)}
			}
			tr, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			faults := c.rule(tr)
			if len(faults) != len(c.want) {
				t.Fatalf("faults = %q, want %d", faults, len(c.want))
			}
			all := strings.Join(faults, "\n")
			for _, w := range c.want {
				if !strings.Contains(all, w) {
					t.Errorf("%q lacks %q", all, w)
				}
			}
		})
	}
}

func imports(targets ...string) string {
	return "// Package a is a fixture.\npackage a\n\nimport (\n\t_ \"" + strings.Join(targets, "\"\n\t_ \"") + "\"\n)\n"
}
