package logging_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"culvert/shared/logging"
)

type resolved struct{ s string }

func (r resolved) LogValue() slog.Value { return slog.StringValue(r.s) }

// Every line holds "hunter2" (or a token with it) before redaction, and "keep" where context must survive.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	link := &url.URL{Scheme: "https", Host: "keep.example", Path: "/sub/hunter2"}
	cases := map[string]func(*slog.Logger){
		"key":             func(l *slog.Logger) { l.Info("keep", "password", "hunter2") },
		"key variants":    func(l *slog.Logger) { l.Info("keep", "Access-Key_Secret", "hunter2", "userPassword", "hunter2") },
		"key, not string": func(l *slog.Logger) { l.Info("keep", "token", []byte("hunter2"), "secret", errors.New("hunter2")) },
		"with":            func(l *slog.Logger) { l.With("master_key", "hunter2").Info("keep") },
		"with group":      func(l *slog.Logger) { l.WithGroup("g").With("psk", "hunter2").Info("keep", "cookie", "hunter2") },
		"group": func(l *slog.Logger) {
			l.Info("keep", slog.Group("g", "a", slog.GroupValue(slog.String("token", "hunter2"))))
		},
		"subscription":   func(l *slog.Logger) { l.Info("GET keep /sub/hunter2?x=1") },
		"one-time link":  func(l *slog.Logger) { l.Info("m", "path", "/keep/get/hunter2") },
		"subscription 2": func(l *slog.Logger) { l.Info("m", "path", "/keep/sub/hunter2/clash") },
		"download link":  func(l *slog.Logger) { l.Info("m", "path", "/keep/once/hunter2") },
		"sse token":      func(l *slog.Logger) { l.Info("m", "url", "/scale/api/events?keep=1&token=hunter2&b=2") },
		"hestia form":    func(l *slog.Logger) { l.Info("m", "body", "cmd=keep&hash=ID:hunter2&arg1=x") },
		"bearer":         func(l *slog.Logger) { l.Info("keep", "header", "Bearer hunter2.abc") },
		"basic":          func(l *slog.Logger) { l.Info("keep", "headers", http.Header{"Authorization": {"Basic hunter2x"}}) },
		"header map":     func(l *slog.Logger) { l.Info("keep", "headers", http.Header{"X": {"Bearer hunter2"}}) },
		"dsn":            func(l *slog.Logger) { l.Error("keep", "err", errors.New("dial postgres://app:hunter2@db/keep")) },
		"private key": func(l *slog.Logger) {
			l.Info("keep", "pem", "-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----")
		},
		"url value":  func(l *slog.Logger) { l.Info("m", "u", link) },
		"log valuer": func(l *slog.Logger) { l.Info("keep", "v", resolved{"x?token=hunter2"}) },
	}
	for name, write := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			write(logging.New(&out, slog.LevelDebug))
			if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "keep") {
				t.Errorf("logged %s", out.String())
			}
		})
	}
}

func TestOrdinaryValuesAreUntouched(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(&out, slog.LevelInfo)
	log.Info("moved", "bytes", 12, "tokens", 3, "path", "/api/v1/subscribers", "err", errors.New("a=b c/d"), "nothing", nil)
	log.Debug("not at this level")
	if got, want := out.String(), `bytes=12 tokens=3 path=/api/v1/subscribers err="a=b c/d" nothing=<nil>`; !strings.Contains(got, want) || strings.Contains(got, "level\n") {
		t.Errorf("got %s", got)
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		if got, err := logging.ParseLevel(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	if _, err := logging.ParseLevel("loud"); err == nil {
		t.Error("loud is no level")
	}
}
