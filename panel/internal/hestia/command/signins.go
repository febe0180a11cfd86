package command

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/pg"
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

// How many sign-ins Hestia shows, and what is read for them.
const (
	authLogLength = 10
	authTrail     = 100 // records that may say which of them are over
)

// The actions of sign-ins elsewhere.
const (
	actCame = "auth.login"
	actLeft = "auth.logout"
)

// visit is one line of the log, and the diff of a record.
type visit struct {
	Status    string `json:"status,omitempty"`
	Session   string `json:"session,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Reason    string `json:"reason,omitempty"`
	From      string `json:"from,omitempty"`

	at     time.Time
	action string
	active bool
}

func (g signInCommands) all(ctx context.Context, c *registry.Call) error {
	if err := c.Actor.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return err
	}
	about, err := logCommands{g.core}.object(ctx, c)
	if err != nil {
		return err
	}
	visits, err := g.elsewhere(ctx, c, about)
	if err != nil {
		return err
	}
	own, err := g.here(ctx, c)
	if err != nil {
		return err
	}
	visits = append(visits, own...)
	slices.SortStableFunc(visits, func(x, y visit) int { return y.at.Compare(x.at) })
	t := &shape.Table{KeyName: "ID"}
	for i := range visits[:min(len(visits), authLogLength)] {
		v := &visits[i]
		t.Rows = append(t.Rows, shape.Row{Key: count(i + 1), Fields: []shape.Field{
			shape.F("DATE", v.at.UTC().Format(time.DateOnly)), shape.F("TIME", v.at.UTC().Format(time.TimeOnly)), shape.F("IP", v.From),
			shape.F("ACTION", v.action), shape.F("STATUS", v.Status), shape.F("USER_AGENT", v.UserAgent), shape.F("SESSION", v.Session),
			shape.F("ACTIVE", yesNo(v.active)), shape.F("REASON", v.Reason),
		}})
	}
	return c.Show(t)
}

// here are the user's connections to nodes, or the owner's sessions in the panel.
func (g signInCommands) here(ctx context.Context, c *registry.Call) ([]visit, error) {
	var out []visit
	s, err := g.account(ctx, c)
	if err == nil {
		l, err := (&usage.Service{DB: g.DB}).Sessions(ctx, c.Actor, s.ID, time.Now().UTC().Add(time.Hour), authLogLength)
		for i := range l {
			out = append(out, visit{
				at: l[i].OpenedAt, action: "login", Status: "success", From: l[i].Source, UserAgent: l[i].Kind, Session: l[i].ID, active: l[i].ClosedAt == nil,
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
		out = append(out, visit{
			at: l[i].CreatedAt, action: "login", Status: "success", From: l[i].Address, UserAgent: l[i].UserAgent, Session: l[i].ID, active: l[i].Open,
		})
	}
	return out, err
}

// elsewhere are the records that v-log-user-login and v-log-user-logout made.
func (g signInCommands) elsewhere(ctx context.Context, c *registry.Call, about string) ([]visit, error) {
	var records []entry
	err := g.DB.InTenant(ctx, c.Actor.Tenant, func(tx *pg.Tx) (err error) {
		records, err = trail(ctx, tx, c, "auth/"+about, authTrail)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []visit
	for i := range records {
		var v visit
		if err := json.Unmarshal(records[i].diff, &v); err != nil {
			return nil, err
		}
		v.at, v.action = records[i].at, "login"
		if records[i].action == actLeft {
			for j := range out {
				out[j].active = out[j].active && out[j].Session != v.Session
			}
			v.action, v.Status = "logout", "success"
		} else {
			v.active = v.Status == "success"
		}
		out = append(out, v)
	}
	return out, nil
}

func (g signInCommands) came(ctx context.Context, c *registry.Call) error {
	return g.record(ctx, c, actCame, audit.Diff{
		"from": c.Str("IP"), "status": c.Str("STATUS"), "session": c.Str("SESSION_ID"), "user_agent": c.Str("USER_AGENT"), "reason": c.Str("REASON"),
	})
}

func (g signInCommands) left(ctx context.Context, c *registry.Call) error {
	return g.record(ctx, c, actLeft, audit.Diff{"session": c.Str("SESSION_ID")})
}

func (g signInCommands) record(ctx context.Context, c *registry.Call, action string, d audit.Diff) error {
	if err := c.Actor.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	about, err := logCommands{g.core}.object(ctx, c)
	if err != nil {
		return err
	}
	return g.DB.InTenant(ctx, c.Actor.Tenant, func(tx *pg.Tx) error { return audit.Record(ctx, tx, c.Actor, action, "auth/"+about, d) })
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
