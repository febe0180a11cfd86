package ingresstest

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/internal/engine"
	"culvert/agent/internal/exit"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/listen"
	"culvert/agent/internal/meter"
	"culvert/agent/internal/route"
	"culvert/agent/internal/state"
	"culvert/agent/internal/tunnel"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
	"culvert/shared/unit"
)

// World is a node with one ingress of the kind under test, run by the real engine, and the panel's side of it.
type World struct {
	t      testing.TB
	h      Harness
	Engine *engine.Engine
	Meter  *meter.Meter
	Server Server
	Spec   nodeapi.Ingress
	Built  atomic.Int64 // how often the factory was asked

	pool     *listen.Pool
	kind     protocol.Kind
	node     string
	mu       sync.Mutex
	revision int64
	sections nodeapi.Sections
	rows     map[string]nodeapi.Subscriber
	usage    map[string]nodeapi.Usage
	numbers  map[string]int64 // of each subscriber's first device
	used     int64            // of devices, so that each client gets the next
	sessions []nodeapi.SessionRecord
	closed   bool
}

// patience bounds everything that should happen soon; a pass never waits that long.
const patience = 15 * time.Second

// passwordCost keeps the suite quick; the real cost is the panel's to choose.
const passwordCost = 2

// NewWorld starts a node with the harness's ingress and the given subscribers.
func NewWorld(t testing.TB, h Harness, users ...*User) *World {
	t.Helper()
	kind, ok := protocol.Lookup(h.Kind)
	if !ok {
		t.Fatalf("kind %q is not in the registry", h.Kind)
	}
	w := &World{
		t: t, h: h, kind: kind, pool: &listen.Pool{}, node: id.New(id.Node), rows: map[string]nodeapi.Subscriber{},
		usage: map[string]nodeapi.Usage{}, numbers: map[string]int64{},
	}
	opts, err := kind.Normalize(h.Options)
	if err != nil {
		t.Fatalf("options: %v", err)
	}
	w.Spec = nodeapi.Ingress{ID: id.New(id.Ingress), Kind: h.Kind, Name: "under test", Listen: w.FreeAddress(), Options: opts}
	w.Server = Server{Addr: netip.MustParseAddrPort(w.Spec.Listen), Name: FakeName}
	w.sections = nodeapi.Sections{
		Settings: nodeapi.Settings{
			ReportIntervalMS: 3_600_000, HeartbeatIntervalMS: 1000, PollIntervalMS: 1000, CompareIntervalMS: 1000,
			PasswordSalt: []byte("salt of the installation"),
		},
		Certificates: []nodeapi.Certificate{},
	}
	if kind.NeedsCertificate(opts) {
		cert := w.certificate()
		w.Spec.Certificate = cert.ID
		w.sections.Certificates = append(w.sections.Certificates, cert)
	}
	w.sections.Ingresses = []nodeapi.Ingress{w.Spec}
	w.start()
	for _, u := range users {
		w.rows[u.Row.ID] = w.row(u)
	}
	w.full()
	return w
}

// start runs the node's parts as the agent does.
func (w *World) start() {
	w.t.Helper()
	dir := w.t.TempDir()
	log := slog.New(slog.DiscardHandler)
	m, err := meter.Open(meter.Config{Dir: dir + "/meter", Interval: time.Hour, Log: log})
	if err != nil {
		w.t.Fatal(err)
	}
	store, err := state.Open(dir+"/state", log)
	if err != nil {
		w.t.Fatal(err)
	}
	factory := func(spec ingress.Spec, host ingress.Host) (ingress.Ingress, error) {
		w.Built.Add(1)
		return w.h.Factory(spec, host)
	}
	var out exit.Exit = &exit.Direct{}
	if w.h.Outside {
		out = aliasExit{out}
	}
	packets := &tunnel.Tunnel{}
	e, err := engine.New(engine.Config{
		Node: w.node, Factories: map[string]ingress.Factory{w.h.Kind: factory},
		Exits: map[string]exit.Exit{route.Direct: out}, Sockets: w.pool, Store: store, Meter: m, Log: log,
		Tunnel: packets, Drain: time.Second,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine, w.Meter = e, m
	m.Start(context.Background())
	e.Start(context.Background())
	w.t.Cleanup(func() {
		w.Close()
		packets.Close()
		if err := errors.Join(m.Close(), store.Close()); err != nil {
			w.t.Errorf("close: %v", err)
		}
	})
}

// Close stops the node at once; flows are cut.
func (w *World) Close() {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan error, 1)
	go func() { done <- w.Engine.Close(ctx) }()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("close engine: %v", err)
		}
	case <-time.After(patience):
		w.t.Error("the engine does not close: the ingress waits for a goroutine that nothing ends")
	}
}

