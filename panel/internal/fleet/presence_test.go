package fleet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/fleet"
	"culvert/shared/nodeapi"
)

// What one node says, whatever it is, keeps no other node's heartbeat from the database.
func TestOneNodeHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string // "" is the node's own
		fault string
		want  string
	}{
		"NUL":               {"", "x\x00y", "xy"},
		"no UTF-8":          {"", "x\xffy", "xy"},
		"cut in a letter":   {"", "x" + strings.Repeat("é", 300), "x" + strings.Repeat("é", 249)},
		"an impossible row": {"nod_\x00", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			good, _ := w.enrolled(t, "good")
			bad, _ := w.enrolled(t, "bad")
			p := w.Presence()
			if err := p.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close(context.Background()) }()
			if c.id == "" {
				c.id = bad.ID
			}
			p.Beat(c.id, nodeapi.AgentFrame{Fault: c.fault})
			p.Beat(good.ID, nodeapi.AgentFrame{Fault: "fine"})
			over := time.Now().Add(10 * time.Second)
			for {
				g := must[*fleet.Node](t)(w.Get(t.Context(), w.op, good.ID))
				b := must[*fleet.Node](t)(w.Get(t.Context(), w.op, bad.ID))
				if g.Fault == "fine" && g.SeenAt != nil && b.Fault == c.want {
					return
				}
				if time.Now().After(over) {
					t.Fatalf("the other node is %q, seen %v; this one %q", g.Fault, g.SeenAt, b.Fault)
				}
				<-time.After(50 * time.Millisecond)
			}
		})
	}
}
