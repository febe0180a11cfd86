package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"culvert/agent/internal/exit"
	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/meter"
)

// Associate implements ingress.Host.
func (h *host) Associate(ctx context.Context, f flow.Flow) (ingress.PacketConn, error) {
	f.Ingress, f.Network = h.service.spec.ID, flow.UDP
	s, acc, err := h.admit(f)
	if err != nil {
		return nil, err
	}
	p := &packetConn{admission: admission{engine: h.Engine, sess: s, acc: acc, stop: make(chan struct{})}, flow: f}
	if err := p.listen(ctx); err != nil {
		p.leave()
		return nil, err
	}
	if !s.Attach(p) {
		return nil, errors.Join(flow.ErrCut, p.Close())
	}
	return p, nil
}

// listen routes the association and opens its socket.
func (p *packetConn) listen(ctx context.Context) error {
	v, err := p.engine.routes.Load().Pick(p.flow)
	if err != nil {
		return err
	}
	x := p.engine.cfg.Exits[v.Exit]
	if x == nil {
		return fmt.Errorf("%w: %s", flow.ErrNoRoute, v.Exit)
	}
	if err := p.open(ctx); err != nil {
		return err
	}
	if p.out, err = x.ListenUDP(ctx); err != nil {
		return err
	}
	p.exit, p.tap = v.Exit, p.acc.Tap(p.flow.Ingress, v.Exit)
	return nil
}

// packetConn is a routed UDP association (ingress.PacketConn).
type packetConn struct {
	admission
	out    exit.Packets
	flow   flow.Flow
	exit   string
	closed atomic.Bool
}

// Cut implements session.Flow.
func (p *packetConn) Cut() {
	if p.cut() {
		_ = p.out.Close() // wakes the reader, which sees the cut
	}
}

// whole takes n bytes or fails: a datagram does not pass in part.
func (p *packetConn) whole(n int) (meter.Budget, error) {
	b, err := p.take(max(int64(n), 1))
	for err == nil && b.N < int64(n) {
		var more meter.Budget
		if more, err = p.take(int64(n) - b.N); err != nil {
			p.acc.Return(b, b.N)
			break
		}
		more.N += b.N
		b = more
	}
	return b, err
}

// ReadFrom implements ingress.PacketConn.
func (p *packetConn) ReadFrom(b []byte) (int, flow.Dest, error) {
	for {
		n, from, err := p.out.ReadFrom(b)
		if err != nil {
			return 0, flow.Dest{}, p.outcome(err)
		}
		if !p.acc.Allow(meter.Down, n) {
			continue
		}
		bud, err := p.whole(n)
		if err != nil {
			return 0, flow.Dest{}, p.outcome(err)
		}
		p.acc.Return(bud, bud.N-int64(n))
		p.count(meter.Down, int64(n))
		return n, from, nil
	}
}

// WriteTo implements ingress.PacketConn.
func (p *packetConn) WriteTo(b []byte, to flow.Dest) (int, error) {
	if p.over.Load() {
		return 0, flow.ErrCut
	}
	f := p.flow
	f.Dest = to
	v, err := p.engine.routes.Load().Pick(f)
	if err != nil {
		return 0, err
	}
	if v.Exit != p.exit {
		return 0, fmt.Errorf("%w: %s is routed to another exit", flow.ErrBlocked, to)
	}
	if !p.acc.Allow(meter.Up, len(b)) {
		return len(b), nil
	}
	bud, err := p.whole(len(b))
	if err != nil {
		return 0, p.outcome(err)
	}
	n, err := p.out.WriteTo(b, to, v.Allow)
	if err != nil {
		n = 0
	}
	p.acc.Return(bud, bud.N-int64(n))
	p.count(meter.Up, int64(n))
	return n, p.outcome(err)
}

// outcome names a failure that a cut caused.
func (p *packetConn) outcome(err error) error {
	if err != nil && p.over.Load() {
		return flow.ErrCut
	}
	return err
}

// Close implements ingress.PacketConn.
func (p *packetConn) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	err := p.out.Close()
	p.tap.Close()
	p.sess.Detach(p)
	p.leave()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
