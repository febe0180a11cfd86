// Package api is the REST surface /api/v1. An endpoint is a typed value: metadata, a request, a response and a function
// that never sees HTTP. The OpenAPI document is produced from the same values that are mounted, so what is documented is
// what is served.
//
// Who asks, and whether they ask too often, is settled before any endpoint runs and before their body is read
// (authenticate.go, intake.go). Writes may carry an Idempotency-Key (idempotency.go),
// updates an If-Match with the ETag of the read. Every error is a problem document (RFC 9457) naming field and rule.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/branding"
	"culvert/panel/internal/api/bulk"
	"culvert/panel/internal/api/overview"
	"culvert/panel/internal/api/portal"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/api/stream"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/brand"
	many "culvert/panel/internal/bulk"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/device"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/live"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	visitors "culvert/panel/internal/portal"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/usage"
	"culvert/panel/internal/vault"
)

// Prefix of every path.
const Prefix = "/api/v1"

// strictCasing makes a name in another case another name: Go's decoder alone would take {"Name": …} for "name". The framework
// knows no other way than a variable of its own, which is set before any surface is mounted.
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true }) //nolint:gochecknoglobals // written once

// Services are what the endpoints call.
type Services struct {
	DB       *pg.DB
	Vault    *vault.Vault
	Identity *identity.Service
	Tenants  *tenant.Service
	Plans    *billing.Service
	Subs     *subscriber.Service
	Devices  *device.Service
	Profiles *profile.Service
	Fleet    *fleet.Service
	Network  *network.Service
	Certs    *cert.Service
	Usage    *usage.Service
	Jobs     *jobs.Nodes
	Live     *live.Hub
	Brands   *brand.Service
	Portal   *visitors.Service
	Bulk     *many.Service
}

// Config of the surface.
type Config struct {
	Services
	ClientAddr    func(*fiber.Ctx) netip.Addr // behind trusted proxies
	GatewayPublic string                      // shown in enrolment commands
	Version       string
	PublicURL     string // of the panel, where new nodes fetch the agent
	// Install makes the line that sets up a node on a fresh machine; its error says why there is none. nil: none.
	Install     func(gateway, pin, token string) (string, error)
	KnownSet    func(name string) bool // permission sets of the command interface; nil: any
	Log         *slog.Logger
	CallerRate  identity.Rate // of a session or key; zero: 100 a second, bursts of 500
	AddressRate identity.Rate // zero: 200 a second, bursts of 1000
	// Elevate is for tests alone: it widens every actor, to show that the database keeps tenants apart when the checks in
	// code do not.
	Elevate func(actor.Actor) actor.Actor
}

// API is the mounted surface.
type API struct {
	Config
	surface   rest.Surface
	byCaller  *identity.Limiter
	byAddress *identity.Limiter
}

// Operation is what a test or a document wants to know of an endpoint.
type Operation = rest.Operation

// Mount adds the surface to app.
func Mount(app *fiber.App, c Config) *API {
	strictCasing()
	a := &API{
		Config: c, byCaller: identity.NewLimiter(c.CallerRate, identity.Rate{PerSecond: 100, Burst: 500}),
		byAddress: identity.NewLimiter(c.AddressRate, identity.Rate{PerSecond: 200, Burst: 1000}),
	}
	group := app.Group(Prefix, a.authenticate, a.body, repeats{a}.idempotent)
	a.surface = rest.Surface{Huma: humafiber.NewWithGroup(app, group, document(c.Version)), Log: c.Log, Who: a.who}
	a.surface.Huma.UseMiddleware(a.knownQuery)
	for _, add := range []func(*API){
		authEndpoints, sessionEndpoints, tenantEndpoints, loginEndpoints, keyEndpoints, planEndpoints, subscriberEndpoints, subscriberActions,
		deviceEndpoints, profileEndpoints, nodeEndpoints, groupEndpoints, networkEndpoints, certEndpoints, recordEndpoints, jobEndpoints,
	} {
		add(a)
	}
	branding.Endpoints(&a.surface, a.Brands)
	bulk.Endpoints(&a.surface, a.Bulk)
	overview.Endpoints(&a.surface, a.Usage, a.Fleet)
	portal.Endpoints(&a.surface, portal.Config{Portal: a.Portal, Brands: a.Brands, Ledger: subscriber.Ledger{DB: a.DB}, Kick: a.kickOne})
	rest.ProblemSchema(a.surface.Huma.OpenAPI())
	if a.Live != nil {
		watch := stream.Config{Log: a.Log, Hub: a.Live, Caller: a.watcher, Refuse: a.refuse, LastWord: func(ctx context.Context, err error) []byte {
			p := rest.ProblemOf(ctx, a.Log, err)
			body, _ := json.Marshal(&p) // of texts and numbers alone
			return body
		}}
		group.Get(stream.Path, watch.Serve)
		stream.Describe(a.surface.Huma.OpenAPI(), a.Live)
	}
	a.serveDocument(group)
	group.Use(a.nothingHere)
	return a
}

func document(version string) huma.Config {
	c := huma.DefaultConfig("Culvert", version)
	c.Info.Description = "Panel and node fleet for people who sell VPN and proxy access."
	c.Servers = []*huma.Server{{URL: Prefix}}
	c.DocsPath, c.SchemasPath = "", "" // no page that loads scripts from elsewhere
	c.OpenAPIPath = ""                 // openapi.go serves it
	c.CreateHooks = nil                // no $schema links in answers
	c.Transformers = append(c.Transformers, rest.ToProblem)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", Description: "token of POST /sessions; browsers send it as a cookie"},
		"portal":  {Type: "http", Scheme: "bearer", Description: "token of POST /portal/sessions; browsers send it as a cookie of its own"},
		"key":     {Type: "http", Scheme: "basic", Description: "access key: id as user name, secret as password"},
	}
	return c
}

// Operations returns every endpoint, for tests that walk them.
func (a *API) Operations() []Operation { return a.surface.Operations() }

// OpenAPI returns the document.
func (a *API) OpenAPI() *huma.OpenAPI { return a.surface.Huma.OpenAPI() }

// endpoint is the metadata of one operation.
type endpoint struct {
	method, path, id, summary, tag string
	need                           actor.Permission
	status                         int // 0: 200, or 204 without a body
	open                           bool
}

// add mounts one endpoint of this package.
func add[I, O any](a *API, e endpoint, fn func(ctx context.Context, who actor.Actor, in *I) (*O, error)) {
	rest.Add(&a.surface, rest.Endpoint{
		Method: e.method, Path: e.path, ID: e.id, Summary: e.summary, Tag: e.tag, Need: e.need, Status: e.status, Open: e.open,
	}, fn)
}

// refuse answers an error outside of an endpoint.
func (a *API) refuse(c *fiber.Ctx, err error) error {
	return rest.WriteProblem(c, rest.ProblemOf(c.UserContext(), a.Log, err))
}
