package socks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

// maxDatagram is the largest UDP payload, with our header before it.
const maxDatagram = 65_535 + maxHeader

// association is one UDP ASSOCIATE: a relay socket of its own that only the client's address may use, and of its ports
// only the first one seen. It lives as long as the control connection and the session, and not without traffic.
type association struct {
	relay  *net.UDPConn
	out    ingress.PacketConn
	client atomic.Pointer[netip.AddrPort] // where datagrams go back to; nil before the first
	source netip.Addr
	idle   time.Duration
	last   atomic.Int64 // Unix nanoseconds of the newest datagram
	end    chan struct{}
	once   sync.Once
}

// associate serves one association until it ends, and reports why.
func (s *Server) associate(ctx context.Context, control net.Conn, f flow.Flow, done <-chan struct{}) error {
	local, err := netip.ParseAddrPort(control.LocalAddr().String())
	if err != nil {
		return err
	}
	out, err := s.host.Associate(ctx, f)
	if err != nil {
		return errors.Join(err, reply(control, replyFor(err), netip.AddrPort{}))
	}
	defer func() { _ = out.Close() }()
	relay, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local.Addr(), 0)))
	if err != nil {
		return errors.Join(err, reply(control, replyFailure, netip.AddrPort{}))
	}
	defer func() { _ = relay.Close() }()
	a := &association{relay: relay, out: out, source: f.Source.Addr(), idle: s.opts.UDPIdleTimeout(), end: make(chan struct{})}
	a.last.Store(time.Now().UnixNano())
	bound, err := netip.ParseAddrPort(relay.LocalAddr().String())
	if err != nil {
		return err
	}
	if s.opts.PublicAddress != "" {
		bound = netip.AddrPortFrom(netip.MustParseAddr(s.opts.PublicAddress), bound.Port())
	}
	if err := reply(control, replyOK, bound); err != nil {
		return err
	}
	return a.run(control, done)
}

// run moves datagrams until the first of: control connection closed, session ended, silence, failure.
func (a *association) run(control net.Conn, done <-chan struct{}) error {
	var wg sync.WaitGroup
	var errs [3]error
	wg.Go(func() { defer a.stop(); errs[0] = a.upload() })
	wg.Go(func() { defer a.stop(); errs[1] = a.download() })
	wg.Go(func() {
		defer a.stop()
		_, errs[2] = io.Copy(io.Discard, control) // nothing more is expected; its end is
	})
	quiet := time.NewTimer(a.idle)
	defer quiet.Stop()
	for open := true; open; {
		select {
		case <-a.end:
			open = false
		case <-done:
			open = false
		case <-quiet.C:
			silent := time.Since(time.Unix(0, a.last.Load()))
			if open = silent < a.idle; open {
				quiet.Reset(a.idle - silent)
			}
		}
	}
	_ = a.relay.Close()
	_ = a.out.Close()
	_ = control.Close()
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("association: %w", err)
		}
	}
	return nil
}

func (a *association) stop() { a.once.Do(func() { close(a.end) }) }

// upload takes datagrams of the client. Others' are dropped, and so are fragments and what cannot be read.
func (a *association) upload() error {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := a.relay.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if from.Addr() != a.source {
			continue
		}
		dest, payload, ok := parseDatagram(buf[:n])
		if !ok {
			continue
		}
		switch c := a.client.Load(); {
		case c == nil:
			first := from // a copy: only the first datagram pays for the heap
			a.client.Store(&first)
		case *c != from:
			continue
		}
		a.last.Store(time.Now().UnixNano())
		if _, err := a.out.WriteTo(payload, dest); err != nil &&
			!errors.Is(err, flow.ErrBlocked) && !errors.Is(err, flow.ErrUnreachable) {
			return err
		}
	}
}

// download takes answers to the client.
func (a *association) download() error {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := a.out.ReadFrom(buf[maxHeader:])
		if err != nil {
			return err
		}
		c := a.client.Load()
		if c == nil {
			continue
		}
		a.last.Store(time.Now().UnixNano())
		var head [maxHeader]byte
		h := appendAddress(append(head[:0], 0, 0, 0), netip.AddrPortFrom(from.Addr, from.Port))
		start := maxHeader - len(h)
		copy(buf[start:], h)
		if _, err := a.relay.WriteToUDPAddrPort(buf[start:maxHeader+n], *c); errors.Is(err, net.ErrClosed) {
			return err // other failures concern this datagram only
		}
	}
}
