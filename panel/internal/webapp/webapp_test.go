package webapp_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/webapp"
)

func build() fs.FS {
	return fstest.MapFS{
		"index.html":           {Data: []byte(`<meta name="csp-nonce" content="__CSP_NONCE__"><script nonce="__CSP_NONCE__"></script>panel`)},
		"portal.html":          {Data: []byte(`<script nonce="__CSP_NONCE__"></script>portal`)},
		"favicon.svg":          {Data: []byte("<svg/>")},
		"assets/app-1a.js":     {Data: []byte("plain")},
		"assets/app-1a.js.br":  {Data: []byte("brotli")},
		"assets/app-1a.js.gz":  {Data: []byte("gzip")},
		"assets/app-1a.css":    {Data: []byte("css")},
		"assets/app-1a.css.gz": {Data: []byte("gzipped css")},
	}
}

func get(t *testing.T, files fs.FS, target string, header map[string]string) (*http.Response, string) {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	if err := webapp.Mount(app, webapp.Config{Files: files, Version: "1.2"}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := app.Test(r, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWhatIsServedWhere(t *testing.T) {
	t.Parallel()
	html := map[string]string{"Accept": "text/html,application/xhtml+xml"}
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		status int
		body   string
		cache  string
	}{
		"page":               {"/", html, 200, "panel", "no-store"},
		"deep link":          {"/subscribers/sub_1?tab=usage", html, 200, "panel", "no-store"},
		"a word like portal": {"/portals", html, 200, "panel", "no-store"},
		"portal":             {"/portal", html, 200, "portal", "no-store"},
		"below the portal":   {"/portal/devices", html, 200, "portal", "no-store"},
		"page by its name":   {"/index.html", html, 200, "panel", "no-store"},
		"asset":              {"/assets/app-1a.js", nil, 200, "plain", "public, max-age=31536000, immutable"},
		"asset that is gone": {"/assets/app-0.js", html, 404, "", ""},
		"other file":         {"/favicon.svg", nil, 200, "<svg/>", "no-cache"},
		"no page wanted":     {"/subscribers", map[string]string{"Accept": "application/json"}, 404, "", ""},
		"API":                {"/api/v2/x", html, 404, `"status":404`, "no-store"},
		"out of the build":   {"/assets/../../etc/passwd", map[string]string{"Accept": "text/plain"}, 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := get(t, build(), c.path, c.header)
			if resp.StatusCode != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %q, want %d with %q", resp.StatusCode, body, c.status, c.body)
			}
			if got := resp.Header.Get("Cache-Control"); got != c.cache {
				t.Errorf("Cache-Control %q, want %q", got, c.cache)
			}
		})
	}
}

func TestTheSmallestFormIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, accepts, coding, body string }{
		"both":         {"/assets/app-1a.js", "gzip, deflate, br, zstd", "br", "brotli"},
		"gzip":         {"/assets/app-1a.js", "gzip", "gzip", "gzip"},
		"refused":      {"/assets/app-1a.js", "br;q=0, gzip;q=0.0, identity", "", "plain"},
		"hardly":       {"/assets/app-1a.js", "br;q=0.1", "br", "brotli"},
		"none":         {"/assets/app-1a.js", "", "", "plain"},
		"only gzipped": {"/assets/app-1a.css", "br, gzip", "gzip", "gzipped css"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := get(t, build(), c.path, map[string]string{"Accept-Encoding": c.accepts})
			if resp.Header.Get("Content-Encoding") != c.coding || body != c.body || resp.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%q %q, Vary %q", resp.Header.Get("Content-Encoding"), body, resp.Header.Get("Vary"))
			}
		})
	}
}

func TestEachAnswerHasItsOwnNonce(t *testing.T) {
	t.Parallel()
	nonce := regexp.MustCompile(`'nonce-([^']+)'`)
	seen := map[string]bool{}
	for range 3 {
		resp, body := get(t, build(), "/", nil)
		policy := resp.Header.Get("Content-Security-Policy")
		m := nonce.FindStringSubmatch(policy)
		if m == nil || seen[m[1]] || strings.Count(body, m[1]) != 2 || strings.Contains(body, webapp.Nonce) {
			t.Fatalf("policy %q, body %q", policy, body)
		}
		seen[m[1]] = true
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("policy %q", policy)
		}
	}
}

func TestWithoutABuild(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{"/": http.StatusOK, "/portal": http.StatusNotFound} {
		resp, body := get(t, nil, path, nil)
		if resp.StatusCode != status || !strings.Contains(body, "npm run build") || !strings.Contains(body, "/api/v1") {
			t.Errorf("%s: %d %q", path, resp.StatusCode, body)
		}
	}
}
