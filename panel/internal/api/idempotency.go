package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// headerIdempotency makes a write repeatable: the same key with the same request gets the stored answer for 24 hours; the
// same key with another request is refused; while the first one runs, a second is told to wait.
const headerIdempotency = "Idempotency-Key"

// claimLimit is how long a request may hold its key without an answer: beyond that its panel is dead.
const claimLimit = 2 * rest.RequestLimit

// stored is an answer kept for a key.
type stored struct {
	hash              []byte
	status            *int
	contentType, etag string
	body              []byte
}

// repeats keeps answers and gives them again.
type repeats struct{ *API }

func (a repeats) idempotent(c *fiber.Ctx) error {
	key := utils.CopyString(c.Get(headerIdempotency))
	who := rest.CallerOf(c.UserContext())
	if key == "" || c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead || who.Err != nil || who.Actor.Tenant == "" {
		return c.Next()
	}
	if len(key) > 255 {
		return a.refuse(c, errs.Bad(headerIdempotency, "must have at most 255 characters"))
	}
	ctx := c.UserContext()
	sum := requestHash(c)
	owner := string(who.Actor.Kind) + "/" + who.Actor.ID
	old, err := a.claim(ctx, who, owner, key, sum)
	switch {
	case err != nil:
		return a.refuse(c, err)
	case old != nil:
		return a.replay(c, owner, key, sum, old)
	}
	// The claim is given up when nothing was done; a claim that a dead panel left is taken over after claimLimit. A write
	// that was done and whose answer could not be stored stays claimed: better to wait than to do it twice.
	done := false
	defer func() {
		if !done {
			a.release(context.WithoutCancel(ctx), who, owner, key)
		}
	}()
	if err := c.Next(); err != nil {
		return err
	}
	if c.Response().StatusCode() >= http.StatusInternalServerError || c.Response().StatusCode() == http.StatusTooManyRequests {
		return nil // may be tried again
	}
	done = true
	if err := a.keep(context.WithoutCancel(ctx), c, who, owner, key); err != nil {
		a.Log.WarnContext(ctx, "answer of a write with an Idempotency-Key is not stored", "trace", rest.TraceOf(ctx), "error", err)
	}
	return nil
}

func requestHash(c *fiber.Ctx) []byte {
	h := sha256.New()
	h.Write([]byte(c.Method() + "\n" + c.OriginalURL() + "\n" + c.Get(HeaderTenant) + "\n" + c.Get(fiber.HeaderIfMatch) + "\n"))
	h.Write(bodyOf(c))
	return h.Sum(nil)
}

// claim takes the key for this request, or returns what is stored under it.
func (a repeats) claim(ctx context.Context, who rest.Caller, owner, key string, sum []byte) (*stored, error) {
	var old *stored
	err := a.DB.InTenant(ctx, who.Actor.Home, func(tx *pg.Tx) error {
		old = nil
		if _, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE tenant_id = $1 AND actor = $2 AND key = $3
			AND (created_at < $4 OR (status IS NULL AND request_hash = $5 AND created_at < $6))`,
			who.Actor.Home, owner, key, tx.Now.AddDate(0, 0, -1), sum, tx.Now.Add(-claimLimit)); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `INSERT INTO idempotency (tenant_id, actor, key, request_hash, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`, who.Actor.Home, owner, key, sum, tx.Now)
		if err != nil || n == 1 {
			return err
		}
		old = &stored{}
		_, err = tx.One(ctx, `SELECT request_hash, status, content_type, etag, body FROM idempotency WHERE tenant_id = $1 AND actor = $2 AND key = $3`,
			[]any{who.Actor.Home, owner, key}, &old.hash, &old.status, &old.contentType, &old.etag, &old.body)
		return err
	})
	return old, err
}

func (a repeats) replay(c *fiber.Ctx, owner, key string, sum []byte, old *stored) error {
	switch {
	case !bytes.Equal(old.hash, sum):
		return a.refuse(c, errs.Bad(headerIdempotency, "was used for another request"))
	case old.status == nil:
		return a.refuse(c, errs.New(errs.Conflict, "the first request with this Idempotency-Key is still running"))
	}
	body, err := a.Vault.Open(c.UserContext(), "idempotency", owner+"/"+key, old.body)
	if err != nil {
		return a.refuse(c, err)
	}
	c.Set("Idempotency-Replayed", "true")
	if old.etag != "" {
		c.Set(fiber.HeaderETag, old.etag)
	}
	if old.contentType != "" {
		c.Set(fiber.HeaderContentType, old.contentType)
	}
	return c.Status(*old.status).Send(body)
}

func (a repeats) keep(ctx context.Context, c *fiber.Ctx, who rest.Caller, owner, key string) error {
	sealed := a.Vault.Seal("idempotency", owner+"/"+key, c.Response().Body())
	return a.DB.InTenant(ctx, who.Actor.Home, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE idempotency SET status = $4, content_type = $5, etag = $6, body = $7
			WHERE tenant_id = $1 AND actor = $2 AND key = $3`, who.Actor.Home, owner, key, c.Response().StatusCode(),
			string(c.Response().Header.ContentType()), string(c.Response().Header.Peek(fiber.HeaderETag)), sealed)
		return err
	})
}

func (a repeats) release(ctx context.Context, who rest.Caller, owner, key string) {
	ctx, cancel := context.WithTimeout(ctx, rest.RequestLimit)
	defer cancel()
	err := a.DB.InTenant(ctx, who.Actor.Home, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM idempotency WHERE tenant_id = $1 AND actor = $2 AND key = $3 AND status IS NULL",
			who.Actor.Home, owner, key)
		return err
	})
	if err != nil {
		a.Log.WarnContext(ctx, "idempotency key stays taken until it expires", "error", err)
	}
}
