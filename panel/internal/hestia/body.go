package hestia

import (
	"io"

	"github.com/gofiber/fiber/v2"
)

// largeBodies bounds the bodies that are in memory beyond what the server reads by itself (app/http.go). The caller of a
// command is named in the body, so it must be read before anybody is proved: those 32 MiB are all that strangers can hold.
const largeBodies = 32

// body copies the request's body, at most one byte more than is allowed. Compressed ones are not unpacked: no client sends
// any.
func (e *Endpoint) body(c *fiber.Ctx) []byte {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return append([]byte(nil), c.Request().Body()...)
	}
	if n := c.Request().Header.ContentLength(); n < 0 || n > c.App().Config().BodyLimit {
		e.large <- struct{}{}
		defer func() { <-e.large }()
	}
	body, err := io.ReadAll(io.LimitReader(stream, maxBody+1))
	if err != nil || len(body) > maxBody {
		_, _ = io.CopyN(io.Discard, stream, maxBody) // so that the answer reaches a client that is still sending
		c.Context().SetConnectionClose()             // what is left is no request
	}
	if err != nil {
		return nil // cut short: nothing usable was received
	}
	return body
}
