package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"testing"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/agent/internal/ingress/shadowsocks"
	options "culvert/shared/protocol/shadowsocks"
)

const (
	key16 = "AAECAwQFBgcICQoLDA0ODw=="
	key32 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

func shadowsocksServices() map[string]service {
	all := map[string]service{}
	for method, key := range map[string]string{
		"2022-blake3-aes-128-gcm": key16, "2022-blake3-aes-256-gcm": key32, "aes-128-gcm": "", "aes-256-gcm": "", "chacha20-ietf-poly1305": "",
	} {
		raw := fmt.Sprintf(`{"method":%q,"key":%q}`, method, key)
		all["shadowsocks "+method] = service{options.Name, raw, shadowsocks.New, true, func(s ingresstest.Server, u *ingresstest.User) map[string]any {
			return map[string]any{
				"type": "shadowsocks", "server": s.Addr.Addr().String(), "server_port": s.Addr.Port(), "method": method, "password": password(raw, u),
			}
		}}
	}
	return all
}

// password is what the client of a subscriber is told.
func password(raw string, u *ingresstest.User) string {
	o, err := options.Parse(json.RawMessage(raw))
	if err != nil {
		panic(err)
	}
	return o.Password(u.Clear())
}

// TestShadowsocksOnePort: two subscribers of one port use it at the same time, TCP and UDP, and each is billed for what it
// moved. sing-box speaks all methods; shadowsocks-libev, from which the AEAD edition comes, speaks that.
func TestShadowsocksOnePort(t *testing.T) {
	t.Parallel()
	type client func(t *testing.T, w *ingresstest.World, u *ingresstest.User) string
	type use struct {
		service
		client
	}
	all := map[string]use{}
	for name, s := range shadowsocksServices() {
		all[name+", sing-box"] = use{s, func(t *testing.T, w *ingresstest.World, u *ingresstest.User) string {
			return foreigntest.SingBox(t, s.outbound(w.Server, u))
		}}
	}
	for _, method := range []string{"aes-128-gcm", "aes-256-gcm", "chacha20-ietf-poly1305"} {
		s := shadowsocksServices()["shadowsocks "+method]
		all["shadowsocks "+method+", libev"] = use{s, func(t *testing.T, w *ingresstest.World, u *ingresstest.User) string {
			return foreigntest.SSLocal(t, net.TCPAddrFromAddrPort(w.Server.Addr), method, password(s.options, u))
		}}
	}
	for name, x := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann, bob := ingresstest.NewUser("ann"), ingresstest.NewUser("bob")
			w := x.world(t, ann, bob)
			echo, udp := ingresstest.Echo(t), ingresstest.EchoUDP(t)
			want := map[*ingresstest.User]int64{}
			proxies := map[*ingresstest.User]string{ann: x.client(t, w, ann), bob: x.client(t, w, bob)}
			for range 2 {
				for u, proxy := range proxies {
					want[u] += datagrams(t, proxy, udp)
				}
				want[ann] += bulk(t, proxies[ann], echo)
			}
			want[bob] += bulk(t, proxies[bob], echo)
			for u := range maps.Keys(want) {
				w.Expect(u, want[u], want[u])
			}

			// A client whose secret is no more gets nothing.
			ann.Password, ann.Row.Generation = "another", 2
			w.Set(ann)
			c, err := foreigntest.DialSOCKS(proxies[ann], echo)
			if err == nil {
				_, _ = c.Write([]byte("x"))
				c.Close()
			}
			want[bob] += datagrams(t, proxies[bob], udp)
			w.Expect(ann, want[ann], want[ann])
			w.Expect(bob, want[bob], want[bob])
		})
	}
}
