package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(t *testing.T, script string) Spec {
	t.Helper()
	return Spec{Name: "sh", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: t.TempDir()}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestStartFailureSaysWhy(t *testing.T) {
	t.Parallel()
	spec := shell(t, "echo the disk is on fire >&2; exit 3")
	spec.Ready = func(context.Context) error { return errors.New("not yet") }
	_, err := Start(bounded(t), spec)
	if err == nil || !strings.Contains(err.Error(), "the disk is on fire") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("err = %v", err)
	}
}

func TestChildIsStartedAgain(t *testing.T) {
	t.Parallel()
	spec := shell(t, "echo x >> runs; exec sleep 60")
	c, err := Start(bounded(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	runs := func() int {
		b, _ := os.ReadFile(filepath.Join(spec.Dir, "runs")) // absent until the first run wrote it
		return strings.Count(string(b), "x")
	}
	for want := 1; want <= 3; want++ {
		for runs() < want || c.PID() == 0 {
			pause(t)
		}
		if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for c.Deaths() < want {
			pause(t)
		}
	}
	if err := c.Close(bounded(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	default:
		t.Error("closed, but not done")
	}
	if c.Err() != nil || c.PID() != 0 {
		t.Errorf("after close: err %v, pid %d", c.Err(), c.PID())
	}
}

// What cannot live is not started for ever: the supervisor says so and stops.
func TestSupervisorGivesUp(t *testing.T) {
	t.Parallel()
	spec := shell(t, "echo no luck; exit 1")
	spec.pause = time.Millisecond
	var cleaned bool
	spec.cleanUp = func() { cleaned = true }
	c, err := Start(bounded(t), spec) // without Ready it counts as started
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
	case <-bounded(t).Done():
		t.Fatal("still trying")
	}
	if err := c.Err(); err == nil || !strings.Contains(err.Error(), "given up") || !cleaned {
		t.Errorf("err = %v, cleaned up: %t", err, cleaned)
	}
	if err := c.Close(bounded(t)); err != nil {
		t.Errorf("close after the end: %v", err)
	}
}

func pause(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// A child that ignores the stop signal is killed when the caller's patience ends, and the caller is told.
func TestCloseKillsTheDeaf(t *testing.T) {
	t.Parallel()
	spec := shell(t, "trap '' TERM; touch up; while :; do sleep 0.05; done")
	spec.Ready = func(context.Context) error { _, err := os.Stat(filepath.Join(spec.Dir, "up")); return err }
	c, err := Start(bounded(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	if c.PID() != 0 {
		t.Error("still there")
	}
}

func TestRedisVersionFits(t *testing.T) {
	t.Parallel()
	for text, fits := range map[string]bool{
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1": true,
		"Redis server v=6.2.0 sha=0": true,
		"Redis server v=6.0.16":      false,
		"Redis server v=5.0.3":       false,
		"no version at all":          false,
	} {
		if err := redisVersionFits(text); (err == nil) != fits {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMissingProgramsNameTheCommand(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if isProgram("/usr/bin/redis-server") {
		t.Log("redis-server is found outside PATH, as it should be")
	} else if _, err := findRedis(bounded(t)); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install -y redis-server") {
		t.Errorf("err = %v", err)
	}
	if _, err := pickAccount("no-such-account"); os.Geteuid() == 0 && (err == nil || !strings.Contains(err.Error(), "useradd")) {
		t.Errorf("err = %v", err)
	}
}

func TestClaimRefusesTraps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc", link); err != nil {
		t.Fatal(err)
	}
	if err := claim(link, nil); err == nil {
		t.Error("a symbolic link was taken for a directory of ours")
	}
	if err := claim(filepath.Join(dir, "fresh"), nil); err != nil {
		t.Error(err)
	}
}
