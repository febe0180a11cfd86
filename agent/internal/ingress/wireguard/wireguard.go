// Package wireguard serves WireGuard in user space: wireguard-go's device speaks the protocol, its packets go to the
// tunnel, and this package decides which peers the device knows.
//
// wireguard-go spends about 32 KiB and two goroutines on a peer even when it is idle, so a device is put into it when its
// first handshake arrives, which tells whose it is (handshake.go), and is taken out when it has been silent for long:
//
//	cold --initiation of a known key--> warm --first packet--> signed in --Session.Done--> warm
//	  ^                                  |                         |
//	  +---------- silent for retireAfter +-------------------------+
//
// Identity is the inner source address, which WireGuard's allowed addresses bind to the peer's key. Signing in happens at
// the first packet, not at the handshake: an initiation can be a replay, a packet cannot.
package wireguard

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	wg "culvert/shared/protocol/wireguard"
)

// Ingress is a WireGuard interface (ingress.Ingress, ingress.KeysChanged).
type Ingress struct {
	spec   ingress.Spec
	host   ingress.Host
	opts   wg.Options
	public wg.Key
	opener *opener
	bind   *bind
	limit  limiter
	tun    *tunnel

	dev     *device.Device
	ctx     context.Context
	cancel  context.CancelFunc
	started bool
	closing sync.Once
	wg      sync.WaitGroup

	// keys serializes everything that puts peers into the device or takes them out. It is held while the device waits for
	// its packets, so nothing that handles packets may wait for it.
	keys sync.Mutex

	mu     sync.RWMutex
	byKey  map[wg.Key]*peer
	byAddr map[netip.Addr]*peer
	owned  map[string][]*peer // by subscriber
}

// New implements ingress.Factory.
func New(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
	o, err := wg.Parse(spec.Options)
	if err != nil {
		return nil, err
	}
	private, err := wg.ParseKey(o.PrivateKey)
	if err != nil {
		return nil, nodeapi.Fault("private_key", "%v", err)
	}
	public, err := private.Public()
	if err != nil {
		return nil, nodeapi.Fault("private_key", "%v", err)
	}
	in := &Ingress{
		spec: spec, host: host, opts: o, public: public,
		byKey: map[wg.Key]*peer{}, byAddr: map[netip.Addr]*peer{}, owned: map[string][]*peer{},
	}
	if in.opener, err = newOpener(private, public); err != nil {
		return nil, err
	}
	in.bind = &bind{sockets: spec.Sockets, listen: spec.Listen, initiation: in.initiation}
	in.tun = newTunnel(int(o.MTU), in.packets)
	return in, nil
}

// Start implements ingress.Ingress.
func (in *Ingress) Start(ctx context.Context) error {
	in.ctx, in.cancel = context.WithCancel(ctx)
	in.dev = device.NewDevice(in.tun, in.bind, &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf: func(format string, args ...any) {
			in.spec.Log.Debug("wireguard", "device", fmt.Sprintf(format, args...))
		},
	})
	private, err := wg.ParseKey(in.opts.PrivateKey)
	if err == nil {
		err = in.dev.IpcSet(fmt.Sprintf("private_key=%x\n", private[:]))
	}
	if err == nil {
		err = in.dev.Up()
	}
	if err == nil && in.bind.failed() != nil {
		err = in.bind.failed()
	}
	if err != nil {
		in.cancel()
		in.dev.Close()
		return fmt.Errorf("listen on %s: %w", in.spec.Listen, err)
	}
	in.started = true
	in.wg.Go(in.sweep)
	return nil
}

// Close implements ingress.Ingress. It ends its clients at once: datagrams of one port can't be told apart by who is to drain
// them, and a successor's device begins with each client's next handshake, which comes as soon as nothing is answered.
func (in *Ingress) Close(context.Context) error {
	in.closing.Do(func() {
		if !in.started {
			return
		}
		if in.leaveAll() {
			t := time.NewTimer(farewell)
			<-t.C
		}
		in.cancel()
		in.tun.shut()
		in.dev.Close()
		in.wg.Wait()
	})
	return nil
}

