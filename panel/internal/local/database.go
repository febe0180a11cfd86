package local

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database makes sure that a database of that name exists and returns its superuser DSN.
func (p *Postgres) Database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, p.DSN(Superuser, "postgres"))
	if err != nil {
		return "", fmt.Errorf("database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return "", fmt.Errorf("database %s: %w", name, err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return "", fmt.Errorf("database %s: %w", name, err)
		}
	}
	return p.DSN(Superuser, name), nil
}

// FindPostgres returns the superuser DSN of database name of the private PostgreSQL in dir, when it runs: a command may
// work beside a running panel.
func FindPostgres(ctx context.Context, dir, name string) (dsn string, running bool) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	p := &Postgres{socketDir: socketPlace(root, postgresSocket).path}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN(Superuser, name))
	if err != nil {
		return "", false
	}
	return p.DSN(Superuser, name), conn.Close(ctx) == nil
}
