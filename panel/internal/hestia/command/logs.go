package command

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/pg"
)

// logCommands read and write the audit trail, which Hestia calls the user log.
type logCommands struct{ *core }

func (g logCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-user-log", Spec: "USER:whose [FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists the last 300 records about a user, or all with system"},
		{Name: "v-log-action", Spec: "USER:whose LEVEL:word CATEGORY:word DETAILS:text", Role: registry.Tenant, Traits: registry.Writes, Run: g.add, About: "adds a record about a user, or system; LEVEL: Info, Warning, Error"},
	}
}

const logLength = 300

// object is what the records of a user are about; system is everything.
func (g logCommands) object(ctx context.Context, c *registry.Call) (string, error) {
	if c.Str("USER") == "system" {
		return "", nil
	}
	s, err := g.account(ctx, c)
	if err == nil {
		return "subscriber/" + s.ID, nil
	}
	if unlessRoot(err) != nil {
		return "", err
	}
	l, err := g.People.OwnerLogin(ctx, c.Actor)
	if err != nil {
		return "", err
	}
	return "login/" + l.ID, nil
}

// logged is the diff of a record that v-log-action made.
type logged struct {
	Category string `json:"category"`
	Details  string `json:"details"`
}

func (g logCommands) all(ctx context.Context, c *registry.Call) error {
	object, err := g.object(ctx, c)
	if err != nil {
		return err
	}
	entries, err := audit.List(ctx, g.DB, c.Actor, object, "", logLength)
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "ID"}
	for i := range entries {
		t.Rows = append(t.Rows, shape.Row{Key: count(i + 1), Fields: logFields(&entries[i])})
	}
	return c.Show(t)
}

func logFields(e *audit.Entry) []shape.Field {
	domain, verb, _ := strings.Cut(e.Action, ".")
	level, category := "Info", title(domain)
	message := e.Action + " " + e.Object + " by " + e.Actor
	switch {
	case domain == "log":
		var own logged
		if json.Unmarshal(e.Diff, &own) == nil {
			category, message = own.Category, own.Details
		}
		level = title(verb)
	case e.Action == "command.fail":
		level = "Warning"
	}
	return []shape.Field{
		shape.F("DATE", e.At.UTC().Format(time.DateOnly)), shape.F("TIME", e.At.UTC().Format(time.TimeOnly)), shape.F("LEVEL", level),
		shape.F("CATEGORY", category), shape.F("MESSAGE", message), shape.F("IP", e.Address),
	}
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (g logCommands) add(ctx context.Context, c *registry.Call) error {
	if !slices.Contains([]string{"Info", "Warning", "Error"}, c.Str("LEVEL")) {
		return errs.Bad("LEVEL", "must be Info, Warning or Error")
	}
	if err := c.Actor.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	object, err := g.object(ctx, c)
	if err != nil {
		return err
	}
	if object == "" {
		object = "tenant/" + c.Actor.Tenant
	}
	return g.DB.InTenant(ctx, c.Actor.Tenant, func(tx *pg.Tx) error {
		return audit.Record(ctx, tx, c.Actor, "log."+strings.ToLower(c.Str("LEVEL")), object,
			audit.Diff{"category": c.Str("CATEGORY"), "details": c.Str("DETAILS")})
	})
}
