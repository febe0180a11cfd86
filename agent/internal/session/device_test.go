package session

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/flow"
	"culvert/shared/nodeapi"
)

func limited(tab *Table, from string, dropOldest bool) (*Session, error) {
	return tab.Open(Open{
		Principal: flow.Principal{Class: flow.Subscriber, ID: "a", Generation: 1}, Ingress: "i", Kind: "socks5",
		Source: netip.MustParseAddr(from), Devices: 2, DropOldest: dropOldest,
	})
}

func mustOpen(t *testing.T, tab *Table, from string) *Session {
	t.Helper()
	s, err := limited(tab, from, false)
	if err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	return s
}

// TestDeviceLimit: two addresses at once, any number of connections each; a silent one makes way for a newcomer, a busy one
// only where the policy says so.
func TestDeviceLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tab := NewTable((&recorder{}).add)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tab.Start(ctx)
		defer tab.Close()
		a1, a2, b := mustOpen(t, tab, "192.0.2.1"), mustOpen(t, tab, "192.0.2.1"), mustOpen(t, tab, "2001:db8::1")
		b2 := mustOpen(t, tab, "2001:db8::2") // the same /64
		if _, err := limited(tab, "192.0.2.3", false); !errors.Is(err, flow.ErrRefused) {
			t.Errorf("a third device: %v", err)
		}
		if !tab.Knows("a", "socks5 192.0.2.1") || tab.Knows("a", "socks5 192.0.2.3") || tab.Knows("b", "socks5 192.0.2.1") {
			t.Error("wrong devices are known")
		}
		for range 3 { // the first goes on moving, the second falls silent
			time.Sleep(visitTick)
			a1.Add(1, 1)
		}
		time.Sleep(visitTick)
		synctest.Wait()
		c := mustOpen(t, tab, "192.0.2.3")
		if !isClosed(b.Done()) || !isClosed(b2.Done()) || b.Cause() != Replaced || isClosed(a1.Done()) {
			t.Errorf("the silent device did not make way: %v %v", b.Cause(), a1.Cause())
		}
		held, gone := tab.Devices()
		if len(held) != 2 || !slices.Equal(gone, []nodeapi.DeviceUse{{Subscriber: "a", Device: "socks5 2001:db8::/64"}}) {
			t.Errorf("held %v, gone %v", held, gone)
		}
		if _, err := limited(tab, "192.0.2.4", true); err != nil || !isClosed(a1.Done()) || !isClosed(a2.Done()) || isClosed(c.Done()) {
			t.Errorf("the oldest did not make way: %v", err)
		}
		if n := tab.CutDevice(nodeapi.DeviceUse{Subscriber: "a", Device: "socks5 192.0.2.3"}); n != 1 || c.Cause() != Replaced {
			t.Errorf("%d sessions cut, cause %v", n, c.Cause())
		}
		if _, gone := tab.Devices(); len(gone) != 2 {
			t.Errorf("gone: %v", gone)
		}
		mustOpen(t, tab, "192.0.2.5")
	})
}
