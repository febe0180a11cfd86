package hysteria

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestSalamanderVector pins the wire form: computed with Python's hashlib.blake2b(key + salt, digest_size=32).
func TestSalamanderVector(t *testing.T) {
	t.Parallel()
	s := salamander{key: []byte("average_password")}
	wire, err := hex.DecodeString("01020304050607085b558ca4731099398cc0b0b50a0572d77fb0cfa5b1d46a3db94d1e84e37808006a0093b778069e35cfc7adb50616648526")
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	n := s.open(out, wire)
	if string(out[:n]) != "Culvert carries what the customer sends, forever." {
		t.Errorf("opened %q", out[:n])
	}
}

func TestSalamanderRefusesWhatIsNoPacket(t *testing.T) {
	t.Parallel()
	s := salamander{key: []byte("secret")}
	for _, n := range []int{0, 1, saltLen, saltLen + 65} {
		if got := s.open(make([]byte, 64), make([]byte, n)); got != 0 {
			t.Errorf("%d bytes opened to %d", n, got)
		}
	}
}

func TestSalamanderAllocatesNothing(t *testing.T) {
	s := salamander{key: []byte("secret")}
	packet, wire, back := make([]byte, 1400), make([]byte, 1408), make([]byte, 1452)
	if n := testing.AllocsPerRun(100, func() {
		s.open(back, wire[:s.seal(wire, packet)])
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzSalamander(f *testing.F) {
	f.Add([]byte("secret"), []byte("packet"))
	f.Add([]byte("k"), bytes.Repeat([]byte{7}, 1452))
	f.Fuzz(func(t *testing.T, key, packet []byte) {
		if len(key) > maxKey {
			return
		}
		s := salamander{key: key}
		// Foreign bytes never write past what they may.
		small := make([]byte, 16, 32)
		guard := small[16:32]
		if n := s.open(small, packet); n > len(small) || !bytes.Equal(guard, make([]byte, 16)) {
			t.Fatalf("opened %d bytes into %d", n, len(small))
		}
		wire := make([]byte, len(packet)+saltLen)
		if n := s.seal(wire, packet); n != len(wire) {
			t.Fatalf("sealed %d bytes to %d", len(packet), n)
		}
		back := make([]byte, len(packet))
		if n := s.open(back, wire); n != len(packet) || !bytes.Equal(back, packet) {
			t.Fatalf("%x came back as %x", packet, back[:n])
		}
	})
}

func BenchmarkSalamander(b *testing.B) {
	s := salamander{key: []byte("average_password")}
	packet, wire := make([]byte, 1400), make([]byte, 1408)
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		s.seal(wire, packet)
	}
}
