package rest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/api/fault"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
)

// RequestLimit bounds the work of one request: a client that went away does not cancel it by itself.
const RequestLimit = 30 * time.Second

// Problem is RFC 9457, with the fields that broke a rule.
type Problem struct {
	Type   string       `json:"type" doc:"urn:culvert:error: and the kind"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Fields []errs.Field `json:"fields,omitempty" doc:"which field broke which rule"`
	Trace  string       `json:"trace,omitempty" doc:"id of this request in the panel's logs"`

	retryAfter time.Duration
}

// Error implements error.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError's shape for Retry-After.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retryAfter/time.Second)+1))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="culvert"`)
	}
	return h
}

// statusOf is the one table from kinds to HTTP.
func statusOf(k errs.Kind) int {
	switch k {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.Denied:
		return http.StatusForbidden
	case errs.Unauthorized:
		return http.StatusUnauthorized
	case errs.Missing:
		return http.StatusNotFound
	case errs.Conflict, errs.State, errs.InUse, errs.Limited, errs.Disabled:
		return http.StatusConflict
	case errs.Stale:
		return http.StatusPreconditionFailed
	case errs.Throttled:
		return http.StatusTooManyRequests
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	case errs.Internal:
	}
	return http.StatusInternalServerError
}

// ProblemOf puts an error into the words of this surface. What is ours to mend is logged here, once.
func ProblemOf(ctx context.Context, log *slog.Logger, err error) Problem {
	kind := errs.KindOf(err)
	detail, fields := errs.Public(err)
	p := Problem{
		Type: "urn:culvert:error:" + kind.String(), Title: http.StatusText(statusOf(kind)), Status: statusOf(kind),
		Detail: OwnWords(detail), Fields: fields, Trace: TraceOf(ctx),
	}
	var t *identity.Throttled
	if errors.As(err, &t) {
		p.retryAfter = t.RetryAfter
	}
	if p.Status >= http.StatusInternalServerError {
		log.ErrorContext(ctx, "request failed", "trace", p.Trace, "error", err)
	}
	return p
}

var (
	planWord       = regexp.MustCompile(`^package (\S+) (exists|doesn't exist|is in use|allows )`) //nolint:gochecknoglobals // a compiled constant
	subscriberWord = regexp.MustCompile(`(^| than )user (\S+) (exists|doesn't exist|is |has )`)    //nolint:gochecknoglobals // a compiled constant
)

// OwnWords turns Hestia's words for what we sell and to whom, which some services speak, into those of this surface.
func OwnWords(detail string) string {
	return subscriberWord.ReplaceAllString(planWord.ReplaceAllString(detail, "plan $1 $2"), "${1}subscriber $2 $3")
}

// AsProblem makes an answer of an error.
func AsProblem(ctx context.Context, log *slog.Logger, err error) error {
	p := ProblemOf(ctx, log, err)
	return huma.ErrorWithHeaders(&p, p.GetHeaders())
}

// ToProblem gives huma's own validation errors the shape of all others; offending values are not echoed.
func ToProblem(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	kind := errs.Invalid
	if m.Status >= http.StatusInternalServerError {
		kind = errs.Internal
	}
	p := &Problem{
		Type: "urn:culvert:error:" + kind.String(), Title: m.Title, Status: m.Status, Detail: "invalid request", Trace: TraceOf(ctx.Context()),
	}
	if len(m.Errors) == 0 {
		p.Detail = m.Detail
	}
	for _, e := range m.Errors {
		p.Fields = append(p.Fields, fault.FieldOf(e))
	}
	return p, nil
}

// ProblemSchema documents the shape that is really sent.
func ProblemSchema(doc *huma.OpenAPI) {
	r := doc.Components.Schemas
	s := r.Schema(reflect.TypeFor[Problem](), false, "Problem")
	r.Map()["ErrorModel"] = s
}

// WriteProblem answers outside of an endpoint.
func WriteProblem(c *fiber.Ctx, p Problem) error {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	for k, v := range p.GetHeaders() {
		c.Set(k, v[0])
	}
	body, err := json.Marshal(&p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(p.Status).Send(body)
}
