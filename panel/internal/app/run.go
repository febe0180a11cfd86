package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"culvert/panel/internal/config"
	"culvert/panel/internal/hestia"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/local"
	"culvert/shared/secret"
)

// ErrUsage says that the words of a command line make no command.
var ErrUsage = errors.New("no such command")

// RunLocal is `culvert-panel up`: it returns when ctx ends, with everything stopped.
func RunLocal(ctx context.Context, c config.Config, version string, log *slog.Logger, out io.Writer) error {
	l, err := Up(ctx, c, version, log, out)
	if err != nil {
		return err
	}
	err = l.Wait(ctx)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	_, _ = fmt.Fprintln(out, "stopping")
	return errors.Join(err, l.Close(stopping))
}

// RunServer is `culvert-panel serve`.
func RunServer(ctx context.Context, c config.Config, version string, log *slog.Logger) error {
	p, err := Start(ctx, c, true, version, log)
	if err != nil {
		return err
	}
	name, password, made, err := p.Identity.FirstOperator(ctx, p.Root)
	if err == nil {
		if made {
			_, _ = fmt.Fprintf(os.Stdout, "operator %s, password %s (shown this once)\n", name, password)
		}
		err = p.Wait(ctx)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	return errors.Join(err, p.Close(stopping))
}

// database returns the configuration with a database in it: the one given, or the private one, which is started when it
// does not run. The returned function stops what was started.
func database(ctx context.Context, c config.Config, log *slog.Logger) (config.Config, func(), error) {
	if !c.DatabaseURL.Empty() {
		return c, func() {}, nil
	}
	dir := filepath.Join(c.DataDir, "postgres")
	if p, ok := local.FindPostgres(ctx, dir, databaseName); ok {
		c.DatabaseURL = secret.New(p)
		return c, func() {}, nil
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return c, nil, fmt.Errorf("no data in %s: set CULVERT_DATA_DIR to the directory that `culvert-panel up` uses", c.DataDir)
	}
	p, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: dir, Log: log})
	if err != nil {
		return c, nil, err
	}
	stop := func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := p.Close(stopping); err != nil {
			log.Warn("stop PostgreSQL", "error", err)
		}
	}
	dsn, err := p.Database(ctx, databaseName)
	if err != nil {
		stop()
		return c, nil, err
	}
	c.DatabaseURL = secret.New(dsn)
	return c, stop, nil
}

// databaseName is the database of a private PostgreSQL.
const databaseName = "culvert"

// Command runs one command of the command interface as the operator, and returns its exit code.
func Command(ctx context.Context, c config.Config, version string, args []string, log *slog.Logger) int {
	c, stop, err := database(ctx, c, log)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		return hestiaDatabase
	}
	defer stop()
	s, err := Open(ctx, c, false, log)
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		return hestiaDatabase
	}
	defer s.Close()
	return hestia.Run(ctx, commandConfig(s, version, log), s.Operator("cli"), args, os.Stdout, os.Stderr)
}

// hestiaDatabase is E_DB of hestia-api.md §1.6.
const hestiaDatabase = 17

// Maintain runs one of the maintenance commands.
func Maintain(ctx context.Context, c config.Config, args []string, log *slog.Logger, out io.Writer) error {
	known := map[string]int{"migrate": 1, "reset-password": 2, "rotate-master-key": 1, "rotate-data-key": 1}
	if known[args[0]] != len(args) {
		return ErrUsage
	}
	c, stop, err := database(ctx, c, log)
	if err != nil {
		return err
	}
	defer stop()
	s, err := Open(ctx, c, args[0] == "migrate", log)
	if err != nil {
		return err
	}
	defer s.Close()
	switch args[0] {
	case "reset-password":
		password, err := s.Identity.ResetPasswordOf(ctx, s.Operator("cli"), args[1])
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "new password of %s: %s (their sessions have ended; it must be changed at the next sign-in)\n", args[1], password.Reveal())
	case "rotate-master-key":
		if err := s.Vault.RotateMaster(ctx, c.MasterKeyFile); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "new master key in %s; restart every panel, and replace the key on other replicas\n", c.MasterKeyFile)
	case "rotate-data-key":
		if err := s.Vault.AddDataKey(ctx); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, "values sealed from now on use a new data key; those sealed before stay readable")
	}
	return nil
}

// Quiet keeps libraries from printing on their own. It is for main, before anything starts.
func Quiet() { jobs.SilenceRedis() }
