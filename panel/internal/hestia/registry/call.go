package registry

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
)

// Caller is who runs a command.
type Caller struct {
	Actor     actor.Actor
	Sets      []string // permission sets; empty: every command
	Owner     string   // the one user that a subscriber's key may name
	Suspended string   // name of the key's owner, when they are suspended
	Level     int
	RootUser  string
	Quirk     bool // 5 (suspend), 6 (unsuspend) and 3 (delete) become 0
}

// NewCaller makes a caller of somebody who has proved who they are. A key with sets runs its commands with its owner's
// rights; one without runs every command with its own.
func NewCaller(p *identity.Commander, trace string) *Caller {
	c := &Caller{
		Actor: p.Actor, Sets: p.Key.Sets, Level: p.Setting.Level, RootUser: p.RootUser, Quirk: p.Key.Idempotent,
	}
	if len(c.Sets) > 0 {
		c.Actor.Permissions = p.Owner
	}
	if p.Key.OwnerKind == "subscriber" {
		c.Owner = p.Key.Owner
	}
	if p.OwnerSuspended {
		c.Suspended = p.Key.Owner
	}
	c.Actor.Trace = trace
	return c
}

// Argument is one argument as received.
type Argument struct {
	Text string
	Sent bool // false: its number was missing before a later one
	Bad  bool // an array or an object
}

// Answer is what a command gives back, whatever the surface.
type Answer struct {
	Code     int
	Text     string // output, or what went wrong without "Error: "
	JSON     bool
	Refused  bool // before the command ran
	Usage    bool // Text is a usage line
	Replayed bool
	Next     string // cursor of the next page
	Retry    time.Duration
	Reason   string // for Panel-Error and the audit trail
}

// Refused is an answer from before the command ran.
func Refused(code int, text string) Answer {
	return Answer{Code: code, Text: text, Refused: true, Reason: text}
}

// Call is one run of a command.
type Call struct {
	*Caller
	command  *Command
	values   map[string]string
	raw      map[string]Argument
	out      Answer
	registry *Registry
}

// Str returns an argument, or its default.
func (c *Call) Str(name string) string { return c.values[name] }

// Has reports whether an argument was given and is not empty.
func (c *Call) Has(name string) bool { return c.raw[name].Text != "" }

// Blank reports whether an argument was sent empty, which is not the same as not being sent.
func (c *Call) Blank(name string) bool { return c.raw[name].Sent && c.raw[name].Text == "" }

// Yes reports whether an argument is yes.
func (c *Call) Yes(name string) bool { return c.values[name] == "yes" }

