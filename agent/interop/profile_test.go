package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/httpproxy"
	"culvert/agent/internal/ingress/hysteria"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/agent/internal/ingress/shadowsocks"
	"culvert/agent/internal/ingress/socks"
	"culvert/agent/internal/ingress/wireguard"
	"culvert/shared/nodeapi"
	wg "culvert/shared/protocol/wireguard"
)

// The panel's profiles are proven here as far as a connection: an entry of its golden files (panel/internal/profile/testdata,
// kept equal to what is rendered) is given to the program that reads it, with the place and the secrets of a running
// ingress instead of the sample's, and bytes go through it.

// entry is one of the sample's endpoints, and the ingress that it shall lead to.
type entry struct {
	label    string
	kind     string
	options  string
	factory  ingress.Factory
	udp      bool
	place    []string // the sample's host, port and name in the certificate; empty: none
	secrets  func(u *ingresstest.User, options string) map[string]string
	programs []string
}

// Secrets of the sample.
const (
	sampleUser, samplePassword = `ann@acme`, `p:w/ 'd\"\\`
	sampleDevice               = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
	sampleServer               = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
	samplePin                  = "7914122dd77d3bd83266e417812700e1f2932a400279ccfca1644b365e5236f0"
)

func entries() []entry {
	named := func(was string) func(*ingresstest.User, string) map[string]string {
		return func(u *ingresstest.User, _ string) map[string]string {
			return map[string]string{sampleUser: u.Row.Login(), was: u.Password}
		}
	}
	keyed := func(was string) func(*ingresstest.User, string) map[string]string {
		return func(u *ingresstest.User, options string) map[string]string {
			return map[string]string{was: password(options, u)}
		}
	}
	all, two := []string{"sing-box", "mihomo", "xray"}, []string{"mihomo", "xray"}
	return []entry{
		{
			`"quoted" # 日本: yes`, "hysteria2", `{"obfs":{"type":"salamander","password":"ob&fs"}}`, hysteria.New, false,
			[]string{"2001:db8::1", "8443", "node.example"},
			func(u *ingresstest.User, _ string) map[string]string { return map[string]string{"a@b:c/d?": u.Secret} }, all[:2],
		},
		{
			"fra Shadowsocks", "shadowsocks", fmt.Sprintf(`{"method":"2022-blake3-aes-128-gcm","key":%q}`, key16), shadowsocks.New, true,
			[]string{"192.0.2.1", "8388", ""},
			keyed("++//AAAAAAAAAAAAAAAAAA==:8PHy8/T19vf4+fr7/P3+/w=="), all,
		},
		{
			"fra AEAD", "shadowsocks", `{"method":"chacha20-ietf-poly1305"}`, shadowsocks.New, true,
			[]string{"192.0.2.1", "8389", ""},
			keyed("pass"), all,
		},
		{"fra SOCKS5", "socks5", `{}`, socks.New, true, []string{"node.example", "1080", ""}, named(samplePassword), all},
		{"fra SOCKS5 TLS", "socks5", `{"tls":true}`, socks.New, true, []string{"192.0.2.1", "1081", "node.example"}, named("0123"), two},
		{"fra HTTP", "http", `{}`, httpproxy.New, false, []string{"node.example", "8080", ""}, named("yes"), all},
		{"fra HTTPS", "http", `{"tls":true}`, httpproxy.New, false, []string{"node.example", "8443", ""}, named("~"), all[:2]},
	}
}

// TestProfilesConnect uses what the panel writes for apps.
func TestProfilesConnect(t *testing.T) {
	t.Parallel()
	for _, e := range entries() {
		for _, program := range e.programs {
			t.Run(e.label+", "+program, func(t *testing.T) {
				t.Parallel()
				u := ingresstest.NewUser("ann")
				w := service{e.kind, e.options, e.factory, e.udp, nil}.world(t, u)
				text := e.fill(golden(t, program, e.label), w, u)
				proxy := connect(t, program, text)
				moved := bulk(t, proxy, ingresstest.Echo(t))
				if e.udp {
					moved += datagrams(t, proxy, ingresstest.EchoUDP(t))
				}
				w.Expect(u, moved, moved)
			})
		}
	}
}

