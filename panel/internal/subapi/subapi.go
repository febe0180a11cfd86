// Package subapi serves profiles to subscribers' apps and browsers: /sub/{token}[/{format}] and the one-time links
// /get/{token}. Nobody signs in here: the token is the credential, and no log shows it (shared/logging). Whatever opens
// nothing is one answer, and requests are limited by address.
package subapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/profile"
)

// Config of the surface.
type Config struct {
	Profiles   *profile.Service
	ClientAddr func(*fiber.Ctx) netip.Addr // behind trusted proxies
	Log        *slog.Logger
	Rate       identity.Rate // of an address; zero: 5 a second, bursts of 60
}

type surface struct {
	Config
	limit *identity.Limiter
}

// requestLimit bounds the work of one request.
const requestLimit = 20 * time.Second

// Mount adds the surface to app.
func Mount(app *fiber.App, c Config) {
	s := &surface{c, identity.NewLimiter(c.Rate, identity.Rate{PerSecond: 5, Burst: 60})}
	// No groups: Fiber would take /subscribers, a page of the web app, for a path below /sub.
	app.Get("/sub/:token", s.guard, s.subscription)
	app.Get("/sub/:token/:format", s.guard, s.subscription)
	app.Get("/get/:token", s.guard, s.ask)
	app.Post("/get/:token", s.guard, s.redeem)
	app.All("/sub/*", s.guard, s.nothing)
	app.All("/get/*", s.guard, s.nothing)
}

// guard sets what every answer has, and counts.
func (s *surface) guard(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("X-Robots-Tag", "noindex, nofollow")
	if wait, ok := s.limit.Take(identity.NetworkOf(s.ClientAddr(c)), time.Now()); !ok {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(wait/time.Second)+1))
		return plain(c, http.StatusTooManyRequests)
	}
	return c.Next()
}

func plain(c *fiber.Ctx, status int) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.Status(status).SendString(http.StatusText(status) + "\n")
}

// nothing is the one answer to what opens nothing.
func (s *surface) nothing(c *fiber.Ctx) error { return plain(c, http.StatusNotFound) }

// refuse answers an error. Only what is ours to mend, or may work later, looks different from nothing.
func (s *surface) refuse(c *fiber.Ctx, err error) error {
	switch errs.KindOf(err) {
	case errs.Internal:
		s.Log.ErrorContext(c.UserContext(), "profile is not served", "error", err)
		return plain(c, http.StatusInternalServerError)
	case errs.Unavailable:
		s.Log.WarnContext(c.UserContext(), "profile is not served", "error", err)
		return plain(c, http.StatusServiceUnavailable)
	default:
		return s.nothing(c)
	}
}

func (s *surface) subscription(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestLimit)
	defer cancel()
	answer, err := s.Profiles.Subscription(ctx, profile.Fetch{
		Token: utils.CopyString(c.Params("token")), Format: utils.CopyString(c.Params("format")),
		Agent: utils.CopyString(c.Get(fiber.HeaderUserAgent)), Address: s.ClientAddr(c).String(),
	})
	if err != nil {
		return s.refuse(c, err)
	}
	sum := sha256.Sum256([]byte(answer.Format.Name + "\n" + answer.Body))
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderVary, fiber.HeaderUserAgent)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	for _, h := range answer.Headers {
		c.Set(h[0], h[1])
	}
	if answer.Format.Name == "html" {
		c.Set(fiber.HeaderContentSecurityPolicy, profile.PagePolicy())
	}
	if matches(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, answer.Format.ContentType)
	return c.SendString(answer.Body)
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

func (s *surface) page(c *fiber.Ctx, body string) error {
	c.Set(fiber.HeaderContentSecurityPolicy, profile.PagePolicy())
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.SendString(body)
}

// ask shows that something waits. Programs that look into links in messages fetch this, and the link stays good.
func (s *surface) ask(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestLimit)
	defer cancel()
	if err := s.Profiles.Waiting(ctx, utils.CopyString(c.Params("token"))); err != nil {
		return s.refuse(c, err)
	}
	return s.page(c, profile.AskPage())
}

// redeem gives out what waits: a page, or the file itself to programs that ask for text.
func (s *surface) redeem(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestLimit)
	defer cancel()
	config, err := s.Profiles.Redeem(ctx, utils.CopyString(c.Params("token")), s.ClientAddr(c).String())
	if errors.Is(err, device.ErrShown) {
		return s.nothing(c) // somebody else was shown it meanwhile
	}
	if err != nil {
		return s.refuse(c, err)
	}
	if c.Accepts(fiber.MIMETextHTML, fiber.MIMETextPlain) == fiber.MIMETextPlain {
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
		c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+config.File+`"`)
		return c.SendString(config.Text)
	}
	return s.page(c, profile.ConfigPage(config))
}
