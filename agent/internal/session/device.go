package session

import (
	"net/netip"
	"slices"
	"time"

	"culvert/shared/nodeapi"
)

// A device, for a subscriber whose devices are limited, is a WireGuard peer, or a protocol spoken from an address (an IPv6
// /64). It counts while something of it is open. One that has been silent for deviceQuiet gives its place to a newcomer at
// once: a phone that changed networks must not wait until its old connection is found dead.

// deviceQuiet is how long a device that moves nothing keeps its place against a newcomer.
const deviceQuiet = 10 * time.Second

// device is guarded by Table.mu.
type device struct {
	live  map[*Session]struct{}
	since time.Time
	moved int64     // sum of its sessions' bytes when it was looked at last
	heard time.Time // when that sum changed last
}

// DeviceName is what a device is known as over all nodes: its own id, or the protocol and the address it is spoken from.
func DeviceName(id, kind string, source netip.Addr) string {
	if id != "" {
		return id
	}
	source = source.Unmap()
	if source.Is6() {
		if p, err := source.Prefix(64); err == nil {
			return kind + " " + p.String()
		}
	}
	return kind + " " + source.String()
}

// Knows reports whether the device is connected here: then nobody has to be asked.
func (t *Table) Knows(subscriber, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[subscriber]
	return g != nil && g.devices[name] != nil
}

// room decides whether a device may connect within limit, and returns the sessions that make way for it. The caller holds
// t.mu.
func room(t *Table, g *group, name string, limit int, dropOldest bool, now time.Time) (way []*Session, ok bool) {
	if limit <= 0 || g == nil || g.devices[name] != nil {
		return nil, true
	}
	for len(g.devices) >= limit {
		victim := g.quiet(now)
		if victim == "" && dropOldest {
			victim = g.oldest()
		}
		if victim == "" {
			return nil, false
		}
		for s := range g.devices[victim].live {
			way = append(way, s)
		}
		delete(g.devices, victim)
		t.gone = append(t.gone, nodeapi.DeviceUse{Subscriber: g.subscriber, Device: victim})
	}
	return way, true
}

// quiet names the device that has moved nothing for longest, and at least deviceQuiet.
func (g *group) quiet(now time.Time) (name string) {
	least := now.Add(-deviceQuiet)
	for k, d := range g.devices {
		d.look(now)
		if d.heard.Before(least) {
			name, least = k, d.heard
		}
	}
	return name
}

func (g *group) oldest() (name string) {
	var since time.Time
	for k, d := range g.devices {
		if name == "" || d.since.Before(since) {
			name, since = k, d.since
		}
	}
	return name
}

// look notes whether the device has moved anything since it was looked at last.
func (d *device) look(now time.Time) {
	sum := int64(0)
	for s := range d.live {
		sum += s.mine.Load()
	}
	if sum != d.moved {
		d.moved, d.heard = sum, now
	}
}

// enter counts s for its device; the caller holds t.mu.
func (g *group) enter(s *Session, name string, now time.Time) {
	if g.devices == nil {
		g.devices = map[string]*device{}
	}
	d := g.devices[name]
	if d == nil {
		d = &device{live: map[*Session]struct{}{}, since: now, heard: now}
		g.devices[name] = d
	}
	d.live[s] = struct{}{}
	s.deviceName = name
}

// exit takes an ended session out of its device; the caller holds t.mu.
func exit(t *Table, g *group, s *Session) {
	d := g.devices[s.deviceName]
	if d == nil {
		return
	}
	if _, here := d.live[s]; !here {
		return
	}
	d.moved -= s.mine.Load()
	delete(d.live, s)
	if len(d.live) == 0 {
		delete(g.devices, s.deviceName)
		t.gone = append(t.gone, nodeapi.DeviceUse{Subscriber: g.subscriber, Device: s.deviceName})
	}
}

// lookAtDevices keeps track of which devices move something.
func lookAtDevices(t *Table, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.groups {
		for _, d := range g.devices {
			d.look(now)
		}
	}
}

// Devices returns the devices of limited subscribers that are connected, and those that have gone since the call before.
func (t *Table) Devices() (held, gone []nodeapi.DeviceUse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.groups {
		for name := range g.devices {
			held = append(held, nodeapi.DeviceUse{Subscriber: g.subscriber, Device: name})
		}
	}
	gone, t.gone = t.gone, nil
	return held, slices.DeleteFunc(gone, func(u nodeapi.DeviceUse) bool { return slices.Contains(held, u) })
}

// Yield ends the subscriber's device that has moved nothing for longest, at least deviceQuiet, and returns it.
func (t *Table) Yield(subscriber string) (nodeapi.DeviceUse, bool) {
	t.mu.Lock()
	name := ""
	if g := t.groups[subscriber]; g != nil {
		name = g.quiet(time.Now())
	}
	t.mu.Unlock()
	u := nodeapi.DeviceUse{Subscriber: subscriber, Device: name}
	if name == "" {
		return u, false
	}
	t.CutDevice(u)
	return u, true
}

// Counted reports whether the session counts against a device limit.
func (s *Session) Counted() bool {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	return s.deviceName != ""
}

// CutDevice ends what a device has open here: its place was given to another.
func (t *Table) CutDevice(u nodeapi.DeviceUse) int {
	t.mu.Lock()
	var out []*Session
	if g := t.groups[u.Subscriber]; g != nil && g.devices[u.Device] != nil {
		for s := range g.devices[u.Device].live {
			out = append(out, s)
		}
	}
	t.mu.Unlock()
	n := 0
	for _, s := range out {
		if t.end(s, Replaced) {
			n++
		}
	}
	return n
}
