package fleet

import (
	"context"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Standing is how the fleet is doing.
type Standing struct {
	Online     int64 `json:"online"`
	Offline    int64 `json:"offline"`
	Suspended  int64 `json:"suspended"`
	Waiting    int64 `json:"waiting" doc:"for their enrolment"`
	FailedJobs int64 `json:"-"` // in 24 hours
}

// StandingOf counts the nodes by state; it is the operator's.
func StandingOf(ctx context.Context, s *Service, a actor.Actor) (*Standing, error) {
	if !a.Operator {
		return nil, errs.New(errs.Denied, "only the operator may do this")
	}
	var x Standing
	err := s.db.InTenant(ctx, home(a), func(tx *pg.Tx) error {
		if _, err := tx.One(ctx, `SELECT count(*) FILTER (WHERE status = 'active' AND seen_at > $1), count(*) FILTER (WHERE status = 'active' AND seen_at > $1 IS NOT TRUE),
			count(*) FILTER (WHERE status = 'suspended'), count(*) FILTER (WHERE status = 'waiting') FROM node`,
			[]any{tx.Now.Add(-3 * s.heartbeat)}, &x.Online, &x.Offline, &x.Suspended, &x.Waiting); err != nil {
			return err
		}
		_, err := tx.One(ctx, "SELECT count(*) FROM job WHERE state IN ('failed', 'expired') AND finished_at > $1", []any{tx.Now.AddDate(0, 0, -1)}, &x.FailedJobs)
		return err
	})
	return &x, err
}

// Serves reports whether a node is online, and whether one has an ingress: first steps that everybody may know of.
func Serves(ctx context.Context, s *Service) (online, ingress bool, err error) {
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, `SELECT EXISTS (SELECT FROM node WHERE status = 'active' AND seen_at > $1),
			EXISTS (SELECT FROM ingress WHERE enabled AND fault = '')`, []any{tx.Now.Add(-3 * s.heartbeat)}, &online, &ingress)
		return err
	})
	return online, ingress, err
}
