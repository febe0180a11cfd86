package api

import (
	"context"
	"net/http"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/subscriber"
	"culvert/shared/unit"
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

type listSubscribers struct {
	Paged
	Query         string    `query:"q" maxLength:"128" doc:"part of name, e-mail, full name or external id"`
	Status        string    `query:"status" enum:",on_hold,active,limited,expired,suspended,closed"`
	Plan          string    `query:"plan" maxLength:"64" doc:"plan id"`
	ExternalID    string    `query:"external_id" maxLength:"128"`
	ExpiresBefore time.Time `query:"expires_before"`
	Tree          bool      `query:"tree" doc:"the whole subtree, not this tenant alone"`
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
	add(a, endpoint{method: http.MethodGet, path: "/subscribers/{id}", id: "get-subscriber", summary: "Get a subscriber", tag: tagSubscribers, need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*subscriberAnswer, error) {
			s, err := a.Subs.Get(ctx, who, in.ID)
			return answer(s, subscriberVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/subscribers/{id}", id: "update-subscriber", summary: "Change a subscriber", tag: tagSubscribers, need: write}, a.patchSubscriber)
	add(a, endpoint{method: http.MethodDelete, path: "/subscribers/{id}", id: "delete-subscriber", summary: "Delete a subscriber; the ledger stays", tag: tagSubscribers, need: write},
		func(ctx context.Context, who actor.Actor, in *BySubscriber) (*none, error) {
			v, err := in.version()
			if err != nil {
				return nil, err
			}
			return nil, a.Subs.Delete(ctx, who, in.ID, v)
		})
}

func (a *API) createSubscriber(ctx context.Context, who actor.Actor, in *createSubscriber) (*subscriberAnswer, error) {
	b := &in.Body
	s, err := a.Subs.Create(ctx, who, subscriber.Create{
		Name: b.Name, Password: b.Password.secret(), Email: b.Email, FullName: b.FullName, Comment: b.Comment, Label: b.Label,
		Language: b.Language, ExternalID: b.ExternalID, Plan: b.Plan, OnHold: b.OnHold, HoldDeadline: b.HoldDeadline,
		ExpiresAt: b.ExpiresAt, Edit: b.edit(),
	})
	return answer(s, subscriberVersion, err)
}

func (a *API) listSubscribers(ctx context.Context, who actor.Actor, in *listSubscribers) (*bare[page[subscriber.Subscriber]], error) {
	f := subscriber.Filter{Query: in.Query, Status: in.Status, PlanID: in.Plan, ExternalID: in.ExternalID, Tree: in.Tree}
	if !in.ExpiresBefore.IsZero() {
		f.ExpiresBefore = &in.ExpiresBefore
	}
	p, err := a.Subs.List(ctx, who, f, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &bare[page[subscriber.Subscriber]]{page[subscriber.Subscriber]{Items: p.Items, Next: p.Next}}, nil
}

func (a *API) patchSubscriber(ctx context.Context, who actor.Actor, in *patchSubscriber) (*subscriberAnswer, error) {
	v, err := in.version()
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
	return answer(s, subscriberVersion, err)
}

type suspendRequest struct {
	BySubscriber
	Body *struct {
		Reason string `json:"reason,omitempty" enum:",manual,overdue,quota,abuse,expired"`
	}
}

type changePlanRequest struct {
	BySubscriber
	Body struct {
		Plan  string `json:"plan" minLength:"1" maxLength:"66" doc:"id or name"`
		Force bool   `json:"force,omitempty" doc:"also when more is used than the plan allows"`
	}
}

type newPasswordRequest struct {
	BySubscriber
	Body *struct {
		Password secretInput `json:"password,omitempty" maxLength:"1024" doc:"empty: generated"`
	}
}

type rotateRequest struct {
	BySubscriber
	Body *struct {
		Family string `json:"family,omitempty" maxLength:"32" doc:"protocol family; empty: all"`
	}
}

type grantRequest struct {
	ByID
	Body struct {
		Bytes  unit.Bytes `json:"bytes" minimum:"1" doc:"added to the current period"`
		Source string     `json:"source,omitempty" maxLength:"128" doc:"the order's id: granted once, however often it is sent"`
	}
}

type credentials struct {
	Login    string            `json:"login" doc:"user name for SOCKS5, HTTP and name:password Hysteria"`
	Password string            `json:"password"`
	Alone    bool              `json:"password_alone" doc:"the password alone opens Hysteria"`
	Secrets  map[string]string `json:"secrets" doc:"protocol family to generated secret"`
}

// subscriberActions are the verbs of a subscriber's life.
func subscriberActions(a *API) {
	write := actor.May(actor.Subscribers, actor.Write)
	action := func(verb, summary string) endpoint {
		return endpoint{method: http.MethodPost, path: "/subscribers/{id}/" + verb, id: verb + "-subscriber", summary: summary, tag: tagSubscribers, need: write}
	}
	add(a, action("suspend", "Refuse a subscriber and cut their sessions"), func(ctx context.Context, who actor.Actor, in *suspendRequest) (*subscriberAnswer, error) {
		return onSubscriber(&in.BySubscriber, func(v int64) (*subscriber.Subscriber, error) {
			return a.Subs.Suspend(ctx, who, in.ID, v, orZero(in.Body).Reason)
		})
	})
	add(a, action("unsuspend", "Let a suspended subscriber back in"), func(ctx context.Context, who actor.Actor, in *BySubscriber) (*subscriberAnswer, error) {
		return onSubscriber(in, func(v int64) (*subscriber.Subscriber, error) { return a.Subs.Unsuspend(ctx, who, in.ID, v) })
	})
	add(a, action("expire", "End a subscriber's term now"), func(ctx context.Context, who actor.Actor, in *BySubscriber) (*subscriberAnswer, error) {
		return onSubscriber(in, func(v int64) (*subscriber.Subscriber, error) { return a.Subs.Expire(ctx, who, in.ID, v) })
	})
	add(a, action("plan", "Move a subscriber to another plan"), func(ctx context.Context, who actor.Actor, in *changePlanRequest) (*subscriberAnswer, error) {
		return onSubscriber(&in.BySubscriber, func(v int64) (*subscriber.Subscriber, error) {
			return a.Subs.ChangePlan(ctx, who, in.ID, v, in.Body.Plan, in.Body.Force)
		})
	})
	add(a, action("password", "Set or generate a subscriber's password"), func(ctx context.Context, who actor.Actor, in *newPasswordRequest) (*subscriberAnswer, error) {
		return onSubscriber(&in.BySubscriber, func(v int64) (*subscriber.Subscriber, error) {
			return a.Subs.SetPassword(ctx, who, in.ID, v, orZero(in.Body).Password.secret())
		})
	})
	add(a, action("rotate-secrets", "Replace generated secrets"), func(ctx context.Context, who actor.Actor, in *rotateRequest) (*subscriberAnswer, error) {
		return onSubscriber(&in.BySubscriber, func(v int64) (*subscriber.Subscriber, error) {
			return a.Subs.RotateSecrets(ctx, who, in.ID, v, orZero(in.Body).Family)
		})
	})
	add(a, action("reset-usage", "Start a new traffic period now"), func(ctx context.Context, who actor.Actor, in *BySubscriber) (*subscriberAnswer, error) {
		return onSubscriber(in, func(v int64) (*subscriber.Subscriber, error) { return a.Subs.ResetUsage(ctx, who, in.ID, v) })
	})
	add(a, action("grants", "Add traffic to the current period"), func(ctx context.Context, who actor.Actor, in *grantRequest) (*subscriberAnswer, error) {
		s, err := a.Subs.Grant(ctx, who, in.ID, in.Body.Bytes, in.Body.Source)
		return answer(s, subscriberVersion, err)
	})
	add(a, endpoint{
		method: http.MethodGet, path: "/subscribers/{id}/credentials", id: "get-subscriber-credentials",
		summary: "Show a subscriber's credentials; leaves an audit record", tag: tagSubscribers, need: actor.May(actor.Secrets, actor.Read),
	}, a.credentials)
}

func onSubscriber(in *BySubscriber, do func(version int64) (*subscriber.Subscriber, error)) (*subscriberAnswer, error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	s, err := do(v)
	return answer(s, subscriberVersion, err)
}

func (a *API) credentials(ctx context.Context, who actor.Actor, in *ByID) (*bare[credentials], error) {
	c, err := a.Subs.Credentials(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	out := credentials{Login: c.Login, Password: c.Password.Reveal(), Alone: c.Alone, Secrets: map[string]string{}}
	for family, s := range c.Secrets {
		out.Secrets[family] = s.Reveal()
	}
	return &bare[credentials]{out}, nil
}
