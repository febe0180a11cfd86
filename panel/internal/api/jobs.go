package api

import (
	"context"
	"encoding/json"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/jobs"
)

type createJob struct {
	ByID
	Body struct {
		Kind string          `json:"kind" maxLength:"32" doc:"apply, kick, check_ports, probe, collect, restart_ingress, upgrade, diagnose, log_tail, drain"`
		Args json.RawMessage `json:"args,omitempty" doc:"document of the kind; ids, never secrets"`
	}
}

type listJobs struct {
	Paged
	Node string `query:"node" maxLength:"64"`
}

func jobEndpoints(a *API) {
	read, write := actor.May(actor.Nodes, actor.Read), actor.May(actor.Nodes, actor.Write)
	const tag = "jobs"
	add(a, endpoint{method: http.MethodPost, path: "/nodes/{id}/jobs", id: "create-job", summary: "Send a job to a node; the answer is stored with it", tag: tag, need: write, status: 202},
		func(ctx context.Context, who actor.Actor, in *createJob) (*bare[jobs.Job], error) {
			if _, err := a.Fleet.Get(ctx, who, in.ID); err != nil {
				return nil, err
			}
			j, err := a.Jobs.Enqueue(ctx, who, in.ID, in.Body.Kind, in.Body.Args)
			return rest.Wrap(j, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/jobs", id: "list-jobs", summary: "List jobs, newest first", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *listJobs) (*bare[page[jobs.Job]], error) {
			l, err := a.Jobs.List(ctx, who, in.Node, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(j *jobs.Job) string { return j.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/jobs/{id}", id: "get-job", summary: "Get a job and its answer", tag: tag, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[jobs.Job], error) {
			j, err := a.Jobs.Get(ctx, who, in.ID)
			return rest.Wrap(j, err)
		})
}