// FreeAddress returns a loopback address whose port is free for TCP and UDP, and keeps it reserved for this world.
func (w *World) FreeAddress() string {
	w.t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			w.t.Fatal(err)
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			w.t.Fatal(err)
		}
		// The kernel does not hand this port out again soon; the UDP half is held until the world ends, since a
		// reserved TCP listener would answer clients while nobody serves it.
		if free, err := w.pool.Reserve("udp", addr); err == nil {
			w.t.Cleanup(free)
			return addr
		}
	}
	w.t.Fatal("no free port")
	return ""
}

// certificate makes a certificate for the server and makes the world's clients trust it.
func (w *World) certificate() nodeapi.Certificate {
	w.t.Helper()
	cert, roots := FakeCertificate(w.t)
	kb, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		w.t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	w.Server.Roots = roots
	return nodeapi.Certificate{
		ID: id.New(id.Cert), Chain: string(chain), Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb})),
	}
}

// User is a subscriber with the password that the test knows.
type User struct {
	Row      nodeapi.Subscriber
	Password string
	Secret   string
}

// NewUser returns an enabled subscriber with a password and, for kinds with secrets, a generated one.
func NewUser(name string) *User {
	return &User{
		Row:      nodeapi.Subscriber{ID: id.New(id.Subscriber), Name: name, Realm: "shop", Enabled: true, Generation: 1},
		Password: "password of " + name, Secret: "generated-secret-of-" + name,
	}
}

// Clear is the generated secret for kinds whose nodes have it in clear. It follows from name and password, so that whatever
// the suite says of those is true of it.
func (u *User) Clear() string { return u.Row.Login() + ":" + u.Password }

// Credential is what the user's client presents.
func (u *User) Credential() Credential { return Credential{Name: u.Row.Login(), Password: u.Password} }

// row completes a user's row as the panel would.
func (w *World) row(u *User) nodeapi.Subscriber {
	r := u.Row
	r.Protocols = []string{w.h.Kind}
	salt := []byte("salt of " + r.ID)
	r.Password = &nodeapi.Verifier{Salt: salt, Iterations: passwordCost, Hash: w.derive(u.Password, salt, passwordCost)}
	switch {
	case w.kind.Clear:
		r.Secrets = []nodeapi.Secret{{Family: w.kind.Family, Clear: u.Clear()}}
	case w.kind.Family != "":
		sum := sha256.Sum256([]byte(u.Secret))
		r.Secrets = []nodeapi.Secret{{Family: w.kind.Family, SHA256: sum[:]}}
	}
	if w.h.Peer != nil {
		r.Peers = w.peers(u)
	}
	return r
}

// devices is how many a user has, for kinds with peers: each of the suite's clients is a device of its own.
const devices = 32

func (w *World) peers(u *User) []nodeapi.Peer {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.numbers[u.Row.ID]
	if first == 0 {
		first = int64(len(w.numbers))*devices + 2
		w.numbers[u.Row.ID] = first
	}
	out := make([]nodeapi.Peer, devices)
	c := u.Credential()
	for i := range out {
		c.Number = first + int64(i)
		out[i] = nodeapi.Peer{Device: fmt.Sprintf("dev_%s%02d", u.Row.ID[4:28], i), PublicKey: w.h.Peer(c), Number: c.Number}
	}
	return out
}

