// Package command holds the commands: a file a group, a line a command. They translate between Hestia's words and the
// domain services, which own every rule; nothing here touches a table of theirs.
package command

import (
	"context"
	"errors"
	"strings"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/access"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/usage"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// Services are what commands work with.
type Services struct {
	DB          *pg.DB
	Subscribers *subscriber.Service
	Plans       *billing.Service
	Tenants     *tenant.Service
	People      *identity.Service
	// NodeGroups names the node groups that the actor's tenant may use: name to id. Nil: groups are known by id only.
	NodeGroups func(ctx context.Context, a actor.Actor) (map[string]string, error)
	Devices    *device.Service
	Profiles   *profile.Service
	Usage      *usage.Service
	// Kick ends sessions of a subscriber of the actor's on the nodes. Nil: nodes cannot be reached from here.
	Kick    func(ctx context.Context, a actor.Actor, s *subscriber.Subscriber, session string) error
	Version string
}

// core is what the groups of commands share.
type core struct{ Services }

// New builds the registry of all commands over s.
func New(s Services) (*registry.Registry, error) {
	k := &core{s}
	groups := access.Commands(&access.Services{
		Subscribers: s.Subscribers, Devices: s.Devices, Profiles: s.Profiles, Usage: s.Usage, Kick: s.Kick, Account: k.account,
	})
	groups = append(groups,
		userCommands{k}.list(), accountCommands{k}.list(), quotaCommands{k}.list(), trafficCommands{k}.list(),
		packageCommands{k}.list(), keyCommands{k}.list(), systemCommands{k}.list(), logCommands{k}.list(), noticeCommands{k}.list(), signInCommands{k}.list(),
		tenantCommands{k}.list(), catalogueCommands{}.list(),
	)
	return registry.New(permissionSets, unserved(), groups...)
}

// errRoot answers commands on the tenant's owner that are not for a key to run: the owner's login is not a customer.
var errRoot = errs.New(errs.Denied, "this user owns the account: change it in the panel")

// account finds the user that an argument names: a subscriber of the caller's tenant, by name, then by id. The tenant's
// owner is errRoot.
func (k *core) account(ctx context.Context, c *registry.Call) (*subscriber.Subscriber, error) {
	name := c.Str("USER")
	s, err := k.Subscribers.ByName(ctx, c.Actor, name)
	if !errs.Is(err, errs.Missing) {
		return s, err
	}
	if id.Valid(id.Subscriber, name) {
		return k.Subscribers.Get(ctx, c.Actor, name)
	}
	if c.RootUser != "" && strings.EqualFold(name, c.RootUser) {
		return nil, errRoot
	}
	return nil, err
}

// awake is account for commands that Hestia refuses on a suspended user.
func (k *core) awake(ctx context.Context, c *registry.Call) (*subscriber.Subscriber, error) {
	s, err := k.account(ctx, c)
	if err == nil && s.Status == subscriber.Suspended {
		return nil, errs.New(errs.State, "user %s is suspended", s.Name)
	}
	return s, err
}

// unlessRoot makes a command on the owner do nothing, successfully, as Hestia does.
func unlessRoot(err error) error {
	if errors.Is(err, errRoot) {
		return nil
	}
	return err
}

// given resolves a password argument: a name under /tmp/ stands for what the caller handed over under it.
func (k *core) given(ctx context.Context, c *registry.Call, arg string) (secret.String, error) {
	text := c.Str(arg)
	if name, ok := strings.CutPrefix(text, "/tmp/"); ok {
		content, found, err := k.People.HandedOver(ctx, c.Actor, name)
		if err != nil {
			return secret.String{}, err
		}
		if found {
			text, _, _ = strings.Cut(content, "\n")
			text = registry.Trim(text)
		}
	}
	return secret.New(text), nil
}

// groupNames maps node groups' ids to names.
func (k *core) groupNames(ctx context.Context, c *registry.Call) (map[string]string, error) {
	if k.NodeGroups == nil {
		return nil, nil
	}
	byName, err := k.NodeGroups(ctx, c.Actor)
	out := make(map[string]string, len(byName))
	for n, g := range byName {
		out[g] = n
	}
	return out, err
}

// groupIDs turns names of node groups into ids; ids pass. What is neither is refused.
func (k *core) groupIDs(ctx context.Context, c *registry.Call, names []string) ([]string, error) {
	out := []string{}
	var byName map[string]string
	for _, n := range names {
		if id.Valid(id.NodeGroup, n) {
			out = append(out, n)
			continue
		}
		if byName == nil && k.NodeGroups != nil {
			var err error
			if byName, err = k.NodeGroups(ctx, c.Actor); err != nil {
				return nil, err
			}
		}
		g, ok := byName[n]
		if !ok {
			return nil, errs.NotFound("node group", registry.Brief(n))
		}
		out = append(out, g)
	}
	return out, nil
}

func named(ids []string, names map[string]string) string {
	out := make([]string, len(ids))
	for i, g := range ids {
		if out[i] = names[g]; out[i] == "" {
			out[i] = g
		}
	}
	return strings.Join(out, ",")
}

// words splits a comma list.
func words(s string) []string {
	out := []string{}
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// single is a table of one object.
func single(keyName, key string, fields ...shape.Field) *shape.Table {
	return &shape.Table{KeyName: keyName, One: true, Rows: []shape.Row{{Key: key, Fields: fields}}}
}

// ledger reads what subscribers moved.
func (k *core) ledger() subscriber.Ledger { return subscriber.Ledger{DB: k.DB} }
