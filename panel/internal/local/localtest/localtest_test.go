package localtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/local/localtest"
)

func TestPostgresAnswers(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(context.Background(), localtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestRedisAnswers(t *testing.T) {
	t.Parallel()
	ping(t, redis.NewClient(localtest.Redis(t)))
}

// Killed means down until the test says otherwise; the same options work afterwards, on an empty server.
func TestOwnRedisKillAndRestart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	own := localtest.OwnRedis(t)
	client := redis.NewClient(own.Options())
	ping(t, client)
	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	own.Kill()
	if err := client.Ping(ctx).Err(); err == nil {
		t.Fatal("killed, but answers")
	}
	own.Restart()
	if n, err := client.DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("after restart: %d keys, %v", n, err)
	}
}

func ping(t *testing.T, client *redis.Client) {
	t.Helper()
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := client.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
}
