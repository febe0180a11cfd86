// Package pgtest gives each test a migrated database of its own on a real PostgreSQL. Tests only.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"culvert/migrations"
	"culvert/panel/internal/local/localtest"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// RoleKey derives the serving roles' passwords in tests. Roles belong to the cluster, so all tests share it.
const RoleKey = "culvert test role key"

// New returns a fresh, migrated database, dropped when the test ends.
func New(t testing.TB) *pg.DB {
	t.Helper()
	db, _ := Open(t)
	return db
}

// Open is New that also tells the owner's DSN of the database.
func Open(t testing.TB) (*pg.DB, string) {
	t.Helper()
	ctx := context.Background()
	admin := localtest.Postgres(t)
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Fatalf("connect as superuser: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	template := ensureTemplate(t, conn, admin)
	name := strings.ToLower("t_" + id.New("tst")[4:])
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("create test database: %v", err)
	}
	c := pg.Config{DSN: withDatabase(t, admin, name), RoleKey: []byte(RoleKey), MaxConns: 6}
	db, err := pg.Open(ctx, c)
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	t.Cleanup(func() {
		db.Close()
		conn, err := pgx.Connect(ctx, admin)
		if err != nil {
			return // the server went away with the test
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("drop test database: %v", err)
		}
	})
	return db, c.DSN
}

// ensureTemplate migrates one template database a version of the migrations; an advisory lock makes test processes agree.
func ensureTemplate(t testing.TB, conn *pgx.Conn, admin string) string {
	t.Helper()
	ctx := context.Background()
	name := "culvert_template_" + digest(t)
	const key = 7_203_441
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		t.Fatalf("lock template: %v", err)
	}
	defer func() { _, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", key) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		t.Fatalf("look for template: %v", err)
	}
	if exists {
		return name
	}
	making := name + "_making"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+making+" WITH (FORCE)"); err != nil {
		t.Fatalf("drop half-made template: %v", err)
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+making); err != nil {
		t.Fatalf("create template: %v", err)
	}
	c := pg.Config{DSN: withDatabase(t, admin, making), RoleKey: []byte(RoleKey)}
	if err := pg.Migrate(ctx, c, migrations.FS); err != nil {
		t.Fatalf("migrate template: %v", err)
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", making, name)); err != nil {
		t.Fatalf("finish template: %v", err)
	}
	return name
}

func digest(t testing.TB) string {
	t.Helper()
	h := sha256.New()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(migrations.FS, n)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func withDatabase(t testing.TB, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("test DSN: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}
