package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"culvert/panel/internal/config"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/local"
	"culvert/shared/secret"
)

// Local is the single-machine installation: private servers, a panel and one agent.
type Local struct {
	*Panel
	postgres *local.Postgres
	redis    *local.Redis
	agent    *local.Child
}

// LocalNode is the name of the node that runs beside the panel.
const LocalNode = "local"

const stopWithin = 30 * time.Second

// Up starts what the configuration does not name, the panel, and the local agent, and tells out where things are.
func Up(ctx context.Context, c config.Config, version string, log *slog.Logger, out io.Writer) (*Local, error) {
	l := &Local{}
	err := l.up(ctx, c, version, log, out)
	if err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return nil, errors.Join(err, l.Close(stopping))
	}
	return l, nil
}

func (l *Local) up(ctx context.Context, c config.Config, version string, log *slog.Logger, out io.Writer) error {
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return fmt.Errorf("CULVERT_DATA_DIR: %w", err)
	}
	if _, err := agentProgram(); err != nil {
		return err
	}
	if err := free(ctx, c); err != nil {
		return err
	}
	if err := l.servers(ctx, &c, log); err != nil {
		return err
	}
	var err error
	if l.Panel, err = Start(ctx, c, true, version, log); err != nil {
		return err
	}
	name, password, made, err := l.Identity.FirstOperator(ctx, l.Root)
	if err != nil {
		return fmt.Errorf("first operator: %w", err)
	}
	if l.agent, err = l.startAgent(ctx, c, log); err != nil {
		return err
	}
	greet(out, c, name, password, made)
	return nil
}

// free reports what cannot be listened on before anything is started for it.
func free(ctx context.Context, c config.Config) error {
	var all []error
	for _, x := range [][2]string{
		{"CULVERT_LISTEN", c.Listen}, {"CULVERT_HTTP_PLAIN_LISTEN", c.PlainListen}, {"CULVERT_GATEWAY_LISTEN", c.GatewayListen},
	} {
		if x[1] == "" {
			continue
		}
		l, err := listen(ctx, x[1], x[0])
		if err == nil {
			err = l.Close()
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// servers starts the private PostgreSQL and Redis that the configuration does not replace.
func (l *Local) servers(ctx context.Context, c *config.Config, log *slog.Logger) (err error) {
	if c.DatabaseURL.Empty() {
		l.postgres, err = local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(c.DataDir, "postgres"), Log: log})
		if err != nil {
			return err
		}
		dsn, err := l.postgres.Database(ctx, databaseName)
		if err != nil {
			return err
		}
		c.DatabaseURL = secret.New(dsn)
	}
	if c.RedisURL.Empty() {
		l.redis, err = local.StartRedis(ctx, local.RedisConfig{Dir: filepath.Join(c.DataDir, "redis"), Log: log, Persist: true})
		if err != nil {
			return err
		}
		c.RedisURL = secret.New(l.redis.URL())
	}
	return nil
}

// startAgent enrols the node beside the panel when it has no certificate yet, and supervises its agent.
func (l *Local) startAgent(ctx context.Context, c config.Config, log *slog.Logger) (*local.Child, error) {
	program, err := agentProgram()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(c.DataDir, "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("agent's data: %w", err)
	}
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "CULVERT_AGENT_GATEWAY=" + c.GatewayPublic, "CULVERT_AGENT_DATA_DIR=" + dir,
		"CULVERT_AGENT_LOG_LEVEL=" + strings.ToLower(c.LogLevel.String()),
	}
	more, err := l.enrolLocal(ctx, dir)
	if err != nil {
		return nil, err
	}
	env = append(env, more...)
	return local.Start(ctx, local.Spec{Name: "agent", Path: program, Args: []string{"run"}, Env: env, Dir: dir, Log: log, Lock: filepath.Join(dir, lockFile)})
}

