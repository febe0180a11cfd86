package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// ErrMissing marks a program that is not installed; its text names the command that installs it.
var ErrMissing = errors.New("program is not installed")

// Oldest versions that have what we use: row security and partitions as we need them; ACL users and channels.
const (
	minPostgres   = 14
	minRedisMajor = 6
	minRedisMinor = 2
)

// findPostgres returns the directory of a server's programs: of version want ("" when there is no data yet) if
// that is installed, else of the newest. Debian keeps them out of PATH.
func findPostgres(want string) (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is constant and well formed
	best, bestVersion := "", 0
	for _, path := range dirs {
		bin := filepath.Dir(path)
		name := filepath.Base(filepath.Dir(bin))
		v, err := strconv.Atoi(name)
		if err != nil || !isProgram(filepath.Join(bin, "initdb")) {
			continue
		}
		if name == want {
			return bin, nil
		}
		if v > bestVersion {
			best, bestVersion = bin, v
		}
	}
	if bestVersion >= minPostgres {
		return best, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil && isProgram(filepath.Join(filepath.Dir(real), "initdb")) {
			return filepath.Dir(real), nil
		}
	}
	return "", fmt.Errorf("PostgreSQL %d or newer: %w; install it: apt-get install -y postgresql (or set CULVERT_DATABASE_URL)", minPostgres, ErrMissing)
}

// findRedis returns the path of a redis-server that can do ACLs.
func findRedis(ctx context.Context) (string, error) {
	path := ""
	for _, name := range []string{"redis-server", "/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/sbin/redis-server"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return "", fmt.Errorf("redis-server %d.%d or newer: %w; install it: apt-get install -y redis-server (or set CULVERT_REDIS_URL)", minRedisMajor, minRedisMinor, ErrMissing)
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output() //nolint:gosec // a program found by name
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	if err := redisVersionFits(string(out)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return path, nil
}

// redisVersionFits reads "Redis server v=7.0.15 sha=…".
func redisVersionFits(text string) error {
	m := regexp.MustCompile(`v=(\d+)\.(\d+)`).FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("cannot read a version from %q", strings.TrimSpace(text))
	}
	major, _ := strconv.Atoi(m[1]) // digits by the pattern
	minor, _ := strconv.Atoi(m[2])
	if major < minRedisMajor || major == minRedisMajor && minor < minRedisMinor {
		return fmt.Errorf("redis-server %d.%d cannot keep nodes apart (ACL users with channels need %d.%d); install a newer one", major, minor, minRedisMajor, minRedisMinor)
	}
	return nil
}

func isProgram(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}
