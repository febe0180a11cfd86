package api

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/subscriber"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

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
			return a.Subs.Suspend(ctx, who, in.ID, v, rest.OrZero(in.Body).Reason)
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
	add(a, action("password", "Set or generate a subscriber's password"), func(ctx context.Context, who actor.Actor, in *newPasswordRequest) (*one[freshSubscriber], error) {
		v, err := in.Version()
		if err != nil {
			return nil, err
		}
		password, generated := rest.OrZero(in.Body).Password.OrGenerated(subscriber.GeneratePassword)
		s, err := a.Subs.SetPassword(ctx, who, in.ID, v, secret.New(password))
		return withPassword(s, generated, err)
	})
	add(a, action("rotate-secrets", "Replace generated secrets"), func(ctx context.Context, who actor.Actor, in *rotateRequest) (*subscriberAnswer, error) {
		return onSubscriber(&in.BySubscriber, func(v int64) (*subscriber.Subscriber, error) {
			return a.Subs.RotateSecrets(ctx, who, in.ID, v, rest.OrZero(in.Body).Family)
		})
	})
	add(a, action("reset-usage", "Start a new traffic period now"), func(ctx context.Context, who actor.Actor, in *BySubscriber) (*subscriberAnswer, error) {
		return onSubscriber(in, func(v int64) (*subscriber.Subscriber, error) { return a.Subs.ResetUsage(ctx, who, in.ID, v) })
	})
	add(a, endpoint{
		method: http.MethodPost, path: "/subscribers/{id}/kick", id: "kick-subscriber", tag: tagSubscribers, status: http.StatusAccepted,
		summary: "End a subscriber's sessions on every node and keep them out for a minute", need: actor.May(actor.Sessions, actor.Write),
	}, a.kick)
	add(a, action("grants", "Add traffic to the current period"), func(ctx context.Context, who actor.Actor, in *grantRequest) (*subscriberAnswer, error) {
		s, err := a.Subs.Grant(ctx, who, in.ID, in.Body.Bytes, in.Body.Source)
		return rest.Answer(s, subscriberVersion, err)
	})
	add(a, endpoint{
		method: http.MethodGet, path: "/subscribers/{id}/credentials", id: "get-subscriber-credentials",
		summary: "Show a subscriber's credentials; leaves an audit record", tag: tagSubscribers, need: actor.May(actor.Secrets, actor.Read),
	}, a.credentials)
}

func onSubscriber(in *BySubscriber, do func(version int64) (*subscriber.Subscriber, error)) (*subscriberAnswer, error) {
	v, err := in.Version()
	if err != nil {
		return nil, err
	}
	s, err := do(v)
	return rest.Answer(s, subscriberVersion, err)
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
	return &bare[credentials]{Body: out}, nil
}
