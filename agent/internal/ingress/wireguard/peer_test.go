package wireguard

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/listen"
	"culvert/shared/nodeapi"
	wg "culvert/shared/protocol/wireguard"
)

// refuser lets nobody in.
type refuser struct{ ingress.Host }

func (refuser) Authenticate(context.Context, ingress.Credential, netip.AddrPort) (ingress.Session, error) {
	return nil, flow.ErrRefused
}

func newIngress(t testing.TB, address string) *Ingress {
	t.Helper()
	key, err := wg.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	in, err := New(ingress.Spec{
		Ingress: nodeapi.Ingress{ID: "ing_1", Kind: wg.Name, Listen: address, Options: json.RawMessage(fmt.Sprintf(`{"private_key":%q}`, key))},
		Sockets: &listen.Pool{}, Log: slog.New(slog.DiscardHandler),
	}, refuser{})
	if err != nil {
		t.Fatal(err)
	}
	w, ok := in.(*Ingress)
	if !ok {
		t.Fatalf("%T", in)
	}
	return w
}

func rowWith(id string, enabled bool, peers ...nodeapi.Peer) *nodeapi.Subscriber {
	return &nodeapi.Subscriber{ID: id, Name: id, Enabled: enabled, Generation: 1, Peers: peers}
}

func somePeer(number int64) nodeapi.Peer {
	p := nodeapi.Peer{Device: fmt.Sprintf("dev_%026d", number), PublicKey: make([]byte, 32), Number: number}
	binary.BigEndian.PutUint64(p.PublicKey, uint64(number))
	return p
}

// TestPeersFollowTheRows: what the tables hold is what the rows say, and a peer that did not change stays the same one.
func TestPeersFollowTheRows(t *testing.T) {
	t.Parallel()
	in := newIngress(t, "127.0.0.1:1")
	elsewhere := somePeer(9)
	elsewhere.Ingress = "ing_2"
	change := func(c ingress.KeyChange) {
		t.Helper()
		if err := in.KeysChanged(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(what string, numbers ...int64) {
		t.Helper()
		if len(in.byKey) != len(numbers) || len(in.byAddr) != 2*len(numbers) {
			t.Errorf("%s: %d keys, %d addresses, want %d peers", what, len(in.byKey), len(in.byAddr), len(numbers))
		}
		for _, n := range numbers {
			if in.byKey[wg.Key(somePeer(n).PublicKey)] == nil {
				t.Errorf("%s: device %d is missing", what, n)
			}
		}
	}
	change(ingress.KeyChange{Full: true, Rows: []*nodeapi.Subscriber{rowWith("a", true, somePeer(2), somePeer(3), elsewhere), rowWith("b", true, somePeer(4)), rowWith("c", false, somePeer(5))}})
	holds("full", 2, 3, 4)
	two := in.byKey[wg.Key(somePeer(2).PublicKey)]
	change(ingress.KeyChange{Rows: []*nodeapi.Subscriber{rowWith("a", true, somePeer(2), somePeer(6))}})
	holds("one device for another", 2, 4, 6)
	if in.byKey[wg.Key(somePeer(2).PublicKey)] != two || two.left {
		t.Error("a device that did not change was made anew")
	}
	change(ingress.KeyChange{Rows: []*nodeapi.Subscriber{rowWith("b", false, somePeer(4)), rowWith("c", true, somePeer(5))}})
	holds("one suspended, one let in", 2, 5, 6)
	moved := somePeer(5)
	moved.Number = 7
	change(ingress.KeyChange{Rows: []*nodeapi.Subscriber{rowWith("c", true, moved)}})
	if a, _ := in.opts.Inner(7); in.byAddr[a[0]] == nil || len(in.byAddr) != 6 {
		t.Error("a device did not move to its new address")
	}
	change(ingress.KeyChange{Removed: []string{"a"}})
	change(ingress.KeyChange{Full: true, Rows: []*nodeapi.Subscriber{rowWith("b", true, somePeer(4))}})
	holds("a new beginning", 4)
	if !two.left {
		t.Error("a device that is gone may still sign in")
	}
}

// TestRefusedPacketsAreBounded: a client that is refused costs one question a second, whatever it sends.
func TestRefusedPacketsAreBounded(t *testing.T) {
	t.Parallel()
	in := newIngress(t, "127.0.0.1:1")
	in.ctx, in.cancel = context.WithCancel(t.Context())
	defer in.cancel()
	x := somePeer(2)
	addrs, _ := in.opts.Inner(2)
	p := newPeer(in, rowWith("a", true, x), &x, addrs)
	for range 1000 {
		p.take([][]byte{make([]byte, 40)}, 0)
	}
	in.wg.Wait()
	if len(p.pending) != 0 && !errors.Is(in.ctx.Err(), context.Canceled) && p.retry.IsZero() {
		t.Errorf("%d packets wait for nobody", len(p.pending))
	}
	if p.session() != nil {
		t.Error("a refused client is signed in")
	}
}

// TestRetire takes a silent peer out of the device, and its next handshake brings it back.
func TestRetire(t *testing.T) {
	t.Parallel()
	in := newIngress(t, freeUDP(t))
	if err := in.KeysChanged(t.Context(), ingress.KeyChange{Full: true, Rows: []*nodeapi.Subscriber{rowWith("a", true, somePeer(2))}}); err != nil {
		t.Fatal(err)
	}
	if err := in.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer in.Close(t.Context())
	p := in.byKey[wg.Key(somePeer(2).PublicKey)]
	known := func() bool { return in.dev.LookupPeer([32]byte(somePeer(2).PublicKey)) != nil }
	if known() {
		t.Fatal("a peer is in the device before its first handshake")
	}
	for round := range 3 {
		p.used.Store(time.Now().Unix())
		if err := in.warmUp(p); err != nil || !known() {
			t.Fatalf("round %d: not added: %v", round, err)
		}
		in.retire(time.Now().Add(-time.Hour))
		if !known() {
			t.Fatalf("round %d: retired while it is heard of", round)
		}
		in.retire(time.Now().Add(time.Hour))
		if known() {
			t.Fatalf("round %d: not retired", round)
		}
	}
}

// freeUDP is an address that nobody listens on; the kernel does not name it to another test soon.
func freeUDP(t testing.TB) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().String()
}

// FuzzInitiation: whatever comes to the port, nothing but a genuine handshake of a known device opens.
func FuzzInitiation(f *testing.F) {
	private, err := wg.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		f.Fatal(err)
	}
	o, err := newOpener(private, public)
	if err != nil {
		f.Fatal(err)
	}
	seed := make([]byte, initiationLen)
	seed[0] = initiationType
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o.addressed(b) {
			t.Error("bytes made without the public key carry its mark")
		}
		if len(b) == initiationLen {
			if _, ok := o.static(b); ok {
				t.Error("opened")
			}
		}
	})
}

