package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine is this machine's system with a layer of its own on top: what is installed there is gone with it. The network is
// this machine's.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	mount := func(source, target, kind string, flags uintptr, data string) {
		t.Helper()
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			t.Fatalf("mount %s on %s: %v", kind, target, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
	mount("tmpfs", dir, "tmpfs", 0, "")
	for _, name := range []string{"up", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{t, filepath.Join(dir, "root")}
	mount("overlay", m.root, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s/up,workdir=%s/work", dir, dir))
	mount("proc", m.root+"/proc", "proc", 0, "")
	mount("/dev", m.root+"/dev", "", unix.MS_BIND|unix.MS_REC, "")
	if err := os.MkdirAll(m.root+"/root/new", 0o700); err != nil {
		t.Fatal(err)
	}
	return m
}

// shell prepares a command line there, in a folder of its own.
func (m *machine) shell(ctx context.Context, line string) (*exec.Cmd, *lockedBuffer) {
	said := &lockedBuffer{}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/root/new", said, said
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return cmd, said
}

// agent returns what the kernel says of the agent that runs there (proc_pid_status(5)).
func (m *machine) agent() string {
	m.t.Helper()
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range roots {
		if root, err := os.Readlink(r); err != nil || root != m.root {
			continue // of another machine, or gone
		}
		if status, err := os.ReadFile(filepath.Dir(r) + "/status"); err == nil && strings.HasPrefix(string(status), "Name:\tculvert-agent\n") {
			return string(status)
		}
	}
	return ""
}

// lowPort is a free port that needs a capability.
func lowPort(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", itoa(port)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port below 1024")
	return ""
}

// TestNodeInOneLine runs the line that the panel shows, on a system where no agent is: it installs the agent, enrols the node,
// and the agent serves there, as a user without rights, on a low port.
func TestNodeInOneLine(t *testing.T) {
	in := install(t)
	in.signIn()
	nid := in.must("POST", "/nodes", map[string]any{"name": "fresh", "host": "127.0.0.1"})["id"].(string)
	line := in.must("POST", "/nodes/"+nid+"/enrol-token", nil)["command"].(string)
	m := newMachine(t)

	for name, bad := range map[string]string{
		"another script": strings.Replace(line, `echo "`, `echo "0`, 1),
		"another user":   strings.Replace(line, "&& sh ", "&& chmod 755 /root /root/new . && setpriv --reuid=65534 sh ", 1),
		"no arguments":   line[:strings.Index(line, "&& sh culvert-agent.sh")] + "&& sh culvert-agent.sh",
	} {
		cmd, said := m.shell(t.Context(), bad)
		var failed *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &failed) || said.String() == "" {
			t.Errorf("%s: %v, %q", name, err, said)
		}
		if _, err := os.Stat(m.root + "/usr/local/bin/culvert-agent"); err == nil {
			t.Fatalf("%s: something was installed", name)
		}
	}

	ctx, stop := context.WithCancel(context.Background())
	cmd, said := m.shell(ctx, line+" --foreground")
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was told to stop
		if t.Failed() {
			t.Logf("the machine said:\n%s", said)
		}
	})
	eventually(t, time.Minute, "the new node", func() error {
		if n := in.must("GET", "/nodes/"+nid, nil); n["online"] != true || n["status"] != "active" {
			return fmt.Errorf("%v, online %v", n["status"], n["online"])
		}
		return nil
	})

	hash := in.hash()
	in.gold(hash)
	there := lowPort(t)
	ann := in.customer(hash, nid, "ann", "gold")
	in.applies(nid, func() {
		in.must("POST", "/ingresses", map[string]any{"node_id": nid, "kind": "socks5", "name": "socks", "listen": there})
	})
	x := newTarget(t)
	conn, err := socksDial(there, ann, x.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if status := m.agent(); !strings.Contains(status, "Uid:") || strings.Contains(status, "Uid:\t0\t") {
		t.Errorf("the agent runs as root, or not at all: %s", status)
	}
	secrets, err := os.Stat(m.root + "/var/lib/culvert-agent")
	if err != nil || secrets.Mode().Perm() != 0o700 {
		t.Errorf("the agent's folder: %v, %v", secrets, err)
	}
}
