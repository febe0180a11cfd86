package hysteria

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	coreerrs "github.com/apernet/hysteria/core/v2/errors"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	for _, auth := range []string{"", "wrong", strings.Repeat("user-", 1000)} {
		if _, err := r.tryConnect(auth); !errors.As(err, new(coreerrs.AuthError)) {
			t.Errorf("auth of %d bytes: %v, want an authentication error", len(auth), err)
		}
	}
	r.connect(t, "user-a")
}

func TestFlowCarriesSourceAndDestination(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	r.host.Fail(nil, flow.ErrBlocked)
	c := r.connect(t, "user-a")
	if _, err := c.TCP("Example.com:443"); err == nil {
		t.Fatal("a refused dial succeeded")
	}
	f := r.host.Flows()[0]
	if f.Dest != (flow.Dest{Domain: "Example.com", Port: 443}) || f.Network != flow.TCP || f.Ingress != "ing_test" ||
		f.Source.Addr() != netip.MustParseAddr("127.0.0.1") || f.Principal.ID != "user-a" {
		t.Errorf("flow is %+v", f)
	}
}

// TestRefusals: a client learns which rule stopped it and nothing of the node.
func TestRefusals(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial tcp 10.1.2.3:4444->192.0.2.1:80: connection refused")
	for name, c := range map[string]struct {
		refuse error
		dest   string
		says   string
	}{
		"blocked":     {flow.ErrBlocked, "192.0.2.1:80", flow.ErrBlocked.Error()},
		"unreachable": {errors.Join(flow.ErrUnreachable, secret), "192.0.2.1:80", flow.ErrUnreachable.Error()},
		"quota":       {flow.ErrQuota, "192.0.2.1:80", flow.ErrQuota.Error()},
		"unknown":     {secret, "192.0.2.1:80", errInternal.Error()},
		"no port":     {nil, "192.0.2.1", errDest.Error()},
		"port 0":      {nil, "192.0.2.1:0", errDest.Error()},
		"short":       {nil, "x", errIdentity.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, `{}`)
			r.host.Fail(nil, c.refuse)
			_, err := r.connect(t, "user-a").TCP(c.dest)
			var de coreerrs.DialError
			if !errors.As(err, &de) || de.Message != c.says {
				t.Errorf("client was told %v, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), "10.1.2.3") {
				t.Errorf("an address of the node leaks: %v", err)
			}
		})
	}
}

// TestUDP is full-cone, also for datagrams that must be cut into pieces, with and without obfuscation.
func TestUDP(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"plain":      `{}`,
		"salamander": `{"obfs":{"type":"salamander","password":"secret"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options)
			first, second := ingresstest.EchoUDP(t), ingresstest.EchoUDP(t)
			u, err := r.connect(t, "user-a", obfuscated(options)).UDP()
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			for _, to := range []string{first, second, first} {
				for _, n := range []int{1, 1000, 3000} {
					msg := bytes.Repeat([]byte{byte(n)}, n)
					if err := u.Send(msg, to); err != nil {
						t.Fatal(err)
					}
					got, from, err := u.Receive()
					if err != nil || from != to || !bytes.Equal(got, msg) {
						t.Fatalf("sent %d bytes to %s, received %d from %s: %v", n, to, len(got), from, err)
					}
				}
			}
		})
	}
}

// TestNamesDoNotHoldOthersUp: one association waits for the resolver, another of the same client goes on.
func TestNamesDoNotHoldOthersUp(t *testing.T) {
	t.Parallel()
	host := newHost()
	asked, answer := make(chan struct{}, 2*namedQueue), make(chan struct{})
	r := newRigOn(t, `{}`, host, &slowNames{host, asked, answer})
	c, target := r.connect(t, "user-a"), ingresstest.EchoUDP(t)
	slow, err := c.UDP()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * namedQueue { // more than may wait
		if err := slow.Send([]byte("x"), "slow.example:53"); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "a question to the resolver", asked)
	quick, err := c.UDP()
	if err != nil {
		t.Fatal(err)
	}
	if err := quick.Send([]byte("y"), target); err != nil {
		t.Fatal(err)
	}
	if b, _, err := quick.Receive(); err != nil || string(b) != "y" {
		t.Errorf("received %q, %v", b, err)
	}
	close(answer)
}

// slowNames is a host whose resolver waits for answer.
type slowNames struct {
	*ingresstest.FakeHost
	asked, answer chan struct{}
}

type slowPackets struct {
	ingress.PacketConn
	h *slowNames
}

func (h *slowNames) Associate(ctx context.Context, f flow.Flow) (ingress.PacketConn, error) {
	p, err := h.FakeHost.Associate(ctx, f)
	return slowPackets{p, h}, err
}

func (p slowPackets) WriteTo(b []byte, to flow.Dest) (int, error) {
	if to.Domain != "" {
		p.h.asked <- struct{}{}
		<-p.h.answer
		return 0, flow.ErrUnreachable
	}
	return p.PacketConn.WriteTo(b, to)
}

func TestUDPSwitchedOff(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"udp":false}`)
	if _, err := r.connect(t, "user-a").UDP(); err == nil {
		t.Error("an association was opened")
	}
}

