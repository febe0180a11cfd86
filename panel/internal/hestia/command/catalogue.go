package command

import (
	"context"
	"strconv"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
)

// catalogueCommands tell what commands there are: the reference that Hestia lacks.
type catalogueCommands struct{}

func (g catalogueCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-commands", Spec: "[FORMAT:format=shell]", Role: registry.User, Traits: registry.Everyone, Run: g.all, About: "lists all commands and whether this key may run them"},
		{Name: "v-list-command", Spec: "CMD:command [FORMAT:format=shell]", Role: registry.User, Traits: registry.Everyone, Run: g.one, About: "shows a command"},
	}
}

func commandRow(c *registry.Call, x *registry.Command) shape.Row {
	args := []string{}
	for _, a := range x.Args() {
		text := a.Name + ":" + a.Kind
		if a.Default != "" {
			text += "=" + a.Default
		}
		if a.Optional {
			text = "[" + text + "]"
		}
		args = append(args, text)
	}
	codes := []string{"0", "1", "2", "3", "9", "10"}
	for _, n := range x.Codes {
		codes = append(codes, strconv.Itoa(n))
	}
	formats := []string{}
	if x.HasFormat() {
		formats = shape.Formats()
	}
	return shape.Row{Key: x.Name, Fields: []shape.Field{
		shape.F("ABOUT", x.About), shape.F("USAGE", x.Usage()), shape.L("ARGUMENTS", args), shape.F("USER_ARG_POSITION", count(x.Owner())),
		shape.F("ROLE", x.Role.String()), shape.F("CHANGES", yesNo(x.Is(registry.Writes))), shape.L("FORMATS", formats), shape.L("CODES", codes),
		shape.F("ALLOWED", yesNo(c.Registry().MayRun(c.Caller, x))), shape.F("SERVED", "yes"),
	}}
}

// unservedRow is a command that is known and does nothing here.
func unservedRow(x registry.Unserved) shape.Row {
	return shape.Row{Key: x.Name, Fields: []shape.Field{
		shape.F("ABOUT", x.Why), shape.F("USAGE", ""), shape.L("ARGUMENTS", nil), shape.F("USER_ARG_POSITION", "0"), shape.F("ROLE", ""),
		shape.F("CHANGES", "no"), shape.L("FORMATS", nil), shape.L("CODES", []string{"10"}), shape.F("ALLOWED", "no"), shape.F("SERVED", "no"),
	}}
}

func (g catalogueCommands) all(_ context.Context, c *registry.Call) error {
	t := &shape.Table{KeyName: "COMMAND", Short: []string{"COMMAND", "SERVED", "ALLOWED", "ABOUT"}}
	for _, n := range c.Registry().Names() {
		x, _ := c.Registry().Command(n)
		t.Rows = append(t.Rows, commandRow(c, x))
	}
	for _, x := range c.Registry().Unserved() {
		t.Rows = append(t.Rows, unservedRow(x))
	}
	return c.Show(t)
}

func (g catalogueCommands) one(_ context.Context, c *registry.Call) error {
	if why := c.Registry().Why(c.Str("CMD")); why != "" {
		return c.Show(&shape.Table{KeyName: "COMMAND", One: true, Rows: []shape.Row{unservedRow(registry.Unserved{Name: c.Str("CMD"), Why: why})}})
	}
	x, ok := c.Registry().Command(c.Str("CMD"))
	if !ok {
		return errs.NotFound("command", c.Str("CMD"))
	}
	return c.Show(&shape.Table{KeyName: "COMMAND", One: true, Rows: []shape.Row{commandRow(c, x)}})
}
