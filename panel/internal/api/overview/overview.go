// Package overview is the part of the REST surface that says in one answer how things are.
package overview

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/usage"
)

// Need is the permission of all of this part.
const Need = actor.Permission(actor.Usage + ":" + actor.Read)

// Checklist are the first steps of a new installation, or of a new reseller.
type Checklist struct {
	NodeOnline bool `json:"node_online"`
	Ingress    bool `json:"ingress"`
	Plan       bool `json:"plan" doc:"besides the one that everybody has"`
	Subscriber bool `json:"subscriber"`
	Connected  bool `json:"connected" doc:"a subscriber has connected once"`
}

// Overview is how things are.
type Overview struct {
	usage.Overview
	Nodes      *fleet.Standing `json:"nodes" doc:"the operator's; else null"`
	FailedJobs *int64          `json:"failed_jobs" doc:"in 24 hours; the operator's, else null"`
	Checklist  Checklist       `json:"checklist"`
}

// Read makes an overview of the actor's tenant; tree: of its subtree.
func Read(ctx context.Context, who actor.Actor, sums *usage.Service, nodes *fleet.Service, tree bool) (*Overview, error) {
	u, err := sums.Overview(ctx, who, tree)
	if err != nil {
		return nil, err
	}
	out := &Overview{Overview: *u}
	c := &out.Checklist
	c.Plan, c.Subscriber, c.Connected = u.Plan, u.Subscribers["total"] > 0, u.Connected
	if c.NodeOnline, c.Ingress, err = fleet.Serves(ctx, nodes); err != nil {
		return nil, err
	}
	if who.Operator {
		if out.Nodes, err = fleet.StandingOf(ctx, nodes, who); err != nil {
			return nil, err
		}
		out.FailedJobs = &out.Nodes.FailedJobs
	}
	return out, nil
}

type ask struct {
	Tree bool `query:"tree" doc:"the whole subtree, not this tenant alone"`
}

type traffic struct {
	From time.Time `query:"from" doc:"absent: 24 hours ago for hours, 30 days ago for days"`
	To   time.Time `query:"to" doc:"absent: now"`
	Step string    `query:"step" enum:"hour,day" default:"hour"`
	Node string    `query:"node" maxLength:"64" doc:"id"`
	Tree bool      `query:"tree" doc:"the whole subtree, not this tenant alone"`
}

// Endpoints adds this part.
func Endpoints(s *rest.Surface, sums *usage.Service, nodes *fleet.Service) {
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: "/overview", ID: "get-overview", Summary: "How things are", Tag: "overview", Need: Need},
		func(ctx context.Context, who actor.Actor, in *ask) (*rest.Bare[Overview], error) {
			return rest.Wrap(Read(ctx, who, sums, nodes, in.Tree))
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: "/traffic", ID: "get-traffic", Summary: "What the tenant's subscribers moved, by time", Tag: "overview", Need: Need},
		func(ctx context.Context, who actor.Actor, in *traffic) (*rest.Bare[rest.Page[usage.TrafficBucket]], error) {
			if in.To.IsZero() {
				in.To = time.Now().UTC().Add(time.Hour) // a node's clock may be a little ahead
			}
			if in.From.IsZero() && in.Step == "hour" {
				in.From = in.To.Add(-25 * time.Hour)
			} else if in.From.IsZero() {
				in.From = in.To.AddDate(0, 0, -30)
			}
			l, err := sums.Traffic(ctx, who, usage.TrafficQuery{From: in.From, To: in.To, Step: in.Step, Node: in.Node, Tree: in.Tree})
			return rest.Wrap(&rest.Page[usage.TrafficBucket]{Items: l}, err)
		})
}
