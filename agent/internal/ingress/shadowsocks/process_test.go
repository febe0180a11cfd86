package shadowsocks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
	options "culvert/shared/protocol/shadowsocks"
)

// Servers as processes of their own, so that what they cost can be told from what their clients do: the real engine with this
// ingress in a second run of the test program, and the servers of others.

// serveVariable, when set, makes the test program a server: the options and how many subscribers there are.
const serveVariable = "CULVERT_TEST_SHADOWSOCKS"

type serving struct {
	Options json.RawMessage
	Users   int
}

// alone is the testing.TB of a process that runs no test.
type alone struct {
	testing.TB
	cleanups []func()
}

func (*alone) Helper()                     {}
func (a *alone) Cleanup(f func())          { a.cleanups = append(a.cleanups, f) }
func (a *alone) Errorf(f string, v ...any) { a.Fatalf(f, v...) }
func (a *alone) Fatal(v ...any)            { a.Fatalf("%s", fmt.Sprintln(v...)) }

func (*alone) Fatalf(f string, v ...any) {
	_, _ = fmt.Fprintf(os.Stderr, f+"\n", v...)
	os.Exit(1)
}

func (a *alone) TempDir() string {
	dir, err := os.MkdirTemp("", "shadowsocks")
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// serveAlone serves until the parent closes standard input.
func serveAlone(spec string) {
	t := &alone{}
	var s serving
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		t.Fatal(err)
	}
	w := ingresstest.NewWorld(t, ingresstest.Harness{Kind: options.Name, Options: s.Options, Factory: New}, crowd(s.Users)...)
	fmt.Println("listening on", w.Server.Addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, f := range t.cleanups {
		f()
	}
}

func crowd(n int) []*ingresstest.User {
	all := make([]*ingresstest.User, n)
	for i := range all {
		all[i] = ingresstest.NewUser("user" + strconv.Itoa(i))
	}
	return all
}

// process is a running server.
type process struct {
	name string
	addr netip.AddrPort
	pid  int
}

// client is what the n-th subscriber of a process connects with.
func (p *process) client(o options.Options, n int) *tester {
	return newTester(o, p.addr, crowd(n + 1)[n].Clear())
}

// cpu is the processor time that the process has used, in steps of 10 ms.
func (p *process) cpu(b *testing.B) time.Duration {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime, stime (proc_pid_stat(5)), which has the program's name before
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// launch starts a program that ends when the benchmark does, and returns what it says.
func launch(b *testing.B, cmd *exec.Cmd) (out io.Reader) {
	b.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	_ = w.Close()
	b.Cleanup(func() {
		_ = in.Close()
		if cmd.Path != os.Args[0] {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait() // how it ends says nothing
		_ = r.Close()
	})
	return r
}

// startOurs runs this ingress.
func startOurs(b *testing.B, o options.Options, users int) *process {
	b.Helper()
	spec, err := json.Marshal(serving{encode(b, o), users})
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"="+string(spec))
	var addr string
	out := bufio.NewReader(launch(b, cmd))
	for {
		line, err := out.ReadString('\n')
		if a, ok := strings.CutPrefix(line, "listening on "); ok {
			addr = strings.TrimSpace(a)
			break
		}
		if err != nil {
			b.Fatalf("our server: %s, %v", line, err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return &process{"ours", netip.MustParseAddrPort(addr), cmd.Process.Pid}
}

// startForeign runs another's server with the same method and subscribers.
func startForeign(b *testing.B, name string, o options.Options, users int) *process {
	b.Helper()
	port := foreigntest.FreePort(b)
	p := &process{name: name, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	file := filepath.Join(b.TempDir(), "config.json")
	var config map[string]any
	var cmd *exec.Cmd
	switch name {
	case "sing-box":
		config, cmd = singBoxServer(o, port, users), exec.Command(foreigntest.Program(b, name), "run", "-c", file)
	case "xray":
		config, cmd = xrayServer(o, port, users), exec.Command(foreigntest.Program(b, name), "run", "-c", file)
	case "ss-server":
		config = map[string]any{"server": "127.0.0.1", "server_port": port, "method": o.Method, "password": secrets(o, 1)[0], "timeout": 60}
		cmd = exec.Command(name, "-c", file)
	}
	if err := os.WriteFile(file, must(json.Marshal(config)), 0o600); err != nil {
		b.Fatal(err)
	}
	out := launch(b, cmd)
	p.pid = cmd.Process.Pid
	var said output
	go func() { _, _ = io.Copy(&said, out) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(soon); ; <-tick.C {
		if c, err := net.Dial("tcp", p.addr.String()); err == nil {
			c.Close()
			return p
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not listen: %s", name, said.String())
		}
	}
}

// output keeps what a program says.
type output struct {
	mu sync.Mutex
	b  strings.Builder
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

// secrets are the passwords of subscribers as servers are told them: without the server's key.
func secrets(o options.Options, users int) []string {
	all := make([]string, users)
	for i, u := range crowd(users) {
		all[i] = o.Password(u.Clear())
		if _, own, ok := strings.Cut(all[i], ":"); ok && o.Cipher().Modern {
			all[i] = own
		}
	}
	return all
}

func singBoxServer(o options.Options, port, users int) map[string]any {
	in := map[string]any{"type": "shadowsocks", "listen": "127.0.0.1", "listen_port": port, "network": "tcp", "method": o.Method}
	all := secrets(o, users)
	if users == 1 && !o.Cipher().Modern {
		in["password"] = all[0]
	} else {
		var list []any
		for i, s := range all {
			list = append(list, map[string]any{"name": strconv.Itoa(i), "password": s})
		}
		in["users"] = list
		if o.Cipher().Modern {
			in["password"] = o.Key
		}
	}
	return map[string]any{
		"log": map[string]any{"level": "error"}, "inbounds": []any{in}, "outbounds": []any{map[string]any{"type": "direct"}},
	}
}

func xrayServer(o options.Options, port, users int) map[string]any {
	settings := map[string]any{"network": "tcp"}
	var list []any
	for i, s := range secrets(o, users) {
		u := map[string]any{"email": strconv.Itoa(i), "password": s}
		if !o.Cipher().Modern {
			u["method"] = o.Method
		}
		list = append(list, u)
	}
	settings["clients"] = list
	if o.Cipher().Modern {
		settings["method"], settings["password"] = o.Method, o.Key
	}
	return map[string]any{
		"log":      map[string]any{"loglevel": "none"},
		"inbounds": []any{map[string]any{"listen": "127.0.0.1", "port": port, "protocol": "shadowsocks", "settings": settings}},
		// Its default refuses this machine's own addresses.
		"outbounds": []any{map[string]any{"protocol": "freedom"}},
	}
}
