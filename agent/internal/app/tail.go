package app

import (
	"bytes"
	"sync"
)

const tailLines = 1000

// Tail keeps the last lines that went through it, for the log_tail job. The log handler has redacted them already.
type Tail struct {
	mu    sync.Mutex
	lines []string
	next  int
}

// NewTail returns an empty tail.
func NewTail() *Tail { return &Tail{} }

// Write implements io.Writer; the log handler writes whole lines.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(p) {
		text := string(bytes.TrimRight(line, "\n"))
		if len(t.lines) < tailLines {
			t.lines = append(t.lines, text)
			continue
		}
		t.lines[t.next] = text
		t.next = (t.next + 1) % tailLines
	}
	return len(p), nil
}

// Last returns the last n lines, oldest first.
func (t *Tail) Last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := append(append([]string{}, t.lines[t.next:]...), t.lines[:t.next]...)
	return all[max(0, len(all)-n):]
}
