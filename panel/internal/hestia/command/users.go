package command

import (
	"context"
	"encoding/base64"
	"strings"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/subscriber"
	"culvert/shared/id"
)

// userCommands are Hestia's own commands on users (hestia-api.md §6.1).
type userCommands struct{ *core }

func (g userCommands) list() []registry.Command {
	ex := func(codes ...int) []int { return codes }
	return []registry.Command{
		{Name: "v-add-user", Spec: "USER:newuser PASSWORD:password EMAIL:email [PACKAGE:package=default] [NAME:name] [LASTNAME:name] [IGNORED:ignored] [EXTERNAL_ID:text] [OPTIONS:options]", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitExists, registry.ExitLimit), Run: g.add, About: "adds a user; the same EXTERNAL_ID and USER again converge to the given plan and options"},
		{Name: "v-delete-user", Spec: "USER:user [RESTART:ignored]", Role: registry.Tenant, Traits: registry.Writes, Run: g.remove, About: "deletes a user and all credentials"},
		{Name: "v-suspend-user", Spec: "USER:user [RESTART:ignored] [REASON:reason=manual]", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.suspend, About: "refuses a user's credentials and cuts their sessions; REASON: overdue, quota, abuse, manual, expired"},
		{Name: "v-unsuspend-user", Spec: "USER:user [RESTART:ignored]", Role: registry.Tenant, Traits: registry.Writes, Run: g.unsuspend, About: "lets a suspended user back in; an active one stays as they are"},
		{Name: "v-change-user-password", Spec: "USER:user PASSWORD:password", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.password, About: "changes a user's password and ends their sessions"},
		{Name: "v-change-user-package", Spec: "USER:user PACKAGE:package [FORCE:yesno=no]", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitLimit), Run: g.plan, About: "moves a user to another package; FORCE=yes even if they have used more than it allows"},
		{Name: "v-change-user-contact", Spec: "USER:user EMAIL:email", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.contact, About: "changes a user's e-mail address"},
		{Name: "v-change-user-name", Spec: "USER:user NAME:name [LAST_NAME:name]", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.fullName, About: "changes a user's full name"},
		{Name: "v-change-user-language", Spec: "USER:user LANGUAGE:language", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.language, About: "changes a user's language"},
		{Name: "v-change-user-role", Spec: "USER:user ROLE:role", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.role, About: "accepts role user for users and admin for the owner; nobody changes sides"},
		{Name: "v-change-user-config-value", Spec: "USER:user KEY:word VALUE:value", Role: registry.Tenant, Traits: registry.Writes, Codes: ex(registry.ExitSuspended), Run: g.config, About: "changes CONTACT, NAME, LANGUAGE, COMMENT, LABEL or EXTERNAL_ID"},
		{Name: "v-change-user-shell", Spec: "USER:user SHELL:shell", Role: registry.Tenant, Run: g.shell, About: "accepted for billing systems; users have no shell"},
		{Name: "v-add-domain", Spec: "USER:user DOMAIN:domain [IP:ignored] [RESTART:ignored]", Role: registry.Tenant, Traits: registry.Writes, Run: g.domain, About: "keeps the domain of a billing system's service as the user's label"},
		{Name: "v-get-user-value", Spec: "USER:user KEY:word", Role: registry.Tenant, Run: g.value, About: "prints one value of v-list-user; an unknown key prints nothing"},
		{Name: "v-list-user", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Run: g.one, About: "shows a user"},
		{Name: "v-list-users", Spec: "[FORMAT:format=shell] [CURSOR:any] [LIMIT:any]", Role: registry.Tenant, Run: g.all, About: "lists the users; with LIMIT in pages, the next one's CURSOR comes in the header Panel-Next-Cursor"},
		{Name: "v-list-sys-users", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.names, About: "lists the users' names"},
		{Name: "v-update-user-counters", Spec: "[USER:user]", Role: registry.Tenant, Run: g.counters, About: "accepted for billing systems; counters are always up to date"},
		{Name: "v-rebuild-user", Spec: "USER:user [RESTART:ignored]", Role: registry.Tenant, Traits: registry.Writes, Run: g.rebuild, About: "sends a user to the nodes once more"},
	}
}

