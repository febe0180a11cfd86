package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisUser is the ACL user of the panel. Redis' own "default" user is off.
const RedisUser = "panel"

const redisSocket = "redis.sock"

// RedisConfig says where the private Redis lives.
type RedisConfig struct {
	Dir     string // for example <data>/redis
	Log     *slog.Logger
	User    string // account to run as when the panel is root; empty: culvert, else nobody
	Persist bool   // append-only file, synced each second; without it a restart starts empty
}

// Redis is a running private Redis.
type Redis struct {
	*Child
	socket   string
	password string
}

// StartRedis starts the server and waits until it answers to the panel's ACL user.
func StartRedis(ctx context.Context, c RedisConfig) (*Redis, error) {
	program, err := findRedis(ctx)
	if err != nil {
		return nil, err
	}
	who, err := pickAccount(c.User)
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := who.own(root); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", root, err)
	}
	run, err := socketDir(root, redisSocket, who)
	if err != nil {
		return nil, err
	}
	r := &Redis{socket: filepath.Join(run.path, redisSocket)}
	r.Child, err = Start(ctx, Spec{
		Name: "redis", Path: program, Args: redisArgs(run.told(""), c.Persist),
		Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Dir: root, Log: c.Log, account: who, level: redisLevel,
		Ready: r.answers, ReadyWithin: 10 * time.Minute, // so may a long append-only file
		cleanUp: run.remove,
		Lock:    filepath.Join(root, "lock"),
		Prepare: func(context.Context, *os.File) error { return r.writeACL(root, who) },
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// redisArgs: the panel fills this Redis with queues and views that it can make again. Full means refuse, never
// evict a job; and no client may make it hold a huge request.
func redisArgs(socketDir string, persist bool) []string {
	args := []string{
		"--port", "0", "--unixsocket", filepath.Join(socketDir, redisSocket), "--unixsocketperm", "700",
		"--daemonize", "no", "--databases", "1", "--aclfile", "users.acl", "--save", "",
		"--maxmemory", "256mb", "--maxmemory-policy", "noeviction",
		"--proto-max-bulk-len", "8mb", "--client-query-buffer-limit", "16mb",
		"--acllog-max-len", "256", "--loglevel", "notice",
	}
	if persist {
		return append(args, "--appendonly", "yes", "--appendfsync", "everysec")
	}
	return append(args, "--appendonly", "no")
}

// writeACL starts every server with the panel alone: node users are reconciled by the gateway from the truth
// in PostgreSQL, so a revoked node cannot come back through an old file.
func (r *Redis) writeACL(root string, who *account) error {
	if r.password == "" {
		password, err := keptPassword(filepath.Join(root, "panel.password"), who)
		if err != nil {
			return fmt.Errorf("password of the Redis user %s: %w", RedisUser, err)
		}
		r.password = password
	}
	sum := sha256.Sum256([]byte(r.password))
	acl := "user default off resetpass resetkeys resetchannels -@all\n" +
		"user " + RedisUser + " on #" + hex.EncodeToString(sum[:]) + " ~* &* +@all\n"
	return who.writeFile(filepath.Join(root, "users.acl"), []byte(acl))
}

// keptPassword reads the password, or makes one on the first start. Two replicas of a test, or a panel and a
// command line tool, find the same one.
func keptPassword(path string, who *account) (string, error) {
	b, err := os.ReadFile(path)
	if password := strings.TrimSpace(string(b)); err == nil && len(password) >= 32 {
		return password, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	password := hex.EncodeToString(raw)
	return password, who.writeFile(path, []byte(password+"\n"))
}

func (r *Redis) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	opt := r.Options()
	opt.MaxRetries, opt.PoolSize = -1, 1
	client := redis.NewClient(opt)
	return errors.Join(client.Ping(ctx).Err(), client.Close())
}

// Options connect the panel. Each call returns a value of the caller's own.
func (r *Redis) Options() *redis.Options {
	return &redis.Options{Network: "unix", Addr: r.socket, Username: RedisUser, Password: r.password}
}

// URL is the same as Options in the form that redis.ParseURL reads. It holds the password.
func (r *Redis) URL() string {
	u := url.URL{Scheme: "unix", User: url.UserPassword(RedisUser, r.password), Path: r.socket}
	return u.String()
}

func redisLevel(line string) slog.Level {
	ordinary := strings.Contains(line, "WARNING") || strings.Contains(line, "User requested shutdown") || strings.Contains(line, "ready to exit, bye")
	if strings.Contains(line, " # ") && !ordinary {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
