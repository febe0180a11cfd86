package access

import (
	"context"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
)

// tokenCommands manage the addresses of a user's subscription (hestia-api.md §9.8).
type tokenCommands struct{ *Services }

func (g tokenCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-user-tokens", Spec: "USER:user [FORMAT:format=shell]", Role: registry.User, Traits: registry.Secrets, Run: g.all, About: "lists the addresses of a user's subscription"},
		{Name: "v-add-user-token", Spec: "USER:user [COMMENT:comment] [EXPIRE:until]", Role: registry.User, Traits: registry.Writes | registry.Secrets, Codes: []int{registry.ExitLimit}, Run: g.add, About: "adds an address of a user's subscription and prints it"},
		{Name: "v-change-user-token", Spec: "USER:user [TOKEN:token] [COMMENT:comment] [EXPIRE:until]", Role: registry.User, Traits: registry.Writes | registry.Secrets, Run: g.change, About: "replaces an address of a user's subscription and prints the new one; TOKEN may be left out where there is one"},
		{Name: "v-delete-user-token", Spec: "USER:user TOKEN:token", Role: registry.User, Traits: registry.Writes, Run: g.remove, About: "revokes an address of a user's subscription"},
	}
}

func (g tokenCommands) all(ctx context.Context, c *registry.Call) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	l, err := g.Profiles.Tokens(ctx, c.Actor, s.ID)
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "TOKEN", Short: []string{"TOKEN", "URL", "COMMENT", "EXPIRE"}}
	for i := range l {
		x, at := &l[i], l[i].CreatedAt.UTC()
		t.Rows = append(t.Rows, shape.Row{Key: x.ID, Fields: []shape.Field{
			shape.F("URL", x.URL), shape.F("COMMENT", x.Comment), shape.F("EXPIRE", instant(x.ExpiresAt, "never")), shape.F("FETCHES", count(x.Fetches)),
			shape.F("LAST_FETCH", instant(x.FetchedAt, "")), shape.F("AGENT", x.FetchedBy), shape.F("IP", x.FetchedFrom),
			shape.F("TIME", at.Format(time.TimeOnly)), shape.F("DATE", at.Format(time.DateOnly)),
		}})
	}
	return c.Show(t)
}

func (g tokenCommands) add(ctx context.Context, c *registry.Call) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	var expires *time.Time
	if c.Has("EXPIRE") {
		if expires, err = until(c.Str("EXPIRE")); err != nil {
			return err
		}
	}
	t, err := g.Profiles.AddToken(ctx, c.Actor, s.ID, c.Str("COMMENT"), expires)
	if err != nil {
		return err
	}
	return c.Print(t.URL)
}

// token finds the token that the arguments name.
func (g tokenCommands) token(ctx context.Context, c *registry.Call) (string, error) {
	s, err := g.Account(ctx, c)
	if err != nil {
		return "", err
	}
	l, err := g.Profiles.Tokens(ctx, c.Actor, s.ID)
	if err != nil {
		return "", err
	}
	name := c.Str("TOKEN")
	if name == "" && len(l) != 1 {
		return "", errs.Bad("TOKEN", "must be one of v-list-user-tokens: the user has %d", len(l))
	}
	for i := range l {
		if name == "" || l[i].ID == name {
			return l[i].ID, nil
		}
	}
	return "", errs.NotFound("token", name)
}

func (g tokenCommands) change(ctx context.Context, c *registry.Call) error {
	tid, err := g.token(ctx, c)
	if err != nil {
		return err
	}
	change := profile.TokenChange{Rotate: true}
	if c.Has("COMMENT") {
		comment := c.Str("COMMENT")
		change.Comment = &comment
	}
	if c.Has("EXPIRE") {
		at, err := until(c.Str("EXPIRE"))
		if err != nil {
			return err
		}
		change.Expires = &at
	}
	t, err := g.Profiles.ChangeToken(ctx, c.Actor, tid, 0, change)
	if err != nil {
		return err
	}
	return c.Print(t.URL)
}

func (g tokenCommands) remove(ctx context.Context, c *registry.Call) error {
	tid, err := g.token(ctx, c)
	if err != nil {
		return err
	}
	return g.Profiles.DeleteToken(ctx, c.Actor, tid)
}

// sessionCommands look at a user's sessions and end them (hestia-api.md §9.5).
type sessionCommands struct{ *Services }

func (g sessionCommands) list() []registry.Command {
	connect := []int{registry.ExitConnect}
	return []registry.Command{
		{Name: "v-list-user-sessions", Spec: "USER:user [FORMAT:format=shell]", Role: registry.User, Run: g.all, About: "lists a user's open sessions, newest first"},
		{Name: "v-delete-user-session", Spec: "USER:user SESSION:word [BLOCK:count=60]", Role: registry.User, Traits: registry.Writes, Codes: connect, Run: g.end, About: "ends a session; nodes keep it out for a minute"},
		{Name: "v-delete-user-sessions", Spec: "USER:user [BLOCK:count=60]", Role: registry.User, Traits: registry.Writes, Codes: connect, Run: g.endAll, About: "ends a user's sessions; nodes keep the user out for a minute"},
	}
}

// mostSessions bounds one listing.
const mostSessions = 1000

func (g sessionCommands) all(ctx context.Context, c *registry.Call) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	l, err := g.Usage.Live(ctx, c.Actor, usage.LiveFilter{Subscriber: s.ID}, "", mostSessions)
	if err != nil {
		return err
	}
	devices, err := g.Devices.List(ctx, c.Actor, s.ID)
	if err != nil {
		return err
	}
	names := make(map[string]string, len(devices))
	for i := range devices {
		names[devices[i].ID] = devices[i].Name
	}
	t := &shape.Table{KeyName: "SESSION", Short: []string{"SESSION", "PROTOCOL", "IP", "STARTED", "RX", "TX"}}
	for i := range l {
		x := &l[i]
		t.Rows = append(t.Rows, shape.Row{Key: x.ID, Fields: []shape.Field{
			shape.F("USER", s.Name), shape.F("NODE", x.Node), shape.F("PROTOCOL", x.Kind), shape.F("IP", x.Source), shape.F("DEVICE", names[x.Device]),
			shape.F("STARTED", instant(&x.OpenedAt, "")), shape.F("RX", count(x.Down)), shape.F("TX", count(x.Up)), shape.F("EXIT", ""),
		}})
	}
	return c.Show(t)
}

func (g sessionCommands) end(ctx context.Context, c *registry.Call) error {
	return g.kick(ctx, c, func(s *subscriber.Subscriber) error {
		l, err := g.Usage.Live(ctx, c.Actor, usage.LiveFilter{Subscriber: s.ID}, "", mostSessions)
		if err != nil {
			return err
		}
		for i := range l {
			if l[i].ID == c.Str("SESSION") {
				return nil
			}
		}
		return errs.NotFound("session", c.Str("SESSION"))
	})
}

func (g sessionCommands) endAll(ctx context.Context, c *registry.Call) error {
	return g.kick(ctx, c, func(*subscriber.Subscriber) error { return nil })
}

func (g sessionCommands) kick(ctx context.Context, c *registry.Call, check func(*subscriber.Subscriber) error) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	if c.Num("BLOCK") != 60 {
		return errs.Bad("BLOCK", "must be 60: nodes keep users out for a minute")
	}
	if err := check(s); err != nil {
		return err
	}
	if g.Kick == nil {
		return registry.WithCode(registry.ExitConnect, errs.New(errs.Unavailable, "nodes are reached through the running panel: use its interfaces"))
	}
	return g.Kick(ctx, c.Actor, s, c.Str("SESSION"))
}
