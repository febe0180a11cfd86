// Package interop lets programs that we did not write use a node: sing-box and curl, through the real engine, with the
// bytes that they moved compared with the bytes that were counted.
package interop

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/httpproxy"
	"culvert/agent/internal/ingress/hysteria"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/agent/internal/ingress/socks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// service is an ingress and how sing-box is told to use it.
type service struct {
	kind     string
	options  string
	factory  ingress.Factory
	udp      bool
	outbound func(s ingresstest.Server, u *ingresstest.User) map[string]any
}

func services() map[string]service {
	tls := map[string]any{"enabled": true, "server_name": "node.test", "insecure": true}
	// at adds where the ingress is; named adds the credential of protocols with a user name.
	at := func(s ingresstest.Server, o map[string]any) map[string]any {
		o["server"], o["server_port"] = s.Addr.Addr().String(), s.Addr.Port()
		return o
	}
	named := func(kind string, more map[string]any) func(ingresstest.Server, *ingresstest.User) map[string]any {
		return func(s ingresstest.Server, u *ingresstest.User) map[string]any {
			o := map[string]any{"type": kind, "username": u.Row.Login(), "password": u.Password}
			for k, v := range more {
				o[k] = v
			}
			return at(s, o)
		}
	}
	secret := func(more map[string]any) func(ingresstest.Server, *ingresstest.User) map[string]any {
		return func(s ingresstest.Server, u *ingresstest.User) map[string]any {
			o := map[string]any{"type": "hysteria2", "password": u.Secret, "tls": tls}
			for k, v := range more {
				o[k] = v
			}
			return at(s, o)
		}
	}
	obfs := map[string]any{"type": "salamander", "password": "obfuscated"}
	all := map[string]service{
		"hysteria2":            {"hysteria2", `{}`, hysteria.New, true, secret(nil)},
		"hysteria2 salamander": {"hysteria2", `{"obfs":{"type":"salamander","password":"obfuscated"}}`, hysteria.New, true, secret(map[string]any{"obfs": obfs})},
		"hysteria2 brutal":     {"hysteria2", `{"up_mbps":500,"down_mbps":500}`, hysteria.New, true, secret(map[string]any{"up_mbps": 300, "down_mbps": 300})},
		"hysteria2 by name": {"hysteria2", `{}`, hysteria.New, true, func(s ingresstest.Server, u *ingresstest.User) map[string]any {
			return at(s, map[string]any{"type": "hysteria2", "password": u.Row.Login() + ":" + u.Password, "tls": tls})
		}},
		"socks5":      {"socks5", `{}`, socks.New, true, named("socks", nil)},
		"http":        {"http", `{}`, httpproxy.New, false, named("http", nil)},
		"http in TLS": {"http", `{"tls":true}`, httpproxy.New, false, named("http", map[string]any{"tls": tls})},
	}
	maps.Copy(all, shadowsocksServices())
	return all
}

func (s service) world(t *testing.T, users ...*ingresstest.User) *ingresstest.World {
	t.Helper()
	return ingresstest.NewWorld(t, ingresstest.Harness{Kind: s.kind, Options: json.RawMessage(s.options), Factory: s.factory}, users...)
}

// TestSingBox moves bytes through each of our protocols and compares the ledger.
func TestSingBox(t *testing.T) {
	t.Parallel()
	for name, s := range services() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := ingresstest.NewUser("ann")
			w := s.world(t, u)
			proxy := foreigntest.SingBox(t, s.outbound(w.Server, u))
			moved := bulk(t, proxy, ingresstest.Echo(t))
			if s.udp {
				moved += datagrams(t, proxy, ingresstest.EchoUDP(t))
			}
			w.Expect(u, moved, moved)
		})
	}
}

// TestSuspension ends a foreign client's download within a second, and nobody else's; afterwards it is let in again.
func TestSuspension(t *testing.T) {
	t.Parallel()
	for name, s := range services() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, bob := ingresstest.NewUser("ann"), ingresstest.NewUser("bob")
			w := s.world(t, ann, bob)
			target := source(t)
			annProxy, bobProxy := foreigntest.SingBox(t, s.outbound(w.Server, ann)), foreigntest.SingBox(t, s.outbound(w.Server, bob))
			anns, bobs := download(t, annProxy, target), download(t, bobProxy, target)

			ann.Row.Enabled, ann.Row.Reason = false, "suspended"
			begin := time.Now()
			w.Set(ann)
			anns.end(t)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("cut after %v", took)
			}
			if c, err := foreigntest.DialSOCKS(annProxy, target); err == nil {
				_ = c.SetReadDeadline(time.Now().Add(patience))
				if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("suspended, and a new flow gives %d bytes, %v", n, err)
				}
				c.Close()
			}
			bobs.progress(t)

			ann.Row.Enabled, ann.Row.Reason = true, ""
			w.Set(ann)
			again(t, annProxy, target)
		})
	}
}

// TestCurl speaks HTTP and SOCKS5 in the ways that curl knows, against a site that counts what reaches it.
func TestCurl(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind    string
		factory ingress.Factory
		scheme  string
		args    []string
	}{
		"socks5":           {"socks5", socks.New, "socks5", nil},
		"socks5, by name":  {"socks5", socks.New, "socks5h", nil},
		"http":             {"http", httpproxy.New, "http", nil},
		"http, tunnel":     {"http", httpproxy.New, "http", []string{"--proxytunnel"}},
		"http, challenged": {"http", httpproxy.New, "http", []string{"--proxy-anyauth"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := ingresstest.NewUser("ann")
			w := service{c.kind, `{}`, c.factory, false, nil}.world(t, u)
			s := newSite(t)
			login := []string{"--proxy", c.scheme + "://" + w.Server.Addr.String(), "--proxy-user", u.Row.Login() + ":" + u.Password}
			args := append(append(login, c.args...), "--data-binary", strings.Repeat("a", 70_000), strings.Replace(s.url, "127.0.0.1", "localhost", 1))
			got, err := foreigntest.Curl(t, args...)
			if err != nil || got != "POST 70000" {
				t.Fatalf("curl got %q, %v", got, err)
			}
			w.Expect(u, s.in.Load(), s.out.Load())

			login[3] = u.Row.Login() + ":wrong"
			if got, err := foreigntest.Curl(t, append(append(login, "--fail"), append(c.args, s.url)...)...); err == nil {
				t.Errorf("a wrong password got %q", got)
			}
		})
	}
}
