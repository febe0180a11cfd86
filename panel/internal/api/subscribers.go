package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/bulk"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/subscriber"
	"culvert/shared/secret"
)

const tagSubscribers = "subscribers"

type createSubscriber struct {
	Body struct {
		Name         string      `json:"name" maxLength:"32"`
		Password     secretInput `json:"password,omitempty" maxLength:"1024" doc:"empty: generated"`
		Email        string      `json:"email,omitempty" maxLength:"254"`
		FullName     string      `json:"full_name,omitempty"`
		Comment      string      `json:"comment,omitempty"`
		Label        string      `json:"label,omitempty"`
		Language     string      `json:"language,omitempty" enum:",en,zh,ko,ru"`
		ExternalID   string      `json:"external_id,omitempty" doc:"the billing system's id, unique in the tenant"`
		Plan         string      `json:"plan,omitempty" doc:"id or name; empty: default"`
		OnHold       bool        `json:"on_hold,omitempty" doc:"the term starts at first use"`
		HoldDeadline *time.Time  `json:"hold_deadline,omitempty" doc:"first use must come before"`
		ExpiresAt    *time.Time  `json:"expires_at,omitempty" doc:"absent: by the plan's term"`
		GrantFields
	}
}

type patchSubscriber struct {
	ByID
	Matched
	Body struct {
		Email      *string             `json:"email,omitempty"`
		FullName   *string             `json:"full_name,omitempty"`
		Comment    *string             `json:"comment,omitempty"`
		Label      *string             `json:"label,omitempty"`
		Language   *string             `json:"language,omitempty"`
		ExternalID *string             `json:"external_id,omitempty" doc:"empty: none"`
		ExpiresAt  Nullable[time.Time] `json:"expires_at,omitempty" doc:"null: never"`
		GrantFields
	}
}

// SubscriberFilter narrows listings of subscribers.
type SubscriberFilter struct {
	Query         string    `query:"q" maxLength:"128" doc:"part of name, e-mail, full name or external id"`
	Status        string    `query:"status" enum:",on_hold,active,limited,expired,suspended,closed"`
	Plan          string    `query:"plan" maxLength:"64" doc:"plan id"`
	ExternalID    string    `query:"external_id" maxLength:"128"`
	ExpiresBefore time.Time `query:"expires_before"`
	Online        string    `query:"online" enum:",true,false" doc:"with an open session, or without"`
	Tenant        string    `query:"tenant" maxLength:"64" doc:"id of one of the subtree"`
	Tree          bool      `query:"tree" doc:"the whole subtree, not this tenant alone"`
}

func (f *SubscriberFilter) filter() subscriber.Filter {
	out := subscriber.Filter{Query: f.Query, Status: f.Status, PlanID: f.Plan, ExternalID: f.ExternalID, Tenant: f.Tenant, Tree: f.Tree}
	if !f.ExpiresBefore.IsZero() {
		out.ExpiresBefore = &f.ExpiresBefore
	}
	if f.Online != "" {
		online := f.Online == "true"
		out.Online = &online
	}
	return out
}

type listSubscribers struct {
	Paged
	SubscriberFilter
	Sort string `query:"sort" enum:",created_at,-created_at,name,-name,expires_at,-expires_at,used,-used" doc:"absent: created_at"`
}

type countSubscribers struct{ SubscriberFilter }

type count struct {
	Count int64 `json:"count"`
	Exact bool  `json:"exact" doc:"false: there are more"`
}

type BySubscriber struct {
	ByID
	Matched
}

func subscriberVersion(s *subscriber.Subscriber) int64 { return s.Version }

type subscriberAnswer = one[subscriber.Subscriber]

