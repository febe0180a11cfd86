package local_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"culvert/panel/internal/local"
)

// helperDir turns the test binary into a small panel that starts both servers below that directory.
const helperDir = "CULVERT_LOCAL_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func helper(dir string) error {
	ctx := context.Background()
	p, err := local.StartPostgres(ctx, local.PostgresConfig{Dir: filepath.Join(dir, "postgres"), Fast: true})
	if err != nil {
		return err
	}
	r, err := local.StartRedis(ctx, local.RedisConfig{Dir: filepath.Join(dir, "redis"), Persist: true})
	if err != nil {
		return err
	}
	fmt.Println("ready", p.PID(), r.PID())
	select {} // until SIGKILL
}

// kill -9 of the panel takes its servers with it, and the next panel starts on the same data at once.
func TestServersDieWithThePanel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := osexec.CommandContext(testContext(t), os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready") {
		t.Fatalf("helper said %q, %v", line, err)
	}

	_, err = local.StartPostgres(testContext(t), local.PostgresConfig{Dir: filepath.Join(dir, "postgres"), Fast: true})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", cmd.Process.Pid)) {
		t.Errorf("second panel on the same data: %v", err)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("helper ended by itself")
	}
	p := startPostgres(t, filepath.Join(dir, "postgres"))
	if got := exec(t, p, "select current_user::text"); got != local.Superuser {
		t.Errorf("connected as %s", got)
	}
	_, client := startRedis(t, filepath.Join(dir, "redis"), true)
	if err := client.Ping(testContext(t)).Err(); err != nil {
		t.Error(err)
	}
}

// A postmaster.pid that names a living process of the same account would stop PostgreSQL; the lock knows better.
func TestStalePidFileIsRecognised(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	p := startPostgres(t, dir)
	exec(t, p, "select lo_create(42)::text")
	pidFile, err := os.ReadFile(filepath.Join(dir, "cluster", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	_, rest, _ := strings.Cut(string(pidFile), "\n")
	stale := fmt.Sprintf("%d\n%s", os.Getpid(), rest)
	if err := os.WriteFile(filepath.Join(dir, "cluster", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := exec(t, startPostgres(t, dir), "select count(*)::text from pg_largeobject_metadata where oid=42"); got != "1" {
		t.Errorf("committed row lost: %s", got)
	}
}
