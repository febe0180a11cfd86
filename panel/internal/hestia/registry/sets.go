package registry

import (
	"fmt"
	"slices"
)

// Set is a named list of commands that a key may be limited to.
type Set struct {
	Name     string
	Role     string // admin: for keys of the tenant's people; user: for subscribers' keys too
	Commands []string
}

// Roles of sets.
const (
	ForAdmins = "admin"
	ForUsers  = "user"
)

func (r *Registry) addSet(s Set) error {
	if r.sets[s.Name] != nil {
		return fmt.Errorf("the name is taken")
	}
	for _, n := range s.Commands {
		c, ok := r.commands[n]
		switch {
		case !ok:
			return fmt.Errorf("%s does not exist", n)
		case s.Role == ForUsers && (c.owner == 0 || c.Role != User):
			return fmt.Errorf("%s has no owner argument, or is not for users", n)
		}
	}
	slices.Sort(s.Commands)
	r.sets[s.Name] = &s
	r.setNames = append(r.setNames, s.Name)
	return nil
}

// Set finds a permission set by name.
func (r *Registry) Set(name string) (*Set, bool) {
	s, ok := r.sets[name]
	return s, ok
}

// allows reports whether one of the sets holds the command; no sets allow everything.
func (r *Registry) allows(sets []string, command string) bool {
	if len(sets) == 0 {
		return true
	}
	return slices.ContainsFunc(sets, func(n string) bool {
		s, ok := r.sets[n]
		return ok && slices.Contains(s.Commands, command)
	})
}

// SetNames lists the permission sets.
func (r *Registry) SetNames() []string { return slices.Clone(r.setNames) }
