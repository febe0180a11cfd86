package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/agent/internal/config"
)

const pin = "abababababababababababababababababababababababababababababababab"

func TestLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("enrol-me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	colons := "sha256:" + strings.Join(strings.Split(strings.Repeat("AB,", 31)+"AB", ","), ":")
	cases := map[string]struct {
		environ []string
		token   string
		pinned  bool
		want    []string // mistakes
	}{
		"enrolled":        {environ: []string{"CULVERT_AGENT_GATEWAY=p.example:8443", "CULVERT_DATA_DIR=/panel's"}},
		"token":           {environ: []string{"CULVERT_AGENT_GATEWAY=p:1", "CULVERT_AGENT_TOKEN=t", "CULVERT_AGENT_CA_PIN=" + pin}, token: "t", pinned: true},
		"token file":      {environ: []string{"CULVERT_AGENT_GATEWAY=p:1", "CULVERT_AGENT_TOKEN_FILE=" + file, "CULVERT_AGENT_CA_PIN=" + colons}, token: "enrol-me", pinned: true},
		"nothing":         {want: []string{"CULVERT_AGENT_GATEWAY: is needed"}},
		"two tokens":      {environ: []string{"CULVERT_AGENT_GATEWAY=p:1", "CULVERT_AGENT_TOKEN=t", "CULVERT_AGENT_TOKEN_FILE=" + file, "CULVERT_AGENT_CA_PIN=" + pin}, want: []string{"exclude each other"}},
		"token, no pin":   {environ: []string{"CULVERT_AGENT_GATEWAY=p:1", "CULVERT_AGENT_TOKEN=t"}, want: []string{"CULVERT_AGENT_CA_PIN: is needed"}},
		"many":            {environ: []string{"CULVERT_AGENT_GATEWAY=p", "CULVERT_AGENT_CA_PIN=abc", "CULVERT_AGENT_LOG_LEVEL=x", "CULVERT_AGENT_PANEL=p"}, want: []string{"GATEWAY: ", "CA_PIN: must be", "LOG_LEVEL: ", "CULVERT_AGENT_PANEL: there is no such"}},
		"token file gone": {environ: []string{"CULVERT_AGENT_GATEWAY=p:1", "CULVERT_AGENT_TOKEN_FILE=/nonexistent"}, want: []string{"CULVERT_AGENT_TOKEN_FILE: names a file"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Load(c.environ)
			if (err != nil) != (len(c.want) > 0) {
				t.Fatalf("err = %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
			if err == nil && (got.Token.Reveal() != c.token || (got.CAPin != nil) != c.pinned || got.DataDir != "/var/lib/culvert-agent") {
				t.Errorf("got %+v", got)
			}
		})
	}
}
