// Package localtest gives tests a real PostgreSQL and a real Redis. Tests only.
//
// `make test` starts one pair for the whole run and names it in CULVERT_TEST_POSTGRES and CULVERT_TEST_REDIS.
// Without those, the first test of a process that asks starts a pair for that process; it ends with the
// process (the kernel sees to it), and its directory is removed by a later test process.
// A missing server fails the test: it never skips.
package localtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/local"
)

// Names of the variables through which a whole run shares its servers.
const (
	EnvPostgres = "CULVERT_TEST_POSTGRES"
	EnvRedis    = "CULVERT_TEST_REDIS"
)

const startLimit = 2 * time.Minute

// Servers of this process, started by the first test that asks.
var (
	processPostgres = sync.OnceValues(startPostgres)
	processRedis    = sync.OnceValues(startRedis)
	processDir      = sync.OnceValues(makeDir)
)

// Postgres returns the superuser's DSN of a running PostgreSQL. Each test makes its own database in it.
func Postgres(t testing.TB) (adminDSN string) {
	t.Helper()
	if dsn := os.Getenv(EnvPostgres); dsn != "" {
		return dsn
	}
	dsn, err := processPostgres()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	return dsn
}

// Redis returns options for a running Redis that other tests use at the same time: keep to keys of your own.
// A test that flushes, changes ACLs or kills takes OwnRedis.
func Redis(t testing.TB) *redis.Options {
	t.Helper()
	url := os.Getenv(EnvRedis)
	if url == "" {
		var err error
		if url, err = processRedis(); err != nil {
			t.Fatalf("Redis for tests: %v", err)
		}
	}
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatalf("Redis for tests: %v", err)
	}
	return opt
}

func startPostgres() (string, error) {
	dir, err := processDir()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	p, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(dir, "postgres"), Fast: true})
	if err != nil {
		return "", err
	}
	return p.DSN(local.Superuser, "postgres"), nil
}

func startRedis() (string, error) {
	dir, err := processDir()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	r, err := local.StartRedis(ctx, local.RedisConfig{Dir: filepath.Join(dir, "redis")})
	if err != nil {
		return "", err
	}
	return r.URL(), nil
}

const dirPattern = "culvert-test-*"

// Dir is the directory of this test process, for servers shared by its tests. A later process removes it.
func Dir() (string, error) { return processDir() }

// makeDir makes this process's directory, marked by a lock that ends with the process, and removes those of
// processes that have ended.
func makeDir() (string, error) {
	sweep()
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return "", err
	}
	// Never closed: the descriptor is the mark.
	fd, err := syscall.Open(filepath.Join(dir, "owner"), syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	return dir, syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
}

func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPattern)) // the pattern is well formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		f, err := os.Open(filepath.Join(dir, "owner"))
		if err != nil {
			continue
		}
		free := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
		if err := f.Close(); free && err == nil {
			_ = os.RemoveAll(dir) // what cannot be removed now is tried again by the next process
		}
	}
}

// RedisServer is a Redis of one test.
type RedisServer struct {
	t   testing.TB
	dir string

	mu sync.Mutex
	r  *local.Redis
}

// OwnRedis starts a private, empty Redis that ends with the test. It keeps nothing over a restart.
func OwnRedis(t testing.TB) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, dir: filepath.Join(t.TempDir(), "redis")}
	s.Restart()
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Errorf("stop Redis: %v", err)
		}
	})
	return s
}

// Options connect the panel's ACL user, which may do everything. They stay valid over a restart.
func (s *RedisServer) Options() *redis.Options { return s.running().Options() }

// URL is the same as Options, for redis.ParseURL.
func (s *RedisServer) URL() string { return s.running().URL() }

// Kill ends the server at once, and keeps it down until Restart.
func (s *RedisServer) Kill() { s.running().Kill() }

// Restart starts the server again, empty, on the same socket and with the same password.
// A running server is stopped first.
func (s *RedisServer) Restart() {
	s.t.Helper()
	if err := s.close(); err != nil {
		s.t.Fatalf("stop Redis: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	r, err := local.StartRedis(ctx, local.RedisConfig{Dir: s.dir})
	if err != nil {
		s.t.Fatalf("start Redis: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = r
}

func (s *RedisServer) running() *local.Redis {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r
}

func (s *RedisServer) close() error {
	r := s.running()
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), startLimit, errors.New("test server does not stop"))
	defer cancel()
	if err := r.Close(ctx); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}
