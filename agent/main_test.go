package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args     string
		code     int
		out, err string // what each begins with; empty: nothing
	}{
		{"--help", 0, usage, ""},
		{"-h", 0, usage, ""},
		{"help", 0, usage, ""},
		{"version", 0, version + "\n", ""},
		{"--version", 0, version + "\n", ""},
		{"", codeMistake, "", "culvert-agent: a command is needed\n\n" + usage},
		{"--verbose", codeMistake, "", `culvert-agent: there is no command or flag "--verbose"` + "\n\n" + usage},
		{"start", codeMistake, "", `culvert-agent: there is no command or flag "start"`},
		{"run now", codeMistake, "", `culvert-agent: run takes no arguments, not "now"`},
		{"run", codeMistake, "", "culvert-agent: configuration:\n  CULVERT_AGENT_GATEWAY: is needed"},
		{"enrol", codeMistake, "", "culvert-agent: configuration:\n  CULVERT_AGENT_GATEWAY: is needed"},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), strings.Fields(c.args), nil, &out, &errs); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, got := range []struct{ is, want string }{{out.String(), c.out}, {errs.String(), c.err}} {
				if !strings.HasPrefix(got.is, got.want) || got.want == "" && got.is != "" {
					t.Errorf("printed %q, want %q", got.is, got.want)
				}
			}
			if n := strings.Count(errs.String(), "configuration:"); n > 1 {
				t.Errorf("the prefix is there %d times", n)
			}
		})
	}
}

// Whatever can be set is in the help.
func TestHelpNamesEverySetting(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	run(t.Context(), []string{"run"}, []string{"CULVERT_AGENT_NONSENSE=1"}, &errs, &errs)
	_, known, ok := strings.Cut(errs.String(), "known: ")
	if !ok {
		t.Fatalf("an unknown setting is not named: %s", errs.String())
	}
	for name := range strings.FieldsSeq(known) {
		if strings.HasPrefix(name, "CULVERT_AGENT_") && !strings.Contains(usage, name) {
			t.Errorf("%s is not in the help", name)
		}
	}
}
