package registry

import (
	"fmt"
	"slices"
)

// Unserved is a command that callers of Hestia's API know, or that the contract foresees, and that does nothing here.
type Unserved struct {
	Name string
	Why  string
}

func (r *Registry) addUnserved(list []Unserved) error {
	for _, u := range list {
		if r.commands[u.Name] != nil || r.unserved[u.Name] != "" || !commandRule.MatchString(u.Name) || u.Why == "" {
			return fmt.Errorf("command %s: is served, is listed twice, or has no reason", u.Name)
		}
		r.unserved[u.Name] = u.Why
	}
	return nil
}

// Unserved lists the commands that are known and not served, in order.
func (r *Registry) Unserved() []Unserved {
	out := make([]Unserved, 0, len(r.unserved))
	for name, why := range r.unserved {
		out = append(out, Unserved{name, why})
	}
	slices.SortFunc(out, func(x, y Unserved) int {
		if x.Name < y.Name {
			return -1
		}
		return 1
	})
	return out
}

// Why tells why a known command is not served; empty for every other name.
func (r *Registry) Why(name string) string { return r.unserved[name] }

// FormatOf returns the position of the argument that names the format, from 0; -1 when there is none.
func (c *Command) FormatOf() int {
	return slices.IndexFunc(c.args, func(a Arg) bool { return a.Kind == "format" })
}
