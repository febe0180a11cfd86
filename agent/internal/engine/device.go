package engine

import (
	"context"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
)

// Admitter asks whether a subscriber's limit has room for a device, over all nodes. An error means that nobody can say: then
// this node's own count decides, so that while the panel is away a subscriber has at most its limit on each node.
type Admitter interface {
	Admit(ctx context.Context, ask nodeapi.DeviceUse, gone ...nodeapi.DeviceUse) (bool, error)
}

// admitWithin bounds how long a newcomer waits for the answer.
const admitWithin = time.Second

// admitDevice asks for a device that is not connected here yet. A device of the same subscriber that has gone silent makes
// way: a client that changed networks is not to wait for its old connection's end.
func (e *Engine) admitDevice(ctx context.Context, row *nodeapi.Subscriber, name string) error {
	if row.Devices <= 0 || e.cfg.Admitter == nil || e.sessions.Knows(row.ID, name) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, admitWithin)
	defer cancel()
	ask := nodeapi.DeviceUse{Subscriber: row.ID, Device: name}
	ok, err := e.cfg.Admitter.Admit(ctx, ask)
	if err != nil || ok {
		return nil //nolint:nilerr // see Admitter
	}
	quiet, found := e.sessions.Yield(row.ID)
	if !found {
		return flow.ErrRefused
	}
	if ok, err = e.cfg.Admitter.Admit(ctx, ask, quiet); err == nil && !ok {
		return flow.ErrRefused
	}
	return nil
}

// Devices returns which devices of limited subscribers are connected, and which have gone since the call before.
func (e *Engine) Devices() (held, gone []nodeapi.DeviceUse) { return e.sessions.Devices() }

// CutDevices ends what these devices have open: others have their places.
func (e *Engine) CutDevices(in []nodeapi.DeviceUse) {
	for _, u := range in {
		e.sessions.CutDevice(u)
	}
}

// deviceVerdict says whether a session that was opened under another limit may go on under row: one that was never counted
// signs in anew when there is a limit now.
func deviceVerdict(row *nodeapi.Subscriber, s *session.Session) session.Cause {
	if row.Devices > 0 && !s.Counted() {
		return session.Replaced
	}
	return ""
}
