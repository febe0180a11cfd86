package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
)

type listAudit struct {
	Paged
	Object string `query:"object" maxLength:"128" doc:"kind/id, such as subscriber/sub_…"`
}

type usageRequest struct {
	ByID
	From time.Time `query:"from" doc:"absent: 30 days ago"`
	To   time.Time `query:"to" doc:"absent: now"`
	Step string    `query:"step" enum:"hour,day,month" default:"day"`
}

type unbookedRequest struct {
	Cursor int64 `query:"cursor" minimum:"1" doc:"next of the page before"`
	Limit  int   `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type sessionsRequest struct {
	ByID
	Paged
}

type liveSessions struct {
	Paged
	Subscriber string `query:"subscriber" maxLength:"64" doc:"id"`
	Node       string `query:"node" maxLength:"64" doc:"id"`
}

func recordEndpoints(a *API) {
	add(a, endpoint{method: http.MethodGet, path: "/live-sessions", id: "list-live-sessions", summary: "Open sessions, newest first", tag: tagSubscribers, need: actor.May(actor.Sessions, actor.Read)},
		func(ctx context.Context, who actor.Actor, in *liveSessions) (*bare[page[usage.SessionRow]], error) {
			l, err := a.Usage.Live(ctx, who, usage.LiveFilter{Subscriber: in.Subscriber, Node: in.Node}, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, (*usage.SessionRow).Cursor), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/audit", id: "list-audit", summary: "Who did what, newest first", tag: "audit", need: actor.May(actor.Audit, actor.Read)},
		func(ctx context.Context, who actor.Actor, in *listAudit) (*bare[page[audit.Entry]], error) {
			l, err := audit.List(ctx, a.DB, who, in.Object, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(e *audit.Entry) string { return e.ID }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}/usage", id: "get-subscriber-usage", summary: "Traffic by time, ingress and exit", tag: tagSubscribers, need: actor.May(actor.Usage, actor.Read)},
		func(ctx context.Context, who actor.Actor, in *usageRequest) (*bare[page[usage.Bucket]], error) {
			if err := (subscriber.Ledger{DB: a.DB}).Known(ctx, who, in.ID); err != nil {
				return nil, err
			}
			if in.To.IsZero() {
				in.To = time.Now().UTC().Add(time.Hour) // a node's clock may be a little ahead
			}
			if in.From.IsZero() {
				in.From = in.To.AddDate(0, 0, -30)
			}
			l, err := a.Usage.History(ctx, who, in.ID, in.From, in.To, in.Step)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, len(l), nil), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}/sessions", id: "list-subscriber-sessions", summary: "Sessions, newest first", tag: tagSubscribers, need: actor.May(actor.Sessions, actor.Read)},
		func(ctx context.Context, who actor.Actor, in *sessionsRequest) (*bare[page[usage.SessionRow]], error) {
			if err := (subscriber.Ledger{DB: a.DB}).Known(ctx, who, in.ID); err != nil {
				return nil, err
			}
			l, err := a.Usage.Sessions(ctx, who, in.ID, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, (*usage.SessionRow).Cursor), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/unbooked-usage", id: "list-unbooked-usage", summary: "Usage that nodes reported for subscribers who were never theirs; billed to nobody", tag: "nodes", need: actor.May(actor.Usage, actor.Read)},
		func(ctx context.Context, who actor.Actor, in *unbookedRequest) (*bare[page[usage.UnbookedRow]], error) {
			l, err := a.Usage.Unbooked(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(x *usage.UnbookedRow) string { return strconv.FormatInt(x.ID, 10) }), nil
		})
}