// Num returns a number; its kind has checked the digits.
func (c *Call) Num(name string) int64 {
	n, err := strconv.ParseInt(c.values[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Print answers with a text.
func (c *Call) Print(text string) error {
	c.out.Text = text
	return nil
}

// Show answers with a table in the asked format.
func (c *Call) Show(t *shape.Table) error {
	f := c.Str("FORMAT")
	c.out.Text, c.out.JSON = t.Write(f), f == shape.JSON
	return nil
}

// FormatKnown lets listings spare themselves the work for a format that answers nothing.
func (c *Call) FormatKnown() bool { return slices.Contains(shape.Formats(), c.Str("FORMAT")) }

// Authorize makes the checks between the proof of the key and the run (hestia-api.md §1.3, 6 to 9).
func (r *Registry) Authorize(c *Caller, name string, args []Argument) (*Command, *Answer) {
	no := func(code int, text string) (*Command, *Answer) {
		a := Refused(code, text)
		return nil, &a
	}
	if name == "" {
		return no(ExitInvalid, "Command not provided")
	}
	if !nameOK(name) {
		return no(ExitInvalid, Brief(name)+" command invalid")
	}
	cmd, ok := r.Command(name)
	switch why := r.Why(name); {
	case why != "":
		return no(ExitForbidden, "Command "+name+" is not served: "+why)
	case !ok:
		return no(ExitForbidden, "Command "+Brief(name)+" not found")
	}
	if !r.MayRun(c, cmd) {
		return no(ExitForbidden, "Key "+c.Actor.ID+" don't have permission to run the command "+name)
	}
	switch {
	case c.Suspended != "":
		return no(ExitPassword, "user "+c.Suspended+" is suspended")
	case c.Owner != "" && c.Level < identity.APIAllKeys:
		return no(ExitAPIDisabled, "API has been disabled")
	case c.Owner != "" && !cmd.Is(Everyone) && !ownsArgument(cmd, args, c.Owner):
		return no(ExitForbidden, "Key "+c.Actor.ID+` - the "user" argument doesn\'t match the key\'s user`)
	}
	return cmd, nil
}

// Next tells where the next page of a listing begins.
func (c *Call) Next(cursor string) { c.out.Next = cursor }

// Replay tells that the wanted state was there already, from an earlier request.
func (c *Call) Replay() { c.out.Replayed = true }

// Registry returns the registry that the command belongs to.
func (c *Call) Registry() *Registry { return c.registry }

func nameOK(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// MayRun reports whether the command is the caller's to run, whatever the arguments.
func (r *Registry) MayRun(c *Caller, cmd *Command) bool {
	switch {
	case cmd.Is(Everyone):
		return true
	case cmd.Role == Platform && (!c.Actor.Operator || c.Owner != ""), cmd.Role == Tenant && c.Owner != "":
		return false
	}
	return r.allows(c.Sets, cmd.Name)
}

func ownsArgument(cmd *Command, args []Argument, owner string) bool {
	i := cmd.owner - 1
	return i >= 0 && i < len(args) && args[i].Text == owner
}

// Run runs a command that the caller is authorized for.
func (r *Registry) Run(ctx context.Context, by *Caller, cmd *Command, args []Argument) Answer {
	c := &Call{Caller: by, command: cmd, registry: r, values: map[string]string{}, raw: map[string]Argument{}}
	if len(args) < cmd.Required() {
		return Answer{Code: ExitArgs, Text: cmd.Usage(), Usage: true, Reason: cmd.Usage()}
	}
	err := c.bind(r.kinds, args)
	if err == nil {
		err = cmd.Run(ctx, c)
	}
	if err == nil {
		return c.out
	}
	code, text := Verdict(err)
	out := Answer{Code: code, Text: text, Reason: text}
	var wait *identity.Throttled
	if errors.As(err, &wait) {
		out.Retry = wait.RetryAfter
	}
	if by.Quirk && forgiven(cmd.Name, code) {
		return Answer{}
	}
	return out
}

// forgiven names the failures that some billing systems must not see: the wanted state holds already.
func forgiven(name string, code int) bool {
	switch {
	case strings.HasPrefix(name, "v-suspend-"):
		return code == ExitSuspended
	case strings.HasPrefix(name, "v-unsuspend-"):
		return code == ExitUnsuspended
	case strings.HasPrefix(name, "v-delete-"):
		return code == ExitNotExist
	}
	return false
}

// bind gives the arguments their names. More than are declared are ignored: clients send some.
func (c *Call) bind(kinds map[string]kind, args []Argument) error {
	for i, a := range c.command.args {
		k := kinds[a.Kind]
		var in Argument
		if i < len(args) {
			in = args[i]
		}
		if in.Bad || !utf8.ValidString(in.Text) || strings.ContainsRune(in.Text, 0) {
			return errs.New(errs.Invalid, "invalid %s: not a text", a.Name)
		}
		c.raw[a.Name] = in
		c.values[a.Name] = in.Text
		if in.Text == "" {
			if !a.Optional && !k.empty {
				return malformed(k, "")
			}
			c.values[a.Name] = a.Default
			continue
		}
		if !k.ok(in.Text) {
			return malformed(k, in.Text)
		}
	}
	return nil
}
