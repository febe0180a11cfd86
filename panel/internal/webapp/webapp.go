// Package webapp serves the built web app: hashed assets for ever, and the page of the panel or of the portal for every
// other address that a browser may ask for, because the app's own router reads it.
//
// Pages carry a policy that runs only what the build put there: each answer has a nonce of its own, and scripts that
// have none do not run. The build marks the places with Nonce.
package webapp

import (
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Nonce is what the built pages have in the place of the answer's nonce.
const Nonce = "__CSP_NONCE__"

// The pages of a build, and the folder of what never changes under its name.
const (
	panelPage  = "index.html"
	portalPage = "portal.html"
	portalPath = "/portal"
	hashed     = "assets/"
)

// Config of the surface.
type Config struct {
	Files   fs.FS // nil: this build has no web app
	Version string
}

// asset is a file of the build with its compressed forms, which the build made.
type asset struct {
	body, br, gz []byte
	kind         string
}

// page is a document cut where the nonce goes.
type page []string

type surface struct {
	assets map[string]*asset
	pages  map[string]page
	bare   string // what is served without a build
}

// Mount adds the web app to app, behind everything that has a path of its own.
func Mount(app *fiber.App, c Config) error {
	s := &surface{assets: map[string]*asset{}, pages: map[string]page{}, bare: unbuilt(c.Version)}
	if c.Files != nil {
		if err := s.load(c.Files); err != nil {
			return err
		}
	}
	app.Get("/*", s.serve)
	return nil
}

// load reads the build once: it is in memory anyway, and an answer is then a matter of a map.
func (s *surface) load(files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		switch ext := path.Ext(name); {
		case name == panelPage || name == portalPage:
			s.pages[name] = strings.Split(string(body), Nonce)
		case ext == ".br":
			s.at(strings.TrimSuffix(name, ext)).br = body
		case ext == ".gz":
			s.at(strings.TrimSuffix(name, ext)).gz = body
		default:
			a := s.at(name)
			a.body, a.kind = body, mime.TypeByExtension(ext)
		}
		return nil
	})
}

func (s *surface) at(name string) *asset {
	if s.assets[name] == nil {
		s.assets[name] = &asset{}
	}
	return s.assets[name]
}

func (s *surface) serve(c *fiber.Ctx) error {
	at := path.Clean("/" + c.Path())
	name := strings.TrimPrefix(at, "/")
	if a := s.assets[name]; a != nil && a.body != nil {
		return a.send(c, strings.HasPrefix(name, hashed))
	}
	switch {
	case below(at, "/api"), below(at, "/scale"):
		return nothing(c)
	case strings.HasPrefix(name, hashed), c.Accepts(fiber.MIMETextHTML) == "":
		return fiber.ErrNotFound
	case below(at, portalPath):
		return s.page(c, portalPage)
	}
	return s.page(c, panelPage)
}

func below(at, root string) bool { return at == root || strings.HasPrefix(at, root+"/") }

// nothing answers what no surface has: programs that ask an API want no page.
func nothing(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/problem+json")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(http.StatusNotFound).SendString(`{"type":"urn:culvert:error:missing","title":"Not Found","status":404,"detail":"no such endpoint"}`)
}

// send answers with the smallest form that the client reads.
func (a *asset) send(c *fiber.Ctx, forever bool) error {
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if forever {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if a.kind != "" {
		c.Set(fiber.HeaderContentType, a.kind)
	}
	if a.br == nil && a.gz == nil {
		return c.Send(a.body)
	}
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	accepts := c.Get(fiber.HeaderAcceptEncoding)
	switch {
	case a.br != nil && takes(accepts, "br"):
		c.Set(fiber.HeaderContentEncoding, "br")
		return c.Send(a.br)
	case a.gz != nil && takes(accepts, "gzip"):
		c.Set(fiber.HeaderContentEncoding, "gzip")
		return c.Send(a.gz)
	}
	return c.Send(a.body)
}

// takes reports whether an Accept-Encoding names a coding and does not refuse it.
func takes(accepts, coding string) bool {
	for part := range strings.SplitSeq(accepts, ",") {
		name, rest, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(strings.ToLower(rest), " ", "")
			return !strings.HasPrefix(q, "q=0") || strings.Trim(strings.TrimPrefix(q, "q=0"), ".0") != ""
		}
	}
	return false
}

func (s *surface) page(c *fiber.Ctx, name string) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	p, built := s.pages[name]
	if !built {
		c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
		if c.Path() != "/" {
			c.Status(http.StatusNotFound)
		}
		return c.SendString(s.bare)
	}
	nonce := freshNonce()
	c.Set(fiber.HeaderContentSecurityPolicy, policy(nonce))
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.SendString(strings.Join(p, nonce))
}

func unbuilt(version string) string {
	return "Culvert " + version + ". The web panel is not part of this build. To have it: npm ci && npm run build in the folder web, then build the panel again.\n" +
		"The API is at /api/v1 (document: /api/v1/openapi.json).\n"
}

func freshNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// policy lets a page run the build's own scripts and what they load, and talk to this very panel.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'nonce-" + nonce + "' 'strict-dynamic'; style-src 'self' 'nonce-" + nonce + "'; " +
		"img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}
