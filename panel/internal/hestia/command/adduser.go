package command

import (
	"context"
	"slices"
	"strings"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/subscriber"
)

// add is v-add-user.
func (g userCommands) add(ctx context.Context, c *registry.Call) error {
	name, ext := strings.ToLower(c.Str("USER")), c.Str("EXTERNAL_ID")
	switch {
	case name == "" && ext == "":
		return c.Registry().Malformed("newuser", "")
	case c.Blank("PACKAGE"):
		return errs.NotFound("package", "")
	case name != "" && strings.EqualFold(name, c.RootUser):
		return errs.New(errs.Conflict, "user %s exists", name)
	}
	o, err := g.readOptions(ctx, c)
	if err != nil {
		return err
	}
	if ext != "" {
		if done, err := g.replay(ctx, c, name, ext, o); done || err != nil {
			return err
		}
	}
	s, err := g.create(ctx, c, name, o)
	if ext != "" && errs.Is(err, errs.Conflict) { // the same request, at the same time
		if done, again := g.replay(ctx, c, name, ext, o); done || again != nil {
			return again
		}
	}
	if err != nil {
		return err
	}
	if o.never() && s.ExpiresAt != nil {
		if _, err := g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{ExpiresAt: o.expires}); err != nil {
			return err
		}
	}
	if name == "" {
		return c.Print(s.Name)
	}
	return nil
}

func (g userCommands) create(ctx context.Context, c *registry.Call, name string, o *options) (*subscriber.Subscriber, error) {
	password, err := g.given(ctx, c, "PASSWORD")
	if err != nil {
		return nil, err
	}
	if password.Empty() {
		return nil, errs.Bad("password", "must not be empty")
	}
	if name == "" {
		name = generatedName()
	}
	return g.Subscribers.Create(ctx, c.Actor, subscriber.Create{
		Name: name, Password: password, Email: c.Str("EMAIL"), FullName: registry.Trim(c.Str("NAME") + " " + c.Str("LASTNAME")),
		ExternalID: c.Str("EXTERNAL_ID"), Plan: c.Str("PACKAGE"), ExpiresAt: o.expiry(), Edit: o.apply,
	})
}

// replay finds a user that an earlier request with the same EXTERNAL_ID made, and brings them to this one's plan and options.
func (g userCommands) replay(ctx context.Context, c *registry.Call, name, ext string, o *options) (bool, error) {
	s, err := g.Subscribers.ByExternalID(ctx, c.Actor, ext)
	if errs.Is(err, errs.Missing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if name != "" && name != s.Name {
		return false, errs.New(errs.Conflict, "external id %s exists", ext)
	}
	if plan := c.Str("PACKAGE"); !slices.Contains([]string{s.PlanName, s.PlanID}, plan) {
		if _, err := g.Subscribers.ChangePlan(ctx, c.Actor, s.ID, 0, plan, false); err != nil {
			return false, err
		}
	}
	if o.any() {
		if _, err := g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{ExpiresAt: o.expires, Edit: o.apply}); err != nil {
			return false, err
		}
	}
	c.Replay()
	if name == "" {
		return true, c.Print(s.Name)
	}
	return true, nil
}
