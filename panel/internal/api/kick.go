package api

import (
	"context"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

type kickRequest struct {
	ByID
	Body *struct {
		Session string `json:"session,omitempty" maxLength:"64" doc:"only this session"`
		Source  string `json:"source,omitempty" maxLength:"64" doc:"only sessions from this address"`
	}
}

// kickJob is what one node was told.
type kickJob struct {
	ID   string `json:"id"`
	Node string `json:"node_id"`
}

type kicked struct {
	Jobs []kickJob `json:"jobs" doc:"one a node that serves the subscriber; empty when none does"`
}

// kick ends a subscriber's sessions: a job to every node that serves them. The record comes first, so that nobody is cut
// without one; a node that went away meanwhile is left out.
func (a *API) kick(ctx context.Context, who actor.Actor, in *kickRequest) (*bare[kicked], error) {
	s, err := a.Subs.Get(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	b := orZero(in.Body)
	args := nodeapi.KickArgs{Subscriber: s.ID, Session: b.Session, Source: b.Source}
	if err := args.Validate(); err != nil {
		path, rule := nodeapi.AsField(err)
		return nil, errs.Bad(strings.TrimPrefix(path, "args."), "%s", rule)
	}
	nodes, err := desired.NodesServing(ctx, a.DB, s.ID)
	if err != nil {
		return nil, err
	}
	err = a.DB.InTenant(ctx, who.Tenant, func(tx *pg.Tx) error {
		there := who
		there.Tenant = s.TenantID
		return audit.Record(ctx, tx, there, "subscriber.kick", "subscriber/"+s.ID, audit.Diff{"nodes": len(nodes), "session": b.Session, "source": b.Source})
	})
	if err != nil {
		return nil, err
	}
	out := kicked{Jobs: []kickJob{}}
	for _, n := range nodes {
		j, err := a.Jobs.EnqueueFor(ctx, who, n, nodeapi.JobKick, args)
		switch {
		case errs.Is(err, errs.Missing) || errs.Is(err, errs.State):
			continue
		case err != nil:
			return nil, err
		}
		out.Jobs = append(out.Jobs, kickJob{j.ID, n})
	}
	return &bare[kicked]{out}, nil
}
