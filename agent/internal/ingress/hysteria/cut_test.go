package hysteria

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	coreerrs "github.com/apernet/hysteria/core/v2/errors"

	"culvert/agent/internal/ingress/ingresstest"
)

const soon = 5 * time.Second // far more than anything here takes

// within fails the test when ch is not closed, or has nothing to give, soon.
func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(soon):
		t.Fatalf("%s did not happen in %v", what, soon)
		panic("unreachable")
	}
}

// roundTrip shows that c is alive.
func roundTrip(t *testing.T, c hyclient.Client, target string) net.Conn {
	t.Helper()
	conn, err := c.TCP(target)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	ping(t, conn)
	return conn
}

func ping(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatalf("write: %v", err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "ping" {
		t.Fatalf("read %q: %v", b, err)
	}
}

// readEnd waits for the end of conn from the client's side.
func readEnd(conn net.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	return ended
}

func TestCutEndsOneConnectionWithOpenFlows(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	target := ingresstest.Echo(t)
	victim, other := r.connect(t, "user-a"), r.connect(t, "user-a") // one subscriber, two devices
	session := r.host.Sessions()[0]
	flowA, flowB := roundTrip(t, victim, target), roundTrip(t, other, target)

	end := readEnd(flowA)
	session.Cut()
	if err := within(t, "end of the cut flow", end); err == nil {
		t.Error("a cut flow ended as if the target had closed it")
	}
	within(t, "end of the session", session.Ended)
	if _, err := victim.TCP(target); !errors.As(err, new(coreerrs.ClosedError)) {
		t.Errorf("a new flow of the cut client failed with %v, want a closed connection", err)
	}
	ping(t, flowB)
	roundTrip(t, other, target)
}

func TestCutEndsAssociations(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	target := ingresstest.EchoUDP(t)
	c := r.connect(t, "user-a")
	u, err := c.UDP()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Send([]byte("x"), target); err != nil {
		t.Fatal(err)
	}
	if _, _, err := u.Receive(); err != nil {
		t.Fatal(err)
	}
	r.host.Session(t, "user-a").Cut()
	ended := make(chan error, 1)
	go func() { _, _, err := u.Receive(); ended <- err }()
	if err := within(t, "end of the association", ended); err == nil {
		t.Error("the association delivered something after the cut")
	}
	within(t, "end of the session", r.host.Session(t, "user-a").Ended)
}

// TestCutIdleClient: nothing of an idle client can be answered with "disconnect", so its address goes silent. What it
// then sends ends its connection; other clients of the same host, and the same client signing in anew, are not touched.
func TestCutIdleClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	target := ingresstest.Echo(t)
	other := r.connect(t, "user-b")
	var source net.PacketConn
	idle := r.connect(t, "user-a", func(c *hyclient.Config) { c.ConnFactory = keepConn{&source} })
	s := r.host.Session(t, "user-a")
	s.Cut()
	waitFor(t, func() bool { return r.in.cut.size.Load() == 1 })

	flow := roundTrip(t, other, target)
	failed := make(chan error, 1)
	go func() { _, err := idle.TCP(target); failed <- err }()
	if err := within(t, "end of the cut connection", failed); !errors.As(err, new(coreerrs.ClosedError)) {
		t.Errorf("the request of the cut client failed with %v, want a closed connection", err)
	}
	within(t, "end of the session", s.Ended)
	if n := r.in.cut.size.Load(); n != 0 {
		t.Errorf("%d addresses stay cut after their connection has gone", n)
	}
	ping(t, flow)
	again := r.connect(t, "user-a")
	roundTrip(t, again, target)
}

// keepConn hands the client's socket to the test.
type keepConn struct{ to *net.PacketConn }

func (k keepConn) New(net.Addr) (net.PacketConn, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	*k.to = c
	return c, err
}

// waitFor polls cond; the tests here watch state that nothing announces.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("condition was not met in time")
		}
	}
}

func TestDisconnectEndsTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	c := r.connect(t, "user-a")
	roundTrip(t, c, ingresstest.Echo(t))
	c.Close()
	within(t, "end of the session", r.host.Session(t, "user-a").Ended)
	if r.in.clients.get(r.host.Session(t, "user-a").P.Session) != nil {
		t.Error("the client is still listed")
	}
}

func TestCloseTellsClientsWithFlows(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	c := r.connect(t, "user-a")
	end := readEnd(roundTrip(t, c, ingresstest.Echo(t)))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := r.in.Close(ctx); err != nil {
		t.Fatal(err)
	}
	within(t, "end of the flow", end)
	within(t, "end of the session", r.host.Session(t, "user-a").Ended)
	if err := r.in.Close(ctx); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// TestRestartWithTheStoredKey: a successor on the same port ends the connections it doesn't know in a round trip,
// because it answers with the reset that the client was promised by its predecessor.
func TestRestartWithTheStoredKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	target := ingresstest.Echo(t)
	c := r.connect(t, "user-a")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := r.in.Close(ctx); err != nil {
		t.Fatal(err)
	}
	r.start(t) // same spec, same Keeper
	failed := make(chan error, 1)
	go func() { _, err := c.TCP(target); failed <- err }()
	if err := within(t, "reset", failed); !errors.As(err, new(coreerrs.ClosedError)) {
		t.Errorf("request over the old connection failed with %v, want a closed connection", err)
	}
	roundTrip(t, r.connect(t, "user-a"), target)
}
