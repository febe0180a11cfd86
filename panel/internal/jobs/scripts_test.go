package jobs

import (
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated files")

// sourceScripts reads every redis.NewScript in asynq's source.
func sourceScripts(t *testing.T) map[string]string {
	t.Helper()
	pkg, err := build.Import("github.com/hibiken/asynq", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, "internal", "rdb", "rdb.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		call, ok := spec.Values[0].(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if lit, ok := call.Args[0].(*ast.BasicLit); ok {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				out[spec.Names[0].Name] = text
			}
		}
		return true
	})
	return out
}

func TestScriptsAreAsynqs(t *testing.T) { //nolint:paralleltest // -update writes files
	source := sourceScripts(t)
	if *update {
		for _, s := range Scripts() {
			if err := os.WriteFile(filepath.Join("scripts", s.Name+".lua"), []byte(source[s.Name]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for _, s := range Scripts() {
		if source[s.Name] == "" || s.Text != source[s.Name] {
			t.Errorf("%s differs from asynq's source: run make gen, and look at what keys it names now", s.Name)
		}
	}
}
