// Package stream serves GET /stream of the REST surface: server-sent events (WHATWG HTML §9.2) of what changes in the
// listings of package live. No framework's request and answer fit it: it does not end.
package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/bulk"
	"culvert/panel/internal/api/overview"
	many "culvert/panel/internal/bulk"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/live"
	"culvert/panel/internal/usage"
)

// Path below the prefix of the surface.
const Path = "/stream"

const (
	// writeFor is how long a client may take to receive what changed; one that is gone is noticed then.
	writeFor = 20 * time.Second
	// most bounds a watched listing.
	most = 500
	// newest bounds a watched listing whose end is history.
	newest = 50
)

// Topics are the listings that can be watched.
func Topics(sessions *usage.Service, nodes *fleet.Service, ops *many.Service) []live.Topic {
	return []live.Topic{
		{
			Name: "sessions", Need: actor.May(actor.Sessions, actor.Read), Filters: []string{"subscriber", "node"},
			Read: func(ctx context.Context, who actor.Actor, f live.Filter) ([]live.Item, bool, error) {
				l, err := sessions.Live(ctx, who, usage.LiveFilter{Subscriber: f["subscriber"], Node: f["node"]}, "", most+1)
				return page(l, err, func(x *usage.SessionRow) string { return x.ID })
			},
		},
		{
			Name: "nodes", Need: actor.May(actor.Nodes, actor.Read),
			Read: func(ctx context.Context, who actor.Actor, _ live.Filter) ([]live.Item, bool, error) {
				l, err := nodes.List(ctx, who, fleet.Filter{}, "", most+1)
				return page(l, err, func(x *fleet.Node) string { return x.ID })
			},
		},
		{
			Name: "overview", Need: overview.Need, Filters: []string{"tree"},
			Read: func(ctx context.Context, who actor.Actor, f live.Filter) ([]live.Item, bool, error) {
				o, err := overview.Read(ctx, who, sessions, nodes, f["tree"] == "true")
				if err != nil {
					return nil, false, err
				}
				return page([]overview.Overview{*o}, nil, func(*overview.Overview) string { return "overview" })
			},
		},
		{
			Name: "bulk", Need: bulk.Need,
			Read: func(ctx context.Context, who actor.Actor, _ live.Filter) ([]live.Item, bool, error) {
				l, err := ops.List(ctx, who, "", newest+1)
				items, _, err := page(l[:min(len(l), newest)], err, func(x *many.Operation) string { return x.ID })
				return items, len(l) > newest, err
			},
		},
	}
}

func page[T any](l []T, err error, key func(*T) string) ([]live.Item, bool, error) {
	if err != nil {
		return nil, false, err
	}
	items, err := live.ItemsOf(l[:min(len(l), most)], key)
	return items, len(l) > most, err
}

// Caller is who asked, and what asks again and again whether they may go on: sessions end, keys are revoked, rights are
// taken.
type Caller struct {
	Actor      actor.Actor
	Credential string
	Still      func(context.Context) (actor.Actor, error)
}

// Config of the endpoint: what the surface around it does.
type Config struct {
	Hub    *live.Hub
	Caller func(*fiber.Ctx) (Caller, error)
	Refuse func(*fiber.Ctx, error) error
	// LastWord is the problem document of an error that ends a stream.
	LastWord func(context.Context, error) []byte
	Log      *slog.Logger
}

// Describe adds the endpoint to the surface's document.
func Describe(doc *huma.OpenAPI, hub *live.Hub) {
	query := func(name, text string, required bool) *huma.Param {
		return &huma.Param{Name: name, In: "query", Description: text, Required: required, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	params := []*huma.Param{query("topics", "with commas between: "+strings.Join(hub.Names(), ", "), true)}
	for _, f := range hub.Filters() {
		params = append(params, query(f, "id, or true for tree; for topics that know it", false))
	}
	events := doc.Components.Schemas.Schema(reflect.TypeFor[live.Event](), true, "StreamEvent")
	doc.AddOperation(&huma.Operation{
		OperationID: "stream", Method: http.MethodGet, Path: Path, Summary: "Watch listings change (server-sent events, each named by its topic)",
		Description: "The first event of a topic is whole. Needs the permission to read each topic. Ends with an event named end, a problem document.",
		Tags:        []string{"stream"}, Security: []map[string][]string{{"session": {}}, {"key": {}}}, Parameters: params,
		Responses: map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: events}}}},
	})
}

// Serve answers one watcher.
func (s Config) Serve(c *fiber.Ctx) error {
	by, err := s.Caller(c)
	if err != nil {
		return s.Refuse(c, err)
	}
	w, err := s.watch(c)
	if err != nil {
		return s.Refuse(c, err)
	}
	w.Credential, w.Who = by.Credential, by.Still
	release, err := s.Hub.Admit(by.Actor, w)
	if err != nil {
		return s.Refuse(c, err)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream; charset=utf-8")
	c.Set("X-Accel-Buffering", "no") // a proxy in between must not collect
	ctx, conn := c.UserContext(), c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(out *bufio.Writer) {
		defer release()
		defer func() { // nothing around this goroutine catches it
			if p := recover(); p != nil {
				s.Log.ErrorContext(ctx, "stream failed unexpectedly", "panic", p)
			}
		}()
		write := func(text string) error {
			if err := conn.SetWriteDeadline(time.Now().Add(writeFor)); err != nil {
				return err
			}
			_, _ = out.WriteString(text) // Flush tells
			return out.Flush()
		}
		w.Send = func(events []live.Event) error { return write(text(events)) }
		why := s.Hub.Serve(w)                                                   //nolint:contextcheck // the hub's: the request's own ends before its body does
		_ = write("event: end\ndata: " + string(s.LastWord(ctx, why)) + "\n\n") // a client that is gone needs no last word
	})
	return nil
}

// watch reads the parameters.
func (s Config) watch(c *fiber.Ctx) (*live.Watch, error) {
	w := &live.Watch{Filter: live.Filter{}}
	known := s.Hub.Filters()
	var f errs.Faults
	for name, value := range c.Queries() {
		name, value = strings.Clone(name), strings.Clone(value) // Fiber reuses the request's memory
		switch {
		case name == "topics":
			w.Topics = strings.Split(value, ",")
		case !slices.Contains(known, name):
			f.Add(name, "is not a parameter of this endpoint")
		case len(value) > 64:
			f.Add(name, "must be an id")
		default:
			w.Filter[name] = value
		}
	}
	return w, f.Err()
}

// text writes events as they go over the wire; none are a comment, which tells whether anybody listens.
func text(events []live.Event) string {
	if len(events) == 0 {
		return ":\n\n"
	}
	var b strings.Builder
	for i := range events {
		body, err := json.Marshal(&events[i])
		if err != nil {
			continue // made of what was JSON before
		}
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", events[i].Topic, body)
	}
	return b.String()
}
