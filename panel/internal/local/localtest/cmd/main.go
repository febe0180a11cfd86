// Command cmd runs the whole test suite against one private PostgreSQL and Redis:
//
//	go run ./panel/internal/local/localtest/cmd [arguments of go test]
//
// It is stricter than go test: a skipped test is a failure, and so is a package whose test files ran no test.
// The last line is "N passed, N failed".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"culvert/panel/internal/local"
	"culvert/panel/internal/local/localtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	env, end, err := servers(ctx)
	if err != nil {
		return fmt.Errorf("servers for the tests: %w", err)
	}
	defer func() { err = errors.Join(err, end()) }()

	has := func(flag string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, flag) })
	}
	if has("-bench") {
		cmd := goTest(ctx, env, args)
		cmd.Stdout = os.Stdout // figures are for reading, not for counting
		return cmd.Run()
	}
	return counted(goTest(ctx, env, append([]string{"-json"}, args...)), has("-run"))
}

func goTest(ctx context.Context, env, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...) //nolint:gosec // the caller's own arguments
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// counted runs the tests through a tally and returns its verdict.
func counted(cmd *exec.Cmd, filtered bool) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := newTally(os.Stdout, filtered)
	readErr := t.read(out)
	_, drainErr := io.Copy(io.Discard, out) // after a read error, so that the child can end
	waitErr := cmd.Wait()
	verdict := t.close()
	if waitErr != nil && verdict == nil {
		verdict = fmt.Errorf("go test: %w", waitErr)
	}
	return errors.Join(verdict, readErr, drainErr)
}

// servers starts the pair and returns the variables that name it.
func servers(ctx context.Context) (env []string, end func() error, err error) {
	dir, err := localtest.Dir()
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	p, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(dir, "postgres"), Fast: true})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	r, err := local.StartRedis(ctx, local.RedisConfig{Dir: filepath.Join(dir, "redis")})
	if err != nil {
		p.Kill()
		return nil, nil, errors.Join(err, remove())
	}
	end = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return errors.Join(r.Close(ctx), p.Close(ctx), remove())
	}
	return []string{
		localtest.EnvPostgres + "=" + p.DSN(local.Superuser, "postgres"),
		localtest.EnvRedis + "=" + r.URL(),
	}, end, nil
}
