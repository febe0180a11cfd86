package api

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/identity"
)

type listOpenSessions struct {
	Paged
	Login string `query:"login" maxLength:"64" doc:"id of a login you may manage; absent: your own"`
}

type endOpenSessions struct {
	Login   string `query:"login" maxLength:"64" doc:"id of a login you may manage; absent: your own"`
	Current bool   `query:"current" doc:"the session that asks, too"`
}

type endedSessions struct {
	Ended int64 `json:"ended"`
}

// sessionEndpoints show people where they, and those they manage, are signed in. Sign-in and sign-out are in auth.go.
func sessionEndpoints(a *API) {
	const tag = "sign-ins"
	add(a, endpoint{method: http.MethodGet, path: "/sessions", id: "list-sessions", summary: "List where I am signed in, or somebody I manage", tag: tag},
		func(ctx context.Context, who actor.Actor, in *listOpenSessions) (*bare[page[identity.OpenSession]], error) {
			l, err := a.Identity.Sessions(ctx, who, in.Login, sessionOf(ctx), in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(s *identity.OpenSession) string { return s.ID }), nil
		})
	add(a, endpoint{method: http.MethodDelete, path: "/sessions", id: "end-sessions", summary: "Sign out everywhere else, or somebody I manage everywhere", tag: tag},
		func(ctx context.Context, who actor.Actor, in *endOpenSessions) (*bare[endedSessions], error) {
			keep := sessionOf(ctx)
			if in.Current {
				keep = ""
			}
			n, err := a.Identity.EndSessions(ctx, who, in.Login, keep)
			return rest.Wrap(&endedSessions{n}, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/sessions/{id}", id: "get-session", summary: "Get a session of mine, or of somebody I manage", tag: tag},
		func(ctx context.Context, who actor.Actor, in *ByID) (*bare[identity.OpenSession], error) {
			s, err := a.Identity.Session(ctx, who, in.ID, sessionOf(ctx))
			return rest.Wrap(s, err)
		})
	add(a, endpoint{method: http.MethodDelete, path: "/sessions/{id}", id: "end-session", summary: "End a session of mine, or of somebody I manage", tag: tag},
		func(ctx context.Context, who actor.Actor, in *ByID) (*none, error) {
			return nil, a.Identity.EndSession(ctx, who, in.ID)
		})
}
