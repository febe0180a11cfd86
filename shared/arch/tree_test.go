package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "culvert"

// file is one parsed Go file.
type file struct {
	path    string // from the root, with slashes
	test    bool   // _test.go, or inside a test helper package
	ast     *ast.File
	lines   int
	imports []string
}

func (f *file) dir() string { return path.Dir(f.path) }

// tree is all Go code of the module.
type tree struct {
	fset  *token.FileSet
	files []*file
}

// repository parses the module this test runs in, once.
var repository = sync.OnceValues(func() (*tree, error) { return load(os.DirFS("../..")) })

func mustRepository(t *testing.T) *tree {
	t.Helper()
	tr, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func load(fsys fs.FS) (*tree, error) {
	tr := &tree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if name == "node_modules" || name == "testdata" || p != "." && (name[0] == '.' || name[0] == '_') || p == "bin" || p == "data" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		return tr.add(fsys, p)
	})
	return tr, err
}

func (tr *tree) add(fsys fs.FS, p string) error {
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(tr.fset, p, src, parser.ParseComments)
	if err != nil {
		return err
	}
	if ast.IsGenerated(parsed) {
		return nil
	}
	f := &file{path: p, ast: parsed, lines: strings.Count(string(src), "\n")}
	f.test = strings.HasSuffix(p, "_test.go") || isHelper(f.dir())
	for _, spec := range parsed.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		f.imports = append(f.imports, target)
	}
	tr.files = append(tr.files, f)
	return nil
}

// isHelper reports whether a directory belongs to a test helper: an element such as pgtest or agenttest.
func isHelper(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(e string) bool { return len(e) > 4 && strings.HasSuffix(e, "test") })
}

// production yields the files that end up in the programs.
func (tr *tree) production(yield func(*file) bool) {
	for _, f := range tr.files {
		if !f.test && !yield(f) {
			return
		}
	}
}

func (tr *tree) at(n ast.Node) string {
	p := tr.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// local returns the directory of an import of our own, or false.
func local(target string) (string, bool) {
	return strings.CutPrefix(target, module+"/")
}

// under reports whether dir is root or lies below it.
func under(dir, root string) bool {
	return dir == root || strings.HasPrefix(dir, root+"/")
}

func underAny(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return under(dir, r) })
}

// exception lets one thing pass one rule.
type exception struct{ where, reason, owner string }

func excepted(list []exception, where string) bool {
	return slices.ContainsFunc(list, func(e exception) bool { return e.where == where })
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}
