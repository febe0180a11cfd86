package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/apernet/hysteria/core/v2/client"
	"golang.org/x/net/proxy"

	"culvert/agent/foreigntest"
)

// service holds the ingresses of the local node and where they listen.
type service struct {
	node                       string
	hysteria, socks, web       string // host:port
	hysteriaID, socksID, webID string // ingress ids
}

// serve puts one ingress of each kind on the local node.
func (in *installation) serve() service {
	in.t.Helper()
	s := service{node: in.localNode()}
	crt := in.must("POST", "/certificates", map[string]any{"name": "hy", "names": []string{"127.0.0.1"}})["id"]
	add := func(kind, name string, options map[string]any, certificate any) (addr, id string) {
		port := foreigntest.FreePort(in.t)
		addr = net.JoinHostPort("127.0.0.1", itoa(port))
		body := map[string]any{"node_id": s.node, "kind": kind, "name": name, "listen": addr, "options": options}
		if certificate != nil {
			body["certificate_id"] = certificate
		}
		return addr, in.must("POST", "/ingresses", body)["id"].(string)
	}
	in.applies(s.node, func() { s.hysteria, s.hysteriaID = add("hysteria2", "hy", map[string]any{}, crt) })
	in.applies(s.node, func() { s.socks, s.socksID = add("socks5", "socks", map[string]any{}, nil) })
	in.applies(s.node, func() { s.web, s.webID = add("http", "web", map[string]any{}, nil) })
	return s
}

// hysteriaClient connects core/v2's own client.
func hysteriaClient(t testing.TB, addr, auth string) client.Client {
	t.Helper()
	c, err := tryHysteria(addr, auth)
	if err != nil {
		t.Fatalf("hysteria client: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func tryHysteria(addr, auth string) (client.Client, error) {
	ap, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	c, _, err := client.NewClient(&client.Config{ServerAddr: ap, Auth: auth, TLSConfig: client.TLSConfig{InsecureSkipVerify: true}})
	return c, err
}

// overHysteria makes an HTTP client over a Hysteria client that connects anew when it has to.
func overHysteria(t testing.TB, addr, auth string) *http.Client {
	t.Helper()
	c, err := client.NewReconnectableClient(func() (*client.Config, error) {
		ap, err := net.ResolveUDPAddr("udp", addr)
		return &client.Config{ServerAddr: ap, Auth: auth, TLSConfig: client.TLSConfig{InsecureSkipVerify: true}}, err
	}, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &http.Client{Transport: &http.Transport{
		DialContext: func(_ context.Context, _, dest string) (net.Conn, error) { return c.TCP(dest) },
	}}
}

// through makes an HTTP client over a proxy URL; Go's own SOCKS5 and HTTP proxy client.
func through(via string) *http.Client {
	u, err := url.Parse(via)
	if err != nil {
		panic(err)
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
}

// curl fetches url to nowhere with more arguments and returns what it printed.
func curl(args ...string) (string, error) {
	cmd := exec.Command("curl", append([]string{"-sS", "--fail", "--max-time", "120", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"}, args...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// socksDial opens one tunnel with x/net's SOCKS5 client.
func socksDial(addr string, c customer, dest string) (net.Conn, error) {
	d, err := proxy.SOCKS5("tcp", addr, &proxy.Auth{User: c.login, Password: c.password}, proxy.Direct)
	if err != nil {
		return nil, err
	}
	return d.Dial("tcp", dest)
}
