package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/vault"
)

func none(*registry.Registry) []registry.Set { return nil }

func does(context.Context, *registry.Call) error { return nil }

func TestDeclarationsAreChecked(t *testing.T) {
	t.Parallel()
	good := registry.Command{Name: "v-do", Spec: "USER:user [FORMAT:format=shell]", Role: registry.User, Run: does, About: "does"}
	for name, c := range map[string]struct {
		change func(*registry.Command)
		want   string
	}{
		"fine":                    {func(*registry.Command) {}, ""},
		"bad name":                {func(c *registry.Command) { c.Name = "do" }, "malformed"},
		"no function":             {func(c *registry.Command) { c.Run = nil }, "does nothing"},
		"no text":                 {func(c *registry.Command) { c.About = "" }, "does not say what"},
		"no role":                 {func(c *registry.Command) { c.Role = 0 }, "no role"},
		"unknown kind":            {func(c *registry.Command) { c.Spec = "USER:owner" }, "no kind"},
		"lower case":              {func(c *registry.Command) { c.Spec = "user:user" }, "malformed"},
		"half a bracket":          {func(c *registry.Command) { c.Spec = "[USER:user" }, "malformed"},
		"required after optional": {func(c *registry.Command) { c.Spec = "USER:user [A:text] B:text" }, "after an optional"},
		"unknown code":            {func(c *registry.Command) { c.Codes = []int{99} }, "not in the contract"},
		"users without owner":     {func(c *registry.Command) { c.Spec = "[FORMAT:format=shell]" }, "no argument names the owner"},
		"too many arguments":      {func(c *registry.Command) { c.Spec = "USER:user" + strings.Repeat(" A:text", 13) }, "more than 13"},
	} {
		x := good
		c.change(&x)
		_, err := registry.New(none, nil, []registry.Command{x})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := registry.New(none, nil, []registry.Command{good, good}); err == nil {
		t.Error("a name twice passed")
	}
	for name, list := range map[string][]registry.Unserved{
		"served":        {{Name: "v-do", Why: "it is not"}},
		"listed twice":  {{Name: "v-x", Why: "a"}, {Name: "v-x", Why: "b"}},
		"not a command": {{Name: "x", Why: "a"}},
		"no reason":     {{Name: "v-x"}},
	} {
		if _, err := registry.New(none, list, []registry.Command{good}); err == nil {
			t.Errorf("an unserved command that is %s passed", name)
		}
	}
}

// §11.3: no set that a user's key may have holds a command without owner argument; the start refuses it.
func TestUserSetsHoldOwnedCommandsOnly(t *testing.T) {
	t.Parallel()
	owned := registry.Command{Name: "v-own", Spec: "USER:user", Role: registry.User, Run: does, About: "a"}
	free := registry.Command{Name: "v-free", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: does, About: "a"}
	staff := registry.Command{Name: "v-staff", Spec: "USER:user", Role: registry.Tenant, Run: does, About: "a"}
	for name, want := range map[string]bool{"v-own": true, "v-free": false, "v-staff": false, "v-gone": false} {
		set := func(*registry.Registry) []registry.Set {
			return []registry.Set{{Name: "s", Role: registry.ForUsers, Commands: []string{name}}}
		}
		if _, err := registry.New(set, nil, []registry.Command{owned, free, staff}); (err == nil) != want {
			t.Errorf("%s in a user's set: %v", name, err)
		}
	}
}

func caller(owner string, level int, sets ...string) *registry.Caller {
	return &registry.Caller{Actor: actor.Actor{ID: "K", Tenant: "t"}, Owner: owner, Level: level, Sets: sets, RootUser: "admin"}
}

func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	r, err := registry.New(func(*registry.Registry) []registry.Set {
		return []registry.Set{{Name: "mine", Role: registry.ForUsers, Commands: []string{"v-own"}}, {Name: "empty", Role: registry.ForAdmins}}
	}, []registry.Unserved{{Name: "v-elsewhere", Why: "it is elsewhere"}}, []registry.Command{
		{Name: "v-own", Spec: "USER:user", Role: registry.User, Run: does, About: "a"},
		{Name: "v-staff", Spec: "USER:user", Role: registry.Tenant, Run: does, About: "a"},
		{Name: "v-platform", Role: registry.Platform, Run: does, About: "a"},
		{Name: "v-all", Role: registry.User, Traits: registry.Everyone, Run: does, About: "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	operator, asleep := caller("", 1), caller("alice", 1, "mine")
	operator.Actor.Operator, asleep.Suspended = true, "alice"
	alice, bob := []registry.Argument{{Text: "alice", Sent: true}}, []registry.Argument{{Text: "bob", Sent: true}}
	for name, c := range map[string]struct {
		by   *registry.Caller
		cmd  string
		args []registry.Argument
		code int
	}{
		"no command":                  {caller("", 1), "", nil, 2},
		"ill-formed":                  {caller("", 1), "v-own;id", nil, 2},
		"unknown":                     {caller("", 1), "v-nope", nil, 10},
		"known and not served":        {caller("", 1), "v-elsewhere", nil, 10},
		"not in the sets":             {caller("", 1, "empty"), "v-own", nil, 10},
		"a set that is gone":          {caller("", 1, "gone"), "v-own", nil, 10},
		"everything":                  {caller("", 1), "v-staff", nil, 0},
		"the operator's, by a seller": {caller("", 1), "v-platform", nil, 10},
		"the operator's":              {operator, "v-platform", nil, 0},
		"permission before suspended": {asleep, "v-staff", alice, 10},
		"suspended before level":      {asleep, "v-own", alice, 9},
		"level":                       {caller("alice", 1, "mine"), "v-own", bob, 21},
		"another's name":              {caller("alice", 2, "mine"), "v-own", bob, 10},
		"no name":                     {caller("alice", 2, "mine"), "v-own", nil, 10},
		"own name":                    {caller("alice", 2, "mine"), "v-own", alice, 0},
		"about itself":                {caller("alice", 2, "mine"), "v-all", nil, 0},
		"users without sets":          {caller("alice", 2), "v-staff", alice, 10},
	} {
		_, no := r.Authorize(c.by, c.cmd, c.args)
		got := 0
		if no != nil {
			got = no.Code
		}
		if got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
	}
}

func TestArgumentsAreBound(t *testing.T) {
	t.Parallel()
	var seen string
	r, err := registry.New(none, nil, []registry.Command{{
		Name: "v-own", Spec: "USER:user N:count [STEP:step=day] [LAST:text]", Role: registry.Tenant, About: "a",
		Run: func(_ context.Context, c *registry.Call) error {
			seen = fmt.Sprint(c.Str("USER"), c.Num("N"), c.Str("STEP"), c.Has("STEP"), c.Blank("STEP"), c.Str("LAST"))
			return nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	cmd, _ := r.Command("v-own")
	sent := func(texts ...string) (out []registry.Argument) {
		for _, s := range texts {
			out = append(out, registry.Argument{Text: s, Sent: true})
		}
		return out
	}
	for name, c := range map[string]struct {
		args []registry.Argument
		code int
		want string
	}{
		"too few":      {sent("ann"), 1, ""},
		"default":      {sent("ann", "7"), 0, "ann7dayfalsefalse"},
		"empty":        {sent("ann", "7", ""), 0, "ann7dayfalsetrue"},
		"gap":          {append(sent("ann", "7"), registry.Argument{}, registry.Argument{Text: "x", Sent: true}), 0, "ann7dayfalsefalsex"},
		"given":        {sent("ann", "7", "hour"), 0, "ann7hourtruefalse"},
		"too many":     {sent("ann", "7", "hour", "", "more"), 0, "ann7hourtruefalse"},
		"wrong number": {sent("ann", "-7"), 2, ""},
		"wrong word":   {sent("ann", "7", "year"), 2, ""},
		"no user":      {sent("", "7"), 2, ""},
		"not a text":   {[]registry.Argument{{Bad: true, Sent: true}, {Text: "7", Sent: true}}, 2, ""},
		"control":      {sent("ann", "7", "", "a\x01"), 2, ""},
	} {
		seen = ""
		out := r.Run(context.Background(), caller("", 1), cmd, c.args)
		got := strings.ReplaceAll(seen, " ", "")
		if out.Code != c.code || got != c.want {
			t.Errorf("%s: %d %q, want %d %q (%s)", name, out.Code, got, c.code, c.want, out.Text)
		}
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		errs.Bad("x", "y"):                     2,
		errs.New(errs.Denied, "x"):             10,
		errs.New(errs.Unauthorized, "x"):       9,
		errs.NotFound("user", "x"):             3,
		errs.New(errs.Conflict, "x"):           4,
		errs.New(errs.State, "x"):              5,
		errs.New(errs.InUse, "x"):              7,
		errs.New(errs.Limited, "x"):            8,
		errs.New(errs.Stale, "x"):              2,
		errs.New(errs.Throttled, "x"):          14,
		errs.New(errs.Unavailable, "x"):        17,
		errs.New(errs.Disabled, "x"):           11,
		errors.New("secret"):                   12,
		fmt.Errorf("x: %w", vault.ErrSealed):   12,
		registry.WithCode(6, errs.Bad("", "")): 6,
	} {
		code, text := registry.Verdict(err)
		if code != want || strings.Contains(text, "secret") {
			t.Errorf("%v: %d %q, want %d", err, code, text, want)
		}
	}
	for code, want := range map[int]int{0: 200, 1: 400, 2: 422, 3: 400, 4: 400, 5: 401, 6: 401, 7: 400, 8: 400, 9: 401, 10: 401, 11: 400, 12: 400, 14: 429, 17: 400, 21: 401, 405: 405} {
		if got := registry.StatusOf(code); got != want {
			t.Errorf("code %d is status %d, want %d", code, got, want)
		}
	}
}

func TestCallersOfKeys(t *testing.T) {
	t.Parallel()
	p := &identity.Commander{RootUser: "admin"}
	p.Owner, p.Actor.Permissions = actor.Full(), actor.Set{"plan:read"}
	if c := registry.NewCaller(p, "r"); len(c.Actor.Permissions) != 1 || c.Actor.Permissions[0] != "plan:read" {
		t.Errorf("a key without sets runs with %v", c.Actor.Permissions)
	}
	p.Key.Sets = []string{"billing"}
	if c := registry.NewCaller(p, "r"); c.Actor.Permissions[0] != "*:*" || c.Actor.Trace != "r" {
		t.Errorf("a key with sets runs with %v", c.Actor.Permissions)
	}
	p.Key.OwnerKind, p.Key.Owner = "subscriber", "alice"
	if c := registry.NewCaller(p, "r"); c.Owner != "alice" {
		t.Errorf("a user's key is confined to %q", c.Owner)
	}
}
