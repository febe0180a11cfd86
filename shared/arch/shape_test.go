package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Hard stops. The targets in style.md are much lower.
const (
	maxFile      = 700
	maxFunc      = 100
	maxMethods   = 25
	maxFields    = 25
	maxInterface = 8
	maxPackage   = 3000
)

// overBudget names what may be larger: "file", "file:Func", "dir.Type" or "dir", as the fault prints it.
func overBudget() []exception {
	return nil
}

func commentFaults(tr *tree) []string {
	comments := map[string][]string{}
	for _, f := range tr.files {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		if _, ok := comments[f.dir()]; !ok {
			comments[f.dir()] = nil
		}
		if f.ast.Doc != nil {
			comments[f.dir()] = append(comments[f.dir()], path.Base(f.path))
		}
	}
	var faults []string
	for dir, files := range comments {
		if len(files) != 1 {
			faults = append(faults, fmt.Sprintf("%s: a package has exactly one package comment, this has %d %v", dir, len(files), files))
		}
	}
	slices.Sort(faults)
	return faults
}

func TestPackageComments(t *testing.T) {
	t.Parallel()
	report(t, commentFaults(mustRepository(t)))
}

func budgetFaults(tr *tree) map[string]string {
	faults := map[string]string{}
	over := func(where, what string, have, most int) {
		if have > most {
			faults[where] = fmt.Sprintf("%s: %d %s, the hard stop is %d", where, have, what, most)
		}
	}
	packageLines, methods := map[string]int{}, map[string]int{}
	for _, f := range tr.files {
		over(f.path, "lines", f.lines, maxFile)
		if f.test {
			continue // table-driven tests are long functions; their files are not exempt
		}
		packageLines[f.dir()] += f.lines
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				over(f.path+":"+n.Name.Name, "lines in a function", tr.length(n), maxFunc)
				if n.Recv != nil {
					methods[f.dir()+"."+receiver(n)]++
				}
			case *ast.TypeSpec:
				where := f.dir() + "." + n.Name.Name
				if s, ok := n.Type.(*ast.StructType); ok {
					over(where, "fields", s.Fields.NumFields(), maxFields)
				}
				if i, ok := n.Type.(*ast.InterfaceType); ok {
					over(where, "methods in an interface", i.Methods.NumFields(), maxInterface)
				}
			}
			return true
		})
	}
	for where, n := range methods {
		over(where, "methods", n, maxMethods)
	}
	for dir, n := range packageLines {
		over(dir, "lines in a package", n, maxPackage)
	}
	return faults
}

func (tr *tree) length(n ast.Node) int {
	return tr.fset.Position(n.End()).Line - tr.fset.Position(n.Pos()).Line + 1
}

func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return "?"
		}
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	faults := budgetFaults(mustRepository(t))
	for _, e := range overBudget() {
		if e.reason == "" || e.owner == "" {
			t.Errorf("exception for %s: reason and owner are needed", e.where)
		}
		if _, ok := faults[e.where]; !ok {
			t.Errorf("exception for %s is not needed any more", e.where)
		}
		delete(faults, e.where)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// manners are rules about single lines of code.
func mannerFaults(tr *tree) []string {
	var faults []string
	unfinished := regexp.MustCompile(`^(//|/\*)\s*(TODO|FIXME|XXX|HACK)\b`)
	for _, f := range tr.files {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if unfinished.MatchString(c.Text) {
					faults = append(faults, tr.at(c)+": finish it, or file an issue")
				}
			}
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, tr.at(fn)+": no init(): what a package needs is made by whoever starts it")
			}
		}
		faults = append(faults, tr.callFaults(f)...)
	}
	return faults
}

func (tr *tree) callFaults(f *file) []string {
	var faults []string
	fakeClock := slices.Contains(f.imports, "testing/synctest")
	explained := tr.commentedLines(f)
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := call.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch name := pkg.Name + "." + call.Sel.Name; {
		case name == "time.Sleep" && !fakeClock:
			faults = append(faults, tr.at(call)+": no time.Sleep: wait for what you wait for (a channel, a timer in a select, synctest)")
		case (name == "context.Background" || name == "context.TODO") && !f.test && f.ast.Name.Name != "main" && !explained[tr.fset.Position(call.Pos()).Line]:
			faults = append(faults, tr.at(call)+": no "+name+" below main: take a context, use context.WithoutCancel, or say why in a comment on the line")
		}
		return true
	})
	return faults
}

func (tr *tree) commentedLines(f *file) map[int]bool {
	lines := map[int]bool{}
	for _, group := range f.ast.Comments {
		lines[tr.fset.Position(group.Pos()).Line] = true
	}
	return lines
}

func TestManners(t *testing.T) {
	t.Parallel()
	report(t, mannerFaults(mustRepository(t)))
}

// Package variables are constants in spirit: nobody assigns to them, or takes their address, after their declaration.
func variableFaults(tr *tree) []string {
	global := map[string]map[string]bool{} // directory and package name → variables
	key := func(f *file) string { return f.dir() + " " + f.ast.Name.Name }
	for _, f := range tr.files {
		for _, d := range f.ast.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names { //nolint:forcetypeassert // a var declaration holds value specs only
					if name.Name == "_" {
						continue
					}
					if global[key(f)] == nil {
						global[key(f)] = map[string]bool{}
					}
					global[key(f)][name.Name] = true
				}
			}
		}
	}
	var faults []string
	for _, f := range tr.files {
		vars := global[key(f)]
		changed := func(e ast.Expr) {
			// An identifier the parser resolved inside a function is a local of the same name.
			if id := root(e); id != nil && vars[id.Name] && (id.Obj == nil || f.ast.Scope.Lookup(id.Name) == id.Obj) {
				faults = append(faults, tr.at(e)+": package variable "+id.Name+" is changed: state belongs to a value that somebody owns")
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, l := range n.Lhs {
						changed(l)
					}
				}
			case *ast.IncDecStmt:
				changed(n.X)
			}
			return true
		})
	}
	return faults
}

// root is the variable an assignable expression starts from.
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func TestPackageVariablesAreNotChanged(t *testing.T) {
	t.Parallel()
	report(t, variableFaults(mustRepository(t)))
}
