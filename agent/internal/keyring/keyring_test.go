package keyring

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"culvert/agent/internal/flow"
	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

var here = netip.MustParseAddr("192.0.2.1")

var testSalt = []byte("installation-salt")

func subscriber(name, realm, password string, iterations int) nodeapi.Subscriber {
	salt := []byte("salt of " + name)
	return nodeapi.Subscriber{
		ID: id.New(id.Subscriber), Name: name, Realm: realm, Enabled: true, Generation: 1, Protocols: []string{"socks5"},
		Password: &nodeapi.Verifier{Salt: salt, Iterations: iterations, Hash: derive(password, salt, iterations)},
	}
}

func withSecret(s nodeapi.Subscriber, secret string) nodeapi.Subscriber {
	h := sha256.Sum256([]byte(secret))
	s.Secrets = []nodeapi.Secret{{Family: "hysteria2", SHA256: h[:]}}
	return s
}

func withPasswordID(s nodeapi.Subscriber, password string) nodeapi.Subscriber {
	s.PasswordID = derive(password, testSalt, PasswordIDIterations)
	return s
}

func commit(t testing.TB, r *Ring, full bool, rows []nodeapi.Subscriber, removed ...string) []Change {
	t.Helper()
	p, err := r.Plan(full, rows, removed, testSalt)
	if err != nil {
		t.Fatal(err)
	}
	return p.Commit()
}

func TestVerify(t *testing.T) {
	t.Parallel()
	alice := withSecret(subscriber("Alice", "shop", "pass", 2), "generated-secret")
	bob := withPasswordID(subscriber("bob", "", "unique", 2), "unique")
	colon := subscriber("carol", "", "a:b", 2)
	bare := nodeapi.Subscriber{ID: id.New(id.Subscriber), Name: "nopass", Enabled: true}
	r := New()
	commit(t, r, true, []nodeapi.Subscriber{alice, bob, colon, bare})
	for i, c := range []struct {
		name string
		q    Query
		want string
	}{
		{"login and password", Query{Login: "Alice@shop", Password: "pass"}, alice.ID},
		{"case of the login", Query{Login: "aLICE@SHOP", Password: "pass"}, alice.ID},
		{"case of the password", Query{Login: "alice@shop", Password: "Pass"}, ""},
		{"without realm", Query{Login: "alice", Password: "pass"}, ""},
		{"bare name", Query{Login: "bob", Password: "unique"}, bob.ID},
		{"unknown", Query{Login: "mallory", Password: "pass"}, ""},
		{"no password set", Query{Login: "nopass", Password: "x"}, ""},
		{"empty password", Query{Login: "nopass", Password: ""}, ""},
		{"secret", Query{Secret: "generated-secret", Family: "hysteria2"}, alice.ID},
		{"secret of another family", Query{Secret: "generated-secret", Family: "shadowsocks"}, ""},
		{"secret where none opens", Query{Secret: "generated-secret"}, ""},
		{"password alone", Query{Secret: "unique", Family: "hysteria2"}, bob.ID},
		{"password alone, not unique", Query{Secret: "pass", Family: "hysteria2"}, ""},
		{"name:password", Query{Secret: "bob:unique", Family: "hysteria2"}, bob.ID},
		{"name@realm:password", Query{Secret: "alice@shop:pass", Family: "hysteria2"}, alice.ID},
		{"password with a colon", Query{Secret: "carol:a:b", Family: "hysteria2"}, colon.ID},
		{"endless", Query{Login: "bob", Password: strings.Repeat("x", maxCredential+1)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.q.From = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			for range 2 { // the second answer may come from memory
				s, err := r.Verify(context.Background(), c.q)
				switch {
				case c.want == "" && !errors.Is(err, flow.ErrCredential):
					t.Fatalf("got %v, %v", s, err)
				case c.want != "" && (err != nil || s.ID != c.want):
					t.Fatalf("got %v, %v; want %s", s, err, c.want)
				}
			}
		})
	}
}

