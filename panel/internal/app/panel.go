package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/bulk"
	"culvert/panel/internal/config"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/hestia"
	"culvert/panel/internal/installer"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/live"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/subapi"
	"culvert/panel/internal/subscriber"
	"culvert/shared/run"
)

// Panel is a started panel.
type Panel struct {
	*Services
	group *run.Group
}

// Start opens the services and starts everything that lives. c names both servers.
func Start(ctx context.Context, c config.Config, makeKey bool, version string, log *slog.Logger) (*Panel, error) {
	opt, err := redis.ParseURL(c.RedisURL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("CULVERT_REDIS_URL: %w", err)
	}
	s, err := Open(ctx, c, makeKey, log)
	if err != nil {
		return nil, err
	}
	p := &Panel{Services: s}
	members, err := p.members(ctx, c, opt, version, log)
	if err == nil {
		p.group, err = run.Start(ctx, log, members...)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return p, nil
}

// members lists what lives, in the order of its start.
func (p *Panel) members(ctx context.Context, c config.Config, opt *redis.Options, version string, log *slog.Logger) ([]run.Member, error) {
	s := p.Services
	queue := jobs.NewQueue(ctx, jobs.QueueConfig{DB: s.DB, Redis: opt, Handlers: handlers(s), Log: log})
	s.Jobs = jobs.NewNodes(jobs.NodesConfig{DB: s.DB, Redis: opt, Keys: s.Keys, Log: log})
	gate, err := newGateway(ctx, s, c, opt, log)
	if err != nil {
		return nil, err
	}
	certificate, err := newPresenter(ctx, s, c.PublicURL.Hostname(), log)
	if err != nil {
		return nil, err
	}
	s.Live = live.New(ctx, stream.Topics(s.Usage, s.Fleet, s.Bulk)...)
	give := installer.New(c.PublicURL.String(), besideUs("culvert-agent"))
	web, err := newApplication(s, c, give, version, log) //nolint:contextcheck // each request brings its own, in Fiber's Ctx
	if err != nil {
		return nil, err
	}
	members := []run.Member{
		{Name: "clock", Service: run.NewLoop((&clock{s: s, log: log}).run)},
		{Name: "bulk operations", Service: run.NewLoop((&bulk.Worker{DB: s.DB, Subs: s.Subs, Standing: s.Identity.Standing, Log: log}).Run)},
		{Name: "panel queue", Service: queue},
		{Name: "dispatcher", Service: jobs.NewDispatcher(s.DB, queue, log)},
		{Name: "node jobs", Service: s.Jobs},
	}
	members = append(members, gate...)
	return append(members,
		run.Member{Name: "certificate", Service: run.NewLoop(certificate.run)},
		run.Member{Name: "installer", Service: give},
		run.Member{Name: "web", Service: &listeners{app: web, config: c, tls: certificate.get}},
		run.Member{Name: "streams", Service: s.Live}, // first to close: requests that do not end would hold up the listeners
	), nil
}

// handlers says who does what when something happened.
func handlers(s *Services) map[string][]jobs.Handler {
	out := map[string][]jobs.Handler{}
	for _, kind := range desired.Kinds() {
		out[kind] = append(out[kind], s.Desired.Handle)
	}
	out["node.revoked"] = append(out["node.revoked"], func(ctx context.Context, rows []outbox.Row) error {
		return s.Desired.RotateHeld(ctx, rows, s.Subs)
	})
	return out
}

// newApplication mounts every surface.
func newApplication(s *Services, c config.Config, give *installer.Installer, version string, log *slog.Logger) (*fiber.App, error) {
	app := newHTTP(log)
	addr := clientAddr(c.TrustedProxies)
	commands := commandConfig(s, version, log)
	commands.ClientAddr = addr
	h, err := hestia.New(commands)
	if err != nil {
		return nil, err
	}
	api.Mount(app, api.Config{
		Services: s.Services, ClientAddr: addr, GatewayPublic: c.GatewayPublic, PublicURL: c.PublicURL.String(), Version: version, Log: log,
		Install:  give.Command,
		KnownSet: func(name string) bool { _, ok := h.Registry().Set(name); return ok },
	})
	h.Mount(app)
	subapi.Mount(app, subapi.Config{Profiles: s.Profiles, ClientAddr: addr, Log: log})
	installer.Mount(app, installer.Config{Installer: give, ClientAddr: addr, Log: log})
	return app, mountRest(app, s, version)
}

func commandConfig(s *Services, version string, log *slog.Logger) hestia.Config {
	c := hestia.Config{
		Devices: s.Devices, Profiles: s.Profiles, Usage: s.Usage, DB: s.DB, Vault: s.Vault, Subscribers: s.Subs, Plans: s.Plans, Tenants: s.Tenants, People: s.Identity,
		NodeGroups: s.groupNames, Version: version, Log: log,
	}
	if s.Jobs != nil {
		c.Kick = func(ctx context.Context, a actor.Actor, sub *subscriber.Subscriber, session string) error {
			_, err := s.Kick(ctx, a, sub, session, "")
			return err
		}
	}
	return c
}

// groupNames maps the names of the node groups that a may use to their ids.
func (s *Services) groupNames(ctx context.Context, a actor.Actor) (map[string]string, error) {
	l, err := s.Fleet.GroupsFor(ctx, a)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(l))
	for _, g := range l {
		out[g.Name] = g.ID
	}
	return out, nil
}

// Operator is the actor of whoever has the panel's own machine and master key in hand.
func (s *Services) Operator(name string) actor.Actor {
	return actor.Actor{
		Tenant: s.Root, Home: s.Root, Kind: actor.Local, ID: name, Name: name, Permissions: actor.Full(), Operator: true,
	}
}

// Wait returns when ctx ends or something that the panel cannot do without has died.
func (p *Panel) Wait(ctx context.Context) error { return p.group.Wait(ctx) }

// Close stops everything, in reverse.
func (p *Panel) Close(ctx context.Context) error {
	err := p.group.Close(ctx)
	p.Services.Close()
	return err
}
