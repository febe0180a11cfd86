package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/errs"
)

// knownQuery refuses query parameters that an endpoint does not know: a misspelt filter must not list everything. Who
// may not ask at all is told that first.
func (a *API) knownQuery(ctx huma.Context, next func(huma.Context)) {
	op, u := ctx.Operation(), ctx.URL()
	if u.RawQuery == "" || len(op.Security) > 0 && rest.CallerOf(ctx.Context()).Actor.Tenant == "" {
		next(ctx)
		return
	}
	var unknown []error
	for name := range u.Query() {
		known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		if !known {
			unknown = append(unknown, &huma.ErrorDetail{Location: "query." + name, Message: "is not a parameter of this endpoint"})
		}
	}
	if len(unknown) == 0 {
		next(ctx)
		return
	}
	slices.SortFunc(unknown, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
	_ = huma.WriteErr(a.surface.Huma, ctx, http.StatusUnprocessableEntity, "invalid request", unknown...) // a client that went away
}

// nothingHere answers paths that no endpoint has, and methods that a path has not.
func (a *API) nothingHere(c *fiber.Ctx) error {
	p := rest.Problem{Status: http.StatusNotFound, Detail: "no such endpoint", Type: "urn:culvert:error:" + errs.Missing.String()}
	allow := methods(a.surface.Operations(), strings.TrimPrefix(c.Path(), Prefix))
	if strings.TrimPrefix(c.Path(), Prefix) == stream.Path {
		allow = []string{http.MethodGet}
	}
	if len(allow) > 0 {
		p.Status, p.Detail, p.Type = http.StatusMethodNotAllowed, "this endpoint takes "+strings.Join(allow, ", "), "urn:culvert:error:method"
		c.Set(fiber.HeaderAllow, strings.Join(allow, ", "))
	}
	p.Title, p.Trace = http.StatusText(p.Status), rest.TraceOf(c.UserContext())
	return rest.WriteProblem(c, p)
}

// methods returns what a path below Prefix takes of ops.
func methods(ops []Operation, path string) []string {
	if strings.Trim(path, "/") == documentName {
		return []string{http.MethodGet}
	}
	var out []string
	have := strings.Split(strings.Trim(path, "/"), "/")
	for _, op := range ops {
		want := strings.Split(strings.Trim(op.Path, "/"), "/")
		fits := len(want) == len(have)
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == have[i] || strings.HasPrefix(want[i], "{") && have[i] != ""
		}
		if fits && !slices.Contains(out, op.Method) {
			out = append(out, op.Method)
		}
	}
	slices.Sort(out)
	return out
}