func (g userCommands) remove(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return unlessRoot(err)
	}
	return g.Subscribers.Delete(ctx, c.Actor, s.ID, 0)
}

func (g userCommands) suspend(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return unlessRoot(err)
	}
	_, err = g.Subscribers.Suspend(ctx, c.Actor, s.ID, 0, c.Str("REASON"))
	return err
}

func (g userCommands) unsuspend(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return unlessRoot(err)
	}
	_, err = g.Subscribers.Unsuspend(ctx, c.Actor, s.ID, 0)
	if errs.Is(err, errs.State) {
		return nil // Hestia never answers 6 here, and clients count on it
	}
	return err
}

func (g userCommands) password(ctx context.Context, c *registry.Call) error {
	s, err := g.awake(ctx, c)
	if err != nil {
		return err
	}
	fresh, err := g.given(ctx, c, "PASSWORD")
	if err != nil {
		return err
	}
	if fresh.Empty() {
		return errs.Bad("password", "must not be empty")
	}
	_, err = g.Subscribers.SetPassword(ctx, c.Actor, s.ID, 0, fresh)
	return err
}

func (g userCommands) plan(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	_, err = g.Subscribers.ChangePlan(ctx, c.Actor, s.ID, 0, c.Str("PACKAGE"), c.Yes("FORCE"))
	return err
}

// patch changes profile fields of a user who is not suspended.
func (g userCommands) patch(ctx context.Context, c *registry.Call, p subscriber.Patch) error {
	s, err := g.awake(ctx, c)
	if err != nil {
		return err
	}
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, p)
	return err
}

func (g userCommands) contact(ctx context.Context, c *registry.Call) error {
	email := c.Str("EMAIL")
	return g.patch(ctx, c, subscriber.Patch{Email: &email})
}

func (g userCommands) fullName(ctx context.Context, c *registry.Call) error {
	name := registry.Trim(c.Str("NAME") + " " + c.Str("LAST_NAME"))
	return g.patch(ctx, c, subscriber.Patch{FullName: &name})
}

func (g userCommands) language(ctx context.Context, c *registry.Call) error {
	l := c.Str("LANGUAGE")
	if err := g.patch(ctx, c, subscriber.Patch{Language: &l}); errs.Is(err, errs.Invalid) {
		return errs.NotFound("language", l)
	} else if err != nil {
		return err
	}
	return nil
}

func (g userCommands) role(ctx context.Context, c *registry.Call) error {
	_, err := g.awake(ctx, c)
	wanted := "user"
	if err != nil {
		if err = unlessRoot(err); err != nil {
			return err
		}
		wanted = "admin"
	}
	if c.Str("ROLE") != wanted {
		return errs.Bad("role", "of this user stays %s; people of the tenant have logins of their own", wanted)
	}
	return nil
}

func (g userCommands) config(ctx context.Context, c *registry.Call) error {
	v := c.Str("VALUE")
	var p subscriber.Patch
	switch strings.ToUpper(c.Str("KEY")) {
	case "CONTACT":
		if v == "" {
			return errs.Bad("CONTACT", "must be an e-mail address")
		}
		p.Email = &v
	case "NAME", "FNAME":
		p.FullName = &v
	case "LANGUAGE":
		p.Language = &v
	case "COMMENT":
		p.Comment = &v
	case "LABEL":
		p.Label = &v
	case "EXTERNAL_ID":
		p.ExternalID = &v
	default:
		return errs.Bad("KEY", "must be CONTACT, NAME, LANGUAGE, COMMENT, LABEL or EXTERNAL_ID")
	}
	return g.patch(ctx, c, p)
}

func (g userCommands) shell(ctx context.Context, c *registry.Call) error {
	_, err := g.account(ctx, c)
	return unlessRoot(err)
}

func (g userCommands) domain(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	d := c.Str("DOMAIN")
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{Label: &d})
	return err
}

