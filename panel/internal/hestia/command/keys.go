package command

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
	"culvert/shared/secret"
)

// keyCommands make and end keys (hestia-api.md §6.3).
type keyCommands struct{ *core }

func (g keyCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-add-access-key", Spec: "USER:user [PERMISSIONS:sets] [COMMENT:comment] [FORMAT:format=shell] [EXPIRE:until=never] [IPS:ranges] [IDEMPOTENT:yesno=no]", Role: registry.Tenant, Traits: registry.Writes | registry.Secrets, Run: g.add, About: "adds an access key for a user or a login; PERMISSIONS are sets of v-list-apis; the secret is shown once"},
		{Name: "v-list-access-key", Spec: "ACCESS_KEY_ID:keyid [FORMAT:format=shell]", Role: registry.Tenant, Run: g.one, About: "shows an access key, without its secret"},
		{Name: "v-list-access-keys", Spec: "[USER:whose] [FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists access keys"},
		{Name: "v-delete-access-key", Spec: "ACCESS_KEY_ID:keyid", Role: registry.Tenant, Traits: registry.Writes, Run: g.remove, About: "ends an access key at once"},
		{Name: "v-check-access-key", Spec: "ACCESS_KEY_ID:keyid SECRET_ACCESS_KEY:secret COMMAND:command [IP:address] [FORMAT:format=json]", Role: registry.Tenant, Traits: registry.Secrets, Run: g.check, About: "proves an access key and whether it may run a command from an address"},
		{Name: "v-generate-api-key", Spec: "", Role: registry.Tenant, Traits: registry.Writes | registry.Secrets, Run: g.generate, About: "makes a legacy key, which may do everything while the legacy API is on; shown once"},
		{Name: "v-revoke-api-key", Spec: "HASH:secret", Role: registry.Tenant, Traits: registry.Writes | registry.Secrets, Run: g.revoke, About: "ends a legacy key"},
		{Name: "v-check-api-key", Spec: "KEY:secret [IP:address]", Role: registry.Tenant, Traits: registry.Secrets, Run: g.checkLegacy, About: "proves a legacy key"},
	}
}

func keyFields(k *identity.AccessKey, clear string) []shape.Field {
	out := []shape.Field{shape.F("ACCESS_KEY_ID", k.ID)}
	if clear != "" {
		out = append(out, shape.F("SECRET_ACCESS_KEY", clear))
	}
	return append(out, shape.F("USER", k.Owner), shape.L("PERMISSIONS", k.Sets), shape.F("COMMENT", k.Comment),
		shape.F("TIME", k.CreatedAt.UTC().Format(time.TimeOnly)), shape.F("DATE", k.CreatedAt.UTC().Format(time.DateOnly)),
		shape.F("CREATED_AT", k.CreatedAt.UTC().Format(time.RFC3339)), shape.F("EXPIRE", instant(k.ExpiresAt, "never")), shape.L("IPS", k.Addresses),
		shape.F("IDEMPOTENT", yesNo(k.Idempotent)), shape.F("LAST_USED", instant(k.LastUsedAt, "")), shape.F("LAST_USED_IP", k.LastUsedFrom))
}

func (g keyCommands) add(ctx context.Context, c *registry.Call) error {
	n := identity.NewKey{Owner: strings.ToLower(c.Str("USER")), Comment: c.Str("COMMENT"), Addresses: words(c.Str("IPS")), Idempotent: c.Yes("IDEMPOTENT")}
	s, err := g.account(ctx, c)
	switch {
	case err == nil:
		n.Owner, n.Subscriber = s.Name, true
	case !errors.Is(err, errRoot) && !errs.Is(err, errs.Missing):
		return err
	}
	if n.ExpiresAt, err = until(c.Str("EXPIRE")); err != nil {
		return err
	}
	if n.Sets, err = chosenSets(c, n.Subscriber); err != nil {
		return err
	}
	k, clear, err := g.People.AddKey(ctx, c.Actor, n)
	if errs.Is(err, errs.Missing) {
		return errs.NotFound("user", c.Str("USER"))
	}
	if err != nil {
		return err
	}
	if c.Str("FORMAT") == shape.Plain {
		return c.Print(k.ID + ":" + clear.Reveal())
	}
	return c.Show(&shape.Table{Flat: true, One: true, Rows: []shape.Row{{Key: k.ID, Fields: keyFields(k, clear.Reveal())}}})
}

