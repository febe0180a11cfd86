//go:build soak

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
)

// cable is a network interface of this machine whose other end is a guest's.
func cable(t *testing.T) (dev, here, there string) {
	t.Helper()
	id := os.Getpid() % 60000
	dev = fmt.Sprintf("cvk%d", id)
	here, there = fmt.Sprintf("10.%d.%d.1", 140+id/256%50, id%256), fmt.Sprintf("10.%d.%d.2", 140+id/256%50, id%256)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", dev).Run() })
	for _, c := range []string{"tuntap add dev " + dev + " mode tap", "addr add " + here + "/30 dev " + dev, "link set " + dev + " up"} {
		sh(t, "ip", strings.Fields(c)...)
	}
	return dev, here, there
}

// guest boots Debian's kernel under QEMU, which runs script and powers off; it returns what the console said.
func guest(t *testing.T, kernel, dev, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.sh")
	text := "#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\nv=$(uname -r)\nmkdir -p /lib/modules\nln -s " + kernel +
		"/lib/modules/$v /lib/modules/$v\n" + script + "\necho o > /proc/sysrq-trigger\nwhile :; do :; done\n"
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "512",
		"-nographic", "-no-reboot", "-kernel", kernel+"/vmlinuz", "-initrd", kernel+"/initrd.gz",
		"-append", "console=ttyS0 panic=-1 quiet mitigations=off nokaslr run="+file,
		"-fsdev", "local,id=hr,path=/,security_model=none,readonly=on,multidevs=remap", "-device", "virtio-9p-pci,fsdev=hr,mount_tag=hostroot",
		"-netdev", "tap,id=n0,ifname="+dev+",script=no,downscript=no", "-device", "virtio-net-pci,netdev=n0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("guest: %v\n%s", err, out)
	}
	return string(out)
}

var addressLine = regexp.MustCompile(`(?m)^Address = ([0-9./]+)`)

// TestKernelWireGuard takes the file that a device's owner gets into the WireGuard of a real Linux kernel: the tunnel comes
// up, traffic flows and is billed to the byte.
func TestKernelWireGuard(t *testing.T) {
	out, err := exec.Command("../test/kernel.sh").Output()
	if err != nil {
		t.Fatalf("kernel: %v", err)
	}
	kernel := strings.TrimSpace(string(out))
	dev, here, there := cable(t)
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	var wgID string
	in.applies(s.node, func() {
		wgID = in.must("POST", "/ingresses", map[string]any{
			"node_id": s.node, "kind": "wireguard", "name": "wg", "listen": net.JoinHostPort(here, itoa(foreigntest.FreePort(t))),
			"options": map[string]any{"endpoint_host": here},
		})["id"].(string)
	})
	in.applies(s.node, func() { in.ok(hash, "v-add-wireguard-peer", "ann", "laptop") })
	file := filepath.Join(t.TempDir(), "cv0.conf")
	if err := os.WriteFile(file, []byte(in.ok(hash, "v-get-wireguard-peer-config", "ann", "laptop")), 0o600); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), "bare.conf")
	if err := os.WriteFile(bare, []byte(sh(t, "wg-quick", "strip", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	address := addressLine.FindSubmatch(conf)
	if address == nil {
		t.Fatalf("no address in\n%s", conf)
	}
	far := elsewhere(t)
	x := newTargetOn(t, far)
	const size = 2 << 20
	said := guest(t, kernel, dev, strings.Join([]string{
		"modprobe wireguard || echo NO MODULE",
		"ip link set lo up", "ip addr add " + there + "/30 dev eth0", "ip link set eth0 up",
		"ip link add wg0 type wireguard", "wg setconf wg0 " + bare, "ip addr add " + string(address[1]) + " dev wg0", "ip link set mtu 1420 up dev wg0",
		"ip route add " + far + "/32 dev wg0",
		"curl -sS --fail --max-time 120 -o /dev/null -w 'RECEIVED %{size_download}\\n' " + x.url("/bytes/"+itoa(size)),
		"WG_COLOR_MODE=never wg show wg0",
	}, "\n"))
	if !strings.Contains(said, "RECEIVED "+itoa(size)) || !strings.Contains(said, "latest handshake:") {
		t.Fatalf("the guest said:\n%s", said)
	}
	in.settled("the kernel's WireGuard", ann.id, wgID, x)
}
