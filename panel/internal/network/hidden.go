package network

import (
	"encoding/json"
	"fmt"

	"culvert/shared/protocol"
)

// complete fills the options that nobody is shown: from before, where an update leaves them out, else freshly made.
func (g *Ingress) complete(before Options) error {
	kind, ok := protocol.Lookup(g.Kind)
	if !ok || len(kind.Hidden) == 0 {
		return nil
	}
	if len(before) > 0 {
		g.Options = withHidden(kind, g.Options, before)
	}
	if kind.Complete == nil {
		return nil
	}
	full, err := kind.Complete(json.RawMessage(g.Options))
	if err != nil {
		return fmt.Errorf("complete options of %s: %w", g.Kind, err)
	}
	g.Options = Options(full)
	return nil
}

// withHidden returns fresh with those hidden fields of before that it lacks. What is no object is left for check to refuse.
func withHidden(kind protocol.Kind, fresh, before Options) Options {
	var have, had map[string]json.RawMessage
	if len(fresh) == 0 {
		fresh = Options("{}")
	}
	if json.Unmarshal(fresh, &have) != nil || json.Unmarshal(before, &had) != nil || have == nil {
		return fresh
	}
	for _, name := range kind.Hidden {
		if _, given := have[name]; !given && had[name] != nil {
			have[name] = had[name]
		}
	}
	b, err := json.Marshal(have)
	if err != nil {
		return fresh
	}
	return Options(b)
}

// shown returns g without the options that nobody is shown.
func (g Ingress) shown() Ingress {
	g.Warnings = []string{}
	kind, ok := protocol.Lookup(g.Kind)
	var fields map[string]json.RawMessage
	if !ok || len(kind.Hidden) == 0 || json.Unmarshal(g.Options, &fields) != nil {
		return g
	}
	for _, name := range kind.Hidden {
		delete(fields, name)
	}
	if b, err := json.Marshal(fields); err == nil {
		g.Options = Options(b)
	}
	return g
}
