// Package bulk is the part of the REST surface that changes many subscribers at once, and that reads and writes files of them.
package bulk

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	many "culvert/panel/internal/bulk"
	"culvert/panel/internal/subscriber"
)

// Need is the permission to look at operations.
const Need = actor.Permission(actor.Subscribers + ":" + actor.Read)

const (
	path = "/bulk-operations"
	tag  = "bulk operations"

	// writeFor is how long a client may take to receive a part of a file.
	writeFor = 30 * time.Second
	// exportFor bounds one file.
	exportFor = 15 * time.Minute
)

type ask struct {
	Body struct {
		subscriber.Act
		IDs     []string           `json:"ids,omitempty" maxItems:"20000" doc:"subscribers; or filter"`
		Filter  *subscriber.Filter `json:"filter,omitempty" doc:"as in the listing; {} is everybody of this tenant"`
		Preview bool               `json:"preview,omitempty" doc:"tell what would change, and change nothing"`
	}
}

// answer is an operation, or the preview of one.
type answer struct {
	Status int
	Body   any
}

// Endpoints adds this part.
func Endpoints(s *rest.Surface, ops *many.Service) {
	write := actor.May(actor.Subscribers, actor.Write)
	rest.Add(s, rest.Endpoint{
		Method: http.MethodPost, Path: path, ID: "create-bulk-operation", Tag: tag, Need: write, Status: http.StatusAccepted, MaxBody: rest.MaxBody,
		Summary: "Make one change to many subscribers, in the background; or see what it would change",
	}, func(ctx context.Context, who actor.Actor, in *ask) (*answer, error) {
		q := many.Ask{Act: in.Body.Act, IDs: in.Body.IDs, Filter: in.Body.Filter}
		if in.Body.Preview {
			p, err := ops.Preview(ctx, who, q)
			if err != nil {
				return nil, err
			}
			inOwnWords(p.Refused)
			return &answer{Status: http.StatusOK, Body: p}, nil
		}
		op, err := ops.Start(ctx, who, q)
		if err != nil {
			return nil, err
		}
		return &answer{Status: http.StatusAccepted, Body: op}, nil
	})
	describe(s.Huma.OpenAPI())
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: path, ID: "list-bulk-operations", Summary: "List operations on many, newest first", Tag: tag, Need: Need},
		func(ctx context.Context, who actor.Actor, in *rest.Paged) (*rest.Bare[rest.Page[many.Operation]], error) {
			l, err := ops.List(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(op *many.Operation) string { return op.ID }), nil
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodGet, Path: path + "/{id}", ID: "get-bulk-operation", Summary: "How far an operation on many is, and whom it left out", Tag: tag, Need: Need},
		func(ctx context.Context, who actor.Actor, in *rest.ByID) (*rest.Bare[many.Detail], error) {
			return detail(ops.Get(ctx, who, in.ID))
		})
	rest.Add(s, rest.Endpoint{Method: http.MethodPost, Path: path + "/{id}/cancel", ID: "cancel-bulk-operation", Summary: "End an operation on many; what was done stays done", Tag: tag, Need: write},
		func(ctx context.Context, who actor.Actor, in *rest.ByID) (*rest.Bare[many.Detail], error) {
			return detail(ops.Cancel(ctx, who, in.ID))
		})
	rest.Add(s, rest.Endpoint{
		Method: http.MethodPost, Path: "/subscribers/import", ID: "import-subscribers", Tag: "subscribers", Need: write, MaxBody: many.MaxFile,
		Summary: "Add the subscribers of a CSV file: all, or none",
	}, func(ctx context.Context, who actor.Actor, in *file) (*rest.Bare[many.Import], error) {
		x, err := ops.Import(ctx, who, in.RawBody, in.DryRun)
		if err != nil {
			return nil, err
		}
		for i := range x.Faults {
			x.Faults[i].Rule = rest.OwnWords(x.Faults[i].Rule)
		}
		return rest.Wrap(x, nil)
	})
}

type file struct {
	DryRun  bool   `query:"dry_run" doc:"tell what is wrong with the file, and add nobody"`
	RawBody []byte `contentType:"text/csv" doc:"RFC 4180 in UTF-8, at most 10,000 rows and 5 MiB. The header names the columns: name, and any of password, email, full_name, comment, label, language, external_id, plan, traffic_limit (bytes, or unlimited), expires_at (a date, or never), devices. Columns that only an export has are left aside."`
}

func detail(d *many.Detail, err error) (*rest.Bare[many.Detail], error) {
	if err != nil {
		return nil, err
	}
	inOwnWords(d.Faults)
	return rest.Wrap(d, nil)
}

func inOwnWords(faults []many.Fault) {
	for i := range faults {
		faults[i].Why = rest.OwnWords(faults[i].Why)
	}
}

// describe documents the two answers of one endpoint.
func describe(doc *huma.OpenAPI) {
	schema := func(of reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: doc.Components.Schemas.Schema(of, true, "")}}
	}
	r := doc.Paths[path].Post.Responses
	r["200"] = &huma.Response{Description: "What would change", Content: schema(reflect.TypeFor[many.Preview]())}
	r["202"] = &huma.Response{Description: "Accepted", Content: schema(reflect.TypeFor[many.Operation]())}
}

// Download is an answer that comes in parts.
type Download struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        func(huma.Context)
}

// Serve answers a listing as a file while it is read. A file that cannot be finished ends with its connection: a client must
// not take a part for the whole.
func Serve(log *slog.Logger, x *many.Export) *Download {
	name := "subscribers-" + time.Now().UTC().Format(time.DateOnly) + ".csv"
	return &Download{
		ContentType: "text/csv; charset=utf-8; header=present", Disposition: `attachment; filename="` + name + `"`,
		Body: func(hc huma.Context) {
			c := humafiber.Unwrap(hc)
			parent, conn := context.WithoutCancel(hc.Context()), c.Context().Conn()
			c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
				ctx, cancel := context.WithTimeout(parent, exportFor)
				defer cancel()
				whole := false
				defer func() {
					p := recover() // nothing around this goroutine catches it
					if p != nil {
						log.ErrorContext(ctx, "export failed unexpectedly", "panic", p)
					}
					if !whole {
						_ = conn.Close()
					}
				}()
				for {
					part, err := x.Next(ctx)
					if err != nil {
						log.WarnContext(ctx, "export ended early", "trace", rest.TraceOf(ctx), "error", err)
						return
					}
					if part == nil {
						whole = true
						return
					}
					if conn.SetWriteDeadline(time.Now().Add(writeFor)) != nil {
						return
					}
					_, _ = out.Write(part) // Flush tells
					if out.Flush() != nil {
						return
					}
				}
			})
		},
	}
}
