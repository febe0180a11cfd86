package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build events
	Test       string
	Elapsed    float64
	Output     string
}

// tally counts results, prints what a reader needs, and keeps the output of a test only until it has passed.
type tally struct {
	w        io.Writer
	filtered bool // -run: packages without a matching test are no fault

	passed, failed int
	faults         []string // one line each, repeated at the end
	output         map[string][]string
	failedIn       map[string]int // by package
	ranIn          map[string]int
}

func newTally(w io.Writer, filtered bool) *tally {
	return &tally{w: w, filtered: filtered, output: map[string][]string{}, failedIn: map[string]int{}, ranIn: map[string]int{}}
}

func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			t.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tally) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		t.printf("%s", line) // go itself speaking
		return
	}
	switch {
	case e.Action == "build-output":
		t.printf("%s", e.Output)
	case e.Action == "output":
		key := e.Package + " " + e.Test
		t.output[key] = append(t.output[key], e.Output)
	case e.Test != "":
		t.test(e)
	case e.Package != "":
		t.pkg(e)
	}
}

func (t *tally) test(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		t.ranIn[e.Package]++
		return
	case "pass":
		t.passed++
	case "fail":
		t.fault(e.Package, "FAIL "+e.Package+" "+e.Test)
		t.show(key)
	case "skip":
		t.fault(e.Package, "SKIP "+e.Package+" "+e.Test+" (a skipped test is a failure)")
		t.show(key)
	default: // pause, cont
		return
	}
	delete(t.output, key)
}

func (t *tally) pkg(e event) {
	key := e.Package + " "
	switch e.Action {
	case "pass":
		if t.ranIn[e.Package] == 0 && !t.filtered {
			t.fault(e.Package, "NONE "+e.Package+" has test files, but ran no test")
			break
		}
		if t.ranIn[e.Package] > 0 {
			t.printf("ok   %-60s %4d tests %7.2fs\n", e.Package, t.ranIn[e.Package], e.Elapsed)
		}
	case "fail":
		t.printf("FAIL %-60s %4d tests %7.2fs\n", e.Package, t.ranIn[e.Package], e.Elapsed)
		if t.failedIn[e.Package] == 0 {
			t.fault(e.Package, "FAIL "+e.Package+" (did not build, or ended outside a test)")
		}
		t.showAll(e.Package)
	case "skip": // no test files: shared/arch and reviewers judge that, not we
	default:
		return
	}
	delete(t.output, key)
}

// showAll prints what is left of a failed package: output of tests that never finished, then its own.
func (t *tally) showAll(pkg string) {
	for key := range t.output {
		if strings.HasPrefix(key, pkg+" ") && key != pkg+" " {
			t.show(key)
			delete(t.output, key)
		}
	}
	t.show(pkg + " ")
}

func (t *tally) show(key string) {
	for _, o := range t.output[key] {
		if !strings.HasPrefix(o, "=== ") {
			t.printf("%s", o)
		}
	}
}

func (t *tally) fault(pkg, line string) {
	t.failed++
	t.failedIn[pkg]++
	t.faults = append(t.faults, line)
}

// close prints the faults once more and the closing line.
func (t *tally) close() error {
	for _, f := range t.faults {
		t.printf("%s\n", f)
	}
	t.printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return fmt.Errorf("%d failed", t.failed)
	}
	if t.passed == 0 {
		return errors.New("no test ran")
	}
	return nil
}

func (t *tally) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.w, format, args...) // standard output gone: nobody reads, the exit code still tells
}
