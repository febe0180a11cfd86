package wireguard

import (
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
)

// outgoing is how many packets may wait for the device, in each half of the queue.
const outgoing = 512

// tunnel is the seam between the device and the node's tunnel (tun.Device): Write is what peers sent, Read what goes to them.
//
// What goes to them waits in a queue of two halves: the stack fills one while the device reads the other, and they change
// places when the device has read its own. So a burst costs one wake-up, and neither side waits for the other's copying.
type tunnel struct {
	mtu     int
	packets func(bufs [][]byte, offset int)
	events  chan tun.Event
	closed  sync.Once

	mu     sync.Mutex
	some   sync.Cond // the filling half has a packet, or shut
	room   sync.Cond // the filling half has room, or shut
	filled half
	shutUp bool

	reading half // the device's own
	at      int  // how much of it is read
}

// half is packets; those behind count are room for more.
type half struct {
	packets [][]byte
	count   int
}

func newTunnel(mtu int, packets func(bufs [][]byte, offset int)) *tunnel {
	t := &tunnel{mtu: mtu, packets: packets, events: make(chan tun.Event, 1)}
	t.some.L, t.room.L = &t.mu, &t.mu
	return t
}

// deliver queues a packet for a peer. It waits for room: the stack behind it then waits as well, instead of losing packets
// that it would have to send again.
func (t *tunnel) deliver(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := &t.filled
	for h.count == outgoing && !t.shutUp {
		t.room.Wait()
	}
	if t.shutUp {
		return
	}
	if h.count == len(h.packets) { // the queue grows as it is needed, and stays so
		h.packets = append(h.packets, make([]byte, 0, t.mtu))
	}
	h.packets[h.count] = append(h.packets[h.count][:0], b...)
	if h.count++; h.count == 1 {
		t.some.Signal()
	}
}

// Read implements tun.Device.
func (t *tunnel) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if t.at == t.reading.count && !t.turn() {
		return 0, os.ErrClosed
	}
	n := min(len(bufs), t.reading.count-t.at)
	for i, p := range t.reading.packets[t.at : t.at+n] {
		sizes[i] = copy(bufs[i][offset:], p)
	}
	t.at += n
	return n, nil
}

// turn waits for packets and takes them; false when there will be none.
func (t *tunnel) turn() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.filled.count == 0 && !t.shutUp {
		t.some.Wait()
	}
	if t.shutUp {
		return false
	}
	if t.filled.count == outgoing {
		t.room.Broadcast()
	}
	t.reading.count, t.at = 0, 0
	t.filled, t.reading = t.reading, t.filled
	return true
}

// Write implements tun.Device.
func (t *tunnel) Write(bufs [][]byte, offset int) (int, error) {
	t.packets(bufs, offset)
	return len(bufs), nil
}

// packets hands packets to the peers of their source addresses, neighbours of one peer together.
func (in *Ingress) packets(bufs [][]byte, offset int) {
	var from *peer
	begin := 0
	for i, b := range bufs {
		p := in.sender(b[offset:])
		if p != from {
			if from != nil {
				from.take(bufs[begin:i], offset)
			}
			from, begin = p, i
		}
	}
	if from != nil {
		from.take(bufs[begin:], offset)
	}
}

// sender is the peer of a packet's source address; nil when there is none.
func (in *Ingress) sender(b []byte) *peer {
	var from netip.Addr
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		from = netip.AddrFrom4([4]byte(b[12:16]))
	case len(b) >= 40 && b[0]>>4 == 6:
		from = netip.AddrFrom16([16]byte(b[8:24]))
	default:
		return nil
	}
	in.mu.RLock()
	defer in.mu.RUnlock()
	return in.byAddr[from]
}

// shut wakes everyone who waits; packets are dropped from then on.
func (t *tunnel) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shutUp = true
	t.some.Broadcast()
	t.room.Broadcast()
}

// Close implements tun.Device.
func (t *tunnel) Close() error {
	t.shut()
	t.closed.Do(func() { close(t.events) })
	return nil
}

// File implements tun.Device.
func (t *tunnel) File() *os.File { return nil }

// MTU implements tun.Device.
func (t *tunnel) MTU() (int, error) { return t.mtu, nil }

// Name implements tun.Device.
func (t *tunnel) Name() (string, error) { return "culvert", nil }

// Events implements tun.Device.
func (t *tunnel) Events() <-chan tun.Event { return t.events }

// BatchSize implements tun.Device.
func (t *tunnel) BatchSize() int { return batchSize }
