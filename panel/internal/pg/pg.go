// Package pg is the door to PostgreSQL: one pool for requests, held by row-level security, and one for the
// installation's own work. GORM and hand-written SQL share a transaction through Tx.
package pg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"culvert/panel/internal/errs"
)

// The two roles that serve; neither owns a table (see migrations/0001_tenancy.sql).
const (
	roleApp    = "culvert_app"
	roleSystem = "culvert_system"
)

// Config says where the database is.
type Config struct {
	DSN      string // of the owner, who migrates and may create roles
	RoleKey  []byte // the serving roles' passwords are derived from it
	MaxConns int32  // per pool; 0 = 16
	Log      *slog.Logger
}

// DB is an open database.
type DB struct {
	app, system *side
	ownerDSN    string
}

type side struct {
	pool *pgxpool.Pool
	sql  *sql.DB
	orm  *gorm.DB
}

// Tx is a transaction. Now is its own clock, so that everything written in it carries one instant.
type Tx struct {
	Now time.Time
	orm *gorm.DB
}

// Open connects the two pools. Migrate comes first on a new database.
func Open(ctx context.Context, c Config) (*DB, error) {
	app, err := openSide(ctx, c, roleApp)
	if err != nil {
		return nil, err
	}
	system, err := openSide(ctx, c, roleSystem)
	if err != nil {
		app.close()
		return nil, err
	}
	return &DB{app: app, system: system, ownerDSN: c.DSN}, nil
}

func openSide(ctx context.Context, c Config, role string) (*side, error) {
	pc, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	pc.ConnConfig.User, pc.ConnConfig.Password = role, rolePassword(c.RoleKey, role)
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pc.ConnConfig.RuntimeParams["application_name"] = "culvert"
	pc.ConnConfig.RuntimeParams["lock_timeout"] = "10s"
	pc.ConnConfig.RuntimeParams["statement_timeout"] = "60s"
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "60s"
	pc.MaxConns = 16
	if c.MaxConns > 0 {
		pc.MaxConns = c.MaxConns
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open database as %s: %w", role, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database as %s: %w", role, err)
	}
	db := stdlib.OpenDBFromPool(pool)
	orm, err := gorm.Open(postgres.New(postgres.Config{Conn: db}), &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		Logger:                 quiet{c.Log},
		NowFunc:                func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		_ = db.Close()
		pool.Close()
		return nil, fmt.Errorf("open database as %s: %w", role, err)
	}
	return &side{pool: pool, sql: db, orm: orm}, nil
}

func (s *side) close() {
	_ = s.sql.Close()
	s.pool.Close()
}

// Close ends both pools.
func (d *DB) Close() {
	d.app.close()
	d.system.close()
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	return Translate("ping database", d.system.pool.Ping(ctx))
}

// InTenant runs fn in a transaction that sees and writes only the subtree of tenant. The setting lives as long as the
// transaction, on a role that cannot widen it.
func (d *DB) InTenant(ctx context.Context, tenant string, fn func(*Tx) error) error {
	if tenant == "" {
		return errs.New(errs.Unauthorized, "sign in first")
	}
	return d.app.in(ctx, func(tx *Tx) error {
		if err := tx.orm.Exec("SELECT set_config('culvert.tenant', ?, true)", tenant).Error; err != nil {
			return Translate("set tenant", err)
		}
		return fn(tx)
	})
}

// InSystem runs fn as the installation: reports of nodes, sign-in, expiry, compilation. Callers that act for a person use
// InTenant.
func (d *DB) InSystem(ctx context.Context, fn func(*Tx) error) error { return d.system.in(ctx, fn) }

// InSnapshot runs fn as the installation, read-only, on one snapshot of the database: every query sees the same instant, and
// nobody waits for it.
func (d *DB) InSnapshot(ctx context.Context, fn func(*Tx) error) error {
	return d.system.once(ctx, fn, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

// Peek reads one row as the installation with one statement, and no transaction around it: the database is asked once. found
// is false when there is none.
func (d *DB) Peek(ctx context.Context, query string, args []any, dest ...any) (found bool, err error) {
	err = d.system.pool.QueryRow(ctx, query, args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, Translate("query", err)
}

// maxTries bounds repeats of a transaction that lost a deadlock or a serialisation race.
const maxTries = 4

func (s *side) in(ctx context.Context, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := s.once(ctx, fn)
		if err == nil || try == maxTries || !retryable(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *side) once(ctx context.Context, fn func(*Tx) error, opts ...*sql.TxOptions) error {
	var inner error
	err := s.orm.WithContext(ctx).Transaction(func(g *gorm.DB) error {
		inner = fn(&Tx{Now: time.Now().UTC().Truncate(time.Microsecond), orm: g})
		return inner
	}, opts...)
	if inner != nil {
		return inner
	}
	return Translate("transaction", err)
}

func retryable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40P01" || pe.Code == "40001")
}

// Gorm gives stores the query builder of this transaction.
func (t *Tx) Gorm() *gorm.DB { return t.orm }

// Exec runs one statement with numbered parameters ($1) and returns the rows it touched.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.conn().ExecContext(ctx, query, args...)
	if err != nil {
		return 0, Translate("exec", err)
	}
	return res.RowsAffected()
}

// Query runs one query with numbered parameters and hands each row to scan.
func (t *Tx) Query(ctx context.Context, query string, args []any, scan func(Row) error) error {
	rows, err := t.conn().QueryContext(ctx, query, args...)
	if err != nil {
		return Translate("query", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return Translate("query", rows.Err())
}

// One runs a query for one row; found is false when there is none.
func (t *Tx) One(ctx context.Context, query string, args []any, dest ...any) (found bool, err error) {
	err = t.conn().QueryRowContext(ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, Translate("query", err)
	}
	return true, nil
}

// Row is one row of a result.
type Row interface{ Scan(dest ...any) error }

func (t *Tx) conn() gorm.ConnPool { return t.orm.Statement.ConnPool }

// Array makes a Go slice scannable from a PostgreSQL array.
func Array[T any](dst *[]T) sql.Scanner { return arrayScanner[T]{dst} }

// Translate turns a driver error into a kind; op says what was being done.
func Translate(op string, err error) error {
	var pe *pgconn.PgError
	var classified *errs.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &classified):
		return err
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, pgx.ErrNoRows):
		return errs.Wrap(errs.Missing, err, "%s: no such row", op)
	case errors.As(err, &pe) && notText(pe.Code):
		return errs.Wrap(errs.Invalid, err, "a text holds a NUL, or bytes that are no UTF-8")
	case errors.As(err, &pe):
		return errs.Wrap(kindOfState(pe.Code), err, "%s", op)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errs.Wrap(errs.Unavailable, err, "%s: ran out of time", op)
	default:
		return errs.Wrap(errs.Unavailable, err, "%s: database is not available", op)
	}
}

// notText tells the answers to a text that the database cannot hold. Whoever sent it is at fault, wherever it got in.
func notText(code string) bool { return code == "22021" || code == "22P05" }

// kindOfState maps SQLSTATE classes; message texts are never matched.
func kindOfState(code string) errs.Kind {
	switch {
	case code == "23505":
		return errs.Conflict
	case code == "23503":
		return errs.InUse
	case code == "55P03" || code == "57014" || code[:2] == "08" || code[:2] == "53" || code[:2] == "57":
		return errs.Unavailable
	}
	return errs.Internal
}

// Constraint returns the name of the constraint that err broke, or "".
func Constraint(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.ConstraintName
	}
	return ""
}
