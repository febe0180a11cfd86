package redispipe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// CheckRedis says why a Redis cannot keep nodes apart; nil when it can. It changes nothing that stays.
func CheckRedis(ctx context.Context, opt *redis.Options) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	own := *opt
	own.ContextTimeoutEnabled, own.PoolSize, own.MaxRetries = true, 1, -1
	c := redis.NewClient(&own)
	err := checkRedis(ctx, c, opt.DB)
	return errors.Join(err, c.Close())
}

func checkRedis(ctx context.Context, c *redis.Client, db int) error {
	if db != 0 {
		return fmt.Errorf("redis: the URL names database %d: node queues live in database 0, because ACLs do not tell databases apart", db)
	}
	if err := c.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis does not answer: %w", err)
	}
	if v := version(ctx, c); v != 0 && v < 7 {
		return fmt.Errorf("redis is version %d: 7 is needed, because older ones do not check keys inside scripts", v)
	}
	who, err := c.Do(ctx, "ACL", "WHOAMI").Text()
	if err != nil {
		return fmt.Errorf("redis cannot do ACLs, so it cannot keep nodes apart: %w", err)
	}
	if who == "default" {
		return errors.New("redis lets us in as its default user, which must be off: make a user for the panel " +
			"(ACL SETUSER panel on >PASSWORD ~* &* +@all) and name it in the URL, redis://panel:PASSWORD@host")
	}
	const scratch = userPrefix + "check"
	err = c.Do(ctx, "ACL", "SETUSER", scratch, "reset", "off", "~asynq:{node:check}:*", "&asynq:cancel", "+evalsha").Err()
	if err == nil {
		err = c.Do(ctx, "ACL", "DELUSER", scratch).Err()
	}
	if err != nil {
		return fmt.Errorf("redis does not let user %s make ACL users, one of which each node needs: %w", who, err)
	}
	return nil
}

// version is the major version, 0 when the server does not tell.
func version(ctx context.Context, c *redis.Client) int {
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return 0
	}
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			major, _, _ := strings.Cut(v, ".")
			n, err := strconv.Atoi(major)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
