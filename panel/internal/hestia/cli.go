package hestia

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/hestia/command"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
)

// Run runs one command for the command line: args are its name and arguments, the exit code is the command's own.
// Output goes to stdout, what went wrong to stderr.
func Run(ctx context.Context, c Config, a actor.Actor, args []string, stdout, stderr io.Writer) int {
	say := func(w io.Writer, text string) {
		if text != "" {
			_, _ = fmt.Fprintln(w, strings.TrimRight(text, "\n"))
		}
	}
	r, err := command.New(c.services())
	if err != nil {
		say(stderr, "Error: "+err.Error())
		return registry.ExitParsing
	}
	if len(args) == 0 {
		say(stderr, "Error: Command not provided")
		return registry.ExitInvalid
	}
	root, err := c.People.RootUser(ctx, a)
	if err != nil {
		code, text := registry.Verdict(err)
		say(stderr, "Error: "+text)
		return code
	}
	by := &registry.Caller{Actor: a, Level: identity.APIAllKeys, RootUser: root}
	in := make([]registry.Argument, len(args)-1)
	for i, t := range args[1:] {
		in[i] = registry.Argument{Text: registry.Trim(t), Sent: true}
	}
	cmd, no := r.Authorize(by, args[0], in)
	if no != nil {
		say(stderr, "Error: "+no.Text)
		return no.Code
	}
	// Over HTTP an unknown format is an empty answer, because clients count on it; a person is told.
	if i := cmd.FormatOf(); i >= 0 && i < len(in) && in[i].Text != "" && !slices.Contains(shape.Formats(), in[i].Text) {
		say(stderr, "Error: invalid format :: "+registry.Brief(in[i].Text)+" ("+strings.Join(shape.Formats(), ", ")+")")
		return registry.ExitInvalid
	}
	out := r.Run(ctx, by, cmd, in)
	switch {
	case out.Code == registry.ExitOK:
		say(stdout, out.Text)
	case out.Usage:
		say(stderr, out.Text)
	default:
		say(stderr, "Error: "+out.Text)
		s := store{db: c.DB, vault: c.Vault}
		if cmd.Is(registry.Writes) {
			if err := s.failed(ctx, a, cmd.Name, out); err != nil {
				say(stderr, "Error: the failure was not recorded: "+err.Error())
			}
		}
	}
	return out.Code
}
