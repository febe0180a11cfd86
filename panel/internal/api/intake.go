package api

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/api/fault"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/errs"
)

// PreRead is how much of a body the server reads before a request is looked at. It is also all that somebody may send who
// has not proved who they are.
const PreRead = 16 << 10

// drain is how much of a body that nobody wanted is read away, so that the answer reaches a client that is still sending.
// It costs no memory, and the server's own deadline ends a slow one.
const drain = 256 << 20

// Intake goes before all surfaces of a server that streams bodies. What is left of a larger body when the answer is ready
// would be taken for the next request: such a connection ends with its answer.
func Intake(c *fiber.Ctx) error {
	n := c.Request().Header.ContentLength()
	if n != -1 && n <= PreRead {
		return c.Next()
	}
	err := c.Next()
	if rest := c.Context().RequestBodyStream(); rest != nil {
		_, _ = io.CopyN(io.Discard, rest, drain) // what goes wrong here ends the connection, and so do we
	}
	c.Context().SetConnectionClose()
	return err
}

// keyBody is where a read body waits for the handlers after it.
const keyBody = "culvert.body"

// body reads the body once it is known who sends it.
func (a *API) body(c *fiber.Ctx) error {
	if e := c.Get(fiber.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
		return reject(c, http.StatusUnsupportedMediaType, "a body must not be compressed")
	}
	who := rest.CallerOf(c.UserContext())
	limit := a.bodyLimit(c.Method(), strings.TrimPrefix(c.Path(), Prefix))
	if who.Err != nil || who.Actor.Tenant == "" {
		limit = PreRead
	}
	body, err := readBody(c, limit)
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		return reject(c, http.StatusRequestTimeout, "the body did not arrive in time")
	case err != nil:
		return reject(c, http.StatusBadRequest, "the body ended early")
	case len(body) > limit && who.Err != nil:
		return a.refuse(c, who.Err)
	case len(body) > limit:
		return reject(c, http.StatusRequestEntityTooLarge, "the body is too large")
	}
	if twice := fault.SameNameTwice(body); twice != "" {
		return a.refuse(c, errs.Bad(twice, "is there twice"))
	}
	c.Locals(keyBody, body)
	return c.Next()
}

// bodyLimit is what the endpoint of a path takes.
func (a *API) bodyLimit(method, path string) int {
	for _, op := range a.surface.Operations() {
		if op.MaxBody > rest.MaxBody && op.Method == method && op.Path == path {
			return op.MaxBody
		}
	}
	return rest.MaxBody
}

// readBody returns the body, or its beginning and one byte more than limit. A streamed one is put back as read.
func readBody(c *fiber.Ctx, limit int) ([]byte, error) {
	stream := c.Context().RequestBodyStream()
	if stream == nil {
		return c.Request().Body(), nil
	}
	body, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	if err == nil && len(body) <= limit {
		c.Request().SetBodyStream(bytes.NewReader(body), len(body))
	}
	return body, err
}

// bodyOf is the body that was read.
func bodyOf(c *fiber.Ctx) []byte {
	b, _ := c.Locals(keyBody).([]byte)
	return b
}

// reject answers what HTTP itself has a status for.
func reject(c *fiber.Ctx, status int, detail string) error {
	return rest.WriteProblem(c, rest.Problem{
		Type: "urn:culvert:error:invalid", Title: http.StatusText(status), Status: status, Detail: detail, Trace: rest.TraceOf(c.UserContext()),
	})
}
