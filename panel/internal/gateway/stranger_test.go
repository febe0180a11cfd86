package gateway

import (
	"fmt"
	"net"
	"testing"
)

// closing notes that it was closed.
type closing struct {
	net.Conn
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestStrangersMakeWay(t *testing.T) {
	t.Parallel()
	b := newBounds(Limits{Strangers: 32})
	arrive := func(source string) (*closing, *stranger) {
		c := &closing{}
		return c, b.arrive(c, source)
	}
	var crowd []*closing
	for i := range 8 { // one customer of an IPv6 provider, whatever addresses he takes
		c, _ := arrive(fmt.Sprintf("2001:db8:0:1::%x", i+1))
		crowd = append(crowd, c)
	}
	for i, c := range crowd {
		if want := i < 4; c.closed != want {
			t.Errorf("of one /64 with 4 places, connection %d: closed is %v", i, c.closed)
		}
	}
	var few []*closing
	for i := range 28 {
		c, _ := arrive(fmt.Sprintf("192.0.2.%d", i))
		few = append(few, c)
	}
	late, s := arrive("198.51.100.1")
	if !crowd[4].closed || crowd[5].closed {
		t.Error("of a full house, the oldest of the largest network was not the one to go")
	}
	for _, c := range few {
		if c.closed {
			t.Error("a network with one connection paid for another")
		}
	}
	b.known(s)
	b.known(s)
	if _, _ = arrive("198.51.100.2"); crowd[5].closed || late.closed || b.strangers.Len() != 32 {
		t.Errorf("a place that was free was not given: %d are held", b.strangers.Len())
	}
	if len(b.bySource) != 30 {
		t.Errorf("%d networks are remembered", len(b.bySource))
	}
}
