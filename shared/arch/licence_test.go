package arch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependency is a module of the build list.
type dependency struct{ path, dir string }

// dependencies asks the go command for the modules of the packages that are linked, with or without tests.
func dependencies(t *testing.T, extra ...string) []dependency {
	t.Helper()
	args := append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}"}, extra...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./...")...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	var deps []dependency
	for _, line := range slices.Compact(lines) {
		if path, dir, ok := strings.Cut(line, "\t"); ok {
			deps = append(deps, dependency{path, dir})
		}
	}
	return deps
}

// family of licences that a text belongs to, as far as it matters here.
func licenceOf(text string) string {
	for _, l := range []struct{ name, pattern string }{
		{"MPL", `(?i)mozilla public license`}, // before GPL, which its text mentions
		{"GPL", `(?i)gnu (lesser |library |affero )?general public licen[sc]e|\b(A|L)?GPL(v|-)?[23]|SPDX-License-Identifier:.*GPL`},
		{"source-available", `(?i)business source license|server side public license|commons clause|elastic license`},
		{"permissive", `(?is)apache license|permission is hereby granted, free of charge|permission to use, copy, modify|redistribution and use in source and binary forms|this is free and unencumbered software|creative commons.*cc0`},
	} {
		if regexp.MustCompile(l.pattern).MatchString(text) {
			return l.name
		}
	}
	return "unknown"
}

// licences reads the licence files in a module's root.
func licences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	named := regexp.MustCompile(`(?i)^(licen[sc]e|copying|unlicense)`)
	var found []string
	for _, e := range entries {
		if !named.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, licenceOf(string(b)))
	}
	if found == nil {
		return nil, errors.New("no licence file")
	}
	return found, nil
}

func licenceFaults(deps []dependency, allowed ...string) []string {
	var faults []string
	for _, d := range deps {
		found, err := licences(d.dir)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s: %v", d.path, err))
		}
		for _, l := range found {
			if !slices.Contains(allowed, l) {
				faults = append(faults, fmt.Sprintf("%s: licence %s, allowed here: %v", d.path, l, allowed))
			}
		}
	}
	return faults
}

// Culvert is Apache-2.0: what is linked into the programs is permissive, what only tests use may be MPL.
func TestLicences(t *testing.T) {
	t.Parallel()
	linked := dependencies(t)
	report(t, licenceFaults(linked, "permissive"))
	var testOnly []dependency
	for _, d := range dependencies(t, "-test") {
		if !slices.Contains(linked, d) {
			testOnly = append(testOnly, d)
		}
	}
	report(t, licenceFaults(testOnly, "permissive", "MPL"))
}

func TestLicenceOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"GNU GENERAL PUBLIC LICENSE\nVersion 3":                           "GPL",
		"GNU Affero General Public License":                               "GPL",
		"Licensed under LGPL-3":                                           "GPL",
		"Mozilla Public License Version 2.0 … GNU General Public License": "MPL",
		"Permission is hereby granted, free of charge, to any person":     "permissive",
		"Apache License\nVersion 2.0":                                     "permissive",
		"Business Source License 1.1":                                     "source-available",
		"All rights reserved.":                                            "unknown",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
