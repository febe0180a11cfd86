package control

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// Admissions asks the panel about devices (engine.Admitter). It is made before the engine, and answers with an error until
// the agent runs.
type Admissions struct{ core atomic.Pointer[core] }

// errNotRunning is the answer before the agent runs.
var errNotRunning = errors.New("the agent does not run yet")

// Timing of what is told about devices. The panel forgets what it did not hear of for three minutes.
const (
	goneTick = 2 * time.Second
	heldTick = time.Minute
)

// Admit implements engine.Admitter.
func (a *Admissions) Admit(ctx context.Context, ask nodeapi.DeviceUse, gone ...nodeapi.DeviceUse) (bool, error) {
	c := a.core.Load()
	if c == nil || !c.connected.Load() {
		return false, errNotRunning
	}
	var out nodeapi.AdmitResponse
	if err := c.api.post(ctx, nodeapi.PathAdmit, nodeapi.AdmitRequest{Ask: []nodeapi.DeviceUse{ask}, Gone: gone}, &out); err != nil {
		return false, err
	}
	return len(out.Refused) == 0, nil
}

// run tells the panel which devices are connected, and soon which have gone.
func (a *Admissions) run(ctx context.Context, c *core) {
	a.core.Store(c)
	tick := time.NewTicker(goneTick)
	defer tick.Stop()
	var told time.Time
	var unsaid []nodeapi.DeviceUse
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, gone := c.cfg.Engine.Devices()
		unsaid = append(unsaid, gone...)
		due := time.Since(told) >= heldTick && len(held) > 0
		if !c.connected.Load() || (len(unsaid) == 0 && !due) {
			continue
		}
		q := nodeapi.AdmitRequest{Gone: unsaid}
		if due {
			q.Held = held
		}
		if a.tell(ctx, c, q) {
			unsaid = nil
			if due {
				told = time.Now()
			}
		}
	}
}

// admitBatch is how many devices travel in one request.
const admitBatch = 2000

func (a *Admissions) tell(ctx context.Context, c *core, q nodeapi.AdmitRequest) bool {
	for len(q.Held)+len(q.Gone) > 0 {
		part := nodeapi.AdmitRequest{Gone: q.Gone[:min(len(q.Gone), admitBatch)]}
		q.Gone = q.Gone[len(part.Gone):]
		part.Held = q.Held[:min(len(q.Held), admitBatch-len(part.Gone))]
		q.Held = q.Held[len(part.Held):]
		var out nodeapi.AdmitResponse
		if err := c.api.post(ctx, nodeapi.PathAdmit, part, &out); err != nil {
			c.log.DebugContext(ctx, "devices are told again later", logging.KeyErr, err)
			return false
		}
		c.cfg.Engine.CutDevices(out.Refused)
	}
	return true
}
