package wireguard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lab is two machines with a cable between them: network namespaces with a veth pair. They go with the test.
type lab struct {
	t      testing.TB
	client string // namespaces
	server string
	tag    string // what makes this lab's names its own
}

// The ends of the cable. Both are private to the lab's namespaces.
const (
	clientEnd = "10.231.7.1"
	serverEnd = "10.231.7.2"
)

var labs atomic.Int64 //nolint:gochecknoglobals // numbers the labs of this process

func newLab(t testing.TB) *lab {
	t.Helper()
	tag := fmt.Sprintf("%d.%d", os.Getpid(), labs.Add(1))
	l := &lab{t: t, client: "cvc" + tag, server: "cvs" + tag, tag: tag}
	t.Cleanup(func() {
		for _, ns := range []string{l.client, l.server} { // the cable goes with its ends
			_ = exec.Command("ip", "netns", "del", ns).Run()
		}
	})
	l.ip("netns add " + l.client)
	l.ip("netns add " + l.server)
	l.ip("-n " + l.client + " link add cable type veth peer name cable netns " + l.server)
	for ns, address := range map[string]string{l.client: clientEnd, l.server: serverEnd} {
		l.ip("-n " + ns + " link set lo up")
		l.ip("-n " + ns + " addr add " + address + "/30 dev cable")
		l.ip("-n " + ns + " link set cable up")
	}
	return l
}

func (l *lab) ip(command string) {
	l.t.Helper()
	if out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v (root and iproute2 are needed)\n%s", command, err, out)
	}
}

// process is a program in one of the lab's namespaces.
type process struct {
	*exec.Cmd
	words bytes.Buffer // what it said
}

// start runs a program until the test ends. It is told so by the end of its input, and killed if it does not listen.
func (l *lab) start(ns string, env []string, program string, args ...string) *process {
	l.t.Helper()
	p := &process{Cmd: exec.Command("ip", append([]string{"netns", "exec", ns, program}, args...)...)}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = &p.words, &p.words
	in, err := p.StdinPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		l.t.Fatalf("%s: %v", program, err)
	}
	l.t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(10*time.Second, func() { _ = p.Process.Kill() })
		defer kill.Stop()
		if program != testBinary(l.t) {
			_ = p.Process.Signal(unix.SIGTERM)
		}
		_ = p.Wait()
		if l.t.Failed() {
			l.t.Logf("%s %s:\n%s", program, args, &p.words)
		}
	})
	return p
}

func testBinary(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// role says what a process of this test binary is, when it is not the test itself.
const role = "CULVERT_WIREGUARD_LAB_ROLE"

// act runs this test binary in a namespace as TestLabRole does for name.
func (l *lab) act(ns, name string) *process {
	l.t.Helper()
	args := []string{"-test.run=^TestLabRole$"}
	if dir := os.Getenv("CULVERT_LAB_PROFILES"); dir != "" { // to see where a role spends its time
		args = append(args, fmt.Sprintf("-test.cpuprofile=%s/%s.%s.pprof", dir, name, l.tag))
	}
	return l.start(ns, []string{role + "=" + name}, testBinary(l.t), args...)
}

// inside runs f on a thread that is in the namespace: sockets that it makes stay there.
func (l *lab) inside(ns string, f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer here.Close()
	there, err := os.Open("/var/run/netns/" + ns)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter %s: %w", ns, err)
	}
	err = f()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back) // the thread stays locked, and dies with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// dial connects from the client's machine, and tries until the other side listens.
func (l *lab) dial(address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var c net.Conn
		err := l.inside(l.client, func() (err error) {
			c, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp4", address)
			return err
		})
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// wireguardGo runs wireguard-go with a new TUN device in a namespace and configures it over its socket.
func (l *lab) wireguardGo(ns, program, device, config string) *process {
	l.t.Helper()
	p := l.start(ns, nil, program, "-f", device)
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("unix", "/var/run/wireguard/"+device+".sock")
		if err == nil {
			defer c.Close()
			if _, err = io.WriteString(c, "set=1\n"+config+"\n"); err != nil {
				l.t.Fatal(err)
			}
			answer := make([]byte, 64)
			if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "errno=0\n") {
				l.t.Fatalf("configure %s: %q, %v", device, answer[:n], err)
			}
			return p
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s does not start: %v\n%s", program, err, &p.words)
		}
		<-tick.C
	}
}

// cpu is the time that a process has used, in steps of the kernel's clock (10 ms).
func (p *process) cpu(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}
