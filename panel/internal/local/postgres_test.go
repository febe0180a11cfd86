package local_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"culvert/panel/internal/local"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func startPostgres(t *testing.T, dir string) *local.Postgres {
	t.Helper()
	p, err := local.StartPostgres(testContext(t), local.PostgresConfig{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func exec(t *testing.T, p *local.Postgres, sql string) string {
	t.Helper()
	ctx := testContext(t)
	conn, err := pgx.Connect(ctx, p.DSN(local.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var out string
	if err := conn.QueryRow(ctx, sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A cluster survives a clean stop, and a directory whose path is too long for a socket works the same.
func TestPostgresKeepsData(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{
		"short path": filepath.Join(t.TempDir(), "pg"),
		"long path":  filepath.Join(t.TempDir(), strings.Repeat("long", 25), "pg"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPostgres(t, dir)
			exec(t, p, "with x as (select 1) select pg_catalog.set_config('a.b','c',false)")
			exec(t, p, "select 'ok' from (select pg_catalog.lo_create(4711)) x")
			if err := p.Close(testContext(t)); err != nil {
				t.Fatal(err)
			}
			if err := p.Close(testContext(t)); err != nil {
				t.Fatalf("second close: %v", err)
			}
			<-p.Done()
			if got := exec(t, startPostgres(t, dir), "select count(*)::text from pg_largeobject_metadata where oid = 4711"); got != "1" {
				t.Fatalf("after restart: %s objects, want 1", got)
			}
		})
	}
}
