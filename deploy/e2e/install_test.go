package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/agent/foreigntest"
)

// programs builds both programs once a test run, as `make build` does, with the race detector when the tests have it.
var programs = sync.OnceValues(func() (string, error) { //nolint:gochecknoglobals // one build for all tests
	dir, err := os.MkdirTemp("", "culvert-e2e-")
	if err != nil {
		return "", err
	}
	_, here, _, _ := runtime.Caller(0)
	for _, p := range []string{"panel", "agent"} {
		args := append([]string{"build"}, raceFlag()...)
		cmd := exec.Command("go", append(args, "-o", filepath.Join(dir, "culvert-"+p), "./"+p)...)
		cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", p, err, out)
		}
	}
	return dir, nil
})

// installation is a running `culvert-panel up`.
type installation struct {
	t        testing.TB
	dir, bin string
	env      []string
	url      string
	cmd      *exec.Cmd
	out      *lockedBuffer
	exited   chan struct{}
	password string
	token    string // of a signed-in operator
	http     *http.Client
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	startWithin = 90 * time.Second
	password    = "correct horse battery"
)

// install starts a fresh installation and signs its operator in.
func install(t testing.TB, env ...string) *installation {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	listen, gateway := foreigntest.FreePort(t), foreigntest.FreePort(t)
	for gateway == listen { // the kernel may hand out the same one again
		gateway = foreigntest.FreePort(t)
	}
	in := &installation{t: t, dir: t.TempDir(), bin: bin, url: fmt.Sprintf("https://127.0.0.1:%d", listen)}
	in.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + in.dir, "CULVERT_DATA_DIR=" + in.dir,
		fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", listen), fmt.Sprintf("CULVERT_GATEWAY_LISTEN=127.0.0.1:%d", gateway),
		"CULVERT_BLOCK_PRIVATE=no", "CULVERT_REPORT_INTERVAL=500ms",
	}, env...)
	in.http = &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // self-signed on loopback
	}
	in.start()
	t.Cleanup(in.stop)
	in.signIn()
	return in
}

var passwordLine = regexp.MustCompile(`password\s+(\S+)\s+\(shown`)

// start runs the program and waits until it says that it is up.
func (in *installation) start() {
	in.t.Helper()
	in.out = &lockedBuffer{}
	in.cmd = exec.Command(filepath.Join(in.bin, "culvert-panel"), "up")
	in.cmd.Env, in.cmd.Dir = in.env, in.dir
	in.cmd.Stderr = in.out
	in.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := in.cmd.StdoutPipe()
	if err != nil {
		in.t.Fatal(err)
	}
	if err := in.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	in.exited = make(chan struct{})
	up := make(chan struct{})
	go func() {
		defer close(in.exited)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			_, _ = in.out.Write(append(lines.Bytes(), '\n'))
			if strings.Contains(lines.Text(), "Ctrl-C stops everything") {
				close(up)
			}
		}
		_ = in.cmd.Wait()
	}()
	select {
	case <-up:
	case <-in.exited:
		in.t.Fatalf("culvert-panel up ended:\n%s", in.out)
	case <-time.After(startWithin):
		in.t.Fatalf("culvert-panel up did not come up:\n%s", in.out)
	}
	if m := passwordLine.FindStringSubmatch(in.out.String()); m != nil {
		in.password = m[1]
	}
}

// stop is Ctrl-C: everything ends, in order.
func (in *installation) stop() {
	in.t.Helper()
	select {
	case <-in.exited:
		return
	default:
	}
	if err := in.cmd.Process.Signal(os.Interrupt); err != nil {
		in.t.Errorf("interrupt: %v", err)
	}
	select {
	case <-in.exited:
	case <-time.After(time.Minute):
		_ = syscall.Kill(-in.cmd.Process.Pid, syscall.SIGKILL)
		in.t.Errorf("Ctrl-C did not stop everything within a minute:\n%s", in.out)
	}
	if in.t.Failed() {
		in.t.Logf("culvert-panel up said:\n%s", in.out)
	}
}

