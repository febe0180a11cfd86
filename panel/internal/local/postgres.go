package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the owner of the private cluster. The application never connects as it, except to migrate.
const Superuser = "culvert_root"

const postgresSocket = ".s.PGSQL.5432"

// PostgresConfig says where the private PostgreSQL lives.
type PostgresConfig struct {
	Dir  string // root of its data, for example <data>/postgres
	Log  *slog.Logger
	User string // account to run as when the panel is root; empty: culvert, else nobody
	Fast bool   // no fsync, for tests: a killed process still loses nothing, a power cut does
}

// Postgres is a running private PostgreSQL.
type Postgres struct {
	*Child
	socketDir string
}

// StartPostgres makes the cluster when there is none, starts the server and waits until it answers.
func StartPostgres(ctx context.Context, c PostgresConfig) (*Postgres, error) {
	root, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(root, "cluster")
	bin, err := findPostgres(dataVersion(data))
	if err != nil {
		return nil, err
	}
	who, err := pickAccount(c.User)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{root, data} {
		if err := who.own(dir); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", dir, err)
		}
	}
	run, err := socketDir(root, postgresSocket, who)
	if err != nil {
		return nil, err
	}
	p := &Postgres{socketDir: run.path}
	p.Child, err = Start(ctx, Spec{
		Name: "postgres", Path: filepath.Join(bin, "postgres"), Args: postgresArgs(run.told("../"), c.Fast),
		Env: []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Dir: data, DirByFD: true, Log: c.Log, account: who, level: postgresLevel,
		Ready: p.answers, ReadyWithin: 10 * time.Minute, // replaying a long log takes its time
		cleanUp: run.remove,
		Stop:    syscall.SIGINT,  // "fast": ends sessions, writes a checkpoint
		Orphan:  syscall.SIGQUIT, // "immediate": ends within milliseconds; the write-ahead log is replayed at the next start
		Lock:    filepath.Join(root, "lock"),
		Prepare: cluster{bin: bin, data: data, who: who, log: c.Log, fast: c.Fast}.prepare,
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// postgresArgs are given on the command line, so a change here reaches existing clusters as well.
func postgresArgs(socketDir string, fast bool) []string {
	set := []string{
		"listen_addresses=", "port=5432", "unix_socket_directories=" + socketDir, "unix_socket_permissions=0700",
		"max_connections=200", "shared_buffers=64MB", "jit=off", "timezone=UTC", "log_timezone=UTC",
		"password_encryption=scram-sha-256", "logging_collector=off", "log_destination=stderr",
		// Statements and their values hold customers' data: neither is logged.
		"log_min_error_statement=panic", "log_error_verbosity=terse", "log_line_prefix=",
	}
	if fast {
		set = append(set, "fsync=off", "full_page_writes=off", "max_connections=400",
			"wal_level=minimal", "max_wal_senders=0", "autovacuum_naptime=10min")
	}
	args := []string{"-D", dirByFD}
	for _, s := range set {
		args = append(args, "-c", s)
	}
	return args
}

// cluster is the data directory and what is needed to make it.
type cluster struct {
	bin, data string
	who       *account
	log       *slog.Logger
	fast      bool
}

// prepare runs under the lock, when no process of an earlier server lives: a postmaster.pid found now
// is stale, even if its number belongs to some other process by now.
func (b cluster) prepare(ctx context.Context, lock *os.File) error {
	err := os.Remove(filepath.Join(b.data, "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	if _, err := os.Stat(filepath.Join(b.data, "culvert.ready")); err == nil {
		return b.checkVersion()
	}
	return b.init(ctx, lock)
}

// init makes the cluster. An earlier attempt that was interrupted left no marker and is thrown away;
// a cluster with PG_VERSION but not made by us is never touched.
func (b cluster) init(ctx context.Context, lock *os.File) error {
	begun := filepath.Join(filepath.Dir(b.data), "initialising")
	if _, err := os.Stat(begun); err == nil {
		if err := empty(b.data); err != nil {
			return err
		}
	} else if entries, err := os.ReadDir(b.data); err != nil || len(entries) > 0 {
		return errors.Join(err, fmt.Errorf("%s holds files, but not a cluster that Culvert made; move them away", b.data))
	}
	if err := os.WriteFile(begun, nil, 0o600); err != nil {
		return err
	}
	args := []string{
		"-D", dirByFD, "-U", Superuser, "--encoding=UTF8", "--locale=C.UTF-8",
		"--auth-local=trust", "--auth-host=reject", "--no-instructions",
	}
	if b.fast {
		args = append(args, "--no-sync")
	}
	_, err := run(ctx, Spec{
		Name: "initdb", Path: filepath.Join(b.bin, "initdb"), Dir: b.data, DirByFD: true, Log: b.log, account: b.who,
		Env:  []string{"PATH=" + b.bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Args: args,
	}, lock)
	if err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	if err := b.who.writeFile(filepath.Join(b.data, "culvert.ready"), nil); err != nil {
		return err
	}
	return os.Remove(begun)
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// dataVersion is the major version that made the cluster; empty when there is none.
func dataVersion(data string) string {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// checkVersion tells of a major upgrade in words; the server itself would only refuse.
func (b cluster) checkVersion() error {
	have, installed := dataVersion(b.data), filepath.Base(filepath.Dir(b.bin))
	if have == "" {
		return fmt.Errorf("%s is damaged: no PG_VERSION", b.data)
	}
	if strings.HasPrefix(b.bin, "/usr/lib/postgresql/") && have != installed {
		return fmt.Errorf("the data in %s belongs to PostgreSQL %s, installed is %s; install it (apt-get install -y postgresql-%s) or move the data with pg_upgrade", b.data, have, installed, have)
	}
	return nil
}

func (p *Postgres) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN(Superuser, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// DSN is a connection URL for a role and a database of this server, over its unix socket.
func (p *Postgres) DSN(user, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(user), Path: "/" + database,
		RawQuery: url.Values{"host": {p.socketDir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

func postgresLevel(line string) slog.Level {
	if strings.HasPrefix(line, "FATAL:") || strings.HasPrefix(line, "PANIC:") {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
