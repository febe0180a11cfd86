package api

import (
	"errors"
	"strings"
	"testing"
)

func TestInstallationWarns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gateway, panel string
		warns          int
	}{
		{"127.0.0.1:8443", "https://127.0.0.1:8083", 2},
		{"[::1]:8443", "https://[::1]:8083", 2},
		{"localhost:8443", "https://panel.example", 1},
		{"panel.example:8443", "https://localhost", 1},
		{"panel.example:8443", "https://panel.example:8083", 0},
		{"203.0.113.9:8443", "https://203.0.113.9", 0},
	} {
		a := &API{Config: Config{GatewayPublic: c.gateway, PublicURL: c.panel, Install: func(gateway, pin, token string) (string, error) {
			return "install " + gateway + pin + token, nil
		}}}
		command, warnings := a.installation("pin", "token")
		if len(warnings) != c.warns || command != "install "+c.gateway+"pintoken" {
			t.Errorf("%+v: %q, %q", c, command, warnings)
		}
	}
	a := &API{Config: Config{GatewayPublic: "panel.example:8443", Install: func(_, _, _ string) (string, error) { return "", errors.New("disk") }}}
	if command, warnings := a.installation("pin", "token"); !strings.HasSuffix(command, "culvert-agent run") || len(warnings) != 1 {
		t.Errorf("without a program: %q, %q", command, warnings)
	}
}
