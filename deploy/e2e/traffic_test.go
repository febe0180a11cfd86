package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
)

func itoa(n int) string { return strconv.Itoa(n) }

const download = 100 << 20

// customer makes a package and a user through /api/, as a billing system does, and returns their id and credentials.
type customer struct {
	id, login, password, secret string
}

func (in *installation) customer(hash, nid, name, pack string) customer {
	in.t.Helper()
	in.applies(nid, func() {
		in.ok(hash, "v-add-user", name, "subscriber pass "+name, name+"@example.com", pack, "Ann", "Other")
	})
	items := in.must("GET", "/subscribers?q="+name, nil)["items"].([]any)
	if len(items) != 1 {
		in.t.Fatalf("%d subscribers named %s", len(items), name)
	}
	c := customer{id: items[0].(map[string]any)["id"].(string)}
	cr := in.must("GET", "/subscribers/"+c.id+"/credentials", nil)
	c.login, c.password = cr["login"].(string), cr["password"].(string)
	c.secret = cr["secrets"].(map[string]any)["hysteria2"].(string)
	return c
}

func (c customer) proxy(scheme, addr string) string {
	return scheme + "://" + c.login + ":" + strings.ReplaceAll(c.password, " ", "%20") + "@" + addr
}

// hash makes an access key with every command and returns ID:SECRET.
func (in *installation) hash() string {
	k := in.must("POST", "/access-keys", map[string]any{"comment": "billing", "full": true})
	return k["id"].(string) + ":" + k["secret"].(string)
}

// gold adds a package through the command interface.
func (in *installation) gold(hash string) {
	in.t.Helper()
	in.ok(hash, "v-make-tmp-file", "BANDWIDTH='unlimited'\n", "gold.pkg")
	in.ok(hash, "v-add-user-package", "/tmp/gold.pkg", "gold")
}

// booked returns what the ledger holds for a subscriber and an ingress.
func (in *installation) booked(sid, ingress string) (up, down int64) {
	in.t.Helper()
	for _, x := range in.must("GET", "/subscribers/"+sid+"/usage?step=hour", nil)["items"].([]any) {
		b := x.(map[string]any)
		if b["ingress_id"] == ingress {
			up, down = up+int64(b["up"].(float64)), down+int64(b["down"].(float64))
		}
	}
	return up, down
}

// settled waits until the ledger equals the truth; more than the truth is an error at once.
func (in *installation) settled(what, sid, ingress string, truth ...*target) {
	in.t.Helper()
	eventually(in.t, 20*time.Second, what, func() error {
		var wantUp, wantDown int64
		for _, x := range truth {
			wantUp, wantDown = wantUp+x.in.Load(), wantDown+x.out.Load()
		}
		up, down := in.booked(sid, ingress)
		if up > wantUp || down > wantDown {
			in.t.Fatalf("%s: the ledger says %d/%d, only %d/%d moved", what, up, down, wantUp, wantDown)
		}
		if up != wantUp || down != wantDown || wantDown == 0 {
			return fmt.Errorf("ledger %d/%d, moved %d/%d", up, down, wantUp, wantDown)
		}
		return nil
	})
}

