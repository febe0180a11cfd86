package wireguard_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/netstack"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/agent/internal/ingress/wireguard"
	wg "culvert/shared/protocol/wireguard"
)

// serverKey is the private key of every server here.
func serverKey() wg.Key { return wg.Key(sha256.Sum256([]byte("server"))) }

func deviceKey(c ingresstest.Credential) wg.Key {
	return wg.Key(sha256.Sum256(fmt.Appendf(nil, "%s:%s:%d", c.Name, c.Password, c.Number)))
}

func public(t testing.TB, k wg.Key) wg.Key {
	p, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func harness(t testing.TB) ingresstest.Harness {
	t.Helper()
	return ingresstest.Harness{
		Kind: wg.Name, Factory: wireguard.New, Options: json.RawMessage(fmt.Sprintf(`{"private_key":%q}`, serverKey())),
		UDP: true, HalfClose: true, Refusal: true, Outside: true, Silence: 4 * time.Second,
		Peer: func(c ingresstest.Credential) []byte {
			k := public(t, deviceKey(c))
			return k[:]
		},
		Connect: func(ctx context.Context, s ingresstest.Server, c ingresstest.Credential) (ingresstest.Client, error) {
			return connect(ctx, s.Addr, deviceKey(c), public(t, serverKey()), c.Number)
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	ingresstest.Run(t, harness(t))
}

// client is a device in user space, built of wireguard-go and its own network stack.
type client struct {
	dev  *device.Device
	net  *netstack.Net
	addr netip.Addr
}

var errSilence = errors.New("nothing is answered")

// silence is how long a client waits for what WireGuard refuses by not answering.
const silence = 2 * time.Second

func connect(ctx context.Context, server netip.AddrPort, private, serverPublic wg.Key, number int64) (*client, error) {
	opts, err := wg.Parse(json.RawMessage(fmt.Sprintf(`{"private_key":%q}`, serverKey())))
	if err != nil {
		return nil, err
	}
	addrs, _ := opts.Inner(number)
	bundled, n, err := netstack.CreateNetTUN(addrs, nil, 1420)
	if err != nil {
		return nil, err
	}
	dev := newQuiet(bundled)
	c := &client{dev: device.NewDevice(dev, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, "")), net: n, addr: addrs[0]}
	err = c.dev.IpcSet(fmt.Sprintf("private_key=%x\n", private[:]))
	if err == nil {
		err = c.dev.Up()
	}
	if err == nil { // once it is up, so that it greets the server once
		err = c.dev.IpcSet(fmt.Sprintf("public_key=%x\nendpoint=%s\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\npersistent_keepalive_interval=5\n",
			serverPublic[:], server))
	}
	if err == nil {
		err = c.shaken(ctx)
	}
	if err != nil {
		c.dev.Close()
		return nil, err
	}
	return c, nil
}

// shaken waits until the handshake is done.
func (c *client) shaken(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, silence, errSilence)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := c.dev.IpcGet()
		if err != nil {
			return err
		}
		if !strings.Contains(s, "last_handshake_time_sec=0\n") {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func alias(hostport string) string {
	for _, here := range []string{"127.0.0.1:", "localhost:"} { // a device resolves names before it sends packets
		hostport = strings.Replace(hostport, here, ingresstest.Alias().String()+":", 1)
	}
	return hostport
}

// Dial implements ingresstest.Client.
func (c *client) Dial(ctx context.Context, dest string) (net.Conn, error) {
	return c.net.DialContext(ctx, "tcp", alias(dest))
}

// Associate implements ingresstest.Client.
func (c *client) Associate(context.Context) (ingresstest.Packets, error) {
	pc, err := c.net.ListenUDPAddrPort(netip.AddrPortFrom(c.addr, 0))
	if err != nil {
		return nil, err
	}
	return packets{pc}, nil
}

// Close implements ingresstest.Client.
func (c *client) Close() error {
	c.dev.Close()
	return nil
}

// quiet is a bundled stack that is never closed: its Close races with its own goroutines, which then send on a closed
// channel. What it still sends when the client has gone is dropped.
type quiet struct {
	tun.Device
	out    chan []byte
	events chan tun.Event
	done   chan struct{}
}

func newQuiet(d tun.Device) *quiet {
	q := &quiet{Device: d, out: make(chan []byte), events: make(chan tun.Event, 1), done: make(chan struct{})}
	q.events <- tun.EventUp
	go func() { // as long as the process
		sizes := make([]int, 1)
		for {
			b := make([]byte, 1500)
			if _, err := d.Read([][]byte{b}, sizes, 0); err != nil {
				return
			}
			select {
			case q.out <- b[:sizes[0]]:
			case <-q.done:
			}
		}
	}()
	return q
}

func (q *quiet) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case b := <-q.out:
		sizes[0] = copy(bufs[0][offset:], b)
		return 1, nil
	case <-q.done:
		return 0, os.ErrClosed
	}
}

func (q *quiet) Events() <-chan tun.Event { return q.events }

func (q *quiet) Close() error {
	close(q.done)
	close(q.events)
	return nil
}

type packets struct{ net.PacketConn }

func (p packets) Send(b []byte, to flow.Dest) error {
	ap, err := netip.ParseAddrPort(alias(to.String()))
	if err != nil {
		return err
	}
	_, err = p.WriteTo(b, net.UDPAddrFromAddrPort(ap))
	return err
}

func (p packets) Receive(b []byte) (int, flow.Dest, error) {
	n, from, err := p.ReadFrom(b)
	if err != nil {
		return 0, flow.Dest{}, err
	}
	ap := from.(*net.UDPAddr).AddrPort()
	a := ap.Addr().Unmap()
	if a == ingresstest.Alias() {
		a = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return n, flow.Dest{Addr: a, Port: ap.Port()}, nil
}
