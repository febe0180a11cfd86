package redispipe

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/jobs"
	"culvert/shared/logging"
	"culvert/shared/run"
)

// Timing of the reconciler.
const (
	lookEvery  = 2 * time.Second  // names of users, scripts
	readEvery  = 30 * time.Second // what each user may do
	roundLimit = 20 * time.Second
)

const userPrefix = "node:"

func userName(node string) string { return userPrefix + node }

// nodeCommands are what asynq's scripts call, and what carries them (libraries.md §6.2).
func nodeCommands() []string {
	return strings.Fields("evalsha ping subscribe unsubscribe hset zadd del exists expireat get hdel hget incr lpush lrem " +
		"rpoplpush rpush set zrange zrangebyscore zrem zremrangebyscore")
}

// Nodes lists the nodes that may connect.
type Nodes interface {
	ActiveNodes(ctx context.Context) ([]string, error)
}

// ACL keeps Redis's users and scripts as the fleet demands. As a service it looks every few seconds.
type ACL struct {
	*run.Loop
	redis   *redis.Client
	secret  []byte
	nodes   Nodes
	scripts []jobs.Script
	log     *slog.Logger
	wake    chan struct{}

	mu    sync.Mutex
	lines map[string]string // of ACL LIST, as they were after we set the user
	read  time.Time
}

// NewACL returns the reconciler. secret is the installation's: every replica derives the same passwords from it.
func NewACL(opt *redis.Options, secret []byte, nodes Nodes, log *slog.Logger) *ACL {
	own := *opt
	own.ContextTimeoutEnabled = true
	a := &ACL{
		redis: redis.NewClient(&own), secret: secret, nodes: nodes, scripts: jobs.Scripts(), log: log,
		wake: make(chan struct{}, 1), lines: map[string]string{},
	}
	a.Loop = run.NewLoop(a.loop)
	return a
}

// Start reconciles once, so that the first node finds its user, and goes on. A Redis that is away is no failure.
func (a *ACL) Start(ctx context.Context) error {
	if err := a.Reconcile(ctx); err != nil {
		a.log.WarnContext(ctx, "users of Redis wait", logging.KeyErr, err)
	}
	return a.Loop.Start(ctx)
}

// Close ends the service.
func (a *ACL) Close(ctx context.Context) error {
	err := a.Loop.Close(ctx)
	if cerr := a.redis.Close(); cerr != nil && !errors.Is(cerr, redis.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}

// Poke asks for a round now: a node came or went.
func (a *ACL) Poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *ACL) password(node string) string {
	h := hmac.New(sha256.New, a.secret)
	h.Write([]byte("redis user " + node))
	return hex.EncodeToString(h.Sum(nil))
}

func (a *ACL) loop(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-a.wake:
		}
		err := a.Reconcile(ctx)
		switch {
		case err != nil && !failing && ctx.Err() == nil:
			a.log.WarnContext(ctx, "users of Redis wait", logging.KeyErr, err)
		case err == nil && failing:
			a.log.InfoContext(ctx, "users of Redis are in order again")
		}
		failing = err != nil
	}
}

// Reconcile makes one round: scripts loaded, "default" off, one user for each node that may connect and for no other.
// A user that goes takes its connections along.
func (a *ACL) Reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	if err := a.loadScripts(ctx); err != nil {
		return err
	}
	nodes, err := a.nodes.ActiveNodes(ctx)
	if err != nil {
		return err
	}
	names, err := a.redis.Do(ctx, "ACL", "USERS").StringSlice()
	if err != nil {
		return fmt.Errorf("list users of Redis: %w", err)
	}
	wanted, there := map[string]bool{}, map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	missing := false
	for _, n := range nodes {
		wanted[userName(n)] = true
		missing = missing || !there[userName(n)]
	}
	pipe := a.redis.Pipeline()
	for _, u := range names {
		if strings.HasPrefix(u, userPrefix) && !wanted[u] {
			pipe.Do(ctx, "ACL", "DELUSER", u)
		}
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("remove users of Redis: %w", err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !missing && time.Since(a.read) < readEvery {
		return nil
	}
	return a.restore(ctx, nodes)
}

// restore reads what each user may do and sets those that are not as we left them. It also finds "default" switched on.
// Redis versions word a user differently, so what we left is remembered as Redis shows it.
func (a *ACL) restore(ctx context.Context, nodes []string) error {
	now, err := a.list(ctx)
	if err != nil {
		return err
	}
	pipe := a.redis.Pipeline()
	if slices.Contains(strings.Fields(now["default"]), "on") {
		pipe.Do(ctx, "ACL", "SETUSER", "default", "off")
	}
	for _, n := range nodes {
		if was, known := a.lines[userName(n)]; !known || was != now[userName(n)] {
			pipe.Do(ctx, a.define(n)...)
		}
	}
	if pipe.Len() > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("set users of Redis: %w", err)
		}
		if a.lines, err = a.list(ctx); err != nil {
			return err
		}
	}
	a.read = time.Now()
	return nil
}

// list returns what each user may do, in Redis's words.
func (a *ACL) list(ctx context.Context) (map[string]string, error) {
	lines, err := a.redis.Do(ctx, "ACL", "LIST").StringSlice()
	if err != nil {
		return nil, fmt.Errorf("read users of Redis: %w", err)
	}
	out := make(map[string]string, len(lines))
	for _, line := range lines {
		if f := strings.SplitN(line, " ", 3); len(f) == 3 && f[0] == "user" {
			out[f[1]] = f[2]
		}
	}
	return out, nil
}

// define is the command that makes a node's user what it must be, whatever it was.
func (a *ACL) define(node string) []any {
	sum := sha256.Sum256([]byte(a.password(node)))
	cmd := []any{
		"ACL", "SETUSER", userName(node), "reset", "on", "#" + hex.EncodeToString(sum[:]),
		"~" + jobs.KeyPrefix(jobs.NodeQueue(node)) + "*", "&" + jobs.CancelChannel,
	}
	for _, c := range nodeCommands() {
		cmd = append(cmd, "+"+c)
	}
	return cmd
}

// Ensure makes the user of one node, and the scripts it needs, now.
func (a *ACL) Ensure(ctx context.Context, node string) error {
	if err := a.loadScripts(ctx); err != nil {
		return err
	}
	if err := a.redis.Do(ctx, a.define(node)...).Err(); err != nil {
		return fmt.Errorf("make user of Redis for %s: %w", node, err)
	}
	return nil
}

// loadScripts loads what is missing of asynq's scripts: nodes may run them and not load them.
func (a *ACL) loadScripts(ctx context.Context) error {
	hashes := make([]string, len(a.scripts))
	for i, s := range a.scripts {
		hashes[i] = s.Hash
	}
	have, err := a.redis.ScriptExists(ctx, hashes...).Result()
	if err != nil {
		return fmt.Errorf("look for scripts in Redis: %w", err)
	}
	for i, s := range a.scripts {
		if have[i] {
			continue
		}
		hash, err := a.redis.ScriptLoad(ctx, s.Text).Result()
		if err != nil {
			return fmt.Errorf("load script %s into Redis: %w", s.Name, err)
		}
		if hash != s.Hash {
			return fmt.Errorf("script %s is %s to Redis, not %s", s.Name, hash, s.Hash)
		}
	}
	return nil
}
