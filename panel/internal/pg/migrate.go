package pg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate makes the serving roles and brings the schema up. Several panels may call it at once.
func Migrate(ctx context.Context, c Config, files fs.FS) error {
	cfg, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	if err := ensureRoles(ctx, cfg, c.RoleKey); err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func ensureRoles(ctx context.Context, cfg *pgx.ConnConfig, key []byte) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open database as its owner: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, role := range []string{roleApp, roleSystem} {
		if err := ensureRole(ctx, conn, role, rolePassword(key, role)); err != nil {
			return fmt.Errorf("make role %s (the owner needs CREATEROLE): %w", role, err)
		}
		grant := fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", pgx.Identifier{cfg.Database}.Sanitize(), role)
		if err := retryTuple(func() error { _, err := conn.Exec(ctx, grant); return err }); err != nil {
			return fmt.Errorf("let %s connect: %w", role, err)
		}
	}
	return nil
}

// ensureRole creates or corrects a role. Roles belong to the whole cluster, so another database's panel may be doing the
// same: a lost race is a success of the other. The password is hex, so it needs no quoting.
func ensureRole(ctx context.Context, conn *pgx.Conn, role, password string) error {
	const attrs = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION"
	return retryTuple(func() error {
		var exists bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&exists); err != nil {
			return err
		}
		verb := "CREATE"
		if exists {
			verb = "ALTER"
		}
		stmt := fmt.Sprintf("%s ROLE %s %s PASSWORD '%s'", verb, role, attrs, password)
		if exists && !isSuper(ctx, conn) {
			stmt = fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", role, password)
		}
		_, err := conn.Exec(ctx, stmt)
		return err
	})
}

func isSuper(ctx context.Context, conn *pgx.Conn) bool {
	var super bool
	err := conn.QueryRow(ctx, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&super)
	return err == nil && super
}

// retryTuple repeats a catalogue change that met a concurrent one.
func retryTuple(fn func() error) error {
	for try := 0; ; try++ {
		err := fn()
		var pe *pgconn.PgError
		if err == nil || try == 20 || !errors.As(err, &pe) || (pe.Code != "XX000" && pe.Code != "23505" && pe.Code != "42710") {
			return err
		}
	}
}
