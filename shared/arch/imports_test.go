package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// panelRanks order the panel: a package imports lower ranks only. Packages below a named one share its rank.
func panelRanks() map[string]int {
	ranks := map[string]int{}
	for rank, names := range []string{
		"errs", // the leaf: everybody's kinds of failure
		"pg actor config",
		"outbox audit vault live",
		"jobs", // above what it carries: it finishes outbox rows, records who sent a job and seals the keys that sign it
		"tenant brand",
		"identity",
		"billing fleet cert",
		"subscriber network",
		"reach", // which ingresses a subscriber may use
		"device",
		"usage session",
		"desired webhook",
		"profile",
		"portal bulk",
		"api agentapi subapi installer hestia scale billingapi webapp local",
		"app",
	} {
		for name := range strings.FieldsSeq(names) {
			ranks[name] = rank
		}
	}
	return ranks
}

// family: the node gateway and the node API are one tree in two directories.
func family(name string) string {
	if name == "gateway" {
		return "agentapi"
	}
	return name
}

// noun is the package of a half that a directory belongs to: "pg" of panel/internal/pg/pgtest.
func noun(half, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(dir, half+"/internal/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, true
}

func panelFaults(tr *tree) []string {
	ranks := panelRanks()
	var faults []string
	seen := map[string]bool{}
	for f := range tr.production {
		from, ok := noun("panel", f.dir())
		if !ok {
			continue
		}
		rank, ok := ranks[family(from)]
		if !ok {
			if !seen[from] {
				faults = append(faults, fmt.Sprintf("panel/internal/%s has no rank: place it in panelRanks", from))
				seen[from] = true
			}
			continue
		}
		for _, target := range f.imports {
			dir, _ := local(target)
			to, ok := noun("panel", dir)
			if !ok || family(to) == family(from) {
				continue
			}
			if other, known := ranks[family(to)]; known && other >= rank {
				faults = append(faults, fmt.Sprintf("%s: %s (rank %d) imports %s (rank %d): only lower ranks", f.path, from, rank, to, other))
			}
		}
	}
	return faults
}

func TestPanelRanks(t *testing.T) {
	t.Parallel()
	report(t, panelFaults(mustRepository(t)))
}

// agentImports lists what each package of the agent may import of the agent. app and main may import all.
func agentImports() map[string]string {
	return map[string]string{
		"flow": "", "config": "", "hostnet": "", "child": "", "control": "", "state": "",
		"ingress": "flow",
		"keyring": "flow", "route": "flow", "meter": "flow", "session": "flow", "listen": "flow", "exit": "flow",
		"relay":  "flow exit ingress",
		"tunnel": "flow ingress hostnet", // it asks the Host for the flows that packets are
		"health": "flow",
		"engine": "flow ingress keyring route meter session listen exit relay tunnel hostnet child health",
	}
}

func agentFaults(tr *tree) []string {
	allowed := agentImports()
	var faults []string
	seen := map[string]bool{}
	for f := range tr.production {
		from, ok := noun("agent", f.dir())
		if !ok || from == "app" {
			continue
		}
		may, known := allowed[from]
		if !known && !seen[from] {
			faults = append(faults, fmt.Sprintf("agent/internal/%s is not placed: give it a line in agentImports", from))
			seen[from] = true
		}
		kind, isKind := strings.CutPrefix(f.dir(), "agent/internal/ingress/")
		if isKind {
			may = "flow child"
		}
		for _, target := range f.imports {
			dir, _ := local(target)
			if fault := agentFault(dir, from, kind, may); known && fault != "" {
				faults = append(faults, f.path+": "+fault)
			}
		}
	}
	return faults
}

// agentFault judges one import. kind is empty outside ingress/<kind>.
func agentFault(dir, from, kind, may string) string {
	if kind != "" {
		other, isKind := strings.CutPrefix(dir, "agent/internal/ingress/")
		if isKind && !sameTop(other, kind) {
			return "protocols never import one another (" + other + ")"
		}
		spoken, isProtocol := strings.CutPrefix(dir, "shared/protocol/")
		if isProtocol && spoken != "option" && !sameTop(spoken, kind) {
			return "a protocol knows its own options only, not " + spoken
		}
	}
	to, ok := noun("agent", dir)
	if !ok || to == from || slices.Contains(strings.Fields(may), to) {
		return ""
	}
	return fmt.Sprintf("%s may not import %s (it may: %s)", from, to, orNothing(may))
}

func sameTop(a, b string) bool {
	x, _, _ := strings.Cut(a, "/")
	y, _, _ := strings.Cut(b, "/")
	return x == y
}

func orNothing(s string) string {
	if s == "" {
		return "nothing of the agent"
	}
	return s
}

func TestAgentImports(t *testing.T) {
	t.Parallel()
	report(t, agentFaults(mustRepository(t)))
}

// boundary keeps imports (with everything below them) to places. Tests may import anything.
type boundary struct {
	imports []string
	allowed func(f *file) bool
	rule    string
}

func boundaries() []boundary {
	in := func(roots ...string) func(*file) bool {
		return func(f *file) bool { return underAny(f.dir(), roots...) }
	}
	web := func(f *file) bool {
		name, ok := noun("panel", f.dir())
		ranks := panelRanks()
		return ok && family(name) != "local" && ranks[family(name)] >= ranks["api"]
	}
	stores := func(f *file) bool {
		base := path.Base(f.path)
		return under(f.dir(), "panel/internal/pg") || strings.HasPrefix(f.path, "panel/") && strings.HasPrefix(base, "store")
	}
	return []boundary{
		{[]string{"gorm.io"}, stores, "GORM only in panel/internal/pg and in files named store*.go"},
		{[]string{"github.com/gofiber", "github.com/danielgtaylor/huma", "github.com/valyala/fasthttp"}, web, "Fiber and huma only in the panel's surfaces and app"},
		{[]string{"github.com/hibiken/asynq"}, in("panel/internal/jobs", "agent/internal/control"), "asynq only in panel/internal/jobs and agent/internal/control"},
		{
			[]string{"github.com/apernet", "github.com/quic-go", "golang.zx2c4.com/wireguard", "gvisor.dev/gvisor"},
			in("agent"),
			"QUIC, WireGuard and netstack only in the agent",
		},
		{
			[]string{"os/exec"},
			in("panel/internal/local", "agent/internal/hostnet", "agent/internal/child"),
			"programs are started only by panel/internal/local, agent/internal/hostnet and agent/internal/child",
		},
		{[]string{module + "/migrations"}, in("panel", "migrations"), "migrations belong to the panel"},
		{[]string{module + "/web"}, in("panel"), "the web app belongs to the panel"},
		{[]string{module + "/panel", module + "/agent"}, in("panel", "agent", "deploy"), "shared code knows neither half"},
	}
}

func boundaryFaults(tr *tree) []string {
	var faults []string
	for f := range tr.production {
		for _, target := range f.imports {
			for _, b := range boundaries() {
				if underAny(target, b.imports...) && !b.allowed(f) {
					faults = append(faults, fmt.Sprintf("%s imports %s: %s", f.path, target, b.rule))
				}
			}
			if dir, ok := local(target); ok && isHelper(dir) {
				faults = append(faults, fmt.Sprintf("%s imports %s: test helpers are for tests", f.path, target))
			}
		}
	}
	return faults
}

func TestThirdPartiesKeepToTheirPlaces(t *testing.T) {
	t.Parallel()
	report(t, boundaryFaults(mustRepository(t)))
}

// Packages of shared/ that one half does not use, for a reason.
func sharedByOneHalf() []exception {
	return []exception{
		{"shared/arch", "tests of the house itself", "core"},
	}
}

// sharedFaults tells packages of shared/ that the programs of one half do not reach.
func sharedFaults(tr *tree, allowed []exception) []string {
	uses := map[string][]string{}
	packages := map[string]bool{}
	for f := range tr.production {
		if under(f.dir(), "shared") {
			packages[f.dir()] = true
		}
		for _, target := range f.imports {
			if dir, ok := local(target); ok {
				uses[f.dir()] = append(uses[f.dir()], dir)
			}
		}
	}
	reached := func(half string) map[string]bool {
		seen := map[string]bool{}
		var visit func(dir string)
		visit = func(dir string) {
			if seen[dir] {
				return
			}
			seen[dir] = true
			for _, next := range uses[dir] {
				visit(next)
			}
		}
		for dir := range uses {
			if under(dir, half) {
				visit(dir)
			}
		}
		return seen
	}
	panel, agent := reached("panel"), reached("agent")
	var faults []string
	for dir := range packages {
		if !excepted(allowed, dir) && (!panel[dir] || !agent[dir]) {
			faults = append(faults, fmt.Sprintf("%s is imported by panel: %t, by agent: %t; shared/ is for what both import", dir, panel[dir], agent[dir]))
		}
	}
	slices.Sort(faults)
	return faults
}

func TestSharedIsShared(t *testing.T) {
	t.Parallel()
	if tr := mustRepository(t); roofed(tr) {
		report(t, sharedFaults(tr, sharedByOneHalf()))
	}
}

// roofed reports whether both programs exist. What must match across them cannot match before.
func roofed(tr *tree) bool {
	mains := 0
	for _, f := range tr.files {
		if f.path == "panel/main.go" || f.path == "agent/main.go" {
			mains++
		}
	}
	return mains == 2
}

// Every protocol of the registry has its ingress and the other way round, and app lists it.
func TestProtocolsMatch(t *testing.T) {
	t.Parallel()
	tr := mustRepository(t)
	if !roofed(tr) {
		return
	}
	spoken, served, listed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for f := range tr.production {
		if kind, ok := strings.CutPrefix(f.dir(), "shared/protocol/"); ok && kind != "option" && !strings.Contains(kind, "/") {
			spoken[kind] = true
		}
		if kind, ok := strings.CutPrefix(f.dir(), "agent/internal/ingress/"); ok && !strings.Contains(kind, "/") {
			served[kind] = true
		}
		for _, target := range f.imports {
			if kind, ok := strings.CutPrefix(target, module+"/agent/internal/ingress/"); ok && under(f.dir(), "agent/internal/app") {
				listed[kind] = true
			}
		}
	}
	for kind := range spoken {
		if !served[kind] || !listed[kind] {
			t.Errorf("protocol %s: has an ingress: %t; listed in agent/internal/app: %t", kind, served[kind], listed[kind])
		}
	}
	for kind := range served {
		if !spoken[kind] {
			t.Errorf("ingress %s has no options in shared/protocol", kind)
		}
	}
}