// BenchmarkTenThousandDevices reports what devices that nobody uses cost.
func BenchmarkTenThousandDevices(b *testing.B) {
	rows := make([]*nodeapi.Subscriber, 10_000)
	for i := range rows {
		p := somePeer(int64(i + 2))
		_, _ = rand.Read(p.PublicKey)
		rows[i] = rowWith(fmt.Sprint("sub", i), true, p)
	}
	for range b.N {
		in := newIngress(b, "127.0.0.1:1")
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := in.KeysChanged(b.Context(), ingress.KeyChange{Full: true, Rows: rows}); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		runtime.KeepAlive(in)
	}
}

// BenchmarkAddOneAmongTenThousand reports what one more device costs on a node that serves ten thousand: in the tables, and
// in WireGuard's device when its first handshake comes.
func BenchmarkAddOneAmongTenThousand(b *testing.B) {
	in := newIngress(b, freeUDP(b))
	rows := make([]*nodeapi.Subscriber, 10_000)
	for i := range rows {
		p := somePeer(int64(i + 2))
		_, _ = rand.Read(p.PublicKey)
		rows[i] = rowWith(fmt.Sprint("sub", i), true, p)
	}
	if err := in.KeysChanged(b.Context(), ingress.KeyChange{Full: true, Rows: rows}); err != nil {
		b.Fatal(err)
	}
	if err := in.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer in.Close(b.Context())
	const most = 1000
	var listed, warm []time.Duration
	for i := range most {
		p := somePeer(int64(20_000 + i))
		_, _ = rand.Read(p.PublicKey)
		row := rowWith(fmt.Sprint("more", i), true, p)
		begin := time.Now()
		if err := in.KeysChanged(b.Context(), ingress.KeyChange{Rows: []*nodeapi.Subscriber{row}}); err != nil {
			b.Fatal(err)
		}
		listed = append(listed, time.Since(begin))
		begin = time.Now()
		if err := in.warmUp(in.byKey[wg.Key(p.PublicKey)]); err != nil {
			b.Fatal(err)
		}
		warm = append(warm, time.Since(begin))
	}
	for name, d := range map[string][]time.Duration{"list": listed, "handshake": warm} {
		slices.Sort(d)
		b.ReportMetric(float64(d[most/2].Microseconds())/1000, name+"-ms")
		b.ReportMetric(float64(d[most*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	b.ReportMetric(0, "ns/op")
}
