package ingresstest

import (
	"sync"
	"testing"
	"time"

	"culvert/shared/nodeapi"
)

// signIn: the right password opens, nothing else does, and rows that are not enabled are refused.
func signIn(t *testing.T, h Harness) {
	alice, bob, off, late, other := NewUser("alice"), NewUser("bob"), NewUser("off"), NewUser("late"), NewUser("other")
	off.Row.Enabled, off.Row.Reason = false, "suspended"
	late.Row.Expires = time.Now().Unix() - 1
	w := NewWorld(t, h, alice, bob, off, late)
	dest := Echo(t)
	row := w.row(other)
	row.Protocols = []string{"another-kind"}
	w.setRows([]nodeapi.Subscriber{row})
	for _, u := range []*User{alice, bob} {
		if err := w.try(u.Credential(), dest); err != nil {
			t.Errorf("%s is refused: %v", u.Row.Name, err)
		}
	}
	var wg sync.WaitGroup
	for what, c := range map[string]Credential{
		"wrong password":      {Name: alice.Row.Login(), Password: "guess"},
		"another's password":  {Name: alice.Row.Login(), Password: bob.Password},
		"unknown name":        {Name: "mallory@shop", Password: alice.Password},
		"name without realm":  {Name: alice.Row.Name, Password: alice.Password},
		"suspended":           off.Credential(),
		"expired":             late.Credential(),
		"another kind's user": other.Credential(),
	} {
		wg.Go(func() { w.Refused(what, c, dest) }) // at once: where a refusal is silence, each takes its time
	}
	wg.Wait()
	off.Row.Enabled, off.Row.Reason = true, ""
	w.Set(off)
	if err := w.try(off.Credential(), dest); err != nil {
		t.Errorf("an unsuspended subscriber is refused: %v", err)
	}
	w.Remove(off)
	w.Refused("removed", off.Credential(), dest)
}

// secrets: a generated secret, name and password in one string, and a password that was unique when it was set.
func secrets(t *testing.T, h Harness) {
	alice, bob := NewUser("alice"), NewUser("bob")
	w := NewWorld(t, h, alice, bob)
	row := w.row(alice)
	row.PasswordID = w.derive(alice.Password, w.sections.Settings.PasswordSalt, 4096)
	w.setRows([]nodeapi.Subscriber{row})
	dest := Echo(t)
	for what, secret := range map[string]string{
		"generated secret": bob.Secret, "name:password": bob.Row.Login() + ":" + bob.Password, "password alone": alice.Password,
	} {
		if err := w.try(Credential{Secret: secret}, dest); err != nil {
			t.Errorf("%s is refused: %v", what, err)
		}
	}
	for what, secret := range map[string]string{
		"password that may not open alone": bob.Password, "wrong": "generated-secret-of-nobody", "name: and nothing": bob.Row.Login() + ":",
	} {
		w.Refused(what, Credential{Secret: secret}, dest)
	}
	w.Expect(alice, 1, 1)
	w.Expect(bob, 2, 2)
}

// nobody: an ingress without subscribers serves no one, whatever they present.
func nobody(t *testing.T, h Harness) {
	w := NewWorld(t, h)
	dest := Echo(t)
	ghost := NewUser("ghost")
	w.Refused("unknown user of an empty ingress", ghost.Credential(), dest)
	w.Refused("empty password of an empty ingress", Credential{Name: "ghost"}, dest)
	if h.Secret {
		w.Refused("secret of an empty ingress", Credential{Secret: ghost.Secret}, dest)
	}
	w.Set(ghost)
	if err := w.try(ghost.Credential(), dest); err != nil {
		t.Errorf("the first subscriber is refused: %v", err)
	}
}

// keysChange: subscribers come, go and change without a new listener and without touching a running flow.
func keysChange(t *testing.T, h Harness) {
	alice := NewUser("alice")
	w := NewWorld(t, h, alice)
	dest := Echo(t)
	p := newPulse(t, w.Dial(alice, dest))
	for i := range 30 {
		u := NewUser("temp" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
		w.Set(u)
		if i%10 == 0 {
			if err := w.try(u.Credential(), dest); err != nil {
				t.Errorf("a new subscriber is refused: %v", err)
			}
		}
		if i%2 == 0 {
			w.Remove(u)
		}
	}
	p.goesOn(t, 3)
	if n := w.Built.Load(); n != 1 {
		t.Errorf("the ingress was built %d times", n)
	}
	if w.Spec.Certificate != "" {
		swapCertificate(t, w, alice, dest)
		p.goesOn(t, 3)
		if n := w.Built.Load(); n != 1 {
			t.Errorf("a new certificate built the ingress %d times", n)
		}
	}
}

// swapCertificate renews the certificate under its id: new clients see the new one.
func swapCertificate(t *testing.T, w *World, u *User, dest string) {
	t.Helper()
	old := w.Server
	w.Configure(func(s *nodeapi.Sections, up *nodeapi.Update) {
		c := w.certificate()
		c.ID = w.Spec.Certificate
		s.Certificates = []nodeapi.Certificate{c}
		up.Certificates = &s.Certificates
	})
	if err := w.try(u.Credential(), dest); err != nil {
		t.Errorf("clients that trust the new certificate are refused: %v", err)
	}
	renewed := w.Server
	w.Server = old
	w.Refused("client that trusts the old certificate only", u.Credential(), dest)
	w.Server = renewed
}