// leaveAll ends every client's session, for good, and reports whether there was one.
func (in *Ingress) leaveAll() bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	some := false
	for _, p := range in.byKey {
		some = p.session() != nil || some
		p.leave()
	}
	return some
}

// Timing.
const (
	farewell    = 250 * time.Millisecond // for resets of cut flows to reach the client
	sweepEvery  = 20 * time.Second
	retireAfter = 5 * time.Minute // WireGuard's keys are dead after three
	retryAfter  = time.Second     // between two attempts to sign in a client that was refused
)

// KeysChanged implements ingress.KeysChanged.
func (in *Ingress) KeysChanged(_ context.Context, change ingress.KeyChange) error {
	in.keys.Lock()
	defer in.keys.Unlock()
	gone := in.exchange(change)
	for _, p := range gone {
		p.leave()
	}
	if len(gone) > 0 && in.started {
		in.wg.Go(func() { in.forget(gone) })
	}
	return nil
}

// forget takes peers that are no more out of the device, a moment after their flows were cut. The engine refuses them
// already.
func (in *Ingress) forget(gone []*peer) {
	t := time.NewTimer(farewell)
	defer t.Stop()
	select {
	case <-t.C:
	case <-in.ctx.Done():
		return // the device goes with all its peers
	}
	in.keys.Lock()
	defer in.keys.Unlock()
	for _, p := range gone {
		in.mu.RLock()
		heir := in.byKey[p.key] // a device that moved to another subscriber, or back
		in.mu.RUnlock()
		if heir != nil && heir.warm {
			continue
		}
		if err := in.cool(p); err != nil {
			in.spec.Log.Warn("wireguard: peer not removed", "device", p.device, "error", err)
		}
	}
}

// exchange brings the tables to the change and returns the peers that went or became others.
func (in *Ingress) exchange(change ingress.KeyChange) []*peer {
	in.mu.Lock()
	defer in.mu.Unlock()
	var gone []*peer
	drop := func(subscriber string, keep map[string]*peer) {
		for _, p := range in.owned[subscriber] {
			if keep[p.device] == p {
				continue
			}
			delete(in.byKey, p.key)
			for _, a := range p.addrs {
				if in.byAddr[a] == p {
					delete(in.byAddr, a)
				}
			}
			gone = append(gone, p)
		}
		delete(in.owned, subscriber)
	}
	if change.Full {
		listed := make(map[string]bool, len(change.Rows))
		for _, row := range change.Rows {
			listed[row.ID] = true
		}
		for sid := range in.owned {
			if !listed[sid] {
				drop(sid, nil)
			}
		}
	}
	for _, sid := range change.Removed {
		drop(sid, nil)
	}
	for _, row := range change.Rows {
		kept, fresh := in.peersOf(row)
		drop(row.ID, kept)
		for _, p := range kept {
			p.generation.Store(row.Generation)
			fresh = append(fresh, p)
		}
		for _, p := range fresh {
			in.byKey[p.key] = p
			for _, a := range p.addrs {
				in.byAddr[a] = p
			}
		}
		if len(fresh) > 0 {
			in.owned[row.ID] = fresh
		}
	}
	return gone
}

// peersOf tells which peers of a row go on as they are, by device, and which are new. A subscriber who may not connect has
// none.
func (in *Ingress) peersOf(row *nodeapi.Subscriber) (kept map[string]*peer, fresh []*peer) {
	kept = map[string]*peer{}
	if !row.Enabled {
		return kept, nil
	}
	old := map[string]*peer{}
	for _, p := range in.owned[row.ID] {
		old[p.device] = p
	}
	for i := range row.Peers {
		x := &row.Peers[i]
		addrs, ok := in.opts.Inner(x.Number)
		if !ok || (x.Ingress != "" && x.Ingress != in.spec.ID) {
			continue
		}
		p := newPeer(in, row, x, addrs)
		if had := old[x.Device]; had != nil && had.same(p) {
			kept[x.Device] = had
			continue
		}
		fresh = append(fresh, p)
	}
	return kept, fresh
}