// TestFirstTraffic is the whole spine: one command starts it, a billing script makes a customer with an access key, they
// connect with clients that we did not write, every byte is in the ledger, per ingress.
func TestFirstTraffic(t *testing.T) {
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")

	t.Run("SOCKS5 with curl", func(t *testing.T) {
		x := newTarget(t)
		fetchWithCurl(t, x, "-x", ann.proxy("socks5h", s.socks))
		in.settled("SOCKS5", ann.id, s.socksID, x)
		datagrams(t, socksThroughSingBox(t, s.socks, ann), x)
		in.settled("SOCKS5, UDP", ann.id, s.socksID, x)
	})
	t.Run("HTTP with curl", func(t *testing.T) {
		x := newTarget(t)
		fetchWithCurl(t, x, "-p", "-x", ann.proxy("http", s.web))
		fetchWithCurl(t, x, "-x", ann.proxy("http", s.web))
		in.settled("HTTP", ann.id, s.webID, x)
	})
	own, foreign := newTarget(t), newTarget(t)
	t.Run("Hysteria 2 with its own client", func(t *testing.T) {
		c := hysteriaClient(t, s.hysteria, ann.secret)
		h := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) { return c.TCP(addr) }}}
		resp, err := h.Get(own.url("/bytes/" + itoa(download)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != download {
			t.Fatalf("%d bytes, %v", n, err)
		}
		h.CloseIdleConnections()
		u, err := c.UDP()
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		for i := range 50 {
			msg := []byte(fmt.Sprintf("datagram %d", i))
			if err := u.Send(msg, own.addr); err != nil {
				t.Fatal(err)
			}
			got, _, err := u.Receive()
			if err != nil || string(got) != string(msg) {
				t.Fatalf("echo %q, %v", got, err)
			}
		}
	})
	t.Run("Hysteria 2 with sing-box", func(t *testing.T) {
		host, port, err := net.SplitHostPort(s.hysteria)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		proxy := foreigntest.SingBox(t, map[string]any{
			"type": "hysteria2", "server": host, "server_port": n, "password": ann.login + ":" + ann.password,
			"tls": map[string]any{"enabled": true, "insecure": true, "server_name": "127.0.0.1"},
		})
		fetchWithCurl(t, foreign, "-x", "socks5h://"+proxy)
	})
	in.settled("Hysteria 2", ann.id, s.hysteriaID, own, foreign)
	if got := in.ok(hash, "v-list-user", "ann", "json"); !strings.Contains(got, `"U_BANDWIDTH_BYTES"`) {
		t.Errorf("v-list-user: %s", got)
	}
}

// socksThroughSingBox starts a sing-box that goes out through the SOCKS5 ingress, and returns its own address.
func socksThroughSingBox(t *testing.T, addr string, c customer) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return foreigntest.SingBox(t, map[string]any{
		"type": "socks", "version": "5", "server": host, "server_port": n, "username": c.login, "password": c.password,
	})
}

// datagrams sends datagrams of all sizes through a SOCKS5 proxy, each after the echo of the one before.
func datagrams(t *testing.T, proxy string, x *target) {
	t.Helper()
	a, err := foreigntest.AssociateSOCKS(proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		msg := bytes.Repeat([]byte{byte(i)}, 1+i*29%3000)
		if err := a.Send(msg, x.addr); err != nil {
			t.Fatal(err)
		}
		got, from, err := a.Receive()
		if err != nil || from != x.addr || !bytes.Equal(got, msg) {
			t.Fatalf("datagram %d of %d bytes: received %d from %s, %v", i, len(msg), len(got), from, err)
		}
	}
}

func fetchWithCurl(t *testing.T, x *target, args ...string) {
	t.Helper()
	out, err := curl(append(args, x.url("/bytes/"+itoa(download)))...)
	if err != nil || out != "200 "+itoa(download) {
		t.Fatalf("curl %v: %s, %v", args, out, err)
	}
}

// TestSuspensionCutsAtOnce suspends, exhausts and expires a subscriber during downloads on every ingress. Their flows are
// cut within a second; those of another subscriber on the same ingress go on; unsuspended, they are let in again.
func TestSuspensionCutsAtOnce(t *testing.T) {
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann, bob := in.customer(hash, s.node, "ann", "gold"), in.customer(hash, s.node, "bob", "gold")
	x := newTarget(t)
	for _, c := range []struct {
		what string
		cut  func()
		back func()
	}{
		{"suspend", func() { in.ok(hash, "v-suspend-user", "ann") }, func() { in.ok(hash, "v-unsuspend-user", "ann") }},
		{
			"expiry", func() { in.must("POST", "/subscribers/"+ann.id+"/expire", nil) },
			func() { in.must("PATCH", "/subscribers/"+ann.id, map[string]any{"expires_at": nil}) },
		},
		{
			"quota", func() { in.must("PATCH", "/subscribers/"+ann.id, map[string]any{"traffic_limit": 1}) },
			func() { in.must("PATCH", "/subscribers/"+ann.id, map[string]any{"traffic_limit": -1}) },
		},
	} {
		t.Run(c.what, func(t *testing.T) { in.cutAndReturn(t, s, ann, bob, x, c.cut, c.back) })
	}
}

