package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	wgconn "golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/netstack"

	"culvert/agent/internal/exit"
	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/route"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// This file shows that Lease, KeysChanged and Sockets carry a packet VPN before there is one: a small WireGuard ingress
// and a small tunnel, on the contract alone. What it taught is in the contract: leases name fixed addresses, and keys
// travel as changes.

// protoWG is a WireGuard ingress: its tun.Device is the seam between device and leases.
type protoWG struct {
	spec ingress.Spec
	host ingress.Host
	dev  *device.Device
	out  chan []byte
	done chan struct{}
	ev   chan tun.Event
	once sync.Once

	mu    sync.Mutex
	peers map[netip.Addr]string // inner address -> public key, in hexadecimal
	rows  map[string]netip.Addr // subscriber -> inner address
	live  map[netip.Addr]protoLive
}

type protoLive struct {
	sess  ingress.Session
	lease ingress.Lease
}

func (w *protoWG) Start(context.Context) error {
	w.dev = device.NewDevice(protoDevice{w}, &protoBind{spec: w.spec}, device.NewLogger(device.LogLevelSilent, ""))
	if err := w.sync(); err != nil {
		return err
	}
	return w.dev.Up()
}

// sync brings the peers to the device. Removing a peer waits for its packets to leave Write, so no lock is held here.
func (w *protoWG) sync() error {
	var b strings.Builder
	w.mu.Lock()
	fmt.Fprintf(&b, "private_key=%s\nreplace_peers=true\n", w.spec.Name) // the prototype's place for it
	for a, k := range w.peers {
		fmt.Fprintf(&b, "public_key=%s\nallowed_ip=%s/32\n", k, a)
	}
	w.mu.Unlock()
	return w.dev.IpcSet(b.String())
}

// KeysChanged implements ingress.KeysChanged. A peer is a secret of the family, "public key in hexadecimal@inner address".
func (w *protoWG) KeysChanged(_ context.Context, c ingress.KeyChange) error {
	w.mu.Lock()
	for _, id := range c.Removed {
		delete(w.peers, w.rows[id])
	}
	for _, r := range c.Rows {
		delete(w.peers, w.rows[r.ID])
		key, addr, _ := strings.Cut(r.Secrets[0].Clear, "@")
		w.rows[r.ID] = netip.MustParseAddr(addr)
		if r.Enabled {
			w.peers[w.rows[r.ID]] = key
		}
	}
	w.mu.Unlock()
	if w.dev == nil {
		return nil
	}
	return w.sync()
}

func (w *protoWG) Close(context.Context) error {
	w.once.Do(func() {
		w.dev.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, l := range w.live {
			l.lease.Release()
			l.sess.End()
		}
	})
	return nil
}

// live returns the lease behind an inner address, signing its peer in at its first packet.
func (w *protoWG) lease(a netip.Addr) (ingress.Lease, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.live[a]; ok {
		select {
		case <-l.sess.Done():
			l.lease.Release()
			delete(w.live, a)
		default:
			return l.lease, nil
		}
	}
	s, err := w.host.Authenticate(context.Background(), ingress.Credential{Secret: w.peers[a] + "@" + a.String()}, home)
	if err != nil {
		return nil, err
	}
	l, err := w.host.Lease(context.Background(), s.Principal(), "", a)
	if err != nil {
		s.End()
		return nil, err
	}
	l.Deliver(func(b []byte) error {
		select {
		case w.out <- b:
		case <-w.done:
		}
		return nil
	})
	w.live[a] = protoLive{s, l}
	return l, nil
}

// The tun.Device side: Write is what peers sent, Read is what goes to them.
func (w *protoWG) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		if p := b[offset:]; len(p) >= 20 && p[0]>>4 == 4 {
			if l, err := w.lease(netip.AddrFrom4([4]byte(p[12:16]))); err == nil {
				_ = l.Inject(p)
			}
		}
	}
	return len(bufs), nil
}

