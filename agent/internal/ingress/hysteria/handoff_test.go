package hysteria

import (
	"os"
	"strings"
	"sync"
	"testing"

	"culvert/agent/internal/flow"
)

// TestLibraryIsPinned fails when somebody changes the library: the hand-over of identities rests on the order of its
// calls. Read server.handleTCPRequest and udpSessionManager.feed of the new version, then change this line.
func TestLibraryIsPinned(t *testing.T) {
	t.Parallel()
	const (
		module  = "github.com/apernet/hysteria/core/v2"
		version = "v2.12.1"
	)
	mod, err := os.ReadFile("../../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\t"+module+" "+version+"\n") {
		t.Errorf("go.mod does not require %s at %s", module, version)
	}
	for line := range strings.Lines(string(mod)) {
		if strings.Contains(line, "=>") && strings.Contains(line, "apernet") {
			t.Errorf("go.mod replaces a part of Hysteria: %s", line)
		}
	}
}

func text(s string) string { return string([]byte(s)) }

func TestHandoff(t *testing.T) {
	t.Parallel()
	a, b := &client{}, &client{}
	same := text("192.0.2.1:80")
	one, two := text(same), text(same)
	prefix := same[:len(same)-1]
	for name, c := range map[string]struct {
		offer func(*handoff)
		take  func(*handoff) (*client, bool)
		want  *client
	}{
		"same text of two clients": {
			func(h *handoff) { h.offer(flow.TCP, one, a); h.offer(flow.TCP, two, b) },
			func(h *handoff) (*client, bool) { h.take(flow.TCP, one); return h.take(flow.TCP, two) },
			b,
		},
		"once only": {
			func(h *handoff) { h.offer(flow.TCP, one, a) },
			func(h *handoff) (*client, bool) { h.take(flow.TCP, one); return h.take(flow.TCP, one) },
			nil,
		},
		"no ticket": {
			func(*handoff) {},
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, one) },
			nil,
		},
		"copied string": {
			func(h *handoff) { h.offer(flow.TCP, one, a) },
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, text(one)) },
			nil,
		},
		"other network": {
			func(h *handoff) { h.offer(flow.TCP, one, a) },
			func(h *handoff) (*client, bool) { return h.take(flow.UDP, one) },
			nil,
		},
		"other text at the same place": {
			func(h *handoff) { h.offer(flow.TCP, same, a) },
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, prefix) },
			nil,
		},
		"offered twice serves nobody": {
			func(h *handoff) { h.offer(flow.TCP, one, a); h.offer(flow.TCP, one, b) },
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, one) },
			nil,
		},
		"one character": {
			func(h *handoff) { h.offer(flow.TCP, text("x"), a) },
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, text("x")) },
			nil,
		},
		"empty": {
			func(h *handoff) { h.offer(flow.TCP, "", a) },
			func(h *handoff) (*client, bool) { return h.take(flow.TCP, "") },
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h handoff
			c.offer(&h)
			got, ok := c.take(&h)
			if got != c.want || ok != (c.want != nil) {
				t.Errorf("took %p, %v; want %p", got, ok, c.want)
			}
		})
	}
}

func TestHandoffInParallel(t *testing.T) {
	t.Parallel()
	var (
		h  handoff
		wg sync.WaitGroup
	)
	for range 16 {
		wg.Go(func() {
			mine := &client{}
			for range 5000 {
				addr := text("destination.example:443")
				h.offer(flow.TCP, addr, mine)
				if got, ok := h.take(flow.TCP, addr); !ok || got != mine {
					t.Errorf("took the ticket of %p, want %p", got, mine)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := h.len(); n != 0 {
		t.Errorf("%d tickets are left", n)
	}
}

func BenchmarkHandoff(b *testing.B) {
	var h handoff
	c := &client{}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			addr := text("destination.example:443")
			h.offer(flow.TCP, addr, c)
			h.take(flow.TCP, addr)
		}
	})
}
