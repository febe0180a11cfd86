package api

import (
	"context"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
)

type kickRequest struct {
	ByID
	Body *struct {
		Session string `json:"session,omitempty" maxLength:"64" doc:"only this session"`
		Source  string `json:"source,omitempty" maxLength:"64" doc:"only sessions from this address"`
	}
}

// KickJob is what one node was told.
type KickJob struct {
	ID   string `json:"id"`
	Node string `json:"node_id"`
}

type kicked struct {
	Jobs []KickJob `json:"jobs" doc:"one a node that serves the subscriber; empty when none does"`
}

// kick answers with the jobs that Kick made.
func (a *API) kick(ctx context.Context, who actor.Actor, in *kickRequest) (*bare[kicked], error) {
	s, err := a.Subs.Get(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	b := rest.OrZero(in.Body)
	jobs, err := a.Kick(ctx, who, s, b.Session, b.Source)
	return &bare[kicked]{Body: kicked{jobs}}, err
}

// kickOne ends one session.
func (v *Services) kickOne(ctx context.Context, who actor.Actor, s *subscriber.Subscriber, session string) error {
	_, err := v.Kick(ctx, who, s, session, "")
	return err
}

// Kick ends a subscriber's sessions, or one of them, or those from an address: a job to every node that serves them. The
// record comes first, so that nobody is cut without one; a node that went away meanwhile is left out. The caller has checked
// that the subscriber is the actor's.
func (v *Services) Kick(ctx context.Context, who actor.Actor, s *subscriber.Subscriber, session, source string) ([]KickJob, error) {
	if err := who.Require(actor.May(actor.Sessions, actor.Write)); err != nil {
		return nil, err
	}
	args := nodeapi.KickArgs{Subscriber: s.ID, Session: session, Source: source}
	if err := args.Validate(); err != nil {
		path, rule := nodeapi.AsField(err)
		return nil, errs.Bad(strings.TrimPrefix(path, "args."), "%s", rule)
	}
	nodes, err := desired.NodesServing(ctx, v.DB, s.ID)
	if err != nil {
		return nil, err
	}
	err = v.DB.InTenant(ctx, who.Tenant, func(tx *pg.Tx) error {
		there := who
		there.Tenant = s.TenantID
		return audit.Record(ctx, tx, there, "subscriber.kick", "subscriber/"+s.ID, audit.Diff{"nodes": len(nodes), "session": session, "source": source})
	})
	if err != nil {
		return nil, err
	}
	out := []KickJob{}
	for _, n := range nodes {
		j, err := v.Jobs.EnqueueFor(ctx, who, n, nodeapi.JobKick, args)
		switch {
		case errs.Is(err, errs.Missing) || errs.Is(err, errs.State):
			continue
		case err != nil:
			return nil, err
		}
		out = append(out, KickJob{j.ID, n})
	}
	return out, nil
}
