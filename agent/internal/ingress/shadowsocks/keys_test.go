package shadowsocks

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	options "culvert/shared/protocol/shadowsocks"
)

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("subscriber ", i)
	}
	return all
}

// opened counts the trials of a search for the user with this secret.
func opened(u *users, x *search, from, secret string) (found *user, trials int) {
	key := u.method.UserKey(secret)
	found = x.find(netip.MustParseAddr(from), func(u *user) bool {
		trials++
		return bytes.Equal(u.key, key)
	})
	return found, trials
}

// TestChanges: rows come, change and go; each is found by its newest key and only while it may connect.
func TestChanges(t *testing.T) {
	t.Parallel()
	for _, method := range bothEditions() {
		m, _ := options.Lookup(method)
		u := newUsers(m)
		x := newSearch(u)
		here := func(secret string) string {
			var found *user
			if m.Modern {
				probe := newUsers(m)
				found = u.find(probe.userOf(rowOf(secret)).name)
			} else {
				found, _ = opened(u, x, "192.0.2.1", secret)
			}
			if found == nil {
				return ""
			}
			return fmt.Sprint(found.id, " ", found.generation)
		}
		check := func(what string, want map[string]string) {
			t.Helper()
			for secret, id := range want {
				if got := here(secret); got != id {
					t.Errorf("%s: %s: secret %q is of %q, want %q", method, what, secret, got, id)
				}
			}
		}
		delta := func(rows ...*nodeapi.Subscriber) { u.change(ingress.KeyChange{Rows: rows}) }
		u.change(ingress.KeyChange{Full: true, Rows: rows("a", "b", "c")})
		check("full", map[string]string{"a": "a 1", "b": "b 1", "c": "c 1", "d": ""})

		b := rowOf("b")
		b.Generation, b.Secrets[0].Clear = 2, "b2"
		delta(b)
		check("new secret", map[string]string{"a": "a 1", "b": "", "b2": "b 2"})
		same := rowOf("a")
		same.Generation = 7
		delta(same)
		check("new generation", map[string]string{"a": "a 7"})
		before := u.byID["a"]
		faster := rowOf("a")
		faster.Generation, faster.SpeedUp = 7, 1000
		if delta(faster); u.byID["a"] != before {
			t.Error("a change of speed makes another user")
		}

		off := rowOf("c")
		off.Enabled = false
		other := rowOf("a")
		other.Protocols = []string{"socks5"}
		delta(off, other)
		check("suspended, and another protocol", map[string]string{"a": "", "c": ""})
		hashed := rowOf("e")
		hashed.Secrets = []nodeapi.Secret{{Family: options.Name, SHA256: make([]byte, 32)}, {Family: "other", Clear: "e"}}
		delta(rowOf("c"), hashed)
		check("back", map[string]string{"c": "c 1", "e": ""})
		u.change(ingress.KeyChange{Removed: []string{"c", "nobody"}, Rows: rows("f")})
		check("removed", map[string]string{"c": "", "f": "f 1", "b2": "b 2"})
		if n := u.count(); n != 2 || len(u.slots)-len(u.free) != 2 && !m.Modern || len(u.named) != 2 && m.Modern {
			t.Errorf("%s: %d users, %d slots, %d free, %d named", method, n, len(u.slots), len(u.free), len(u.named))
		}
		u.change(ingress.KeyChange{Full: true, Rows: rows("g")})
		check("full again", map[string]string{"g": "g 1", "f": "", "b2": ""})
	}
}

// TestOneRowCostsOneRow: what a change costs does not grow with who is there.
func TestOneRowCostsOneRow(t *testing.T) { // not parallel: it counts allocations
	for _, method := range bothEditions() {
		m, _ := options.Lookup(method)
		u := newUsers(m)
		u.change(ingress.KeyChange{Full: true, Rows: rows(names(10_000)...)})
		gen := int64(1)
		allocs := testing.AllocsPerRun(100, func() {
			row := rowOf("subscriber 77")
			gen++
			row.Generation = gen
			u.change(ingress.KeyChange{Rows: []*nodeapi.Subscriber{row}})
		})
		if allocs > 30 {
			t.Errorf("%s: one row allocates %v times", method, allocs)
		}
	}
}

func TestManyAEADUsersAreWarnedOfOnce(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"aes-128-gcm": 1, "2022-blake3-aes-128-gcm": 0} {
		var b bytes.Buffer
		s := newServer(t, optionsOf(t, method, 1000))
		s.log = slog.New(slog.NewTextHandler(&b, nil))
		for i, n := range []int{manyUsers, manyUsers + 1, manyUsers + 2} {
			if err := s.KeysChanged(t.Context(), ingress.KeyChange{Full: true, Rows: rows(names(n)...)}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(b.String(), "many subscribers"); got != min(i, want) {
				t.Errorf("%s with %d: %d warnings", method, n, got)
			}
		}
	}
}

