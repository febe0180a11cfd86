package hestia_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/panel/internal/hestia"
	"culvert/panel/internal/identity"
)

// begin sends the head of a request and the beginning of its body.
func begin(t *testing.T, to net.Addr, from string, size int, body string) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, err = fmt.Fprintf(c, "POST /api/ HTTP/1.1\r\nHost: x\r\n%s: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		addressHeader, from, size, body)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exitOf(t *testing.T, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.Header.Get("Hestia-Exit-Code")
}

// Bodies that never end keep large ones waiting for a moment, small ones not at all, and nobody of a network that is over
// its rate gets as far as waiting.
func TestLargeBodiesTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *hestia.Config) { c.AddressRate = hestia.Rate{PerSecond: 0.01, Burst: 50} })
	k := w.key(t, w.reseller(t, "acme"), identity.NewKey{})
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.app.Listener(ln) }()
	t.Cleanup(func() {
		_ = w.app.ShutdownWithTimeout(time.Second)
		<-done
	})
	const large = 100_000
	slow := make([]net.Conn, 32)
	for i := range slow {
		slow[i] = begin(t, ln.Addr(), "192.0.2.1", large, strings.Repeat("a", 20_000))
	}
	<-time.After(200 * time.Millisecond) // until they are being read
	late := begin(t, ln.Addr(), "192.0.2.2", large, strings.Repeat("a", large))
	if r := w.send(t, asForm, fields(k, "v-list-users", "list"), addressHeader, "192.0.2.3"); r.exit != "0" {
		t.Errorf("a small request: %s %s", r.exit, r.body)
	}
	if exit := exitOf(t, late); exit != "14" {
		t.Errorf("a large body that got no turn: exit %s", exit)
	}
	for range 18 { // the rest of what the network may send
		w.raw(t, http.MethodGet, "/api/", "", "", addressHeader, "192.0.2.1")
	}
	at := time.Now()
	over := begin(t, ln.Addr(), "192.0.2.1", large, strings.Repeat("a", large))
	if exit := exitOf(t, over); exit != "14" || time.Since(at) > time.Second {
		t.Errorf("a network over its rate: exit %s after %s", exit, time.Since(at))
	}
	for _, c := range slow {
		if _, err := io.WriteString(c, strings.Repeat("a", large-20_000)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range slow {
		if exit := exitOf(t, c); exit == "14" || exit == "" {
			t.Errorf("a body that had its turn: exit %q", exit)
		}
	}
}
