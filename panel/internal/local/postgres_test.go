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
			exec(t, p, "select lo_create(4711)::text")
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

// A server that dies comes back by itself, with everything that was committed.
func TestPostgresIsStartedAgain(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, filepath.Join(t.TempDir(), "pg"))
	exec(t, p, "select lo_create(7)::text")
	first := p.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "another process", func() bool { pid := p.PID(); return pid != 0 && pid != first })
	await(t, "an answer", func() bool {
		conn, err := pgx.Connect(testContext(t), p.DSN(local.Superuser, "postgres"))
		if err != nil {
			return false
		}
		return conn.Close(testContext(t)) == nil
	})
	if got := exec(t, p, "select count(*)::text from pg_largeobject_metadata where oid = 7"); got != "1" {
		t.Errorf("committed row lost: %s", got)
	}
}

// A first start that was cut off is begun anew; files that are not ours are never touched.
func TestPostgresDirectoryIsOurs(t *testing.T) {
	t.Parallel()
	leftovers := func(t *testing.T) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "pg")
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "cluster"), 0o700),
			os.WriteFile(filepath.Join(dir, "cluster", "PG_VERSION"), []byte("15\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		dir := leftovers(t)
		if err := os.WriteFile(filepath.Join(dir, "initialising"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := exec(t, startPostgres(t, dir), "select 1::text"); got != "1" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("foreign", func(t *testing.T) {
		t.Parallel()
		dir := leftovers(t)
		_, err := local.StartPostgres(testContext(t), local.PostgresConfig{Dir: dir, Fast: true})
		if err == nil || !strings.Contains(err.Error(), "not a cluster that Culvert made") {
			t.Errorf("err = %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "cluster", "PG_VERSION")); err != nil {
			t.Errorf("the file is gone: %v", err)
		}
	})
}
