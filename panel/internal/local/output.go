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
	o.log.Log(context.Background(), o.level(s), "output", "line", s) // a child's line belongs to no request
}

// last returns the remembered lines, for "it ended, and this is what it said".
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.tail, "\n")
}

func quiet(string) slog.Level { return slog.LevelDebug }
