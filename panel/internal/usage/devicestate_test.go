package usage_test

import (
	"context"
	"testing"
	"time"

	"culvert/panel/internal/device"
	"culvert/panel/internal/usage"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// A device's place, handshake and traffic are what the records of all its sessions say, once each, and nobody else's.
func TestDeviceState(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, 2)
	ann, bob := w.Subscriber(t, w.acme, "ann", nil), w.Subscriber(t, w.acme, "bob", nil)
	w.compile(t)
	devices := &device.Service{DB: w.DB, Vault: w.Vault}
	d, err := devices.Add(ctx, w.acme, device.New{Subscriber: ann.ID, Name: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Minute).Truncate(time.Second).UTC()
	send := func(node int, seq int64, in ...nodeapi.SessionRecord) {
		t.Helper()
		r := report(1, seq)
		r.Sessions = in
		if _, err := w.usage.Ingest(ctx, w.nodes[node], r); err != nil {
			t.Fatal(err)
		}
	}
	record := func(id, endpoint string, shaken time.Time, up, down unit.Bytes, closed bool) nodeapi.SessionRecord {
		x := nodeapi.SessionRecord{
			ID: id, Subscriber: ann.ID, Ingress: "ing_1", Kind: "wireguard", Source: "192.0.2.1", Device: d.ID, Endpoint: endpoint,
			Opened: at.UnixMilli(), Handshake: shaken.UnixMilli(), Up: up, Down: down, RateDown: 800,
		}
		if closed {
			x.Closed = time.Now().UnixMilli()
		}
		return x
	}
	want := func(online bool, endpoint string, shaken time.Time, up, down unit.Bytes) {
		t.Helper()
		got, err := devices.Get(ctx, w.acme, d.ID)
		if err != nil || got.State == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		s := got.State
		if s.Online != online || s.Endpoint != endpoint || s.HandshakeAt == nil || !s.HandshakeAt.Equal(shaken) || s.Up != up || s.Down != down {
			t.Errorf("%+v, want online %v at %s, shaken %v, %d up, %d down", s, online, endpoint, shaken, up, down)
		}
	}
	if got, err := devices.Get(ctx, w.acme, d.ID); err != nil || got.State != nil {
		t.Fatalf("before it connects: %+v, %v", got, err)
	}
	send(0, 1, record("a", "192.0.2.1:1", at, 10, 20, false))
	want(true, "192.0.2.1:1", at, 10, 20)
	later := at.Add(30 * time.Second)
	send(0, 2, record("a", "198.51.100.9:7", later, 15, 30, false), record("a", "198.51.100.9:7", later, 16, 31, false))
	want(true, "198.51.100.9:7", later, 16, 31)
	send(0, 2, record("a", "198.51.100.9:7", later, 16, 31, false)) // the same report once more
	want(true, "198.51.100.9:7", later, 16, 31)
	send(0, 3, record("a", "198.51.100.9:7", later, 16, 32, true))
	want(false, "198.51.100.9:7", later, 16, 32)
	send(1, 1, record("b", "203.0.113.5:5", later, 1, 1, false))
	want(true, "203.0.113.5:5", later, 17, 33)

	stranger := record("c", "203.0.113.6:6", later, 100, 100, false)
	stranger.Subscriber = bob.ID
	send(1, 2, stranger)
	want(true, "203.0.113.5:5", later, 17, 33)

	l, err := w.usage.Live(ctx, w.acme, usage.LiveFilter{Subscriber: ann.ID}, "", 10)
	if err != nil || len(l) != 1 || l[0].ID != "b" || l[0].Device != d.ID || l[0].RateDown != 800 {
		t.Errorf("live: %+v, %v", l, err)
	}
}
