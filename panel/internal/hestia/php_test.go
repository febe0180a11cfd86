package hestia_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http/httptest"
	"os/exec"
	"testing"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/identity"
)

// serveTLS serves the world's application on a real port, with a certificate that nobody can verify, as on a first day.
func (w *world) serveTLS(t *testing.T) string {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	certificates := donor.TLS.Certificates
	donor.Close()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- w.app.Listener(tls.NewListener(ln, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}))
	}()
	t.Cleanup(func() {
		_ = w.app.Shutdown()
		<-done
	})
	return "https://" + ln.Addr().String() + "/api/"
}

// step is one call of a client; ok is what the client makes of the answer.
type step struct {
	Client     string   `json:"client"`
	Credential string   `json:"credential"`
	Cmd        string   `json:"cmd"`
	Args       []string `json:"args"`

	ok     bool
	answer string // the whole of it; empty: not looked at
}

// The life of a service as WHMCS, FOSSBilling and Blesta drive it, spoken by real PHP over TLS (hestia-api.md §11.2).
func TestPHPClients(t *testing.T) {
	t.Parallel()
	php, err := exec.LookPath("php")
	if err != nil {
		t.Fatal("php is missing: deploy/install-deps.sh installs it")
	}
	w := newWorld(t)
	a := w.reseller(t, "acme")
	if _, err := w.services.Plans.CreatePlan(context.Background(), a, billing.Plan{Name: "gold", Grants: billing.Grants{TrafficLimit: -1, Reset: "monthly"}}); err != nil {
		t.Fatal(err)
	}
	w.set(t, a, func(x *identity.APISetting) { x.Legacy, x.LegacyPassword = true, true })
	pair := w.key(t, a, identity.NewKey{Sets: []string{"billing-hestia"}})
	good := pair.id() + ":" + pair["secret_key"]
	owner := "admin@acme\n" + ownerPassword
	steps := []step{}
	for _, x := range []struct {
		client, credential, name string
		first                    []step
	}{
		{"whmcs", good, "carol", nil},
		{"fossbilling", good, "dave", []step{
			{Cmd: "v-list-users", Args: []string{pair.id(), "some password"}, ok: true, answer: "0"}, // its connection test
			{Cmd: "v-list-users", Args: []string{pair.id(), ""}, ok: true, answer: "0"},
		}},
		{"blesta", owner, "erin", []step{{Cmd: "v-list-user", Args: []string{"erin", "json"}, ok: false}}}, // is the name free?
	} {
		number, word := x.client != "blesta", "OK"
		answer := func(n string) string { // the number, or Blesta's word, or an error text that is not looked at
			switch {
			case number:
				return n
			case n == "0":
				return word
			}
			return ""
		}
		add := []string{x.name, "a long p&ss=w%rd+ü", x.name + "@example.com", "gold", "Zoë", "O'Neil"}
		life := append(x.first, []step{
			{Cmd: "v-add-user", Args: add, ok: true, answer: answer("0")},
			{Cmd: "v-add-user", Args: add, ok: false, answer: answer("4")},
			{Cmd: "v-add-domain", Args: []string{x.name, "example.com", ""}, ok: true, answer: answer("0")},
			{Cmd: "v-change-user-shell", Args: []string{x.name, "bash"}, ok: true, answer: answer("0")},
			{Cmd: "v-suspend-user", Args: []string{x.name, "no"}, ok: true, answer: answer("0")},
			{Cmd: "v-suspend-user", Args: []string{x.name, "no"}, ok: false, answer: answer("5")},
			{Cmd: "v-unsuspend-user", Args: []string{x.name, "no"}, ok: true, answer: answer("0")},
			{Cmd: "v-unsuspend-user", Args: []string{x.name, "no"}, ok: true, answer: answer("0")},
			{Cmd: "v-change-user-password", Args: []string{x.name, "another long one"}, ok: true, answer: answer("0")},
			{Cmd: "v-change-user-package", Args: []string{x.name, "default", "no"}, ok: true, answer: answer("0")},
			{Cmd: "v-change-user-package", Args: []string{x.name, "nopkg", "no"}, ok: false, answer: answer("3")},
			{Cmd: "v-list-users", Args: []string{"json"}, ok: true, answer: answer("")},
			{Cmd: "v-delete-user", Args: []string{x.name, "no"}, ok: true, answer: answer("0")},
			{Cmd: "v-delete-user", Args: []string{x.name, "no"}, ok: x.client == "fossbilling", answer: answer("3")},
		}...)
		for i := range life {
			life[i].Client, life[i].Credential = x.client, x.credential
		}
		steps = append(steps, life...)
	}
	wrong := good[:len(good)-1] + "!"
	steps = append(steps,
		step{Client: "whmcs", Credential: wrong, Cmd: "v-list-users", Args: []string{"json"}, ok: false, answer: "9"},
		step{Client: "fossbilling", Credential: wrong, Cmd: "v-list-users", Args: []string{"json"}, ok: false, answer: "9"},
		step{Client: "blesta", Credential: "admin@acme\nwrong", Cmd: "v-list-users", Args: []string{"json"}, ok: false},
	)
	in, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), php, "testdata/clients.php", w.serveTLS(t))
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("php: %v\n%s", err, stderr.String())
	}
	var verdicts []struct {
		OK     bool   `json:"ok"`
		Answer string `json:"answer"`
	}
	if err := json.Unmarshal(out.Bytes(), &verdicts); err != nil || len(verdicts) != len(steps) {
		t.Fatalf("%d verdicts of %d steps, %v: %s", len(verdicts), len(steps), err, out.String())
	}
	for i, v := range verdicts {
		s := steps[i]
		if v.OK != s.ok || s.answer != "" && v.Answer != s.answer {
			t.Errorf("%s, %s %q: ok %v, answer %.100q; want ok %v, answer %q", s.Client, s.Cmd, s.Args, v.OK, v.Answer, s.ok, s.answer)
		}
	}
}