func subscriberEndpoints(a *API) {
	read, write := actor.May(actor.Subscribers, actor.Read), actor.May(actor.Subscribers, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/subscribers", id: "create-subscriber", summary: "Add a subscriber", tag: tagSubscribers, need: write, status: 201}, a.createSubscriber)
	add(a, endpoint{method: http.MethodGet, path: "/subscribers", id: "list-subscribers", summary: "List, filter and search subscribers", tag: tagSubscribers, need: read}, a.listSubscribers)
	rest.Add(&a.surface, rest.Endpoint{Method: http.MethodGet, Path: "/subscribers.csv", ID: "export-subscribers", Summary: "Subscribers as a CSV file; leaves an audit record", Tag: tagSubscribers, Need: read, Answers: "text/csv"},
		func(ctx context.Context, who actor.Actor, in *countSubscribers) (*bulk.Download, error) {
			x, err := a.Bulk.Export(ctx, who, in.filter())
			if err != nil {
				return nil, err
			}
			return bulk.Serve(a.Log, x), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/count", id: "count-subscribers", summary: "How many subscribers a filter matches", tag: tagSubscribers, need: read},
		func(ctx context.Context, who actor.Actor, in *countSubscribers) (*bare[count], error) {
			n, exact, err := subscriber.Count(ctx, a.DB, who, in.filter())
			return rest.Wrap(&count{n, exact}, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}", id: "get-subscriber", summary: "Get a subscriber", tag: tagSubscribers, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*subscriberAnswer, error) {
			s, err := a.Subs.Get(ctx, who, in.ID)
			return rest.Answer(s, subscriberVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/subscribers/{id}", id: "update-subscriber", summary: "Change a subscriber", tag: tagSubscribers, need: write}, a.patchSubscriber)
	add(a, endpoint{method: http.MethodDelete, path: "/subscribers/{id}", id: "delete-subscriber", summary: "Delete a subscriber; the ledger stays", tag: tagSubscribers, need: write},
		func(ctx context.Context, who actor.Actor, in *BySubscriber) (*none, error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			return nil, a.Subs.Delete(ctx, who, in.ID, v)
		})
}

// freshSubscriber is a subscriber whose password the panel chose.
type freshSubscriber struct {
	subscriber.Subscriber
	Password string `json:"password,omitempty" doc:"when it was generated; later it is under credentials"`
}

// withPassword adds a generated password to an answer.
func withPassword(s *subscriber.Subscriber, generated string, err error) (*one[freshSubscriber], error) {
	if err != nil {
		return nil, err
	}
	return &one[freshSubscriber]{ETag: rest.ETag(s.Version), Body: freshSubscriber{*s, generated}}, nil
}

func (a *API) createSubscriber(ctx context.Context, who actor.Actor, in *createSubscriber) (*one[freshSubscriber], error) {
	b := &in.Body
	password, generated := b.Password.OrGenerated(subscriber.GeneratePassword)
	s, err := a.Subs.Create(ctx, who, subscriber.Create{
		Name: b.Name, Password: secret.New(password), Email: b.Email, FullName: b.FullName, Comment: b.Comment, Label: b.Label,
		Language: b.Language, ExternalID: b.ExternalID, Plan: b.Plan, OnHold: b.OnHold, HoldDeadline: b.HoldDeadline,
		ExpiresAt: b.ExpiresAt, Edit: b.edit(),
	})
	return withPassword(s, generated, err)
}

func (a *API) listSubscribers(ctx context.Context, who actor.Actor, in *listSubscribers) (*bare[page[subscriber.Subscriber]], error) {
	p, err := a.Subs.ListBy(ctx, who, in.filter(), in.Sort, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &bare[page[subscriber.Subscriber]]{Body: page[subscriber.Subscriber]{Items: p.Items, Next: p.Next}}, nil
}

func (a *API) patchSubscriber(ctx context.Context, who actor.Actor, in *patchSubscriber) (*subscriberAnswer, error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	b := &in.Body
	p := subscriber.Patch{
		Email: b.Email, FullName: b.FullName, Comment: b.Comment, Label: b.Label, Language: b.Language, ExternalID: b.ExternalID, Edit: b.edit(),
	}
	if b.ExpiresAt.Set {
		var at *time.Time
		if !b.ExpiresAt.Null {
			at = &b.ExpiresAt.Value
		}
		p.ExpiresAt = &at
	}
	s, err := a.Subs.Update(ctx, who, in.ID, v, p)
	return rest.Answer(s, subscriberVersion, err)
}
