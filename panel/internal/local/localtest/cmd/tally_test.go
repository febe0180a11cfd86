package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		lines    string
		filtered bool
		ok       bool
		want     []string
	}{
		"pass": {
			lines: `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"pass","Package":"p","Elapsed":0.2}`,
			ok: true, want: []string{"ok   p", "1 passed, 0 failed\n"},
		},
		"fail": {
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"the reason\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want: []string{"the reason", "FAIL p TestA", "0 passed, 1 failed\n"},
		},
		"skip is a failure": {
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want: []string{"SKIP p TestA", "0 passed, 1 failed\n"},
		},
		"no test ran":                {lines: `{"Action":"pass","Package":"p"}`, want: []string{"NONE p", "0 passed, 1 failed\n"}},
		"no test ran, by the filter": {lines: `{"Action":"pass","Package":"p"}`, filtered: true, want: []string{"0 passed, 0 failed\n"}},
		"no test files":              {lines: `{"Action":"skip","Package":"p"}`, want: []string{"0 passed, 0 failed\n"}},
		"does not build": {
			lines: `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: oops\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			want: []string{"oops", "FAIL p (did not build", "0 passed, 1 failed\n"},
		},
		"panic": {
			lines: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: here\n"}
{"Action":"fail","Package":"p"}`,
			want: []string{"panic: here", "0 passed, 1 failed\n"},
		},
		"go speaks": {lines: "go: cannot find module\n", want: []string{"cannot find module"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tl := newTally(&out, c.filtered)
			if err := tl.read(strings.NewReader(c.lines)); err != nil {
				t.Fatal(err)
			}
			if err := tl.close(); (err == nil) != c.ok {
				t.Errorf("verdict = %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("output lacks %q:\n%s", w, out.String())
				}
			}
		})
	}
}
