package ingresstest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// manyStrangers is more than an ingress keeps of one source.
const manyStrangers = 1100

// Strangers checks that connections which never sign in are bounded, for kinds that take TCP connections: the oldest of
// them are closed, whoever has signed in is not touched, and a client of the same address gets in past them. The
// harness's options give a handshake so much time that its end is not what closes them.
func Strangers(t *testing.T, h Harness) {
	t.Helper()
	u := NewUser("alice")
	w := NewWorld(t, h, u)
	dest := Echo(t)
	p := newPulse(t, w.Dial(u, dest))
	closed := make(chan struct{})
	conns := make([]net.Conn, 0, manyStrangers)
	defer func() { // also ends the readers
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for i := range manyStrangers {
		c, err := net.Dial("tcp", w.Server.Addr.String())
		if err != nil {
			t.Fatalf("stranger %d: %v", i, err)
		}
		conns = append(conns, c)
		if i != 0 {
			continue
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			close(closed)
		}()
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-closed:
	case <-limit.C:
		t.Errorf("%d connections that never sign in stay open", manyStrangers)
	}
	last := conns[len(conns)-1]
	if err := last.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := last.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the newest stranger had no time to sign in: %v", err)
	}
	if err := w.try(u.Credential(), dest); err != nil {
		t.Errorf("strangers keep their neighbour out: %v", err)
	}
	p.goesOn(t, 3)
}
