package route

import (
	"errors"
	"net/netip"
	"testing"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "172.32.0.1": true, "100.128.0.1": true,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "127.0.0.1": false, "127.8.8.8": false,
		"169.254.169.254": false, "100.100.100.200": false, "168.63.129.16": false, "0.0.0.0": false, "0.1.2.3": false,
		"224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false,
		"ff02::1": false, "fec0::1": false, "2001:db8::1": false,
		"::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::808:808": true, "2002:7f00:1::": false, "2002:a00:1::1": false, "2002:808:808::1": true,
	} {
		if got := floor(special()).public(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	if floor(special()).public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	floor := Compile(nodeapi.Settings{BlockPrivate: true, BlockPorts: []uint16{25, 465, 25}})
	open := Compile(nodeapi.Settings{})
	for _, c := range []struct {
		name    string
		t       *Table
		network flow.Network
		dest    string
		refused bool
	}{
		{"public", floor, flow.TCP, "8.8.8.8:443", false},
		{"name", floor, flow.TCP, "example.org:443", false},
		{"mail", floor, flow.TCP, "example.org:25", true},
		{"mail over UDP is no mail", floor, flow.UDP, "8.8.8.8:25", false},
		{"metadata", floor, flow.TCP, "169.254.169.254:80", true},
		{"loopback UDP", floor, flow.UDP, "[::1]:53", true},
		{"no floor", open, flow.TCP, "127.0.0.1:25", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, err := flow.ParseDest(c.dest)
			if err != nil {
				t.Fatal(err)
			}
			v, err := c.t.Pick(flow.Flow{Network: c.network, Dest: d})
			if errors.Is(err, flow.ErrBlocked) != c.refused || !c.refused && v.Exit != Direct {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
	v, err := floor.Pick(flow.Flow{Network: flow.TCP, Dest: flow.Dest{Domain: "rebind.example", Port: 80}})
	if err != nil || v.Allow(netip.MustParseAddrPort("127.0.0.1:80")) == nil || v.Allow(netip.MustParseAddrPort("9.9.9.9:80")) != nil {
		t.Errorf("what a name resolves to is not judged: %v", err)
	}
}

func TestVerdictAllocatesNothing(t *testing.T) {
	floor := Compile(nodeapi.Settings{BlockPrivate: true, BlockPorts: []uint16{25}})
	if n := testing.AllocsPerRun(100, func() {
		_, _ = floor.Pick(flow.Flow{Network: flow.UDP, Dest: flow.Dest{Addr: netip.AddrFrom4([4]byte{8, 8, 8, 8}), Port: 53}})
	}); n > 0 {
		t.Errorf("%v allocations a verdict", n)
	}
}
