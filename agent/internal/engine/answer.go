package engine

import (
	"culvert/agent/internal/flow"
	"culvert/agent/internal/meter"
)

// exitOfAnswers is where the traffic of answers is booked: it leaves the node for nowhere, and costs what direct costs.
const exitOfAnswers = "direct"

// Answer implements tunnel.Answerer: it counts what the node itself answers a subscriber, question and answer, within what
// they may still move and at their speed. It does not wait.
func (h *host) Answer(p flow.Principal, up, down int) error {
	s, acc, err := h.admit(flow.Flow{Principal: p})
	if err != nil {
		return err
	}
	h.slots.release(p.ID) // an answer is no flow
	if !acc.Allow(meter.Up, up) || !acc.Allow(meter.Down, down) {
		return flow.ErrOverload
	}
	n := int64(up) + int64(down)
	b := acc.Take(n)
	if b.N < n {
		acc.Return(b, b.N)
		return flow.ErrQuota
	}
	tap := acc.Tap(h.service.spec.ID, exitOfAnswers)
	tap.Add(meter.Up, int64(up))
	tap.Add(meter.Down, int64(down))
	tap.Close()
	s.Add(int64(up), int64(down))
	acc.Return(b, 0)
	return nil
}
