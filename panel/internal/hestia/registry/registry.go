// Package registry is what a command of the command API is: a name, declared arguments, a role, codes and a function.
// Help, the checks before a run, permission sets and documentation all come from the declaration. Package command holds
// the commands, package hestia the surfaces that run them.
package registry

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Role is the least that a caller must be to run a command.
type Role uint8

// The roles.
const (
	User     Role = iota + 1 // a subscriber's key, for its own account
	Tenant                   // a key of the tenant's people
	Platform                 // the operator
)

func (r Role) String() string {
	switch r {
	case User:
		return "user"
	case Platform:
		return "platform"
	case Tenant:
	}
	return "tenant"
}

// Traits of a command.
type Traits uint8

// The traits.
const (
	Writes   Traits = 1 << iota // changes something: audited when it fails, run once under an Idempotency-Key
	Secrets                     // shows or tests secrets: not for monitoring
	Everyone                    // needs no permission: it tells the caller about itself
	Slow                        // may take minutes
)

// Arg is one declared argument.
type Arg struct {
	Name     string
	Kind     string
	Optional bool
	Default  string
}

// Command is one line of the registry. Spec declares the arguments: NAME:kind, optional ones in brackets, with =default.
type Command struct {
	Name   string
	Spec   string
	Role   Role
	Traits Traits
	Codes  []int // beside 1, 2, 3, 9 and 10, which every command may answer
	Run    func(context.Context, *Call) error
	About  string

	args  []Arg
	owner int // position of the argument that names the owning user, from 1; 0: none
}

// Is reports whether the command has a trait.
func (c *Command) Is(t Traits) bool { return c.Traits&t != 0 }

// Args returns the declared arguments.
func (c *Command) Args() []Arg { return c.args }

// Owner returns the position of the argument that names the owning user, from 1; 0 when there is none.
func (c *Command) Owner() int { return c.owner }

// Usage is the line that a caller gets who sends too few arguments.
func (c *Command) Usage() string {
	words := []string{"Usage:", c.Name}
	for _, a := range c.args {
		if a.Optional {
			words = append(words, "["+a.Name+"]")
		} else {
			words = append(words, a.Name)
		}
	}
	return strings.Join(words, " ")
}

// Required is how many arguments the command cannot do without.
func (c *Command) Required() int {
	n := 0
	for _, a := range c.args {
		if !a.Optional {
			n++
		}
	}
	return n
}

// Registry holds the commands and the permission sets.
type Registry struct {
	commands map[string]*Command
	names    []string
	sets     map[string]*Set
	setNames []string
	unserved map[string]string
	kinds    map[string]kind
}

var (
	commandRule = regexp.MustCompile(`^v-[a-z0-9]+(-[a-z0-9]+)*$`)                             //nolint:gochecknoglobals // a compiled constant
	argRule     = regexp.MustCompile(`^(\[)?([A-Z][A-Z0-9_]*):([a-z]+)(?:=([^\]\s]*))?(\])?$`) //nolint:gochecknoglobals // a compiled constant
)

// MaxArgs is how many arguments a request can carry.
const MaxArgs = 13

// New builds a registry and checks it: what could reach beyond its owner refuses the start.
func New(sets func(*Registry) []Set, unserved []Unserved, groups ...[]Command) (*Registry, error) {
	r := &Registry{commands: map[string]*Command{}, sets: map[string]*Set{}, unserved: map[string]string{}, kinds: kinds()}
	for _, group := range groups {
		for _, c := range group {
			if err := r.add(c); err != nil {
				return nil, fmt.Errorf("command %s: %w", c.Name, err)
			}
		}
	}
	slices.Sort(r.names)
	if err := r.addUnserved(unserved); err != nil {
		return nil, err
	}
	for _, s := range sets(r) {
		if err := r.addSet(s); err != nil {
			return nil, fmt.Errorf("permission set %s: %w", s.Name, err)
		}
	}
	return r, nil
}

func (r *Registry) add(c Command) error {
	if !commandRule.MatchString(c.Name) || r.commands[c.Name] != nil {
		return fmt.Errorf("the name is malformed or taken")
	}
	if err := c.declare(r.kinds); err != nil {
		return err
	}
	for _, code := range c.Codes {
		if code < ExitArgs || code > ExitAPIDisabled {
			return fmt.Errorf("exit code %d is not in the contract", code)
		}
	}
	switch {
	case c.Run == nil || c.About == "":
		return fmt.Errorf("it does nothing, or does not say what")
	case c.Role < User || c.Role > Platform:
		return fmt.Errorf("it has no role")
	case c.Role == User && c.owner == 0 && !c.Is(Everyone):
		return fmt.Errorf("users may run it, and no argument names the owner")
	}
	r.commands[c.Name] = &c
	r.names = append(r.names, c.Name)
	return nil
}

func (c *Command) declare(known map[string]kind) error {
	words := strings.Fields(c.Spec)
	if len(words) > MaxArgs {
		return fmt.Errorf("more than %d arguments", MaxArgs)
	}
	for i, w := range words {
		m := argRule.FindStringSubmatch(w)
		if m == nil || (m[1] == "") != (m[5] == "") {
			return fmt.Errorf("argument %q is malformed", w)
		}
		a := Arg{Name: m[2], Kind: m[3], Optional: m[1] != "", Default: m[4]}
		if _, ok := known[a.Kind]; !ok {
			return fmt.Errorf("argument %s has no kind %q", a.Name, a.Kind)
		}
		if !a.Optional && i > 0 && c.args[i-1].Optional {
			return fmt.Errorf("argument %s is required after an optional one", a.Name)
		}
		if c.owner == 0 && (a.Kind == "user" || a.Kind == "newuser" || a.Kind == "whose") {
			c.owner = i + 1
		}
		c.args = append(c.args, a)
	}
	return nil
}

// HasFormat reports whether the command answers in one of the formats; others print a text or nothing.
func (c *Command) HasFormat() bool { return c.FormatOf() >= 0 }

// Command finds a command by name.
func (r *Registry) Command(name string) (*Command, bool) {
	c, ok := r.commands[name]
	return c, ok
}

// Names lists the commands in order.
func (r *Registry) Names() []string { return slices.Clone(r.names) }
