package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
)

func operator(tenant string) actor.Actor {
	return actor.Actor{Home: tenant, Tenant: tenant, Permissions: actor.Set{actor.May(actor.Sessions, actor.Read)}}
}

func topic(read func() []Item) Topic {
	return Topic{
		Name: "things", Need: actor.May(actor.Sessions, actor.Read),
		Read: func(context.Context, actor.Actor, Filter) ([]Item, bool, error) { return read(), false, nil },
	}
}

// TestStreamsAreBounded: by credential, by tenant and in all; a place that is given back is free.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	admit := func(h *Hub, tenant string, credential int) (func(), error) {
		return h.Admit(operator(tenant), &Watch{Credential: fmt.Sprint(tenant, credential), Topics: []string{"things"}})
	}
	for _, c := range []struct {
		name             string
		most             int
		tenant, caller   func(i int) int
		elsewhere        bool // somebody else is still let in
		otherT, otherCrd int
	}{
		{"credential", perCaller, func(int) int { return 1 }, func(int) int { return 1 }, true, 1, 2},
		{"tenant", perTenant, func(int) int { return 1 }, func(i int) int { return i / perCaller }, true, 2, 1},
		{"panel", perPanel, func(i int) int { return i / perTenant }, func(i int) int { return i / perCaller }, false, 1000, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := New(t.Context(), topic(nil))
			var release func()
			for i := range c.most {
				r, err := admit(h, fmt.Sprint("t", c.tenant(i)), c.caller(i))
				if err != nil {
					t.Fatalf("stream %d: %v", i, err)
				}
				release = r
			}
			last := c.most - 1
			again := func() error {
				_, err := admit(h, fmt.Sprint("t", c.tenant(last)), c.caller(last))
				return err
			}
			if err := again(); !errs.Is(err, errs.Throttled) {
				t.Fatalf("one more: %v", err)
			}
			if _, err := admit(h, fmt.Sprint("t", c.otherT), c.otherCrd); (err == nil) != c.elsewhere {
				t.Errorf("somebody else: %v", err)
			}
			if c.elsewhere {
				release()
				if err := again(); err != nil {
					t.Errorf("after one has gone: %v", err)
				}
			}
		})
	}
}

// TestEventsTellWhatChanged: the first is whole; then what is new, different and gone, and nothing when nothing is.
func TestEventsTellWhatChanged(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[[]Item]
	now.Store(&[]Item{{"a", json.RawMessage(`1`)}, {"b", json.RawMessage(`1`)}})
	h := New(t.Context(), topic(func() []Item { return *now.Load() }))
	w := &Watch{Topics: []string{"things"}}
	known := map[string]map[string]string{}
	turn := func() string {
		t.Helper()
		clear(h.looks) // as if time had gone by
		out, err := h.turn(operator("t"), w, known)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct {
		items []Item
		want  string
	}{
		{*now.Load(), `[{"whole":true,"set":[1,1],"gone":[],"more":false}]`},
		{*now.Load(), `null`},
		{[]Item{{"a", json.RawMessage(`2`)}, {"b", json.RawMessage(`1`)}, {"c", json.RawMessage(`3`)}}, `[{"whole":false,"set":[2,3],"gone":[],"more":false}]`},
		{[]Item{{"c", json.RawMessage(`3`)}}, `[{"whole":false,"set":[],"gone":["a","b"],"more":false}]`},
	} {
		now.Store(&c.items)
		if got := turn(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestAStreamEndsWithTheRight: what was allowed at the beginning is asked again at each turn.
func TestAStreamEndsWithTheRight(t *testing.T) {
	t.Parallel()
	h := New(t.Context(), topic(func() []Item { return nil }))
	gone := errs.New(errs.Unauthorized, "the session has ended")
	for name, c := range map[string]struct {
		who  actor.Actor
		err  error
		kind errs.Kind
	}{
		"session ended": {operator("t"), gone, errs.Unauthorized},
		"right taken":   {actor.Actor{Home: "t", Tenant: "t"}, nil, errs.Denied},
	} {
		err := h.Serve(&Watch{Topics: []string{"things"}, Who: func(context.Context) (actor.Actor, error) { return c.who, c.err }, Send: func([]Event) error {
			return errors.New("nothing is sent to who may not watch")
		}})
		if errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Serve(&Watch{Topics: []string{"things"}, Who: func(context.Context) (actor.Actor, error) { return operator("t"), nil }, Send: func([]Event) error { return nil }}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("after the end: %v", err)
	}
}
