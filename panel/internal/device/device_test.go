package device_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/shared/id"
	"culvert/shared/protocol/wireguard"
)

type world struct {
	*subscribertest.World
	devices *device.Service
	network *network.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := subscribertest.New(t)
	devices := &device.Service{DB: w.DB, Vault: w.Vault}
	return &world{w, devices, &network.Service{DB: w.DB, Vault: w.Vault, Leaving: devices.Unbind}}
}

func (w *world) sub(t *testing.T, a actor.Actor, name string) string {
	t.Helper()
	return w.Subscriber(t, a, name, nil).ID
}

func (w *world) add(t *testing.T, a actor.Actor, n device.New) *device.Device {
	t.Helper()
	d, err := w.devices.Add(context.Background(), a, n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// server adds a WireGuard ingress to a node.
func (w *world) server(t *testing.T, node, name, listen, pool string) string {
	t.Helper()
	key, err := wireguard.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	o, err := json.Marshal(map[string]any{"private_key": key.String(), "pool4": pool})
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.network.Create(context.Background(), w.Operator, network.Ingress{NodeID: node, Kind: wireguard.Name, Name: name, Listen: listen, Options: o, Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	return g.ID
}

// count runs a query for one number, as the installation.
func (w *world) count(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.One(context.Background(), query, args, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantKind(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

func TestNumbersAreNeverSharedAndComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	type owner struct {
		a   actor.Actor
		sid string
	}
	var owners []owner
	for i := range 8 {
		a := w.Reseller(t, fmt.Sprintf("r%d", i))
		owners = append(owners, owner{a, w.sub(t, a, "ann")})
	}
	const all = 200
	round := func(prefix string) []*device.Device {
		out := make([]*device.Device, all)
		fails := make([]error, all)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				o := owners[i%len(owners)]
				out[i], fails[i] = w.devices.Add(ctx, o.a, device.New{Subscriber: o.sid, Name: fmt.Sprintf("%s %d", prefix, i)})
			})
		}
		wg.Wait()
		for _, err := range fails {
			if err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	numbers := func(list []*device.Device) []int64 {
		var out []int64
		for _, d := range list {
			out = append(out, d.Number)
		}
		slices.Sort(out)
		return out
	}
	first := round("phone")
	got := numbers(first)
	if len(slices.Compact(slices.Clone(got))) != all || got[0] != 2 || got[all-1] != all+1 {
		t.Fatalf("numbers of %d devices: %v", all, got)
	}
	var wg sync.WaitGroup
	for i, d := range first {
		wg.Go(func() {
			if err := w.devices.Delete(ctx, owners[i%len(owners)].a, d.ID, 0); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.count(t, "SELECT count(*) FROM device_number_free"); n != all {
		t.Fatalf("%d numbers came back", n)
	}
	if d := w.add(t, owners[0].a, device.New{Subscriber: owners[0].sid, Name: "lowest"}); d.Number != 2 {
		t.Errorf("the lowest free number is 2, not %d", d.Number)
	}
	if again := numbers(round("laptop")[:all]); again[all-1] > all+2 || len(slices.Compact(again)) != all {
		t.Errorf("numbers are not used again: %v", again)
	}
	// A subscriber who is deleted gives back all numbers.
	if err := w.Subs.Delete(ctx, owners[0].a, owners[0].sid, 0); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, "SELECT count(*) FROM device_number_free"); n != all/8+1 {
		t.Errorf("%d numbers came back with the subscriber, want %d", n, all/8+1)
	}
}

// A device whose only ingress goes may use any, and nodes hear of it.
func TestTheOnlyIngressGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sid := w.sub(t, a, "ann")
	g := w.server(t, w.Node(t, "fra"), "wg", ":51820", "10.9.0.0/24")
	d := w.add(t, a, device.New{Subscriber: sid, Name: "bound", Ingress: g})
	events := func() int64 {
		return int64(w.count(t, "SELECT count(*) FROM outbox WHERE kind = 'subscriber.changed'"))
	}
	before := events()
	if err := w.network.Delete(ctx, w.Operator, g); err != nil {
		t.Fatal(err)
	}
	got, err := w.devices.Get(ctx, a, d.ID)
	if err != nil || got.IngressID != nil || got.Version != d.Version+1 {
		t.Errorf("%+v, %v", got, err)
	}
	if n := events() - before; n != 1 {
		t.Errorf("%d events, want one of the subscriber", n)
	}
}

func TestAFixedAddressIsANumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sid := w.sub(t, a, "ann")
	node := w.Node(t, "fra")
	g := w.server(t, node, "wg", ":51820", "10.9.0.0/24")
	d := w.add(t, a, device.New{Subscriber: sid, Name: "fixed", Node: "fra", Address: "10.9.0.4"})
	if d.Number != 4 || d.IngressID == nil || *d.IngressID != g {
		t.Fatalf("number %d on %v", d.Number, d.IngressID)
	}
	_, err := w.devices.Add(ctx, a, device.New{Subscriber: sid, Name: "same", Address: "10.9.0.4"})
	wantKind(t, "a taken address", err, errs.Conflict)
	for _, bad := range []string{"10.9.0.1", "10.9.0.0", "10.9.0.255", "10.8.0.4", "fd00::1", "x"} {
		_, err := w.devices.Add(ctx, a, device.New{Subscriber: sid, Name: "bad", Ingress: g, Address: bad})
		wantKind(t, bad, err, errs.Invalid)
	}
	var got []int64
	for i := range 4 {
		got = append(got, w.add(t, a, device.New{Subscriber: sid, Name: fmt.Sprint(i)}).Number)
	}
	if !slices.Equal(got, []int64{2, 3, 5, 6}) {
		t.Errorf("the sequence steps over a fixed number: %v", got)
	}
	if err := w.devices.Delete(ctx, a, d.ID, 0); err != nil {
		t.Fatal(err)
	}
	if x := w.add(t, a, device.New{Subscriber: sid, Name: "next"}); x.Number != 4 {
		t.Errorf("number %d, want the 4 that came back", x.Number)
	}
	// A number that the sequence has not reached is not given out twice after it came back.
	far := w.add(t, a, device.New{Subscriber: sid, Name: "far", Address: "10.9.0.8"})
	if err := w.devices.Delete(ctx, a, far.ID, 0); err != nil {
		t.Fatal(err)
	}
	got = nil
	for i := range 3 {
		got = append(got, w.add(t, a, device.New{Subscriber: sid, Name: fmt.Sprint("late ", i)}).Number)
	}
	if !slices.Equal(got, []int64{7, 8, 9}) {
		t.Errorf("after a far number: %v", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sid := w.sub(t, a, "ann")
	made := w.add(t, a, device.New{Subscriber: sid, Name: "made"})
	if made.OwnKey || !made.Preshared {
		t.Errorf("a made device: %+v", made.Held)
	}
	key, err := wireguard.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	brought := w.add(t, a, device.New{Subscriber: sid, Name: "brought", PublicKey: public.String()})
	if !brought.OwnKey || brought.Preshared || !bytes.Equal(brought.PublicKey, public[:]) {
		t.Errorf("a brought key: %+v", brought)
	}
	b := w.Reseller(t, "bolt")
	other := w.sub(t, b, "bob")
	before := w.count(t, "SELECT last_value FROM device_number_next")
	_, err = w.devices.Add(ctx, b, device.New{Subscriber: other, Name: "thief", PublicKey: public.String()})
	wantKind(t, "a key twice in the installation", err, errs.Conflict)
	if after := w.count(t, "SELECT last_value FROM device_number_next"); after != before {
		t.Errorf("a refused key cost the numbers %d to %d", before, after)
	}
	for _, n := range []device.New{
		{Name: "x", PublicKey: "AAAA"},
		{Name: "x", PublicKey: wireguard.Key{}.String()},
		{Name: "x", PresharedKey: "no"},
		{Name: ""},
		{Name: "a/b"},
		{Name: "new\nline"},
	} {
		n.Subscriber = sid
		_, err := w.devices.Add(ctx, a, n)
		wantKind(t, fmt.Sprintf("%+v", n), err, errs.Invalid)
	}
	_, err = w.devices.Add(ctx, a, device.New{Subscriber: sid, Name: "made"})
	wantKind(t, "a name twice", err, errs.Conflict)

	peers := w.peers(t, sid)
	if len(peers) != 2 || peers[0].Device != made.ID || len(peers[0].PresharedKey) != 32 || peers[1].PresharedKey != nil {
		t.Errorf("peers: %+v", peers)
	}
	off := true
	if _, err := w.devices.Update(ctx, a, made.ID, made.Version, device.Change{Disabled: &off}); err != nil {
		t.Fatal(err)
	}
	if peers := w.peers(t, sid); len(peers) != 1 || peers[0].Device != brought.ID {
		t.Errorf("peers beside a disabled one: %+v", peers)
	}
	_, err = w.devices.Update(ctx, a, made.ID, made.Version, device.Change{Disabled: &off})
	wantKind(t, "an old version", err, errs.Stale)

	reveal := func(did string, once bool) (k device.Keys, err error) {
		err = w.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
			_, k, err = w.devices.Reveal(ctx, tx, a, did, once)
			return err
		})
		return k, err
	}
	first, err := reveal(made.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := first.Private.Public(); err != nil || !bytes.Equal(p[:], made.PublicKey) {
		t.Errorf("the private key does not fit: %v", err)
	}
	if _, err := reveal(made.ID, true); err != device.ErrShown { //nolint:errorlint // the value itself
		t.Errorf("shown twice: %v", err)
	}
	if _, err := reveal(made.ID, false); err != nil {
		t.Errorf("shown again where that is allowed: %v", err)
	}
	if _, err := reveal(brought.ID, false); err != device.ErrOwnKey { //nolint:errorlint // the value itself
		t.Errorf("a key that the user keeps: %v", err)
	}
	turned, err := w.devices.RotateKey(ctx, a, made.ID, 0, "", "")
	if err != nil || bytes.Equal(turned.PublicKey, made.PublicKey) || turned.Shown || turned.Number != made.Number {
		t.Fatalf("rotated: %+v %v", turned, err)
	}
	if _, err := reveal(made.ID, true); err != nil {
		t.Errorf("a new key is shown: %v", err)
	}
}

func (w *world) peers(t *testing.T, sid string) (out []peer) {
	t.Helper()
	err := w.DB.InSystem(context.Background(), func(tx *pg.Tx) error {
		all, err := w.devices.Peers(context.Background(), tx, []string{sid, id.New(id.Subscriber)})
		for _, p := range all[sid] {
			out = append(out, peer{p.Device, p.PresharedKey})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type peer struct {
	Device       string
	PresharedKey []byte
}

func TestASubscribersKeySeesItsOwnDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	ann, bob := w.sub(t, a, "ann"), w.sub(t, a, "bob")
	mine, theirs := w.add(t, a, device.New{Subscriber: ann, Name: "d"}), w.add(t, a, device.New{Subscriber: bob, Name: "d"})
	own := a
	own.Owner = "ann"
	if l, err := w.devices.List(ctx, own, ann); err != nil || len(l) != 1 || l[0].ID != mine.ID {
		t.Errorf("its own: %v %v", l, err)
	}
	_, err := w.devices.List(ctx, own, bob)
	wantKind(t, "list", err, errs.Missing)
	_, err = w.devices.Get(ctx, own, theirs.ID)
	wantKind(t, "get", err, errs.Missing)
	_, err = w.devices.Add(ctx, own, device.New{Subscriber: bob, Name: "x"})
	wantKind(t, "add", err, errs.Missing)
	_, err = w.devices.RotateKey(ctx, own, theirs.ID, 0, "", "")
	wantKind(t, "rotate", err, errs.Missing)
	wantKind(t, "delete", w.devices.Delete(ctx, own, theirs.ID, 0), errs.Missing)
	other := w.Reseller(t, "bolt")
	for name, err := range map[string]error{
		"another tenant deletes": w.devices.Delete(ctx, other, mine.ID, 0),
		"another tenant reveals": w.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, _, err := w.devices.Reveal(ctx, tx, other, mine.ID, false)
			return err
		}),
	} {
		wantKind(t, name, err, errs.Missing)
	}
	blind := a
	blind.Permissions = actor.Set{"subscriber:read"}
	_, err = w.devices.Add(ctx, blind, device.New{Subscriber: ann, Name: "x"})
	wantKind(t, "reading only", err, errs.Denied)
}

func TestEveryChangeIsToldAndRecordedAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	a := w.Reseller(t, "acme")
	sid := w.sub(t, a, "ann")
	told := func() int64 {
		return w.count(t, "SELECT count(*) FROM outbox WHERE kind = 'subscriber.changed' AND payload->>'subscriber' = $1", sid)
	}
	d := w.add(t, a, device.New{Subscriber: sid, Name: "d"})
	before, name := told(), "renamed"
	steps := map[string]func() error{
		"device.update": func() error {
			_, err := w.devices.Update(ctx, a, d.ID, 0, device.Change{Name: &name})
			return err
		},
		"device.rotate_key": func() error { _, err := w.devices.RotateKey(ctx, a, d.ID, 0, "", ""); return err },
		"device.create":     func() error { _, err := w.devices.Add(ctx, a, device.New{Subscriber: sid, Name: "e"}); return err },
	}
	for action, do := range steps {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if before++; told() != before {
			t.Errorf("%s: nodes are not told", action)
		}
		if w.count(t, "SELECT count(*) FROM audit WHERE action = $1 AND object LIKE 'device/%'", action) == 0 {
			t.Errorf("%s: no record", action)
		}
	}
	for i := 2; i < device.Most; i++ {
		w.add(t, a, device.New{Subscriber: sid, Name: fmt.Sprint(i)})
	}
	_, err := w.devices.Add(ctx, a, device.New{Subscriber: sid, Name: "one more"})
	wantKind(t, "beyond the bound", err, errs.Limited)
}
