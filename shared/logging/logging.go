// Package logging sets up slog for both programs: one format, one set of key names, and a handler that keeps
// secrets out whatever a caller hands it. Redaction is the second net; secret.String is the first.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Key names. A value that appears here is logged under this name everywhere.
const (
	KeyErr        = "err"
	KeyTrace      = "trace"
	KeyTenant     = "tenant"
	KeyActor      = "actor"
	KeyNode       = "node"
	KeyIngress    = "ingress"
	KeySubscriber = "subscriber"
	KeySession    = "session"
	KeyRevision   = "revision"
	KeyJob        = "job"
	KeyTook       = "took"
	KeyAddr       = "addr"
)

// New returns a logger that writes one line of text per event and redacts secrets.
func New(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(Redact(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})))
}

// ParseLevel reads debug, info, warn or error.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is not one of debug, info, warn, error", s)
}
