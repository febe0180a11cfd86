package engine

import (
	"context"
	"errors"
)

// Resume undoes Drain: services of the applied document start again and people are let in. Services that do not start are
// told in State and tried again by Heal.
func (e *Engine) Resume(ctx context.Context) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	e.gate.Lock()
	e.draining = false
	e.gate.Unlock()
	var all error
	for _, spec := range e.current.sections.Ingresses {
		if e.current.services[spec.ID] == nil {
			all = errors.Join(all, e.rebuild(ctx, spec.ID))
		}
	}
	return all
}
