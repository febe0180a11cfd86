package wireguard

import (
	"bytes"
	"context"
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
	b = &bind{sockets: &listen.Pool{}, listen: freeUDP(t), initiation: func([]byte, netip.AddrPort) bool { return false }}
	fns, _, err := b.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b, fns[0]
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

// queue is a source that a test fills.
type queue struct {
	packets chan []byte
	ended   chan struct{}
}

func (q *queue) Receive(ctx context.Context, bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case p := <-q.packets:
		sizes[0] = copy(bufs[0][offset:], p)
		return 1, nil
	case <-q.ended:
		return 0, net.ErrClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// TestReadingFollowsTheLeases: the device reads from one network after the other, and stops when it is told to.
func TestReadingFollowsTheLeases(t *testing.T) {
	t.Parallel()
	d := newTunnel(1420, nil)
	bufs, sizes := [][]byte{make([]byte, 100)}, make([]int, 1)
	for round := range 3 {
		q := &queue{packets: make(chan []byte, 1), ended: make(chan struct{})}
		for range 3 { // as many leases as there are, it is one network
			d.leased(q)
		}
		for _, p := range []string{"one", "two"} {
			q.packets <- []byte(p)
			if n, err := d.Read(bufs, sizes, 16); n != 1 || err != nil || string(bufs[0][16:16+sizes[0]]) != p {
				t.Fatalf("round %d: %d, %v, %q", round, n, err, bufs[0])
			}
		}
		d.leased(q)
		close(q.ended)
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.Read(bufs, sizes, 16)
		done <- err
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}