func (w *protoWG) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case b := <-w.out:
		sizes[0] = copy(bufs[0][offset:], b)
		return 1, nil
	case <-w.done:
		return 0, os.ErrClosed
	}
}

func (w *protoWG) File() *os.File           { return nil }
func (w *protoWG) MTU() (int, error)        { return 1420, nil }
func (w *protoWG) Name() (string, error)    { return "proto", nil }
func (w *protoWG) Events() <-chan tun.Event { return w.ev }
func (w *protoWG) BatchSize() int           { return 1 }

// protoDevice keeps tun.Device's Close apart from the ingress's.
type protoDevice struct{ *protoWG }

func (d protoDevice) Close() error {
	close(d.done)
	close(d.ev)
	return nil
}

// protoBind is WireGuard's UDP on a shared socket.
type protoBind struct {
	spec ingress.Spec
	pc   net.PacketConn
}

func (b *protoBind) Open(uint16) ([]wgconn.ReceiveFunc, uint16, error) {
	pc, err := b.spec.Sockets.ListenPacket("udp", b.spec.Listen)
	if err != nil {
		return nil, 0, err
	}
	b.pc = pc
	recv := func(bufs [][]byte, sizes []int, eps []wgconn.Endpoint) (int, error) {
		n, from, err := pc.ReadFrom(bufs[0])
		if err != nil {
			return 0, err
		}
		sizes[0] = n
		eps[0] = &wgconn.StdNetEndpoint{AddrPort: from.(*net.UDPAddr).AddrPort()}
		return 1, nil
	}
	return []wgconn.ReceiveFunc{recv}, netip.MustParseAddrPort(b.spec.Listen).Port(), nil
}

func (b *protoBind) Close() error {
	if b.pc == nil {
		return nil
	}
	return b.pc.Close()
}

func (b *protoBind) Send(bufs [][]byte, ep wgconn.Endpoint) error {
	for _, p := range bufs {
		if _, err := b.pc.WriteTo(p, net.UDPAddrFromAddrPort(ep.(*wgconn.StdNetEndpoint).AddrPort)); err != nil {
			return err
		}
	}
	return nil
}

func (b *protoBind) SetMark(uint32) error { return nil }
func (b *protoBind) BatchSize() int       { return 1 }
func (b *protoBind) ParseEndpoint(s string) (wgconn.Endpoint, error) {
	ap, err := netip.ParseAddrPort(s)
	return &wgconn.StdNetEndpoint{AddrPort: ap}, err
}

// protoExit leads every address to this machine: clients' stacks refuse loopback addresses from outside.
type protoExit struct{ exit.Direct }

func (x *protoExit) DialTCP(ctx context.Context, d flow.Dest, allow exit.Allow) (net.Conn, error) {
	d.Addr = netip.MustParseAddr("127.0.0.1")
	return x.Direct.DialTCP(ctx, d, allow)
}

func (x *protoExit) ListenUDP(ctx context.Context) (exit.Packets, error) {
	p, err := x.Direct.ListenUDP(ctx)
	return protoPackets{p}, err
}

type protoPackets struct{ exit.Packets }

func (p protoPackets) WriteTo(b []byte, to flow.Dest, allow exit.Allow) (int, error) {
	to.Addr = netip.MustParseAddr("127.0.0.1")
	return p.Packets.WriteTo(b, to, allow)
}