// TestWireGuardProfilesConnect: the same for the packet tunnel, whose clients bring a network of their own.
func TestWireGuardProfilesConnect(t *testing.T) {
	t.Parallel()
	const label = "fra WireGuard bare"
	server, device := wg.Key(sha256.Sum256([]byte("server"))), wg.Key(sha256.Sum256([]byte("device")))
	public := func(k wg.Key) wg.Key {
		p, err := k.Public()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	options := fmt.Sprintf(`{"private_key":%q}`, server)
	for _, program := range []string{"sing-box-wireguard", "mihomo", "xray"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			first := ingresstest.Credential{}
			u := ingresstest.NewUser("ann")
			w := ingresstest.NewWorld(t, ingresstest.Harness{
				Kind: wg.Name, Options: json.RawMessage(options), Factory: wireguard.New, Outside: true,
				Peer: func(c ingresstest.Credential) []byte { // the first device is ours, the others are nobody's
					k := wg.Key(sha256.Sum256(fmt.Append(nil, c.Number)))
					if first.Number == 0 || c.Number == first.Number {
						first, k = c, device
					}
					k = public(k)
					return k[:]
				},
			}, u)
			o, err := wg.Parse(json.RawMessage(options))
			if err != nil {
				t.Fatal(err)
			}
			inner, _ := o.Inner(first.Number)
			e := entry{
				place: []string{"node.example", "51820", ""},
				secrets: func(*ingresstest.User, string) map[string]string {
					return map[string]string{sampleDevice: device.String(), sampleServer: public(server).String()}
				},
			}
			text := strings.ReplaceAll(e.fill(golden(t, program, label), w, u), "10.64.0.3", inner[0].String())
			proxy := connect(t, program, text)
			moved := say(t, proxy, outside(t, ingresstest.Echo(t)))
			moved += datagrams(t, proxy, outside(t, ingresstest.EchoUDP(t)))
			w.Expect(u, moved, moved)
		})
	}
}

// say sends a few bytes and gets them back: network stacks in user space, of which two are at work here, are slow at more
// (Xray's: 4 kB/s with the race detector beside it). It returns how many went each way.
func say(t *testing.T, proxy, target string) int64 {
	t.Helper()
	c, err := foreigntest.DialSOCKS(proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	msg := bytes.Repeat([]byte("hello"), 200)
	if _, err := c.Write(msg); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(msg))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, msg) {
		t.Fatal("no echo", err)
	}
	return int64(len(msg))
}

// outside is the address under which a client of the packet tunnel finds a service of this machine.
func outside(t *testing.T, service string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(service)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(ingresstest.Alias().String(), port)
}

