package wireguard

import (
	"net/netip"
	"testing"
	"time"
)

func TestWhereabouts(t *testing.T) {
	t.Parallel()
	const key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	got := parseWhereabouts("private_key=" + key + "\nlisten_port=51820\npublic_key=" + key + "\nendpoint=[2001:db8::1]:7\nlast_handshake_time_sec=10\n" +
		"last_handshake_time_nsec=5\ntx_bytes=1\npublic_key=" + key + "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\nendpoint=nonsense\n" +
		"public_key=short\nendpoint=192.0.2.1:1\n")
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if w := got[0]; w.key[1] != 1 || w.endpoint != netip.MustParseAddrPort("[2001:db8::1]:7") || !w.handshake.Equal(time.Unix(10, 5)) {
		t.Errorf("%+v", w)
	}
	if w := got[1]; w.endpoint.IsValid() || !w.handshake.IsZero() {
		t.Errorf("%+v", w)
	}
}

// A device says of its peers what parseWhereabouts reads.
func TestLookAtARealDevice(t *testing.T) {
	t.Parallel()
	in := newIngress(t, freeUDP(t))
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer in.Close(t.Context())
	text, err := in.dev.IpcGet()
	if err != nil {
		t.Fatal(err)
	}
	if got := parseWhereabouts(text); len(got) != 0 {
		t.Errorf("nobody is there: %+v", got)
	}
	in.look()
}
