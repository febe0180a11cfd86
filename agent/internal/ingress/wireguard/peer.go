package wireguard

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	wg "culvert/shared/protocol/wireguard"
)

// pendingMost is how many of a client's first packets wait for its sign-in.
const pendingMost = 16

// peer is one device of a subscriber.
type peer struct {
	in         *Ingress
	subscriber string
	generation atomic.Int64
	device     string
	key        wg.Key // public
	preshared  []byte
	addrs      []netip.Addr

	warm     bool         // in the device; guarded by Ingress.keys
	used     atomic.Int64 // Unix seconds of its last packet or handshake
	endpoint atomic.Pointer[netip.AddrPort]
	place    atomic.Pointer[place] // while it is signed in

	mu      sync.Mutex
	signing bool
	retry   time.Time
	pending [][]byte
	left    bool
}

// place is a signed-in client's.
type place struct {
	session ingress.Session
	lease   ingress.Lease
	many    many // the lease, if it can
}

// many is what a lease may be besides: it takes packets that came together, each behind offset bytes of something else, and
// so sees that they are one stream's. They are copied before it returns.
type many interface {
	InjectAll(packets [][]byte, offset int)
}

func (pl *place) take(packets [][]byte, offset int) {
	if pl.many != nil {
		pl.many.InjectAll(packets, offset)
		return
	}
	for _, b := range packets {
		_ = pl.lease.Inject(b[offset:]) // a packet that does not get in is lost, as packets are
	}
}

func newPeer(in *Ingress, row *nodeapi.Subscriber, x *nodeapi.Peer, addrs []netip.Addr) *peer {
	p := &peer{in: in, subscriber: row.ID, device: x.Device, key: wg.Key(x.PublicKey), preshared: x.PresharedKey, addrs: addrs}
	p.generation.Store(row.Generation)
	return p
}

// same reports whether a peer can go on as other: what the device knows of it is equal.
func (p *peer) same(other *peer) bool {
	return p.key == other.key && string(p.preshared) == string(other.preshared) && slices.Equal(p.addrs, other.addrs)
}

func (p *peer) session() ingress.Session {
	if pl := p.place.Load(); pl != nil {
		return pl.session
	}
	return nil
}

