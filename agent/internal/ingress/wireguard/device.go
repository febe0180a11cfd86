package wireguard

import (
	"context"
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
)

// source is a lease that hands out the packets to every client of its network (culvert/agent/internal/tunnel). The device's
// own reader takes them, many at a time and in its own memory: nothing is queued or copied in between. It fails when the
// network has ended, with its last lease; the next lease is then of another one.
type source interface {
	Receive(ctx context.Context, bufs [][]byte, sizes []int, offset int) (int, error)
}

// tunnel is the seam between the device and the node's tunnel (tun.Device): Write is what peers sent, Read what goes to them.
type tunnel struct {
	mtu     int
	packets func(bufs [][]byte, offset int)
	events  chan tun.Event
	closed  sync.Once

	ctx      context.Context // until shut
	cancel   context.CancelFunc
	offering sync.Mutex
	sources  chan source // the newest lease, for when the present source has ended
	present  source      // the reader's own
}

func newTunnel(mtu int, packets func(bufs [][]byte, offset int)) *tunnel {
	t := &tunnel{mtu: mtu, packets: packets, events: make(chan tun.Event, 1), sources: make(chan source, 1)}
	t.ctx, t.cancel = context.WithCancel(context.Background()) // a device reads until it is closed, whoever started it
	return t
}

// leased tells the reader of a new lease. It replaces one that the reader has not looked at yet: that one's network is the
// same, or has ended.
func (t *tunnel) leased(s source) {
	t.offering.Lock()
	defer t.offering.Unlock()
	select {
	case <-t.sources:
	default:
	}
	t.sources <- s
}

// Read implements tun.Device.
func (t *tunnel) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	for {
		if t.present == nil {
			select {
			case t.present = <-t.sources:
			case <-t.ctx.Done():
				return 0, os.ErrClosed
			}
		}
		n, err := t.present.Receive(t.ctx, bufs, sizes, offset)
		if n > 0 {
			return n, nil
		}
		if t.ctx.Err() != nil {
			return 0, os.ErrClosed
		}
		if err != nil {
			t.present = nil
		}
	}
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

// shut ends reading.
func (t *tunnel) shut() { t.cancel() }

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
