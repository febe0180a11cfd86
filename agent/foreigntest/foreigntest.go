// Package foreigntest runs programs that we did not write against our ingresses: sing-box, which speaks our protocols
// independently, and curl. They are built once by deploy/test/foreign.sh; what is missing fails the test, it never skips.
package foreigntest

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	buildTimeout = 15 * time.Minute
	startTimeout = 20 * time.Second
)

// Program returns the path of a foreign program, building it first when its cache is empty.
func Program(t testing.TB, name string) string {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("cannot tell where the repository is")
	}
	script := filepath.Join(filepath.Dir(here), "..", "..", "deploy", "test", "foreign.sh")
	ctx, cancel := context.WithTimeout(context.Background(), buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, name)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", script, name, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// FreePort returns a TCP port of the loopback address that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// SingBox runs sing-box with one outbound until the test ends, and returns the address of a local SOCKS5 and HTTP proxy
// that leads to it.
func SingBox(t testing.TB, outbound map[string]any) (proxy string) {
	t.Helper()
	port := FreePort(t)
	outbound["tag"] = "out"
	config, err := json.Marshal(map[string]any{
		"log":       map[string]any{"level": "debug", "timestamp": true},
		"inbounds":  []any{map[string]any{"type": "mixed", "tag": "in", "listen": "127.0.0.1", "listen_port": port}},
		"outbounds": []any{outbound},
		"route":     map[string]any{"final": "out"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	proxy = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	// It listens some milliseconds before it is ready, and drops what comes in between.
	run(t, proxy, "sing-box started", Program(t, "sing-box"), "run", "-c", file)
	return proxy
}

// run starts a program, waits until it listens on addr and has said ready, and stops it when the test ends.
func run(t testing.TB, addr, ready, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed; how it ends says nothing
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(program), out.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startTimeout)
	for {
		if strings.Contains(out.String(), ready) {
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				return
			}
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatalf("%s ended at once:\n%s", program, out.String())
		case <-deadline:
			t.Fatalf("%s is not ready on %s:\n%s", program, addr, out.String())
		}
	}
}

// output collects what a program says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Curl runs curl with args and returns what it wrote; a failure of curl is an error with its words.
func Curl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "curl", append([]string{"--silent", "--show-error", "--max-time", "50"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no proxy variables
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), &CurlError{Words: strings.TrimSpace(errs.String()), Err: err}
	}
	return out.String(), nil
}

// CurlError is a failure of curl.
type CurlError struct {
	Words string
	Err   error
}

func (e *CurlError) Error() string { return e.Words + " (" + e.Err.Error() + ")" }

// Unwrap gives the exit status.
func (e *CurlError) Unwrap() error { return e.Err }