// chosenSets reads PERMISSIONS. None, or *, is everything, and for the tenant's people only.
func chosenSets(c *registry.Call, forUser bool) ([]string, error) {
	var out []string
	for _, name := range words(c.Str("PERMISSIONS")) {
		if name == "*" {
			continue
		}
		set, ok := c.Registry().Set(name)
		switch {
		case !ok:
			return nil, errs.NotFound("API", name)
		case forUser && set.Role != registry.ForUsers:
			return nil, errs.New(errs.Invalid, "API %s is not for users", name)
		case !slices.Contains(out, name):
			out = append(out, name)
		}
	}
	if forUser && len(out) == 0 {
		return nil, errs.New(errs.Invalid, "a user's key needs at least one permission set")
	}
	return out, nil
}

func (g keyCommands) one(ctx context.Context, c *registry.Call) error {
	k, err := g.People.Key(ctx, c.Actor, c.Str("ACCESS_KEY_ID"))
	if err != nil {
		return err
	}
	return c.Show(&shape.Table{Flat: true, One: true, Rows: []shape.Row{{Key: k.ID, Fields: keyFields(k, "")}}})
}

func (g keyCommands) all(ctx context.Context, c *registry.Call) error {
	t := &shape.Table{Short: []string{"ACCESS_KEY_ID", "USER", "PERMISSIONS", "COMMENT", "EXPIRE", "LAST_USED", "DATE"}}
	after := ""
	for {
		page, err := g.People.Keys(ctx, c.Actor, strings.ToLower(c.Str("USER")), after, largestPage)
		if err != nil {
			return err
		}
		for i := range page {
			t.Rows = append(t.Rows, shape.Row{Key: page[i].ID, Fields: keyFields(&page[i], "")})
		}
		if len(page) < largestPage {
			return c.Show(t)
		}
		after = page[len(page)-1].ID
	}
}

func (g keyCommands) remove(ctx context.Context, c *registry.Call) error {
	return g.People.RevokeKey(ctx, c.Actor, c.Str("ACCESS_KEY_ID"))
}

func (g keyCommands) check(ctx context.Context, c *registry.Call) error {
	text := c.Str("IP")
	if text == "" {
		text = c.Actor.Address
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		address = netip.IPv6Loopback() // the command line has no address
	}
	p, err := g.People.CheckCommandKey(ctx, c.Actor, c.Str("ACCESS_KEY_ID"), secret.New(c.Str("SECRET_ACCESS_KEY")), address)
	if err != nil {
		return err
	}
	cmd, ok := c.Registry().Command(c.Str("COMMAND"))
	by := registry.NewCaller(p, c.Actor.Trace)
	switch {
	case by.Suspended != "":
		return errs.New(errs.Unauthorized, "user %s is suspended", by.Suspended)
	case !ok || !c.Registry().MayRun(by, cmd):
		return errs.New(errs.Denied, "Key %s don't have permission to run the command %s", p.Key.ID, c.Str("COMMAND"))
	}
	return c.Show(&shape.Table{Flat: true, One: true, Rows: []shape.Row{{Key: p.Key.ID, Fields: []shape.Field{
		shape.F("USER", p.Key.Owner), shape.F("USER_ARG_POSITION", count(cmd.Owner())),
	}}}})
}

func (g keyCommands) generate(ctx context.Context, c *registry.Call) error {
	key, err := g.People.AddLegacyKey(ctx, c.Actor)
	if err != nil {
		return err
	}
	return c.Print(key.Reveal())
}

func (g keyCommands) revoke(ctx context.Context, c *registry.Call) error {
	return g.People.RevokeLegacyKey(ctx, c.Actor, secret.New(c.Str("HASH")))
}

func (g keyCommands) checkLegacy(ctx context.Context, c *registry.Call) error {
	ok, err := g.People.CheckLegacyKey(ctx, c.Actor, secret.New(c.Str("KEY")))
	if err == nil && !ok {
		err = errs.New(errs.Unauthorized, "key doesn't exist")
	}
	return err
}