// enrolLocal makes the node if it is missing and, unless it is enrolled and its agent still has its data, a token for it
// in a file that only the agent's account can read.
func (l *Local) enrolLocal(ctx context.Context, dir string) ([]string, error) {
	who := l.Operator("up")
	n, err := l.Fleet.ByName(ctx, who, LocalNode)
	if errs.Is(err, errs.Missing) {
		n, err = l.Fleet.Create(ctx, who, fleet.NewNode{Name: LocalNode, Host: "127.0.0.1", Comment: "beside the panel"})
	}
	if err != nil {
		return nil, fmt.Errorf("local node: %w", err)
	}
	if n.Status != fleet.StatusWaiting && hasData(dir) {
		return nil, nil
	}
	t, err := l.Fleet.CreateToken(ctx, who, n.ID, time.Hour)
	if err != nil {
		return nil, fmt.Errorf("local node: %w", err)
	}
	file := filepath.Join(dir, tokenFile)
	if err := os.WriteFile(file, []byte(t.Text.Reveal()), 0o600); err != nil {
		return nil, fmt.Errorf("local node: %w", err)
	}
	return []string{"CULVERT_AGENT_TOKEN_FILE=" + file, "CULVERT_AGENT_CA_PIN=" + t.Pin}, nil
}

// hasData reports whether an agent left anything in its directory that makes it the node it was.
func hasData(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() != tokenFile && e.Name() != lockFile && e.Name() != "agent.lock" {
			return true
		}
	}
	return false
}

const (
	tokenFile = "token"
	lockFile  = "lock"
)

// besideUs is where a program lies that was installed with this one.
func besideUs(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// agentProgram finds culvert-agent beside this program.
func agentProgram() (string, error) {
	p := besideUs("culvert-agent")
	if _, err := os.Stat(p); err != nil {
		return "", fmt.Errorf("the node agent is not beside this program: build it with `make build` (%w)", err)
	}
	return p, nil
}

func greet(out io.Writer, c config.Config, name, password string, made bool) {
	_, _ = fmt.Fprintf(out, "\nCulvert is up.\n\n  panel      %s\n  gateway    %s (node agents)\n  data       %s\n", c.PublicURL, c.GatewayPublic, c.DataDir)
	if made {
		_, _ = fmt.Fprintf(out, "  operator   %s\n  password   %s   (shown this once; you will be asked to change it)\n", name, password)
	} else {
		_, _ = fmt.Fprintf(out, "  operator   as before; a lost password: CULVERT_DATA_DIR=%s %s reset-password NAME\n", c.DataDir, os.Args[0])
	}
	_, _ = fmt.Fprint(out, "\nThe certificate is self-signed until you store one named \"panel\". Ctrl-C stops everything.\n\n")
}

// Close stops the agent first, so that its last report still finds the panel, then the panel, then the servers.
func (l *Local) Close(ctx context.Context) error {
	var err error
	if l.agent != nil {
		err = errors.Join(err, l.agent.Close(ctx))
	}
	if l.Panel != nil {
		err = errors.Join(err, l.Panel.Close(ctx))
	}
	if l.redis != nil {
		err = errors.Join(err, l.redis.Close(ctx))
	}
	if l.postgres != nil {
		err = errors.Join(err, l.postgres.Close(ctx))
	}
	return err
}

// Wait returns when ctx ends or a part that the installation cannot do without gave up.
func (l *Local) Wait(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for name, c := range l.children() {
		go func() {
			select {
			case <-c.Done():
				cancel(fmt.Errorf("%s gave up: %w", name, errors.Join(errors.New("see the log above"), c.Err())))
			case <-ctx.Done():
			}
		}()
	}
	if err := l.Panel.Wait(ctx); err != nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (l *Local) children() map[string]*local.Child {
	out := map[string]*local.Child{"agent": l.agent}
	if l.postgres != nil {
		out["PostgreSQL"] = l.postgres.Child
	}
	if l.redis != nil {
		out["Redis"] = l.redis.Child
	}
	return out
}
