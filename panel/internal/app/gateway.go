package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/config"
	"culvert/panel/internal/gateway"
	"culvert/panel/internal/vault"
	"culvert/shared/run"
)

// newGateway returns the node gateway and what it needs alive beside it. A Redis that cannot keep nodes apart is refused
// here, with the reason.
func newGateway(ctx context.Context, s *Services, c config.Config, opt *redis.Options, log *slog.Logger) ([]run.Member, error) {
	if err := gateway.CheckRedis(ctx, opt); err != nil {
		return nil, fmt.Errorf("CULVERT_REDIS_URL: %w", err)
	}
	seed, err := s.Vault.Installation(ctx, "redis_nodes", vault.Random)
	if err != nil {
		return nil, err
	}
	presence := s.Fleet.Presence()
	g := gateway.New(gateway.Config{
		Listen: c.GatewayListen, DB: s.DB, Fleet: s.Fleet, Presence: presence, States: s.Desired, Reports: s.Usage, Results: s.Jobs,
		Keys: s.Keys, Redis: opt, RedisSecret: seed, Heartbeat: heartbeat, Log: log,
	})
	return []run.Member{{Name: "presence", Service: presence}, {Name: "gateway", Service: namedPort{g}}}, nil
}

// namedPort says which variable to change when somebody has the gateway's port.
type namedPort struct{ *gateway.Gateway }

// Start implements run.Service.
func (n namedPort) Start(ctx context.Context) error {
	err := n.Gateway.Start(ctx)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port is taken by another program; stop it, or set CULVERT_GATEWAY_LISTEN to another port: %w", err)
	}
	return err
}
