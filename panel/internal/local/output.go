package local

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

const (
	tailLines = 12
	lineLimit = 4096
)

// output splits what a child prints into log lines and remembers the last few for error messages.
type output struct {
	log   *slog.Logger
	level func(line string) slog.Level

	mu   sync.Mutex
	part []byte
	tail []string
	up   bool // it answered: what it calls a warning before that is its way of saying hello
}

// started tells that the child answers.
func (o *output) started() {
	o.mu.Lock()
	o.up = true
	o.mu.Unlock()
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = append(o.part, p...)
	for {
		line, rest, found := bytes.Cut(o.part, []byte{'\n'})
		if !found {
			if len(o.part) < lineLimit {
				return len(p), nil
			}
			line, rest = o.part[:lineLimit], o.part[lineLimit:]
		}
		o.line(string(bytes.TrimRight(line, "\r ")))
		o.part = append([]byte(nil), rest...)
	}
}

func (o *output) line(s string) {
	if s == "" {
		return
	}
	if len(o.tail) == tailLines {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, s)
	level := slog.LevelDebug
	if o.up {
		level = o.level(s)
	}
	o.log.Log(context.Background(), level, "output", "line", s) // a child's line belongs to no request
}

// last returns the remembered lines, for "it ended, and this is what it said".
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.tail, "\n")
}

// ownLevel is for programs of ours: what they warn of, we warn of.
func ownLevel(line string) slog.Level {
	if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
