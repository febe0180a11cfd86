// Package config turns the environment, and an optional file, into what an agent needs to find its panel.
// Everything else comes from the panel, as desired state.
package config

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"culvert/shared/logging"
	"culvert/shared/secret"
	"culvert/shared/setting"
)

// Config is the agent's configuration. Every field is valid.
type Config struct {
	Gateway  string        // host:port of the panel's node gateway
	Token    secret.String // one-time enrolment token; empty: the node is enrolled already
	CAPin    []byte        // SHA-256 of the panel's CA certificate; nil only when the node is enrolled already
	DataDir  string        // absolute
	LogLevel slog.Level
}

// Load reads the configuration from the lines of an environment. The error names every mistake.
func Load(environ []string) (Config, error) {
	r := setting.Read(environ, "CULVERT_AGENT_")
	c := Config{Gateway: r.HostPort("GATEWAY", "")}
	if c.Gateway == "" {
		r.Mistake("GATEWAY", "is needed: host:port of the panel's node gateway")
	}
	dir, err := filepath.Abs(r.String("DATA_DIR", "/var/lib/culvert-agent"))
	if err != nil {
		r.Mistake("DATA_DIR", "must be a path: "+err.Error())
	}
	c.DataDir = dir
	level, err := logging.ParseLevel(r.Choice("LOG_LEVEL", "info", "debug", "info", "warn", "error"))
	if err == nil { // else Choice has recorded it
		c.LogLevel = level
	}
	c.Token = token(r)
	c.CAPin = pin(r)
	if !c.Token.Empty() && c.CAPin == nil && r.String("CA_PIN", "") == "" {
		r.Mistake("CA_PIN", "is needed with a token: without it the token could go to a stranger")
	}
	return c, r.Err()
}

func token(r *setting.Reader) secret.String {
	text, path := r.String("TOKEN", ""), r.String("TOKEN_FILE", "")
	switch {
	case text != "" && path != "":
		r.Mistake("TOKEN", "and CULVERT_AGENT_TOKEN_FILE exclude each other")
	case path != "":
		b, err := os.ReadFile(path)
		if err != nil {
			r.Mistake("TOKEN_FILE", "names a file that can be read: "+err.Error())
			break
		}
		if text = strings.TrimSpace(string(b)); text == "" {
			r.Mistake("TOKEN_FILE", "names an empty file")
		}
	}
	return secret.New(text)
}

// pin reads 64 hexadecimal digits, with or without "sha256:" before and colons between them.
func pin(r *setting.Reader) []byte {
	text := r.String("CA_PIN", "")
	if text == "" {
		return nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(text), "sha256:"), ":", ""))
	if err != nil || len(b) != 32 {
		r.Mistake("CA_PIN", fmt.Sprintf("must be the SHA-256 of the panel's CA certificate, 64 hexadecimal digits, not %q", text))
		return nil
	}
	return b
}
