package profile_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
	"culvert/panel/internal/profile"
	"culvert/shared/protocol/wireguard"
)

// check is a program that reads one of our formats, and how it is asked what it thinks of a file.
type check struct {
	program string // of deploy/test/foreign.sh
	format  string
	without string // kind that the program was built without
	args    func(file, dir string) []string
}

func checks() []check {
	singbox := func(file, dir string) []string { return []string{"check", "-D", dir, "-c", file} }
	return []check{
		{"sing-box", "singbox", wireguard.Name, singbox},
		{"sing-box-wireguard", "singbox", "", singbox},
		{"mihomo", "clash", "", func(file, dir string) []string { return []string{"-t", "-d", dir, "-f", file} }},
		{"xray", "xray", "", func(file, _ string) []string { return []string{"run", "-test", "-c", file} }},
	}
}

// documents are what there is to render: everything at once, each endpoint alone, nothing, and a message.
func documents() map[string]*profile.Document {
	all := map[string]*profile.Document{"everything": sample(), "nothing": {User: "ann"}}
	for i := range sample().Endpoints {
		d := sample()
		d.Endpoints = d.Endpoints[i : i+1]
		all[d.Endpoints[0].Label] = d
	}
	all["a message"] = &profile.Document{User: "ann", Endpoints: []profile.Endpoint{profile.Notice("Your quota is used up")}}
	return all
}

// TestProgramsTakeWhatWeWrite gives every file to the program that it is for.
func TestProgramsTakeWhatWeWrite(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		t.Run(c.program, func(t *testing.T) {
			t.Parallel()
			program := foreigntest.Program(t, c.program)
			for what, d := range documents() {
				d.Endpoints = slices.DeleteFunc(d.Endpoints, func(e profile.Endpoint) bool { return e.Kind == c.without })
				for i, text := range configurations(t, c.format, d) {
					dir := t.TempDir()
					file := filepath.Join(dir, "config."+strconv.Itoa(i)+ending(c.format))
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					if out, err := said(t, program, c.args(file, dir)...); err != nil {
						t.Errorf("%s, file %d: %v\n%s\n%s", what, i, err, out, text)
					}
				}
			}
		})
	}
}

func ending(format string) string {
	f, _ := profile.LookupFormat(format)
	return "." + f.File
}

// configurations are the files of a rendered document: Xray's is a list of them.
func configurations(t *testing.T, format string, d *profile.Document) []string {
	t.Helper()
	text := render(t, format, d)
	if format != "xray" {
		return []string{text}
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = string(one)
	}
	return out
}

// said runs a program that ends by itself and returns its words.
func said(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
