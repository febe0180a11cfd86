package httpproxy

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
)

// site answers with what it was asked.
func site(t *testing.T, start func(http.Handler) *httptest.Server) *httptest.Server {
	t.Helper()
	s := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, n)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestCurl speaks to the proxy in the ways that curl knows.
func TestCurl(t *testing.T) {
	t.Parallel()
	plain, secure := site(t, httptest.NewServer), site(t, httptest.NewTLSServer)
	for name, c := range map[string]struct {
		options string
		args    []string
		want    string // empty: curl fails and says fault
		fault   string
	}{
		"forward":           {`{}`, []string{plain.URL + "/x"}, "GET /x 0", ""},
		"forward a body":    {`{}`, []string{"--data-binary", strings.Repeat("a", 3000), plain.URL + "/x"}, "POST /x 3000", ""},
		"chunked":           {`{}`, []string{"-H", "Transfer-Encoding: chunked", "--data-binary", "hello", plain.URL + "/x"}, "POST /x 5", ""},
		"expect":            {`{}`, []string{"-H", "Expect: 100-continue", "--data-binary", "hello", plain.URL + "/x"}, "POST /x 5", ""},
		"answer challenge":  {`{}`, []string{"--proxy-anyauth", plain.URL + "/x"}, "GET /x 0", ""},
		"two on one":        {`{}`, []string{plain.URL + "/x", plain.URL + "/y"}, "GET /x 0GET /y 0", ""},
		"http 1.0":          {`{}`, []string{"--http1.0", plain.URL + "/x"}, "GET /x 0", ""},
		"tunnel":            {`{}`, []string{"--insecure", secure.URL + "/x"}, "GET /x 0", ""},
		"tunnel, challenge": {`{}`, []string{"--insecure", "--proxy-anyauth", secure.URL + "/x"}, "GET /x 0", ""},
		"tunnel, http 1.0":  {`{}`, []string{"--insecure", "--no-alpn", "--http1.0", secure.URL + "/x"}, "GET /x 0", ""},
		"tunnel to plain":   {`{}`, []string{"--proxytunnel", plain.URL + "/x"}, "GET /x 0", ""},
		"proxy in tls":      {`{"tls":true}`, []string{"--proxy-insecure", plain.URL + "/x"}, "GET /x 0", ""},
		"tunnel in tls":     {`{"tls":true}`, []string{"--proxy-insecure", "--insecure", secure.URL + "/x"}, "GET /x 0", ""},
		"wrong password":    {`{}`, []string{"--insecure", "--proxy-user", "ann:wrong", secure.URL}, "", "407"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.options)
			scheme := "http"
			if r.in.opts.TLS {
				scheme = "https"
			}
			args := append([]string{"--proxy", scheme + "://" + r.addr, "--proxy-user", "ann:secret"}, c.args...)
			got, err := foreigntest.Curl(t, args...)
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("curl got %q, %v; want a failure about %s", got, err, c.fault)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("curl got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestSingBox: an independent client opens tunnels, in clear and in TLS.
func TestSingBox(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"plain": `{}`, "tls": `{"tls":true}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options)
			host, port, err := net.SplitHostPort(r.addr)
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.Atoi(port)
			if err != nil {
				t.Fatal(err)
			}
			outbound := map[string]any{"type": "http", "server": host, "server_port": n, "username": "ann", "password": "secret"}
			if r.in.opts.TLS {
				outbound["tls"] = map[string]any{"enabled": true, "server_name": "node.test", "certificate_path": r.certFile(t)}
			}
			proxy := foreigntest.SingBox(t, outbound)
			conn, err := foreigntest.DialSOCKS(proxy, ingresstest.Echo(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
			go func() { _, _ = conn.Write(payload) }()
			got := make([]byte, len(payload))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("moved bytes differ: %v", err)
			}
		})
	}
}

func (r *rig) certFile(t *testing.T) string {
	t.Helper()
	cert, err := r.in.spec.TLS(nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
