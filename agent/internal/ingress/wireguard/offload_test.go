package wireguard

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"

	"culvert/agent/internal/listen"
)

func newBind(t *testing.T) (b *bind, receive conn.ReceiveFunc) {
	t.Helper()
	for range 20 { // another test may take the port first
		b = &bind{sockets: &listen.Pool{}, listen: freeUDP(t), initiation: func([]byte, netip.AddrPort) bool { return false }}
		if fns, _, err := b.Open(0); err == nil {
			t.Cleanup(func() { _ = b.Close() })
			return b, fns[0]
		}
	}
	t.Fatal("no free port")
	return nil, nil
}

// datagrams returns some of each length, in order, every one different.
func datagrams(lengths ...int) (all [][]byte) {
	for i, n := range lengths {
		all = append(all, bytes.Repeat([]byte{byte(i + 2)}, n))
	}
	return all
}

// TestDatagramsStayWhole: whatever is joined and cut on the way, what arrives is what was sent.
func TestDatagramsStayWhole(t *testing.T) {
	t.Parallel()
	equal := make([]int, 300)
	for i := range equal {
		equal[i] = 1452
	}
	for name, c := range map[string]struct {
		lengths []int
		single  bool
	}{
		"one":               {lengths: []int{100}},
		"equal":             {lengths: equal},
		"equal, one by one": {lengths: equal[:150], single: true},
		"a shorter last":    {lengths: []int{1000, 1000, 1000, 20, 1000, 1000}},
		"longer ones":       {lengths: []int{100, 200, 200, 300}},
		"large":             {lengths: []int{40000, 40000, 40000, 65000}},
		"empty ones":        {lengths: []int{32, 0, 32}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := newBind(t)
			b, receive := newBind(t)
			a.single.Store(c.single)
			to, err := b.ParseEndpoint(b.listen)
			if err != nil {
				t.Fatal(err)
			}
			sent := datagrams(c.lengths...)
			if err := a.Send(sent, to); err != nil {
				t.Fatal(err)
			}
			if err := b.pc.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			bufs, sizes, eps := make([][]byte, batchSize), make([]int, batchSize), make([]conn.Endpoint, batchSize)
			for i := range bufs {
				bufs[i] = make([]byte, 1<<16)
			}
			var got [][]byte
			for len(bytes.Join(got, nil)) < len(bytes.Join(sent, nil)) {
				n, err := receive(bufs, sizes, eps)
				if err != nil {
					t.Fatalf("after %d of %d: %v", len(got), len(sent), err)
				}
				for i := range n {
					got = append(got, bytes.Clone(bufs[i][:sizes[i]]))
					if eps[i].DstToString() != a.listen {
						t.Fatalf("from %s, not %s", eps[i].DstToString(), a.listen)
					}
				}
			}
			var want [][]byte
			for _, s := range sent {
				if len(s) > 0 {
					want = append(want, s)
				}
			}
			for i, w := range want {
				if i >= len(got) || !bytes.Equal(got[i], w) {
					t.Fatalf("datagram %d of %d is another one", i, len(want))
				}
			}
		})
	}
}

// TestReceivingEnds with the socket.
func TestReceivingEnds(t *testing.T) {
	t.Parallel()
	b, receive := newBind(t)
	done := make(chan error, 1)
	go func() {
		_, err := receive([][]byte{make([]byte, 100)}, make([]int, 1), make([]conn.Endpoint, 1))
		done <- err
	}()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestQueueIsBoundedAndWhole: what waits for the device keeps its order, a full queue makes the sender wait, and a closed
// one lets everybody go.
func TestQueueIsBoundedAndWhole(t *testing.T) {
	t.Parallel()
	const packets = 5 * outgoing
	q := newTunnel(1420, nil)
	go func() {
		for i := range packets {
			q.deliver([]byte{byte(i >> 8), byte(i)})
		}
	}()
	bufs, sizes := make([][]byte, 100), make([]int, 100)
	for i := range bufs {
		bufs[i] = make([]byte, 1500)
	}
	for next := 0; next < packets; {
		n, err := q.Read(bufs, sizes, 16)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if got := int(bufs[i][16])<<8 | int(bufs[i][17]); sizes[i] != 2 || got != next {
				t.Fatalf("packet %d of length %d instead of %d", got, sizes[i], next)
			}
			next++
		}
	}
	full := make(chan struct{})
	go func() {
		for range 3 * outgoing {
			q.deliver([]byte{1})
		}
		close(full)
	}()
	if _, err := q.Read(bufs, sizes, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case <-full:
		t.Error("the queue has no bound")
	default:
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	<-full
	for {
		if _, err := q.Read(bufs, sizes, 0); errors.Is(err, os.ErrClosed) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
