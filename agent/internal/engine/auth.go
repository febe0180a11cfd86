package engine

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/keyring"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// host is the engine as one service sees it: whatever a protocol says, its sessions and flows are its own ingress's.
type host struct {
	*Engine
	service *service
}

// The engine's side of the contract.
var _ ingress.Host = (*host)(nil)

// Authenticate implements ingress.Host.
func (h *host) Authenticate(ctx context.Context, c ingress.Credential, from netip.AddrPort) (ingress.Session, error) {
	e := h.Engine
	kind := e.kinds[h.service.spec.Kind]
	row, err := h.identify(ctx, kind, c, from)
	if err != nil {
		return nil, err
	}
	if err := e.admitDevice(ctx, row, session.DeviceName(c.Proven.Device, kind.Name, from.Addr())); err != nil {
		return nil, err
	}
	e.gate.RLock()
	defer e.gate.RUnlock()
	if e.draining {
		return nil, flow.ErrClosed
	}
	// The check above may have taken a while: what counts is what holds now.
	now := e.ring.Find(row.ID)
	if now == nil || now.Generation != row.Generation || !slices.Contains(now.Protocols, kind.Name) {
		return nil, flow.ErrCredential
	}
	if !now.Enabled || expired(now, time.Now()) {
		return nil, flow.ErrRefused
	}
	acc := e.meter.Account(now)
	s, err := e.sessions.Open(session.Open{
		Principal: flow.Principal{Class: flow.Subscriber, ID: now.ID, Generation: now.Generation},
		Ingress:   h.service.spec.ID, Kind: kind.Name, Source: from.Addr(), Device: c.Proven.Device, Brief: kind.Brief, Devices: now.Devices, DropOldest: e.oldest.Load(), Expires: now.Expires,
		Service: h.service.serial, Holder: acc,
	})
	if err != nil {
		acc.Release()
		return nil, err
	}
	return s, nil
}

// identify finds whom c names; whether they may connect is decided afterwards.
func (h *host) identify(ctx context.Context, kind protocol.Kind, c ingress.Credential, from netip.AddrPort) (*nodeapi.Subscriber, error) {
	if p := c.Proven; p.Subscriber != "" {
		row := h.ring.Find(p.Subscriber)
		if row == nil || row.Generation != p.Generation {
			return nil, flow.ErrCredential
		}
		return row, nil
	}
	return h.ring.Verify(ctx, keyring.Query{
		Login: c.Name, Password: c.Password, Secret: c.Secret, Family: kind.Family, From: from.Addr(),
	})
}

func expired(row *nodeapi.Subscriber, now time.Time) bool {
	return row.Expires != 0 && now.Unix() >= row.Expires
}

// admit finds the live session of a flow and its account, and takes a slot for it, which goes back when its dial fails or
// it closes. There is no other way to either.
func (h *host) admit(f flow.Flow) (*session.Session, *meter.Account, error) {
	s := h.sessions.Find(f.Principal.Session)
	if s == nil || s.Principal() != f.Principal {
		return nil, nil, flow.ErrCut
	}
	acc, ok := s.Holder().(*meter.Account)
	if !ok {
		return nil, nil, fmt.Errorf("%w: session %s has no account", flow.ErrRefused, f.Principal.Session)
	}
	if !h.slots.take(f.Principal.ID, h.cfg.PerUser, h.cfg.MaxFlows) {
		return nil, nil, flow.ErrOverload
	}
	return s, acc, nil
}

// Lease implements ingress.Host.
func (h *host) Lease(ctx context.Context, p flow.Principal, spec ingress.LeaseSpec) (ingress.Lease, error) {
	if _, _, err := h.admit(flow.Flow{Principal: p}); err != nil {
		return nil, err
	}
	h.slots.release(p.ID) // a lease is no flow: only whether there is room for one matters
	if h.cfg.Tunnel == nil {
		return nil, fmt.Errorf("%w: this node has no tunnel", flow.ErrNoRoute)
	}
	return h.cfg.Tunnel.Lease(ctx, h, p, spec)
}