// obfuscated gives the client the obfuscation that options ask for: the same code, on a bare socket.
func obfuscated(options string) func(*hyclient.Config) {
	return func(c *hyclient.Config) {
		if strings.Contains(options, "salamander") {
			c.ConnFactory = obfsFactory{"secret"}
		}
	}
}

type obfsFactory struct{ key string }

func (f obfsFactory) New(net.Addr) (net.PacketConn, error) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s, err := newSocket(pc, &cutSet{})
	if err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	return newObfsSocket(s, f.key), nil
}

func TestWrongObfuscationKeyIsSilence(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"obfs":{"type":"salamander","password":"secret"}}`)
	client, err := net.Dial("udp", r.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		_, err := r.tryConnect("user-a", func(c *hyclient.Config) { c.ConnFactory = obfsFactory{"other"} })
		done <- err
	}()
	if err := within2(t, done); err == nil {
		t.Error("signed in with another key")
	}
	if n := len(r.host.Sessions()); n != 0 {
		t.Errorf("%d sessions were opened", n)
	}
}

// within2 waits longer: the library's handshake gives up after 5 s.
func within2(t *testing.T, ch <-chan error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*soon)
	defer cancel()
	select {
	case err := <-ch:
		return err
	case <-ctx.Done():
		t.Fatal("the handshake never gave up")
		return nil
	}
}

func TestBandwidthNegotiation(t *testing.T) {
	t.Parallel()
	const mbit = 125_000 // bytes per second
	for name, c := range map[string]struct {
		options string
		client  hyclient.BandwidthConfig
		tx      uint64 // what the client sends at; 0: it finds the rate itself
	}{
		"server decides by default":   {`{}`, hyclient.BandwidthConfig{MaxTx: 50 * mbit, MaxRx: 50 * mbit}, 0},
		"client below the cap":        {`{"up_mbps":100,"down_mbps":100}`, hyclient.BandwidthConfig{MaxTx: 50 * mbit, MaxRx: 50 * mbit}, 50 * mbit},
		"client above the cap":        {`{"up_mbps":100,"down_mbps":100}`, hyclient.BandwidthConfig{MaxTx: 500 * mbit, MaxRx: 500 * mbit}, 100 * mbit},
		"client that states nothing":  {`{"up_mbps":100}`, hyclient.BandwidthConfig{}, 0},
		"ignored in spite of the cap": {`{"up_mbps":100,"ignore_client_bandwidth":true}`, hyclient.BandwidthConfig{MaxTx: 50 * mbit}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.options)
			conf := &hyclient.Config{
				ServerAddr: r.addr, Auth: "user-a", BandwidthConfig: c.client,
				TLSConfig: hyclient.TLSConfig{ServerName: "node.test", RootCAs: r.roots},
			}
			cl, info, err := hyclient.NewClient(conf)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			if info.Tx != c.tx {
				t.Errorf("client sends at %d, want %d", info.Tx, c.tx)
			}
		})
	}
}

func TestCongestionChoices(t *testing.T) {
	t.Parallel()
	for _, options := range []string{
		`{"congestion":{"type":"reno"}}`,
		`{"congestion":{"type":"bbr","bbr_profile":"aggressive"}}`,
		`{"quic":{"max_idle_timeout_ms":4000,"max_incoming_streams":8,"initial_stream_window":16384,"max_stream_window":16384}}`,
	} {
		r := newRig(t, options)
		roundTrip(t, r.connect(t, "user-a"), ingresstest.Echo(t))
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options string
		path    string
	}{
		"options":     {`{"obfs":{"type":"x","password":"secret"}}`, "obfs.type"},
		"certificate": {`{}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rig{}
			r.spec.Options = []byte(c.options)
			_, err := New(r.spec, nil)
			if path, _ := nodeapi.AsField(err); err == nil || path != c.path {
				t.Errorf("refused with %v, want a fault of %s", err, c.path)
			}
		})
	}
}

func TestTakenPortLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	in, err := New(r.spec, r.host)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Start(t.Context()); err == nil {
		t.Fatal("started on a taken port")
	}
	if err := in.Close(t.Context()); err != nil {
		t.Errorf("close after a failed start: %v", err)
	}
}