func TestANewGenerationVoidsWhatWasRemembered(t *testing.T) {
	t.Parallel()
	s := subscriber("dave", "", "old", 2)
	r := New()
	commit(t, r, true, []nodeapi.Subscriber{s})
	q := Query{Login: "dave", Password: "old", From: here}
	if _, err := r.Verify(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	next := subscriber("dave", "", "new", 2)
	next.ID, next.Generation = s.ID, 2
	commit(t, r, false, []nodeapi.Subscriber{next})
	if _, err := r.Verify(context.Background(), q); !errors.Is(err, flow.ErrCredential) {
		t.Fatalf("the old password still opens: %v", err)
	}
	q.Password = "new"
	if got, err := r.Verify(context.Background(), q); err != nil || got.Generation != 2 {
		t.Fatalf("the new password does not: %v", err)
	}
}

func TestGuessingIsBoundedPerAddress(t *testing.T) {
	t.Parallel()
	s := subscriber("erin", "", "right", 2)
	r := New()
	commit(t, r, true, []nodeapi.Subscriber{s})
	known := Query{Login: "erin", Password: "right", From: here}
	if _, err := r.Verify(context.Background(), known); err != nil {
		t.Fatal(err)
	}
	for i := range failBurst + 4 {
		if _, err := r.Verify(context.Background(), Query{Login: "erin", Password: fmt.Sprint(i), From: here}); err == nil {
			t.Fatal("a guess opened")
		}
	}
	if r.slow.mayTry(here) {
		t.Error("the address may go on guessing")
	}
	if !r.slow.mayTry(netip.MustParseAddr("192.0.2.2")) {
		t.Error("another address is held for it")
	}
	if _, err := r.Verify(context.Background(), known); err != nil {
		t.Errorf("a known good password is refused because of a neighbour's guesses: %v", err)
	}
	six := netip.MustParseAddr("2001:db8::1")
	for range failBurst {
		r.slow.charge(six)
	}
	if r.slow.mayTry(netip.MustParseAddr("2001:db8::2")) {
		t.Error("the next address of the same /64 starts afresh")
	}
}

func TestSourcesAndAnswersAreBounded(t *testing.T) {
	t.Parallel()
	p := newSlowPath()
	for i := range 3 * maxSources {
		p.charge(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if n := len(p.sources.young) + len(p.sources.old); n > maxSources {
		t.Errorf("%d sources kept", n)
	}
	for i := range 3 * maxRemembered {
		p.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, "x", 1)
	}
	if n := len(p.remembered.young) + len(p.remembered.old); n > maxRemembered {
		t.Errorf("%d answers kept", n)
	}
}

func TestPlanConflictsNameTheRow(t *testing.T) {
	t.Parallel()
	a := withSecret(withPasswordID(subscriber("a", "", "x", 1), "x"), "s1")
	b := subscriber("b", "", "y", 1)
	for _, c := range []struct {
		name string
		rows []nodeapi.Subscriber
		gone []string
		path string
	}{
		{"login", []nodeapi.Subscriber{b, subscriber("A", "", "z", 1)}, nil, "subscribers[1].name"},
		{"secret", []nodeapi.Subscriber{withSecret(b, "s1")}, nil, "subscribers[0].secrets"},
		{"password id", []nodeapi.Subscriber{withPasswordID(b, "x")}, nil, "subscribers[0].password_id"},
		{"twice", []nodeapi.Subscriber{b, b}, nil, "subscribers[1].id"},
		{"changed and removed", []nodeapi.Subscriber{b}, []string{b.ID}, "removed"},
		{"freed by removal", []nodeapi.Subscriber{withSecret(b, "s1")}, []string{a.ID}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := New()
			commit(t, r, true, []nodeapi.Subscriber{a})
			_, err := r.Plan(false, c.rows, c.gone, testSalt)
			if c.path == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if path, _ := nodeapi.AsField(errOr(err)); path != c.path {
				t.Errorf("got %v, want a fault at %s", err, c.path)
			}
			if r.Len() != 1 {
				t.Error("a refused plan changed the ring")
			}
		})
	}
}

func errOr(err error) error {
	if err == nil {
		return errors.New("accepted")
	}
	return err
}

func TestSwapOfNames(t *testing.T) {
	t.Parallel()
	a, b := subscriber("a", "", "x", 1), subscriber("b", "", "y", 1)
	r := New()
	commit(t, r, true, []nodeapi.Subscriber{a, b})
	a2, b2 := a, b
	a2.Name, b2.Name = "b", "a"
	commit(t, r, false, []nodeapi.Subscriber{a2, b2})
	for login, want := range map[string]string{"a": b.ID, "b": a.ID} {
		if got := r.lookup(spaceLogin, login); got == nil || got.ID != want {
			t.Errorf("%s is %v", login, got)
		}
	}
}

// Whatever way a ring got to its rows, the digest that both halves compare is the same.
func TestDeltaAndFullAgree(t *testing.T) {
	t.Parallel()
	rows := make([]nodeapi.Subscriber, 50)
	for i := range rows {
		rows[i] = withSecret(subscriber(fmt.Sprint("u", i), "", "x", 1), fmt.Sprint("s", i))
	}
	delta, full := New(), New()
	commit(t, delta, true, rows[:20])
	commit(t, delta, false, rows[20:], rows[3].ID)
	changed := rows[7]
	changed.Enabled, changed.Reason = false, "suspended"
	ch := commit(t, delta, false, []nodeapi.Subscriber{changed}, rows[9].ID, id.New(id.Subscriber))
	if len(ch) != 2 {
		t.Errorf("%d changes told, want 2", len(ch))
	}
	want := append([]nodeapi.Subscriber{}, rows[:3]...)
	want = append(append(want, rows[4:7]...), changed, rows[8])
	want = append(want, rows[10:]...)
	commit(t, full, true, want)
	if delta.mixed != full.mixed || delta.Len() != full.Len() || len(delta.index) != len(full.index) {
		t.Errorf("delta: %d rows %d keys, full: %d rows %d keys", delta.Len(), len(delta.index), full.Len(), len(full.index))
	}
	if ch := commit(t, full, true, want); len(ch) != 0 {
		t.Errorf("the same document again changed %d", len(ch))
	}
}

func BenchmarkVerifyRemembered(b *testing.B) {
	r := tenThousand(b)
	q := Query{Login: "user5000@shop", Password: "pw", From: here}
	if _, err := r.Verify(b.Context(), q); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Verify(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifySecret(b *testing.B) {
	r := tenThousand(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Verify(b.Context(), Query{Secret: "secret5000", Family: "hysteria2", From: here}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPassword(b *testing.B) {
	salt := []byte("0123456789abcdef")
	for b.Loop() {
		derive("password", salt, PasswordIDIterations)
	}
}

func BenchmarkApplyOneOfTenThousand(b *testing.B) {
	r := tenThousand(b)
	row := *r.lookup(spaceLogin, "user42@shop")
	for b.Loop() {
		row.Generation++
		next := row
		commit(b, r, false, []nodeapi.Subscriber{next})
	}
}

func tenThousand(tb testing.TB) *Ring {
	rows := make([]nodeapi.Subscriber, 10_000)
	for i := range rows {
		rows[i] = withSecret(subscriber(fmt.Sprintf("user%d", i), "shop", "pw", 1), fmt.Sprint("secret", i))
	}
	r := New()
	commit(tb, r, true, rows)
	return r
}