// call sends one JSON request to /api/v1 and returns the status and the decoded answer.
func (in *installation) call(method, path string, body any) (int, map[string]any) {
	in.t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			in.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	q, err := http.NewRequestWithContext(context.Background(), method, in.url+"/api/v1"+path, r)
	if err != nil {
		in.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	if in.token != "" {
		q.Header.Set("Authorization", "Bearer "+in.token)
	}
	resp, err := in.http.Do(q)
	if err != nil {
		in.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	out := map[string]any{}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			in.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, raw)
		}
	}
	return resp.StatusCode, out
}

// must is call that insists on success.
func (in *installation) must(method, path string, body any) map[string]any {
	in.t.Helper()
	status, out := in.call(method, path, body)
	if status >= 300 {
		in.t.Fatalf("%s %s: %d %v", method, path, status, out)
	}
	return out
}

func (in *installation) signIn() {
	in.t.Helper()
	in.token = ""
	out := in.must("POST", "/sessions", map[string]any{"name": "admin", "password": in.password})
	in.token = out["token"].(string)
	if out["must_change_password"] == true {
		in.must("POST", "/me/password", map[string]any{"old_password": in.password, "new_password": password})
		in.password = password
	}
}

// command runs one command of the Hestia endpoint with an access key and returns its numeric answer and its output.
func (in *installation) command(hash, cmd string, args ...string) (code int, output string) {
	in.t.Helper()
	form := url.Values{"hash": {hash}, "cmd": {cmd}}
	for i, a := range args {
		form.Set("arg"+strconv.Itoa(i+1), a)
	}
	resp, err := in.http.PostForm(in.url+"/api/", form)
	if err != nil {
		in.t.Fatalf("%s: %v", cmd, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	code, err = strconv.Atoi(resp.Header.Get("Hestia-Exit-Code"))
	if err != nil {
		in.t.Fatalf("%s: no exit code in %v: %s", cmd, resp.Header, raw)
	}
	return code, string(raw)
}

// ok insists that a command answers 0.
func (in *installation) ok(hash, cmd string, args ...string) string {
	in.t.Helper()
	code, out := in.command(hash, cmd, args...)
	if code != 0 {
		in.t.Fatalf("%s %q: %d %s", cmd, args, code, out)
	}
	return out
}

// eventually polls until check is content, on a ticker, up to a bound that only a broken system reaches.
func eventually(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// localNode waits until the local node is online and returns its id.
func (in *installation) localNode() string {
	in.t.Helper()
	var nid string
	eventually(in.t, time.Minute, "local node", func() error {
		items := in.must("GET", "/nodes", nil)["items"].([]any)
		if len(items) != 1 {
			return fmt.Errorf("%d nodes", len(items))
		}
		n := items[0].(map[string]any)
		nid = n["id"].(string)
		if n["online"] != true || n["status"] != "active" {
			return fmt.Errorf("node is %v, online %v", n["status"], n["online"])
		}
		return nil
	})
	return nid
}

// revision is where the node stands.
func (in *installation) revision(nid string) (wanted, applied float64) {
	in.t.Helper()
	n := in.must("GET", "/nodes/"+nid, nil)
	if n["refused_path"] != "" || n["refused_reason"] != "" {
		in.t.Fatalf("node refused revision %v: %v %v", n["refused_revision"], n["refused_path"], n["refused_reason"])
	}
	return n["wanted_revision"].(float64), n["applied_revision"].(float64)
}

// applies runs do and waits until what it changed is in force on the node: a newer revision is wanted, and applied.
func (in *installation) applies(nid string, do func()) {
	in.t.Helper()
	before, _ := in.revision(nid)
	do()
	eventually(in.t, 30*time.Second, "apply", func() error {
		wanted, applied := in.revision(nid)
		if wanted <= before || wanted != applied {
			return fmt.Errorf("was %v, wanted %v, applied %v", before, wanted, applied)
		}
		return nil
	})
}
