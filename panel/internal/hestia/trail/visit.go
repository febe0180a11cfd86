package trail

import (
	"context"
	"encoding/json"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/pg"
)

// The actions of sign-ins elsewhere.
const (
	actCame = "auth.login"
	actLeft = "auth.logout"
)

// Success is the status of a sign-in that let somebody in.
const Success = "success"

const visitTrail = 100 // records that may say which of them are over

// Visit is a sign-in, or the end of one.
type Visit struct {
	Status    string `json:"status,omitempty"`
	Session   string `json:"session,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Reason    string `json:"reason,omitempty"`
	From      string `json:"from,omitempty"`

	At     time.Time `json:"-"`
	Left   bool      `json:"-"` // the end
	Active bool      `json:"-"` // no end was noted
}

func visitsOf(about string) string { return "auth/" + about }

// Came notes a sign-in of the object about.
func (t Trail) Came(ctx context.Context, a actor.Actor, about string, v Visit) error {
	return t.record(ctx, a, visitsOf(about), actCame, func(*pg.Tx) (audit.Diff, error) {
		return audit.Diff{"from": v.From, "status": v.Status, "session": v.Session, "user_agent": v.UserAgent, "reason": v.Reason}, nil
	})
}

// Left notes the end of a session.
func (t Trail) Left(ctx context.Context, a actor.Actor, about, session string) error {
	return t.record(ctx, a, visitsOf(about), actLeft, func(*pg.Tx) (audit.Diff, error) { return audit.Diff{"session": session}, nil })
}

// Visits lists what was noted about an object, oldest first.
func (t Trail) Visits(ctx context.Context, a actor.Actor, about string) ([]Visit, error) {
	var out []Visit
	err := t.look(ctx, a, func(tx *pg.Tx) error {
		records, err := entries(ctx, tx, a, visitsOf(about), visitTrail)
		if err != nil {
			return err
		}
		out = nil
		for i := range records {
			v := Visit{}
			if err := json.Unmarshal(records[i].diff, &v); err != nil {
				return err
			}
			v.At, v.Left = records[i].at, records[i].action == actLeft
			v.Active = !v.Left && v.Status == Success
			if v.Left {
				v.Status = Success
				for j := range out {
					out[j].Active = out[j].Active && out[j].Session != v.Session
				}
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}
