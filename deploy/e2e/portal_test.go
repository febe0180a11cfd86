package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
)

// script is a program of web/e2e that is told step by step what to do in a browser.
type script struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Reader
	said *lockedBuffer
}

// newScript starts it. The web app's toolchain was brought by make.
func newScript(t *testing.T, name string, env ...string) *script {
	t.Helper()
	s := &script{t: t, said: &lockedBuffer{}}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute) // a test's own ends before its clean-up
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "../node.sh", "node", "e2e/"+name)
	cmd.Env, cmd.Stderr = append(cmd.Environ(), env...), s.said
	cmd.WaitDelay = 10 * time.Second
	var err error
	if s.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.in.Close()
		if err := cmd.Wait(); err != nil && !t.Failed() {
			t.Errorf("%s: %v\n%s", name, err, s.said)
		}
	})
	return s
}

// do has one step done.
func (s *script) do(step string) map[string]string {
	s.t.Helper()
	if _, err := io.WriteString(s.in, step+"\n"); err != nil {
		s.t.Fatalf("%s: %v\n%s", step, err, s.said)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", step, err, s.said)
	}
	answer := map[string]string{}
	if err := json.Unmarshal(line, &answer); err != nil {
		s.t.Fatalf("%s: %s", step, line)
	}
	return answer
}

// TestTunnelFromThePortal: a subscriber makes a WireGuard device in the portal with a key of the browser's own; what the QR
// picture says, photographed from the page, brings a tunnel up; a suspension pressed in the panel cuts its download within a
// second, and the portal says why.
func TestTunnelFromThePortal(t *testing.T) {
	ns := newNamespace(t)
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	listen := net.JoinHostPort(ns.here, itoa(foreigntest.FreePort(t)))
	in.applies(s.node, func() {
		in.must("POST", "/ingresses", map[string]any{
			"node_id": s.node, "kind": "wireguard", "name": "wg", "listen": listen, "options": map[string]any{"endpoint_host": ns.here},
		})
	})
	browser := newScript(t, "tunnel.mjs", "PANEL_URL="+in.url, "LOGIN="+ann.login, "SECRET="+ann.password, "SUBSCRIBER="+ann.id, "ADMIN_PASSWORD="+in.password)
	var conf string
	in.applies(s.node, func() { conf = browser.do("device")["conf"] })
	up := bringUp(t, ns, conf)
	x := newTargetOn(t, elsewhere(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := ns.run(ctx, nil, "curl", "-sS", "--fail", "-o", "/dev/null", "-w", "%{size_download}", x.url("/bytes/1000000")); err != nil || out != "1000000" {
		t.Fatalf("through the tunnel: %s, %v\n%s", out, err, up())
	}
	browser.do("pages")
	slow := make(chan string, 1)
	go func() {
		out, err := ns.run(ctx, nil, "curl", "-sS", "-o", "/dev/null", "--speed-limit", "1", "--speed-time", "3", x.url("/slow"))
		slow <- fmt.Sprint(out, err)
	}()
	eventually(t, 20*time.Second, "a download that runs", func() error {
		if l := in.must("GET", "/live-sessions?subscriber="+ann.id, nil)["items"].([]any); len(l) == 0 {
			return fmt.Errorf("no session yet")
		}
		return nil
	})
	in.applies(s.node, func() { browser.do("suspend") })
	select {
	case <-slow:
	case <-time.After(10 * time.Second): // curl itself waits 3 s for a byte
		t.Error("the download goes on after the suspension")
	}
	if said := browser.do("why")["said"]; !strings.Contains(said, "Your account is suspended") {
		t.Errorf("the portal says: %s", said)
	}
}
