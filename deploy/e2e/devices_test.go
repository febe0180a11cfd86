package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/net/proxy"

	"culvert/agent/foreigntest"
)

// secondNode enrols one more node on this machine, as the operator's command does, and returns its id.
func (in *installation) secondNode() string {
	in.t.Helper()
	nid := in.must("POST", "/nodes", map[string]any{"name": "second", "host": "127.0.0.1"})["id"].(string)
	token := in.must("POST", "/nodes/"+nid+"/enrol-token", nil)
	dir := filepath.Join(in.t.TempDir(), "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		in.t.Fatal(err)
	}
	said := &lockedBuffer{}
	cmd := exec.Command(filepath.Join(in.bin, "culvert-agent"), "run")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "CULVERT_AGENT_DATA_DIR=" + dir, "CULVERT_AGENT_GATEWAY=" + token["gateway"].(string),
		"CULVERT_AGENT_TOKEN=" + token["token"].(string), "CULVERT_AGENT_CA_PIN=" + token["pin"].(string),
	}
	if err := cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if in.t.Failed() {
			in.t.Logf("the second node said:\n%s", said)
		}
	})
	eventually(in.t, time.Minute, "second node", func() error {
		if n := in.must("GET", "/nodes/"+nid, nil); n["online"] != true || n["status"] != "active" {
			return fmt.Errorf("%v, online %v", n["status"], n["online"])
		}
		return nil
	})
	return nid
}

// from connects to a SOCKS5 ingress from an address of this machine: one address is one device.
func (c customer) from(source, ingress, dest string) (net.Conn, error) {
	near := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 10 * time.Second}
	d, err := proxy.SOCKS5("tcp", ingress, &proxy.Auth{User: c.login, Password: c.password}, near)
	if err != nil {
		return nil, err
	}
	return d.Dial("tcp", dest)
}

// TestDevicesOverTwoNodes: the device over the limit is refused at the other node too, the device itself is let in at both,
// and its place is free for another when it has gone.
func TestDevicesOverTwoNodes(t *testing.T) {
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	second := in.secondNode()
	there := net.JoinHostPort("127.0.0.1", itoa(foreigntest.FreePort(t)))
	in.applies(second, func() {
		in.must("POST", "/ingresses", map[string]any{"node_id": second, "kind": "socks5", "name": "socks", "listen": there})
	})
	ann := in.customer(hash, s.node, "ann", "gold")
	in.applies(s.node, func() {
		in.applies(second, func() { in.must("PATCH", "/subscribers/"+ann.id, map[string]any{"devices": 1}) })
	})
	x := newTarget(t)
	first, err := ann.from("127.0.0.1", s.socks, x.addr)
	if err != nil {
		t.Fatal(err)
	}
	stop := chatter(t, first, x)
	again, err := ann.from("127.0.0.1", there, x.addr)
	if err != nil {
		t.Fatalf("the device itself, at the other node: %v", err)
	}
	_ = again.Close()
	for _, ingress := range []string{s.socks, there} {
		if conn, err := ann.from("127.0.0.2", ingress, x.addr); err == nil {
			_ = conn.Close()
			t.Errorf("a second device is let in at %s", ingress)
		}
	}
	stop()
	eventually(t, 2*time.Minute, "the place of the device that has gone", func() error {
		conn, err := ann.from("127.0.0.2", there, x.addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// chatter keeps a tunnel busy until it is told to stop: a silent device gives its place away.
func chatter(t *testing.T, conn net.Conn, x *target) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	if _, err := fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: %s\r\n\r\n", x.addr); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		_, err := io.Copy(io.Discard, conn)
		if ctx.Err() == nil {
			t.Errorf("the first device was cut: %v", err)
		}
	}()
	stop = func() {
		cancel()
		_ = conn.Close()
		<-done
	}
	t.Cleanup(stop)
	return stop
}
