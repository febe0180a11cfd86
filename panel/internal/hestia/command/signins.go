package command

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/hestia/trail"
	"culvert/panel/internal/usage"
)

// signInCommands tell who came in, and hold the second factor (hestia-api.md §6.1, §6.3). A user comes in by connecting;
// the owner by signing in; a billing system's own page adds records of its own.
type signInCommands struct{ *core }

func (g signInCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-user-auth-log", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists the last ten times a user connected or signed in"},
		{Name: "v-log-user-login", Spec: "USER:user IP:address STATUS:word SESSION_ID:word USER_AGENT:text [AUTHLOG:yesno=no] [REASON:text]", Role: registry.Tenant, Traits: registry.Writes, Run: g.came, About: "adds a sign-in on another page to a user's log"},
		{Name: "v-log-user-logout", Spec: "USER:user SESSION_ID:word", Role: registry.Tenant, Traits: registry.Writes, Run: g.left, About: "adds the end of such a sign-in"},
		{Name: "v-check-user-2fa", Spec: "USER:user TOKEN:secret", Role: registry.Tenant, Traits: registry.Secrets, Run: g.second, About: "proves a user's second factor; 3 where there is none"},
		{Name: "v-add-user-2fa", Spec: "USER:user", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitDisabled}, Run: g.addSecond, About: "refused: what a user connects with has no second factor, and people set up their own"},
		{Name: "v-delete-user-2fa", Spec: "USER:user", Role: registry.Tenant, Traits: registry.Writes, Run: g.dropSecond, About: "takes a second factor away; 3 where there is none"},
	}
}

// authLogLength is how many sign-ins Hestia shows.
const authLogLength = 10

func (g signInCommands) all(ctx context.Context, c *registry.Call) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	visits, err := g.notes().Visits(ctx, c.Actor, about)
	if err != nil {
		return err
	}
	own, err := g.here(ctx, c)
	if err != nil {
		return err
	}
	visits = append(visits, own...)
	slices.SortStableFunc(visits, func(x, y trail.Visit) int { return y.At.Compare(x.At) })
	t := &shape.Table{KeyName: "ID"}
	for i := range visits[:min(len(visits), authLogLength)] {
		v := &visits[i]
		action := "login"
		if v.Left {
			action = "logout"
		}
		t.Rows = append(t.Rows, shape.Row{Key: count(i + 1), Fields: []shape.Field{
			shape.F("DATE", v.At.UTC().Format(time.DateOnly)), shape.F("TIME", v.At.UTC().Format(time.TimeOnly)), shape.F("IP", v.From),
			shape.F("ACTION", action), shape.F("STATUS", v.Status), shape.F("USER_AGENT", v.UserAgent), shape.F("SESSION", v.Session),
			shape.F("ACTIVE", yesNo(v.Active)), shape.F("REASON", v.Reason),
		}})
	}
	return c.Show(t)
}

// here are the user's connections to nodes, or the owner's sessions in the panel.
func (g signInCommands) here(ctx context.Context, c *registry.Call) ([]trail.Visit, error) {
	var out []trail.Visit
	s, err := g.account(ctx, c)
	if err == nil {
		l, err := (&usage.Service{DB: g.DB}).Sessions(ctx, c.Actor, s.ID, "", authLogLength)
		for i := range l {
			out = append(out, trail.Visit{
				At: l[i].OpenedAt, Status: trail.Success, From: l[i].Source, UserAgent: l[i].Kind, Session: l[i].ID, Active: l[i].ClosedAt == nil,
			})
		}
		return out, err
	}
	if unlessRoot(err) != nil {
		return nil, err
	}
	owner, err := g.People.OwnerLogin(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	l, err := g.People.LastSessions(ctx, c.Actor, owner.ID, authLogLength)
	for i := range l {
		out = append(out, trail.Visit{
			At: l[i].CreatedAt, Status: trail.Success, From: l[i].Address, UserAgent: l[i].UserAgent, Session: l[i].ID, Active: l[i].Open,
		})
	}
	return out, err
}

func (g signInCommands) came(ctx context.Context, c *registry.Call) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	return g.notes().Came(ctx, c.Actor, about, trail.Visit{
		From: c.Str("IP"), Status: c.Str("STATUS"), Session: c.Str("SESSION_ID"), UserAgent: c.Str("USER_AGENT"), Reason: c.Str("REASON"),
	})
}

func (g signInCommands) left(ctx context.Context, c *registry.Call) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	return g.notes().Left(ctx, c.Actor, about, c.Str("SESSION_ID"))
}

func noSecondFactor() error { return errs.New(errs.Missing, "2FA is not enabled") }

// ownersFactor tells whether the user is the owner, and whether they have a second factor.
func (g signInCommands) ownersFactor(ctx context.Context, c *registry.Call) (owner, has bool, err error) {
	if _, err := g.account(ctx, c); err == nil || unlessRoot(err) != nil {
		return false, false, err
	}
	l, err := g.People.OwnerLogin(ctx, c.Actor)
	return true, err == nil && l.SecondFactor, err
}

func (g signInCommands) second(ctx context.Context, c *registry.Call) error {
	_, has, err := g.ownersFactor(ctx, c)
	switch {
	case err != nil:
		return err
	case !has:
		return noSecondFactor()
	}
	return errs.New(errs.Unauthorized, "2FA token is wrong") // the owner's is proved at sign-in only
}

func (g signInCommands) addSecond(ctx context.Context, c *registry.Call) error {
	owner, _, err := g.ownersFactor(ctx, c)
	switch {
	case err != nil:
		return err
	case owner:
		return errRoot
	}
	return errs.New(errs.Disabled, "what a user connects with has no second factor")
}

func (g signInCommands) dropSecond(ctx context.Context, c *registry.Call) error {
	_, has, err := g.ownersFactor(ctx, c)
	switch {
	case err != nil:
		return err
	case has:
		return errRoot
	}
	return noSecondFactor()
}