func TestContractFitsWireGuard(t *testing.T) {
	t.Parallel()
	pt := newProtoTunnel(t)
	serverKey, serverPub := wgKey(t, 1)
	aKey, aPub := wgKey(t, 2)
	bKey, bPub := wgKey(t, 3)
	r := newRig(t, func(c *Config) {
		c.Tunnel = pt
		c.Exits = map[string]exit.Exit{route.Direct: &protoExit{}}
		c.Factories = map[string]ingress.Factory{"socks5": func(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
			w := &protoWG{
				spec: spec, host: host, out: make(chan []byte, 512), done: make(chan struct{}), ev: make(chan tun.Event, 1),
				peers: map[netip.Addr]string{}, rows: map[string]netip.Addr{}, live: map[netip.Addr]protoLive{},
			}
			return protoIngress{w}, nil
		}}
	})
	r.e.kinds["socks5"] = protocol.Kind{Name: "socks5", Network: protocol.UDP, Family: "wireguard", NeedsCertificate: r.e.kinds["socks5"].NeedsCertificate, Normalize: r.e.kinds["socks5"].Normalize}
	peer := func(name, pub, addr string) nodeapi.Subscriber {
		row := r.row(name)
		row.Secrets = []nodeapi.Secret{{Family: "wireguard", Clear: pub + "@" + addr}}
		r.rows[row.ID] = row
		return row
	}
	a, b := peer("a", aPub, "10.7.0.2"), peer("b", bPub, "10.7.0.3")
	g := r.ingress(serverKey)
	r.s.Ingresses = []nodeapi.Ingress{g}
	r.apply(r.full())

	dest := sink(t)
	dest.Addr = netip.MustParseAddr("203.0.113.9")
	na := wgClient(t, aKey, serverPub, g.Listen, "10.7.0.2")
	nb := wgClient(t, bKey, serverPub, g.Listen, "10.7.0.3")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	echo := func(n *netstack.Net, size int) (net.Conn, error) {
		c, err := n.DialContext(ctx, "tcp", dest.String())
		if err != nil {
			return nil, err
		}
		go func() { _, _ = c.Write(make([]byte, size)) }()
		if d, ok := ctx.Deadline(); ok {
			_ = c.SetReadDeadline(d)
		}
		_, err = io.CopyN(io.Discard, bufio.NewReader(c), int64(size))
		return c, err
	}
	ca, err := echo(na, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := echo(nb, 5_000)
	if err != nil {
		t.Fatal(err)
	}
	protoDatagram(ctx, t, na)
	if _, err := na.DialContext(ctx, "tcp", "203.0.113.9:1"); err == nil || ctx.Err() != nil {
		t.Errorf("a refused target: %v", err)
	}
	r.e.Kick(session.Selector{Subscriber: a.ID})
	if err := ca.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a kicked flow: %v", err)
	}
	quick, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, err := na.DialContext(quick, "tcp", dest.String()); err == nil {
		t.Error("a kicked peer is let in")
	}
	b.Enabled, b.Reason = false, "suspended"
	r.set(b)
	if err := cb.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := cb.Read(make([]byte, 1)); err == nil {
		t.Error("a suspended peer's flow gives bytes")
	}
	if err := r.m.Seal(ctx); err != nil {
		t.Fatal(err)
	}
	moved := map[string]int64{}
	for rep, ok := r.m.Next(); ok; rep, ok = r.m.Next() {
		for _, u := range rep.Usage {
			moved[u.Subscriber] += int64(u.Up + u.Down)
		}
		if err := r.m.Ack(rep.Epoch, rep.Seq); err != nil {
			t.Fatal(err)
		}
	}
	if moved[a.ID] != 200_200 || moved[b.ID] != 10_000 {
		t.Errorf("moved %v", moved)
	}
}

// protoDatagram sends 100 bytes to a service and gets them back.
func protoDatagram(ctx context.Context, t *testing.T, n *netstack.Net) {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), uint16(l.LocalAddr().(*net.UDPAddr).Port))
	c, err := n.DialContext(ctx, "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 200)
	size, from, err := l.ReadFrom(buf)
	if err != nil || size != 100 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if _, err := l.WriteTo(buf[:size], from); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if size, err := c.Read(buf); err != nil || size != 100 {
		t.Errorf("%d bytes came back, %v", size, err)
	}
}

// protoIngress gives the device a tun.Device of its own.
type protoIngress struct{ *protoWG }
