package hestia

import (
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
)

// largeBodies bounds the bodies that are in memory beyond what the server reads by itself (app/http.go). The caller of a
// command is named in the body, so it must be read before anybody is proved: those 32 MiB are all that strangers can hold.
const largeBodies = 32

// largeWait is how long a larger body waits for its turn. Those before it may come from somebody who sends them slowly.
const largeWait = 2 * time.Second

// body copies the request's body, at most one byte more than is allowed. Compressed ones are not unpacked: no client sends
// any. When too many larger ones are being read it gives up, and says how long to stay away.
func (e *Endpoint) body(c *fiber.Ctx) (body []byte, wait time.Duration) {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return append([]byte(nil), c.Request().Body()...), 0
	}
	if n := c.Request().Header.ContentLength(); n < 0 || n > c.App().Config().BodyLimit {
		turn := time.NewTimer(largeWait)
		defer turn.Stop()
		select {
		case e.large <- struct{}{}:
			defer func() { <-e.large }()
		case <-turn.C:
			unread(c)
			return nil, largeWait
		}
	}
	body, err := io.ReadAll(io.LimitReader(stream, maxBody+1))
	if err != nil || len(body) > maxBody {
		unread(c)
	}
	if err != nil {
		return nil, 0 // cut short: nothing usable was received
	}
	return body, 0
}

// drain is how much of a body that nobody wants is read away: more than any mistaken client sends. It costs no memory, and
// the server's own deadline ends a slow one.
const drain = 256 << 20

// unread leaves the rest of a body: it is read away, so that the answer reaches a client that is still sending, and the
// connection ends, because what is left then is no request.
func unread(c *fiber.Ctx) {
	if stream := c.Context().RequestBodyStream(); stream != nil {
		_, _ = io.CopyN(io.Discard, stream, drain)
	}
	c.Context().SetConnectionClose()
}