// take takes packets of the client's, each behind offset bytes of something else; they are not kept.
func (p *peer) take(packets [][]byte, offset int) {
	p.used.Store(time.Now().Unix())
	if pl := p.place.Load(); pl != nil {
		pl.take(packets, offset)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left || (!p.signing && time.Now().Before(p.retry)) {
		return
	}
	for _, b := range packets[:min(len(packets), pendingMost-len(p.pending))] {
		p.pending = append(p.pending, slices.Clone(b[offset:]))
	}
	if !p.signing {
		p.signing = true
		p.in.wg.Go(p.signIn)
	}
}

// signIn asks the engine for a session and a place, and lets in what waited for it.
func (p *peer) signIn() {
	pl, err := p.open()
	p.mu.Lock()
	waited := p.pending
	p.pending, p.signing = nil, false
	if err != nil || p.left {
		p.retry = time.Now().Add(retryAfter)
		p.mu.Unlock()
		if err == nil {
			pl.end()
		}
		return
	}
	p.place.Store(pl)
	p.mu.Unlock()
	if e := p.endpoint.Load(); e != nil {
		p.seen(*e, time.Now()) // a client's first packet comes right behind its handshake
	}
	p.in.wg.Go(func() { p.watch(pl) })
	pl.take(waited, 0)
}

func (p *peer) open() (*place, error) {
	in := p.in
	var from netip.AddrPort
	if e := p.endpoint.Load(); e != nil {
		from = *e
	}
	s, err := in.host.Authenticate(in.ctx, ingress.Credential{
		Kind: wg.Name, Ingress: in.spec.ID,
		Proven: ingress.Proof{Subscriber: p.subscriber, Generation: p.generation.Load(), Device: p.device},
	}, from)
	if err != nil {
		return nil, err
	}
	l, err := in.host.Lease(in.ctx, s.Principal(), ingress.LeaseSpec{
		Addrs: p.addrs, Inner: []netip.Prefix{in.opts.Pool4, in.opts.Pool6}, Resolver: in.opts.Gateway(), Upstream: in.opts.Upstream,
		MTU: int(in.opts.MTU),
	})
	if err != nil {
		s.End()
		return nil, err
	}
	out, ok := l.(source)
	if !ok {
		s.End()
		l.Release()
		return nil, fmt.Errorf("%T cannot be read", l)
	}
	in.tun.leased(out)
	together, _ := l.(many)
	return &place{session: s, lease: l, many: together}, nil
}

// watch gives the place back when the engine ends the session.
func (p *peer) watch(pl *place) {
	select {
	case <-pl.session.Done():
	case <-p.in.ctx.Done():
	}
	p.place.CompareAndSwap(pl, nil)
	pl.session.End()
	t := time.NewTimer(farewell)
	defer t.Stop()
	select {
	case <-t.C: // resets of its flows are on their way to the lease's addresses
	case <-p.in.ctx.Done():
	}
	pl.lease.Release()
}

func (pl *place) end() {
	pl.session.End()
	pl.lease.Release()
}

// leave ends what the client holds; for a peer that is no more, for good.
func (p *peer) leave() {
	p.mu.Lock()
	p.left, p.pending = true, nil
	p.mu.Unlock()
	p.rest()
}

// rest ends the client's session; its next packet begins another.
func (p *peer) rest() {
	if pl := p.place.Swap(nil); pl != nil {
		pl.session.End() // watch releases the lease
	}
}

// warmUp puts the peer into the device.
func (in *Ingress) warmUp(p *peer) error {
	in.keys.Lock()
	defer in.keys.Unlock()
	in.mu.RLock()
	current := in.byKey[p.key] == p
	in.mu.RUnlock()
	if p.warm || !current {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "public_key=%x\nreplace_allowed_ips=true\n", p.key[:])
	if len(p.preshared) > 0 {
		fmt.Fprintf(&b, "preshared_key=%x\n", p.preshared)
	}
	for _, a := range p.addrs {
		fmt.Fprintf(&b, "allowed_ip=%s/%d\n", a, a.BitLen())
	}
	if err := in.dev.IpcSet(b.String()); err != nil {
		return fmt.Errorf("add peer %s: %w", p.device, err)
	}
	p.warm = true
	return nil
}

// cool takes the peer out of the device, which waits for its packets to be handled; the caller holds in.keys.
func (in *Ingress) cool(p *peer) error {
	if !p.warm {
		return nil
	}
	p.warm = false
	if err := in.dev.IpcSet(fmt.Sprintf("public_key=%x\nremove=true\n", p.key[:])); err != nil {
		return fmt.Errorf("remove peer %s: %w", p.device, err)
	}
	return nil
}

// sweep retires the peers that have been silent for long, and passes on where the others are.
func (in *Ingress) sweep() {
	tick, looks := time.NewTicker(sweepEvery), time.NewTicker(lookEvery)
	defer tick.Stop()
	defer looks.Stop()
	for {
		select {
		case <-in.ctx.Done():
			return
		case <-looks.C:
			in.look()
		case now := <-tick.C:
			in.retire(now.Add(-retireAfter))
			in.bind.join()
		}
	}
}

// retire takes out every peer that was last heard of before the instant.
func (in *Ingress) retire(before time.Time) {
	in.mu.RLock()
	var silent []*peer
	for _, p := range in.byKey {
		if u := p.used.Load(); u != 0 && u < before.Unix() {
			silent = append(silent, p)
		}
	}
	in.mu.RUnlock()
	for _, p := range silent {
		in.keys.Lock()
		if p.used.Load() < before.Unix() {
			p.used.Store(0)
			if err := in.cool(p); err != nil {
				in.spec.Log.Warn("wireguard: peer not retired", "device", p.device, "error", err)
			}
			p.rest()
		}
		in.keys.Unlock()
	}
}