// TestOutlineKeyConnects gives the dynamic key of Outline to shadowsocks-libev, which reads the same fields.
func TestOutlineKeyConnects(t *testing.T) {
	t.Parallel()
	for file, method := range map[string]string{"outline.json": "chacha20-ietf-poly1305", "sip008.json": "chacha20-ietf-poly1305"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			var doc struct {
				Server   string `json:"server"`
				Port     int    `json:"server_port"`
				Password string `json:"password"`
				Method   string `json:"method"`
				Servers  []json.RawMessage
			}
			raw := read(t, file)
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			for _, one := range doc.Servers { // the last is the sample's AEAD
				if err := json.Unmarshal(one, &doc); err != nil {
					t.Fatal(err)
				}
			}
			if doc.Server != "192.0.2.1" || doc.Port != 8389 || doc.Password != "pass" || doc.Method != method {
				t.Fatalf("%+v", doc)
			}
			u := ingresstest.NewUser("ann")
			options := fmt.Sprintf(`{"method":%q}`, doc.Method)
			w := service{"shadowsocks", options, shadowsocks.New, true, nil}.world(t, u)
			proxy := foreigntest.SSLocal(t, net.TCPAddrFromAddrPort(w.Server.Addr), doc.Method, password(options, u))
			moved := bulk(t, proxy, ingresstest.Echo(t)) + datagrams(t, proxy, ingresstest.EchoUDP(t))
			w.Expect(u, moved, moved)
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "panel", "internal", "profile", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// golden returns the part of the program's file that is about one endpoint, as JSON.
func golden(t *testing.T, program, label string) string {
	t.Helper()
	find := func(list []json.RawMessage, name func(json.RawMessage) string) string {
		for _, one := range list {
			if name(one) == label {
				return string(one)
			}
		}
		t.Fatalf("%s has no %q", program, label)
		return ""
	}
	field := func(key string) func(json.RawMessage) string {
		return func(one json.RawMessage) string {
			var o map[string]any
			if err := json.Unmarshal(one, &o); err != nil {
				t.Fatal(err)
			}
			s, _ := o[key].(string)
			return s
		}
	}
	switch program {
	case "mihomo":
		var list []json.RawMessage
		for line := range strings.Lines(string(read(t, "clash.yaml"))) {
			if one, ok := strings.CutPrefix(line, "  - {"); ok {
				list = append(list, json.RawMessage("{"+one))
			}
		}
		return find(list, field("name"))
	case "xray":
		var list []json.RawMessage
		if err := json.Unmarshal(read(t, "xray.json"), &list); err != nil {
			t.Fatal(err)
		}
		return find(list, field("remarks"))
	}
	var doc struct{ Outbounds, Endpoints []json.RawMessage }
	if err := json.Unmarshal(read(t, "singbox.json"), &doc); err != nil {
		t.Fatal(err)
	}
	return find(append(doc.Outbounds, doc.Endpoints...), field("tag"))
}

// fill puts a running ingress in the place of the sample's.
func (e *entry) fill(text string, w *ingresstest.World, u *ingresstest.User) string {
	host, port, name := e.place[0], e.place[1], e.place[2]
	pairs := []string{
		strconv.Quote(host), strconv.Quote(w.Server.Addr.Addr().String()),
		": " + port, fmt.Sprint(": ", w.Server.Addr.Port()), ":" + port, fmt.Sprint(":", w.Server.Addr.Port()),
		host, w.Server.Addr.Addr().String(),
	}
	if name != "" && name != host {
		pairs = append([]string{strconv.Quote(name), strconv.Quote(ingresstest.FakeName)}, pairs...)
	}
	for was, is := range e.secrets(u, e.options) {
		b, _ := json.Marshal(is) //nolint:errchkjson // a string
		pairs = append(pairs, `"`+was+`"`, string(b))
	}
	if w.Spec.Certificate != "" {
		var chain string
		w.Configure(func(s *nodeapi.Sections, _ *nodeapi.Update) { chain = s.Certificates[0].Chain })
		block, _ := pem.Decode([]byte(chain))
		sum := sha256.Sum256(block.Bytes)
		pairs = append(pairs, samplePin, hex.EncodeToString(sum[:]))
		if from := strings.Index(text, `"certificate": [`); from >= 0 {
			lines, _ := json.Marshal(strings.Split(strings.TrimSpace(chain), "\n")) //nolint:errchkjson // strings
			to := from + strings.Index(text[from:], "]") + 1
			text = text[:from] + `"certificate": ` + string(lines) + text[to:]
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// connect runs a program with one endpoint and returns its local SOCKS5 proxy.
func connect(t *testing.T, program, endpoint string) (proxy string) {
	t.Helper()
	if program == "sing-box" {
		var o map[string]any
		if err := json.Unmarshal([]byte(endpoint), &o); err != nil {
			t.Fatal(err)
		}
		return foreigntest.SingBox(t, o)
	}
	port := foreigntest.FreePort(t)
	proxy = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	dir := t.TempDir()
	var config, ready string
	var args []string
	file := filepath.Join(dir, "config.json")
	switch program {
	case "mihomo":
		config = fmt.Sprintf("mixed-port: %d\nallow-lan: false\nmode: global\nlog-level: info\nipv6: true\nproxies:\n  - %s\n"+
			"proxy-groups:\n  - {name: GLOBAL, type: select, proxies: [%s]}\n", port, endpoint, nameOf(t, endpoint))
		ready, args = "listening at", []string{"-d", dir, "-f", file}
	case "xray":
		var doc map[string]json.RawMessage
		if err := json.Unmarshal([]byte(endpoint), &doc); err != nil {
			t.Fatal(err)
		}
		delete(doc, "routing") // this machine's own addresses would be reached without the endpoint
		doc["inbounds"] = json.RawMessage(fmt.Sprintf(`[{"listen":"127.0.0.1","port":%d,"protocol":"socks","settings":{"udp":true,"auth":"noauth"}}]`, port))
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		config, ready, args = string(b), "started", []string{"run", "-c", file}
	default:
		config = fmt.Sprintf(`{"log":{"level":"info"},"inbounds":[{"type":"mixed","tag":"in","listen":"127.0.0.1","listen_port":%d}],"endpoints":[%s],"route":{"final":%s}}`,
			port, endpoint, nameOf(t, endpoint))
		ready, args = "sing-box started", []string{"run", "-D", dir, "-c", file}
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	starts(t, proxy, ready, config, foreigntest.Program(t, program), args...)
	if program == "mihomo" {
		settled(t, proxy)
	}
	return proxy
}

// settled waits until mihomo serves: at first it closes what comes in, and does not say when that is over.
func settled(t *testing.T, proxy string) {
	t.Helper()
	silent := ingresstest.Serve(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
	for deadline := time.Now().Add(patience); ; {
		c, err := foreigntest.DialSOCKS(proxy, silent)
		if err == nil {
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, err = c.Read(make([]byte, 1))
			c.Close()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// nameOf is the name of an endpoint, quoted.
func nameOf(t *testing.T, endpoint string) string {
	t.Helper()
	var o struct{ Name, Tag string }
	if err := json.Unmarshal([]byte(endpoint), &o); err != nil {
		t.Fatal(err)
	}
	return strconv.Quote(o.Name + o.Tag)
}

// starts runs a program until the test ends, once it has said ready and listens.
func starts(t *testing.T, addr, ready, config, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	said, heard, done := bytes.Buffer{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for open := true; ; {
			n, err := r.Read(b)
			said.Write(b[:n])
			if open && bytes.Contains(said.Bytes(), []byte(ready)) {
				open = false
				close(heard)
			}
			if err != nil {
				return
			}
		}
	}()
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed; how it ends says nothing
		_ = w.Close()
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
		<-done
		if t.Failed() {
			t.Logf("%s of\n%s\nsaid\n%s", filepath.Base(program), config, said.String())
		}
	})
	select {
	case <-heard:
	case <-exited:
		t.Fatal("it ended at once")
	case <-time.After(patience):
		t.Fatal("it is not ready")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
