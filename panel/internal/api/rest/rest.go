// Package rest is what the parts of the REST surface share: how an endpoint is declared and mounted, the shapes of
// requests and answers, and errors as problem documents. Each part declares endpoints on a Surface; package api mounts
// them all.
package rest

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"culvert/panel/internal/actor"
)

// MaxBody bounds every request body of this surface that says nothing else.
const MaxBody = 1 << 20

// Surface is where endpoints are added.
type Surface struct {
	Huma huma.API
	Log  *slog.Logger
	// Who returns the actor of an endpoint's request, or why there is none.
	Who func(context.Context, Endpoint) (actor.Actor, error)
	ops []Operation
}

// Endpoint is the metadata of one operation.
type Endpoint struct {
	Method, Path, ID, Summary, Tag string
	Need                           actor.Permission
	Status                         int // 0: 200, or 204 without a body
	Open                           bool
	Portal                         bool // for subscribers, by their own credential alone
	MaxBody                        int  // 0: MaxBody
	Answers                        string
}

// Operation is what a test or a document wants to know of an endpoint.
type Operation struct {
	Method     string
	Path       string // below the prefix of the surface
	Permission actor.Permission
	Open       bool // without credentials
	Portal     bool
	MaxBody    int
}

// Operations returns every endpoint.
func (s *Surface) Operations() []Operation { return s.ops }

// Add mounts one endpoint. fn gets the actor and a decoded request, and returns a response or a classified error.
func Add[I, O any](s *Surface, e Endpoint, fn func(ctx context.Context, who actor.Actor, in *I) (*O, error)) {
	if e.MaxBody == 0 {
		e.MaxBody = MaxBody
	}
	op := huma.Operation{
		OperationID: e.ID, Method: e.Method, Path: e.Path, Summary: e.Summary, Tags: []string{e.Tag},
		DefaultStatus: e.Status, MaxBodyBytes: int64(e.MaxBody) + 1, // it was looked at already
	}
	switch {
	case e.Open:
		op.Security = []map[string][]string{}
	case e.Portal:
		op.Security = []map[string][]string{{"portal": {}}}
	default:
		op.Security = []map[string][]string{{"session": {}}, {"key": {}}}
		if e.Need != "" {
			op.Description = "Needs " + string(e.Need) + "."
		}
	}
	if e.Answers != "" {
		op.Responses = map[string]*huma.Response{"200": {
			Description: http.StatusText(http.StatusOK), Content: map[string]*huma.MediaType{e.Answers: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
	}
	s.ops = append(s.ops, Operation{Method: e.Method, Path: e.Path, Permission: e.Need, Open: e.Open, Portal: e.Portal, MaxBody: e.MaxBody})
	huma.Register(s.Huma, op, func(ctx context.Context, in *I) (*O, error) {
		who, err := s.Who(ctx, e)
		if err != nil {
			return nil, AsProblem(ctx, s.Log, err)
		}
		ctx, cancel := context.WithTimeout(ctx, RequestLimit)
		defer cancel()
		out, err := fn(ctx, who, in)
		if err != nil {
			return nil, AsProblem(ctx, s.Log, err)
		}
		return out, nil
	})
}