func (w *World) derive(password string, salt []byte, cost int) []byte {
	b, err := pbkdf2.Key(sha256.New, password, salt, cost, 32)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// Set sends the users' rows as a delta, as the panel does after a change.
func (w *World) Set(users ...*User) {
	w.t.Helper()
	rows := make([]nodeapi.Subscriber, len(users))
	for i, u := range users {
		rows[i] = w.row(u)
	}
	w.setRows(rows)
}

func (w *World) setRows(rows []nodeapi.Subscriber, removed ...string) {
	w.t.Helper()
	w.mu.Lock()
	for _, r := range rows {
		w.rows[r.ID] = r
	}
	for _, r := range removed {
		delete(w.rows, r)
	}
	w.mu.Unlock()
	w.send(nodeapi.Update{Base: w.revision, Subscribers: rows, Removed: removed})
}

// Remove deletes a subscriber.
func (w *World) Remove(u *User) {
	w.t.Helper()
	w.setRows(nil, u.Row.ID)
}

// Configure changes the sections and sends those that f names.
func (w *World) Configure(f func(s *nodeapi.Sections, u *nodeapi.Update)) {
	w.t.Helper()
	u := nodeapi.Update{Base: w.revision}
	f(&w.sections, &u)
	w.send(u)
}

func (w *World) full() {
	w.t.Helper()
	s := w.sections
	w.send(nodeapi.Update{
		Settings: &s.Settings, Ingresses: &s.Ingresses, Certificates: &s.Certificates,
		Subscribers: slices.Collect(maps.Values(w.rows)),
	})
}

func (w *World) send(u nodeapi.Update) {
	w.t.Helper()
	var mixed [32]byte
	for _, r := range w.rows {
		nodeapi.Mix(&mixed, r.Digest())
	}
	w.revision++
	u.Node, u.Revision, u.Capability = w.node, w.revision, nodeapi.Capability
	u.Hash = nodeapi.HashState(w.sections, len(w.rows), mixed)
	if err := w.Engine.Apply(context.Background(), &u); err != nil {
		w.t.Fatalf("apply revision %d: %v", u.Revision, err)
	}
}

// collect seals and acknowledges reports, as the panel does.
func (w *World) collect() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Meter.Seal(ctx); err != nil {
		w.t.Fatalf("seal: %v", err)
	}
	for r, ok := w.Meter.Next(); ok; r, ok = w.Meter.Next() {
		for _, u := range r.Usage {
			k := u.Subscriber + " " + u.Ingress + " " + u.Exit
			sum := w.usage[k]
			sum.Up += u.Up
			sum.Down += u.Down
			w.usage[k] = sum
		}
		w.sessions = append(w.sessions, r.Sessions...)
		if err := w.Meter.Ack(r.Epoch, r.Seq); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Counted is what was reported for u through the world's ingress and the direct exit.
func (w *World) Counted(u *User) (up, down unit.Bytes) {
	w.t.Helper()
	w.collect()
	s := w.usage[u.Row.ID+" "+w.Spec.ID+" direct"]
	return s.Up, s.Down
}

// Expect waits until exactly up and down are counted for u. Counts follow the bytes within a step of the copy, so a
// stream that stays open may need that long; a count above is a failure at once.
func (w *World) Expect(u *User, up, down int64) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for {
		gu, gd := w.Counted(u)
		if int64(gu) == up && int64(gd) == down {
			return
		}
		if int64(gu) > up || int64(gd) > down || time.Now().After(deadline) {
			w.t.Errorf("%s: counted %d up, %d down; moved %d up, %d down", u.Row.Name, gu, gd, up, down)
			return
		}
		<-tick.C
	}
}
