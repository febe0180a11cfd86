package id

import (
	"testing"
	"time"
)

func TestNewIsValidAndUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		s := New(Subscriber)
		if err := Check(Subscriber, s); err != nil {
			t.Fatalf("Check(%q): %v", s, err)
		}
		if seen[s] {
			t.Fatalf("%q made twice", s)
		}
		seen[s] = true
	}
}

func TestIdsSortByCreation(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_000)
	if a, b := newAt(Node, at), newAt(Node, at.Add(time.Millisecond)); a >= b {
		t.Fatalf("%q is not before %q", a, b)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	good := New(Node)
	for name, s := range map[string]string{
		"empty":        "",
		"other kind":   New(Tenant),
		"too short":    good[:len(good)-1],
		"too long":     good + "0",
		"upper case":   "nod_" + "0123456789ABCDEFGHJKMNPQRS",
		"foreign char": good[:len(good)-1] + "u",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if Valid(Node, s) {
				t.Fatalf("%q was accepted", s)
			}
		})
	}
}
