package hysteria

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/apernet/quic-go/http3"
)

// stranger asks r over HTTP/3 as a browser would.
func (r *rig) stranger(t *testing.T, method, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	tr := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots, ServerName: "node.test"}}
	defer tr.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+r.addr.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h := header.Get("Host"); h != "" {
		req.Host = h
		header.Del("Host")
	}
	req.Header = header
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestMasquerade(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "Hysteria") || strings.HasPrefix(name, "X-Forwarded") || name == "Forwarded" {
				t.Errorf("the site was told %s", name)
			}
		}
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
			return
		}
		fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	}))
	t.Cleanup(site.Close)
	for name, c := range map[string]struct {
		options, path string
		status        int
		body          string
		header        [2]string
	}{
		"404":               {`{}`, "/", 404, "404 page not found\n", [2]string{}},
		"string":            {`{"masquerade":{"type":"string","content":"hello","headers":{"server":"nginx"}}}`, "/", 200, "hello", [2]string{"Server", "nginx"}},
		"string and status": {`{"masquerade":{"type":"string","content":"no","status":403}}`, "/", 403, "no", [2]string{}},
		"redirect":          {`{"masquerade":{"type":"redirect","url":"https://example.com/x"}}`, "/", 302, "", [2]string{"Location", "https://example.com/x"}},
		"redirect for good": {`{"masquerade":{"type":"redirect","url":"https://example.com/x","status":308}}`, "/", 308, "", [2]string{"Location", "https://example.com/x"}},
		"proxy":             {`{"masquerade":{"type":"proxy","allow_private":true,"url":"` + site.URL + `"}}`, "/a/b", 200, "POST /a/b", [2]string{}},
		"proxied redirect":  {`{"masquerade":{"type":"proxy","allow_private":true,"url":"` + site.URL + `"}}`, "/moved", 302, "", [2]string{"Location", "http://192.0.2.1/"}},
		"proxy kept out":    {`{"masquerade":{"type":"proxy","url":"` + site.URL + `"}}`, "/", 502, "", [2]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.options)
			resp, body := r.stranger(t, http.MethodPost, c.path, http.Header{
				"Hysteria-Cc-Rx": {"0"}, "X-Forwarded-For": {"192.0.2.9"}, "Forwarded": {"for=192.0.2.9"},
			})
			if resp.StatusCode != c.status || body != c.body {
				t.Errorf("answer is %d %q, want %d %q", resp.StatusCode, body, c.status, c.body)
			}
			if c.header[0] != "" && resp.Header.Get(c.header[0]) != c.header[1] {
				t.Errorf("%s is %q, want %q", c.header[0], resp.Header.Get(c.header[0]), c.header[1])
			}
		})
	}
}

// TestFailedSignInLooksLikeTheSite: a probe that speaks Hysteria with a wrong secret sees what everyone sees, and the
// secret it tried goes no further.
func TestFailedSignInLooksLikeTheSite(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Hysteria-Auth") != "" {
			t.Error("the tried secret was passed on")
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(site.Close)
	r := newRig(t, `{"masquerade":{"type":"proxy","allow_private":true,"url":"`+site.URL+`"}}`)
	resp, _ := r.stranger(t, http.MethodPost, "/auth", http.Header{"Host": {"hysteria"}, "Hysteria-Auth": {"guess"}, "Hysteria-Cc-Rx": {"0"}})
	if resp.StatusCode != http.StatusTeapot {
		t.Errorf("status %d, want the site's", resp.StatusCode)
	}
}

func TestPublicAddr(t *testing.T) {
	t.Parallel()
	for a, want := range map[string]bool{
		"1.1.1.1": true, "2606:4700:4700::1111": true, "203.0.114.1": true,
		"127.0.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::ffff:127.0.0.1": false,
	} {
		if got := publicAddr(netip.MustParseAddr(a).Unmap()); got != want {
			t.Errorf("%s: public %v, want %v", a, got, want)
		}
	}
}

func TestMasqueradeProxyIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	arrived := make(chan struct{}, masqRequests+1)
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	u, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	h, closePage := masqProxy(u, true, slog.New(slog.DiscardHandler))
	done := make(chan int, masqRequests)
	for range masqRequests {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			done <- w.Code
		}()
		within(t, "a proxied request", arrived)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("one more than allowed got %d", w.Code)
	}
	close(release)
	for range masqRequests {
		if code := within(t, "an answer", done); code != http.StatusOK {
			t.Errorf("status %d", code)
		}
	}
	closePage()
	site.Close()
}