// TestSearch: a client is found at once where it was before, garbage is paid for by who sends it, and all garbage together
// keeps nobody out whose address is known.
func TestSearch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := options.Lookup("aes-128-gcm")
		u := newUsers(m)
		all := names(5000)
		u.change(ingress.KeyChange{Full: true, Rows: rows(all...)})
		x := newSearch(u)
		if f, n := opened(u, x, "192.0.2.1", all[4321]); f == nil || n != 4322 {
			t.Fatalf("found %v after %d trials", f, n)
		}
		if f, n := opened(u, x, "192.0.2.1", all[4321]); f == nil || n != 1 {
			t.Errorf("known, and found after %d trials", n)
		}
		if f, n := opened(u, x, "::ffff:192.0.2.1", all[4321]); f == nil || n != 1 {
			t.Errorf("mapped address: %d trials", n)
		}
		spent := 0
		for range 100 {
			_, n := opened(u, x, "198.51.100.7", "nobody")
			spent += n
		}
		if most := trialsAtOnce*sourceTrials + len(all); spent > most {
			t.Errorf("one source had %d trials at once, of %d", spent, most)
		}
		if f, _ := opened(u, x, "198.51.100.7", all[0]); f != nil {
			t.Error("a source without turns left is served")
		}
		if f, _ := opened(u, x, "198.51.100.8", all[9]); f == nil {
			t.Error("its neighbour is not")
		}
		spent = 0
		for i := range 4000 {
			_, n := opened(u, x, fmt.Sprintf("2001:db8:%x::%x", i, i), "nobody")
			spent += n
		}
		if most := trialsAtOnce*portTrials + len(all); spent > most {
			t.Errorf("all sources together had %d trials at once, of %d", spent, most)
		}
		if f, n := opened(u, x, "192.0.2.1", all[4321]); f == nil || n != 1 {
			t.Errorf("garbage keeps out whom the port knows: %v after %d", f, n)
		}
		if f, _ := opened(u, x, "203.0.113.1", all[1]); f != nil {
			t.Error("the port has no turns left and gives some")
		}
		time.Sleep(time.Second)
		if f, _ := opened(u, x, "203.0.113.1", all[1]); f == nil {
			t.Error("a new client is not let in after the flood")
		}
		if n := len(x.sources); n != x.recent.Len() || n > sourcesMost {
			t.Errorf("%d sources, %d in order", n, x.recent.Len())
		}
	})
}

// TestSearchMemory: a source's newest users are known, no more; the same /64 is one source; an heir inherits.
func TestSearchMemory(t *testing.T) {
	t.Parallel()
	m, _ := options.Lookup("aes-256-gcm")
	u := newUsers(m)
	all := names(usersBySource + 10)
	u.change(ingress.KeyChange{Full: true, Rows: rows(all...)})
	x := newSearch(u)
	for i, name := range all {
		if f, _ := opened(u, x, fmt.Sprintf("2001:db8::%x", i+1), name); f == nil {
			t.Fatal("not found")
		}
	}
	if n := len(x.sources[netip.MustParseAddr("2001:db8::")].Value.(*origin).users); n != usersBySource {
		t.Errorf("%d users of one source", n)
	}
	last := len(all) - 1
	row := rowOf(all[last])
	row.Generation = 9
	u.change(ingress.KeyChange{Rows: []*nodeapi.Subscriber{row}})
	if f, n := opened(u, x, "2001:db8::ffff", all[last]); f == nil || f.generation != 9 || n != 1 {
		t.Errorf("found %+v after %d trials", f, n)
	}
	u.change(ingress.KeyChange{Removed: []string{all[last]}})
	if f, _ := opened(u, x, "2001:db8::1", all[last]); f != nil {
		t.Error("who is gone is found")
	}
	for i := range sourcesMost + 100 {
		opened(u, x, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), all[0])
	}
	if n := len(x.sources); n != sourcesMost || x.recent.Len() != n {
		t.Errorf("%d sources, %d in order", n, x.recent.Len())
	}
}

func TestSalts(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(1000, 0).Add(time.Duration(s) * time.Second) }
	k := func(n int) []byte { return []byte(fmt.Sprintf("salt of 16 b %03d and more", n)) }
	f := newSalts(3, time.Minute)
	for i, c := range []struct {
		salt, second int
		fresh        bool
	}{
		{1, 0, true},
		{1, 0, false},
		{2, 59, true},
		{1, 60, false},
		{2, 119, false},
		{3, 119, true},
		{1, 121, true}, // a minute old, and more
		{3, 121, false},
		{4, 122, true},
		{5, 123, true},
		{6, 124, false},
		{4, 125, false}, // no room: refused, not forgotten
		{6, 190, true},
		{4, 190, false},
		{4, 900, true},
		{6, 900, true},
	} {
		if got := f.fresh(k(c.salt), at(c.second)); got != c.fresh {
			t.Errorf("step %d: salt %d at %d s: fresh %t", i, c.salt, c.second, got)
		}
	}
	g := newSalts(3, 0)
	for i := range 100 {
		if !g.fresh(k(i), at(0)) {
			t.Fatalf("salt %d is refused", i)
		}
		for old := max(0, i-3); old <= i; old++ {
			if g.fresh(k(old), at(1000)) {
				t.Fatalf("salt %d is fresh again after %d others", old, i-old)
			}
		}
		if n := len(g.now) + len(g.before); n > 6 {
			t.Fatalf("%d salts", n)
		}
	}
}
