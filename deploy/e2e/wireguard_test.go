package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
)

// namespace is a network namespace with a cable to this machine: a customer's device.
type namespace struct {
	t    testing.TB
	name string
	here string // this machine's end
}

func sh(t testing.TB, command string, args ...string) string {
	t.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newNamespace makes a namespace; it goes with the test.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	id := os.Getpid() % 60000
	n := &namespace{t: t, name: fmt.Sprintf("culvert%d", id), here: fmt.Sprintf("10.%d.%d.1", 200+id/256%50, id%256)}
	there := strings.TrimSuffix(n.here, "1") + "2"
	outer, inner := fmt.Sprintf("cvo%d", id), fmt.Sprintf("cvi%d", id)
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", n.name).Run() // takes the cable with it
		_ = exec.Command("ip", "link", "del", outer).Run()
	})
	for _, c := range []string{
		"netns add " + n.name,
		"link add " + outer + " type veth peer name " + inner + " netns " + n.name,
		"addr add " + n.here + "/30 dev " + outer,
		"link set " + outer + " up",
		"-n " + n.name + " addr add " + there + "/30 dev " + inner,
		"-n " + n.name + " link set " + inner + " up",
		"-n " + n.name + " link set lo up",
	} {
		sh(t, "ip", strings.Fields(c)...)
	}
	return n
}

// run runs a program inside.
func (n *namespace) run(ctx context.Context, env []string, command string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.name, command}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// elsewhere gives this machine one more address, which a customer can reach through the tunnel only.
func elsewhere(t testing.TB) string {
	t.Helper()
	const address = "198.18.7.7"
	sh(t, "ip", "addr", "replace", address+"/32", "dev", "lo")
	t.Cleanup(func() { _ = exec.Command("ip", "addr", "del", address+"/32", "dev", "lo").Run() })
	return address
}

// TestWireGuardConfiguration makes a device, takes the very file that its owner gets, and brings it up with wg-quick and
// wireguard-go in a network namespace: traffic flows, is billed to the byte, and ends with the suspension.
func TestWireGuardConfiguration(t *testing.T) {
	ns := newNamespace(t)
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	listen := net.JoinHostPort(ns.here, itoa(foreigntest.FreePort(t)))
	var wgID string
	in.applies(s.node, func() {
		g := in.must("POST", "/ingresses", map[string]any{
			"node_id": s.node, "kind": "wireguard", "name": "wg", "listen": listen, "options": map[string]any{"endpoint_host": ns.here},
		})
		wgID = g["id"].(string)
		if strings.Contains(fmt.Sprint(g), "private_key") {
			t.Error("the server's private key is shown")
		}
	})
	in.applies(s.node, func() { in.ok(hash, "v-add-wireguard-peer", "ann", "phone") })
	conf := in.ok(hash, "v-get-wireguard-peer-config", "ann", "phone")
	if again := in.ok(hash, "v-get-wireguard-peer-config", "ann", "phone"); again != conf {
		t.Errorf("the file changes from one look to the next:\n%s\n%s", conf, again)
	}
	up := bringUp(t, ns, conf)
	x := newTargetOn(t, elsewhere(t))
	fetch := func(size int, within string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return ns.run(ctx, nil, "curl", "-sS", "--fail", "--max-time", within, "-o", "/dev/null", "-w", "%{size_download}", x.url(fmt.Sprintf("/bytes/%d", size)))
	}
	if out, err := fetch(20<<20, "50"); err != nil || out != itoa(20<<20) {
		t.Fatalf("through the tunnel: %s, %v\n%s", out, err, up())
	}
	in.settled("20 MiB through WireGuard", ann.id, wgID, x)
	in.whereabouts(hash, ann, ns)
	in.applies(s.node, func() { in.ok(hash, "v-suspend-user", "ann") })
	if out, err := fetch(1000, "3"); err == nil {
		t.Errorf("a suspended customer's tunnel carries %s bytes", out)
	}
	in.applies(s.node, func() { in.ok(hash, "v-unsuspend-user", "ann") })
	eventually(t, 40*time.Second, "let in again", func() error { // a device greets anew 15 s after nothing was answered
		_, err := fetch(1000, "5")
		return err
	})
}

// whereabouts waits until the panel says where the device is, when it shook hands and what it moved.
func (in *installation) whereabouts(hash string, c customer, ns *namespace) {
	in.t.Helper()
	there := strings.TrimSuffix(ns.here, "1") + "2:"
	eventually(in.t, 40*time.Second, "whereabouts", func() error { // a node tells every 10 s
		d := in.must("GET", "/subscribers/"+c.id+"/devices", nil)["items"].([]any)[0].(map[string]any)
		s, ok := d["state"].(map[string]any)
		if !ok || s["online"] != true || !strings.HasPrefix(fmt.Sprint(s["endpoint"]), there) || s["handshake_at"] == nil || s["down"].(float64) < 20<<20 {
			return fmt.Errorf("%v", d["state"])
		}
		return nil
	})
	if list := in.ok(hash, "v-list-wireguard-peer", "ann", "phone", "plain"); strings.Contains(list, "\t\t0\t0\t") {
		in.t.Errorf("no handshake and no bytes: %s", list)
	}
	if list := in.ok(hash, "v-list-user-sessions", "ann", "json"); !strings.Contains(list, `"DEVICE": "phone"`) {
		in.t.Errorf("sessions: %s", list)
	}
}

// bringUp runs wg-quick on the file and returns what tells the tunnel's state.
func bringUp(t *testing.T, ns *namespace, conf string) func() string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "cv0.conf")
	// wg-quick hands the resolvers to resolvconf, which would change this machine's.
	stub := filepath.Join(dir, "resolvconf")
	if err := os.WriteFile(stub, []byte("#!/bin/sh\ncat >"+dir+"/resolv\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "WG_QUICK_USERSPACE_IMPLEMENTATION=" + foreigntest.Program(t, "wireguard-go")}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := ns.run(ctx, env, "wg-quick", "up", file); err != nil {
		t.Fatalf("wg-quick up: %v\n%s\n%s", err, out, conf)
	}
	t.Cleanup(func() {
		down, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if out, err := ns.run(down, env, "wg-quick", "down", file); err != nil {
			t.Errorf("wg-quick down: %v\n%s", err, out)
		}
	})
	resolvers, err := os.ReadFile(filepath.Join(dir, "resolv"))
	if err != nil || !strings.Contains(string(resolvers), "nameserver 10.64.0.1") {
		t.Errorf("resolvers: %q, %v", resolvers, err)
	}
	return func() string {
		out, err := ns.run(t.Context(), env, "wg", "show")
		return fmt.Sprint(out, err)
	}
}
