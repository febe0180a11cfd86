package engine

import (
	"errors"
	"testing"

	"culvert/agent/internal/flow"
	"culvert/shared/unit"
)

// What the node answers by itself is the subscriber's traffic: counted, within their allowance, and for nobody else.
func TestAnswersCount(t *testing.T) {
	r, h, s, _ := signedIn(t, false)
	a, ok := h.(interface {
		Answer(p flow.Principal, up, down int) error
	})
	if !ok {
		t.Fatal("the engine counts no answers")
	}
	for range 3 {
		if err := a.Answer(s.Principal(), 64, 60); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Answer(flow.Principal{ID: s.Principal().ID, Session: "made up"}, 64, 64); err == nil {
		t.Error("an answer to a session that is none")
	}
	var up, down unit.Bytes
	for _, x := range r.e.Sessions() {
		up, down = up+x.Up, down+x.Down
	}
	if up != 192 || down != 180 {
		t.Errorf("%d up, %d down", up, down)
	}
	s.End()
	if err := a.Answer(s.Principal(), 64, 64); err == nil {
		t.Error("an answer after the end")
	}

	_, h, s, _ = signedIn(t, true)
	if err := h.(interface {
		Answer(p flow.Principal, up, down int) error
	}).Answer(s.Principal(), 64, 64); !errors.Is(err, flow.ErrQuota) {
		t.Errorf("metered, nothing granted: %v", err)
	}
}
