package local_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/local"
)

func startRedis(t *testing.T, dir string, persist bool) (*local.Redis, *redis.Client) {
	t.Helper()
	r, err := local.StartRedis(testContext(t), local.RedisConfig{Dir: dir, Persist: persist})
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(r.Options())
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), r.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return r, client
}

func TestRedisLetsOnlyThePanelIn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 25), "redis")
	r, client := startRedis(t, dir, false)
	ctx := testContext(t)
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*redis.Options){
		"no credentials": func(o *redis.Options) { o.Username, o.Password = "", "" },
		"default user":   func(o *redis.Options) { o.Username = "default" },
		"wrong password": func(o *redis.Options) { o.Password += "x" },
	} {
		opt := r.Options()
		change(opt)
		stranger := redis.NewClient(opt)
		if err := stranger.Get(ctx, "k").Err(); err == nil || errors.Is(err, redis.Nil) {
			t.Errorf("%s: got in (%v)", name, err)
		}
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	}
	parsed, err := redis.ParseURL(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	byURL := redis.NewClient(parsed)
	defer byURL.Close()
	if got, err := byURL.Get(ctx, "k").Result(); err != nil || got != "v" {
		t.Errorf("by URL: %q, %v", got, err)
	}
	for key, want := range map[string]string{"maxmemory-policy": "noeviction", "port": "0"} {
		if got := client.ConfigGet(ctx, key).Val()[key]; got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "panel.password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v", info.Mode(), err)
	}
}

// A server that dies comes back by itself, with the panel's user and without the users that were added.
func TestRedisIsStartedAgain(t *testing.T) {
	t.Parallel()
	r, client := startRedis(t, filepath.Join(t.TempDir(), "redis"), true)
	ctx := testContext(t)
	if err := errors.Join(client.Set(ctx, "k", "v", 0).Err(), client.Do(ctx, "acl", "setuser", "node", "on", ">x", "~*", "+@all").Err()); err != nil {
		t.Fatal(err)
	}
	if err := client.Do(ctx, "acl", "save").Err(); err != nil {
		t.Fatal(err)
	}
	flushed(ctx, t, client)
	if err := syscall.Kill(r.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the key back", func() bool { return client.Get(ctx, "k").Val() == "v" })
	if r.Deaths() != 1 {
		t.Errorf("deaths = %d, want 1", r.Deaths())
	}
	users, err := client.ACLList(ctx).Result()
	if err != nil || strings.Contains(strings.Join(users, "\n"), "user node") {
		t.Errorf("users after restart: %q, %v", users, err)
	}
}

// flushed waits until the append-only file has been synced: SIGKILL may cost Redis its last second.
func flushed(ctx context.Context, t *testing.T, client *redis.Client) {
	t.Helper()
	await(t, "the append-only file synced", func() bool {
		info := client.Info(ctx, "persistence").Val()
		return strings.Contains(info, "aof_buffer_length:0") && strings.Contains(info, "aof_pending_bio_fsync:0")
	})
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}
