package wireguard

import (
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
)

// outgoing is how many packets may wait for the device.
const outgoing = 1024

// tunnel is the seam between the device and the node's tunnel (tun.Device): Write is what peers sent, Read what goes to them.
type tunnel struct {
	mtu     int
	packets func(bufs [][]byte, offset int)
	out     chan *packet
	events  chan tun.Event
	done    chan struct{}
	once    sync.Once
	closed  sync.Once
	pool    sync.Pool
}

type packet struct{ b []byte }

func newTunnel(mtu int, packets func(bufs [][]byte, offset int)) *tunnel {
	t := &tunnel{mtu: mtu, packets: packets, out: make(chan *packet, outgoing), events: make(chan tun.Event, 1), done: make(chan struct{})}
	t.pool.New = func() any { return &packet{b: make([]byte, 0, mtu)} }
	return t
}

// deliver queues a packet for a peer. It waits for room: the stack behind it then waits as well, instead of losing packets
// that it would have to send again.
func (t *tunnel) deliver(b []byte) {
	p, ok := t.pool.Get().(*packet)
	if !ok {
		p = &packet{}
	}
	p.b = append(p.b[:0], b...)
	select {
	case t.out <- p:
	case <-t.done:
	}
}

// Read implements tun.Device.
func (t *tunnel) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case p := <-t.out:
		t.put(p, bufs, sizes, offset, 0)
	case <-t.done:
		return 0, os.ErrClosed
	}
	for n := 1; n < len(bufs); n++ {
		select {
		case p := <-t.out:
			t.put(p, bufs, sizes, offset, n)
		default:
			return n, nil
		}
	}
	return len(bufs), nil
}

func (t *tunnel) put(p *packet, bufs [][]byte, sizes []int, offset, i int) {
	sizes[i] = copy(bufs[i][offset:], p.b)
	t.pool.Put(p)
}

// Write implements tun.Device.
func (t *tunnel) Write(bufs [][]byte, offset int) (int, error) {
	t.packets(bufs, offset)
	return len(bufs), nil
}

// packets hands each packet to the peer of its source address.
func (in *Ingress) packets(bufs [][]byte, offset int) {
	for _, b := range bufs {
		b = b[offset:]
		var from netip.Addr
		switch {
		case len(b) >= 20 && b[0]>>4 == 4:
			from = netip.AddrFrom4([4]byte(b[12:16]))
		case len(b) >= 40 && b[0]>>4 == 6:
			from = netip.AddrFrom16([16]byte(b[8:24]))
		default:
			continue
		}
		in.mu.RLock()
		p := in.byAddr[from]
		in.mu.RUnlock()
		if p != nil {
			p.packet(b)
		}
	}
}

// shut wakes everyone who waits; packets are dropped from then on.
func (t *tunnel) shut() { t.once.Do(func() { close(t.done) }) }

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