func (in *installation) cutAndReturn(t *testing.T, s service, ann, bob customer, x *target, cut, back func()) {
	t.Helper()
	ctx := t.Context()
	open := func(c customer) map[string]*stream {
		t.Helper()
		hy := hysteriaClient(t, s.hysteria, c.secret)
		out := map[string]*stream{}
		for name, h := range map[string]*http.Client{
			"SOCKS5": through(c.proxy("socks5", s.socks)), "HTTP": through(c.proxy("http", s.web)),
			"Hysteria 2": {Transport: &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) { return hy.TCP(addr) }}},
		} {
			st, err := follow(ctx, h, x.url("/slow"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out[name] = st
		}
		return out
	}
	anns, bobs := open(ann), open(bob)
	for name, st := range anns {
		eventually(t, 10*time.Second, name, func() error {
			if st.n.Load() < 8192 {
				return errors.New("nothing flows")
			}
			return nil
		})
	}
	cut()
	at := time.Now()
	for name, st := range anns {
		select {
		case <-st.done:
			if late := time.Unix(0, st.last.Load()).Sub(at); late > time.Second {
				t.Errorf("%s: bytes flowed %v after the answer", name, late)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: was not cut", name)
		}
	}
	// A quota that ran out cuts at once by the allowance; the door shuts when the report of it has arrived.
	eventually(t, 10*time.Second, "kept out", func() error {
		if c, err := tryHysteria(s.hysteria, ann.secret); err == nil {
			return errors.Join(errors.New("Hysteria lets them in again"), c.Close())
		}
		if out, err := curl("-x", ann.proxy("socks5h", s.socks), x.url("/bytes/1")); err == nil {
			return fmt.Errorf("SOCKS5 lets them in again: %s", out)
		}
		return nil
	})
	for name, st := range bobs {
		before := st.n.Load()
		eventually(t, 5*time.Second, "bob over "+name, func() error {
			if st.n.Load() <= before {
				return errors.New("another subscriber's flow stopped")
			}
			return nil
		})
	}
	back()
	eventually(t, 10*time.Second, "let in again", func() error {
		_, err := curl("-x", ann.proxy("socks5h", s.socks), x.url("/bytes/1000"))
		return err
	})
}

func (in *installation) masterKey() string { return filepath.Join(in.dir, "master.key") }

// interruptedRotation rotates the master key and leaves the files as a power cut between database and file would.
func (in *installation) interruptedRotation() {
	in.t.Helper()
	key := in.masterKey()
	old, err := os.ReadFile(key)
	if err != nil {
		in.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(in.bin, "culvert-panel"), "rotate-master-key")
	cmd.Env, cmd.Dir = in.env, in.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		in.t.Fatalf("rotate-master-key: %v\n%s", err, out)
	}
	if err := errors.Join(os.Rename(key, key+".next"), os.WriteFile(key, old, 0o600)); err != nil {
		in.t.Fatal(err)
	}
}

// TestRestartKeepsEverything stops with Ctrl-C and starts again on the same data.
func TestRestartKeepsEverything(t *testing.T) {
	in := install(t)
	s := in.serve()
	hash := in.hash()
	in.gold(hash)
	ann := in.customer(hash, s.node, "ann", "gold")
	x := newTarget(t)
	if out, err := curl("-x", ann.proxy("socks5h", s.socks), x.url("/bytes/1000000")); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	in.stop()
	in.interruptedRotation()
	in.start()
	if strings.Contains(in.out.String(), "password   ") {
		t.Error("a password is shown again")
	}
	if _, err := os.Stat(in.masterKey() + ".next"); err == nil {
		t.Error("the interrupted rotation was not finished")
	}
	in.settled("after the restart", ann.id, s.socksID, x)
	eventually(t, 30*time.Second, "traffic after the restart", func() error {
		_, err := curl("-x", ann.proxy("socks5h", s.socks), x.url("/bytes/1000"))
		return err
	})
}
