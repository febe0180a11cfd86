package engine

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/crypto/curve25519"
	wgconn "golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// wgKey returns a private key and its public key.
func wgKey(t *testing.T, seed byte) (private, public string) {
	t.Helper()
	k := make([]byte, 32)
	for i := range k {
		k[i] = seed
	}
	k[0] &= 248
	k[31] = k[31]&127 | 64
	pub, err := curve25519.X25519(k, curve25519.Basepoint)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(k), hex.EncodeToString(pub)
}

// wgClient is a device of a subscriber's.
func wgClient(t *testing.T, private, server, endpoint, addr string) *netstack.Net {
	t.Helper()
	d, n, err := netstack.CreateNetTUN([]netip.Addr{netip.MustParseAddr(addr)}, nil, 1420)
	if err != nil {
		t.Fatal(err)
	}
	dev := device.NewDevice(d, wgconn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err := dev.IpcSet(fmt.Sprintf("private_key=%s\npublic_key=%s\nendpoint=%s\nallowed_ip=0.0.0.0/0\n", private, server, endpoint)); err != nil {
		t.Fatal(err)
	}
	if err := dev.Up(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Close)
	return n
}