// oneRow shapes the user that an argument names, the owner too.
func (g userCommands) oneRow(ctx context.Context, c *registry.Call) (shape.Row, error) {
	s, err := g.account(ctx, c)
	if err != nil {
		if unlessRoot(err) != nil {
			return shape.Row{}, err
		}
		l, err := g.People.OwnerLogin(ctx, c.Actor)
		if err != nil {
			return shape.Row{}, err
		}
		return rootRow(l), nil
	}
	rows, err := g.rows(ctx, c, []subscriber.Subscriber{*s})
	if err != nil {
		return shape.Row{}, err
	}
	return rows[0], nil
}

func (g userCommands) value(ctx context.Context, c *registry.Call) error {
	row, err := g.oneRow(ctx, c)
	if err != nil {
		return err
	}
	for _, f := range row.Fields {
		if strings.EqualFold(f.Name, c.Str("KEY")) {
			return c.Print(f.Value)
		}
	}
	return nil
}

func (g userCommands) one(ctx context.Context, c *registry.Call) error {
	row, err := g.oneRow(ctx, c)
	if err != nil {
		return err
	}
	return c.Show(&shape.Table{KeyName: "USER", One: true, Rows: []shape.Row{row}})
}

func (g userCommands) all(ctx context.Context, c *registry.Call) error {
	if !c.FormatKnown() {
		return nil // clients test a key with a format that does not exist, and a password behind it
	}
	t := &shape.Table{KeyName: "USER", Short: shortUser()}
	err := g.eachUser(ctx, c, func(page []subscriber.Subscriber) error {
		rows, err := g.rows(ctx, c, page)
		t.Rows = append(t.Rows, rows...)
		return err
	}, func(r shape.Row) { t.Rows = append(t.Rows, r) })
	if err != nil {
		return err
	}
	return c.Show(t)
}

func (g userCommands) names(ctx context.Context, c *registry.Call) error {
	t := &shape.Table{KeyName: "USER", Names: true}
	err := g.eachUser(ctx, c, func(page []subscriber.Subscriber) error {
		for i := range page {
			t.Rows = append(t.Rows, shape.Row{Key: page[i].Name})
		}
		return nil
	}, func(r shape.Row) { t.Rows = append(t.Rows, shape.Row{Key: r.Key}) })
	if err != nil {
		return err
	}
	return c.Show(t)
}

// eachUser hands out the owner, then the users page by page: all of them, or the one page that CURSOR and LIMIT ask for.
func (g userCommands) eachUser(ctx context.Context, c *registry.Call, visit func([]subscriber.Subscriber) error, root func(shape.Row)) error {
	limit, paged, err := pageSize(c)
	if err != nil {
		return err
	}
	cursor := c.Str("CURSOR")
	if err := checkCursor(cursor); err != nil {
		return err
	}
	if cursor == "" && c.RootUser != "" {
		l, err := g.People.OwnerLogin(ctx, c.Actor)
		if err != nil {
			return err
		}
		root(rootRow(l))
	}
	for {
		p, err := g.Subscribers.List(ctx, c.Actor, subscriber.Filter{}, cursor, limit)
		if err != nil {
			return err
		}
		if err := visit(p.Items); err != nil {
			return err
		}
		if cursor = p.Next; cursor == "" || paged {
			c.Next(cursor)
			return nil
		}
	}
}

const largestPage = 500

// pageSize reads LIMIT; without one, listings are whole.
func pageSize(c *registry.Call) (limit int, paged bool, err error) {
	text := c.Str("LIMIT")
	if text == "" {
		return largestPage, false, nil
	}
	if n := c.Num("LIMIT"); n >= 1 && n <= largestPage {
		return int(n), true, nil
	}
	return 0, false, errs.Bad("LIMIT", "must be between 1 and %d", largestPage)
}

// checkCursor refuses what no Panel-Next-Cursor can have said.
func checkCursor(cursor string) error {
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || cursor != "" && !id.Valid(id.Subscriber, string(after)) {
		return errs.Bad("CURSOR", "is not a cursor of this listing")
	}
	return nil
}

func (g userCommands) counters(ctx context.Context, c *registry.Call) error {
	if !c.Has("USER") {
		return nil
	}
	_, err := g.account(ctx, c)
	return unlessRoot(err)
}

func (g userCommands) rebuild(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return unlessRoot(err)
	}
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{})
	return err
}
