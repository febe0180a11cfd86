package hestia

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/command"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/usage"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
)

// Rate is a token bucket's measure.
type Rate = identity.Rate

// Config is what the command API works with.
type Config struct {
	DB          *pg.DB
	Vault       *vault.Vault
	Subscribers *subscriber.Service
	Plans       *billing.Service
	Tenants     *tenant.Service
	People      *identity.Service
	// NodeGroups names the node groups that the actor's tenant may use: name to id. Nil: groups are known by id only.
	NodeGroups func(ctx context.Context, a actor.Actor) (map[string]string, error)
	Devices    *device.Service
	Profiles   *profile.Service
	Usage      *usage.Service
	// Kick ends sessions of a subscriber of the actor's on the nodes. Nil: nodes cannot be reached from here.
	Kick func(ctx context.Context, a actor.Actor, s *subscriber.Subscriber, session string) error
	// ClientAddr tells the caller's address; only it may trust a proxy's headers.
	ClientAddr  func(*fiber.Ctx) netip.Addr
	Version     string
	Log         *slog.Logger
	Off         bool // the operator switched the endpoint off for everyone
	KeyRate     Rate // zero: 1000 a second, bursts of 2000
	AddressRate Rate // zero: 1000 a second, bursts of 2000
}

func (c *Config) services() command.Services {
	return command.Services{
		DB: c.DB, Subscribers: c.Subscribers, Plans: c.Plans, Tenants: c.Tenants, People: c.People, NodeGroups: c.NodeGroups, Version: c.Version,
		Devices: c.Devices, Profiles: c.Profiles, Usage: c.Usage, Kick: c.Kick,
	}
}

const (
	maxBody     = 1 << 20
	maxIdemKey  = 255
	runFor      = 30 * time.Second
	runSlowFor  = 10 * time.Minute
	defaultRate = 1000
)

// Endpoint is the command API over HTTP.
type Endpoint struct {
	Config
	registry  *registry.Registry
	store     *store
	byKey     *identity.Limiter
	byAddress *identity.Limiter
	large     chan struct{} // bodies that are read beyond what the server read by itself
}

// New builds the registry and checks it: a permission set that could reach beyond its owner refuses the start.
func New(c Config) (*Endpoint, error) {
	r, err := command.New(c.services())
	if err != nil {
		return nil, err
	}
	usual := Rate{PerSecond: defaultRate, Burst: 2 * defaultRate}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Endpoint{
		Config: c, registry: r, store: &store{db: c.DB, vault: c.Vault}, byKey: identity.NewLimiter(c.KeyRate, usual),
		byAddress: identity.NewLimiter(c.AddressRate, usual), large: make(chan struct{}, largeBodies),
	}, nil
}

// Registry returns the commands, for documentation.
func (e *Endpoint) Registry() *registry.Registry { return e.registry }

// Mount puts the endpoint at /api, /api/ and /api/index.php.
func (e *Endpoint) Mount(r fiber.Router) {
	for _, path := range []string{"/api", "/api/", "/api/index.php"} {
		r.All(path, e.serve)
	}
}

// incoming is a request, with nothing left of Fiber's reused buffers.
type incoming struct {
	method      string
	contentType string
	body        []byte
	idemKey     string
	address     netip.Addr
	trace       string
	wait        time.Duration // not 0: too busy to hear it, the body was not read
}

func (e *Endpoint) serve(c *fiber.Ctx) error {
	in := incoming{
		method: strings.Clone(c.Method()), contentType: strings.Clone(c.Get(fiber.HeaderContentType)),
		idemKey: strings.Clone(c.Get("Idempotency-Key")), address: e.ClientAddr(c),
		trace: strings.Clone(c.GetRespHeader(fiber.HeaderXRequestID)),
	}
	if wait, ok := e.byAddress.Take(identity.NetworkOf(in.address), time.Now()); ok {
		in.body, in.wait = e.body(c)
	} else {
		unread(c)
		in.wait = max(wait, time.Second)
	}
	if in.trace == "" {
		in.trace = id.New(id.Request)
	}
	w := e.handle(c.UserContext(), in)
	for _, h := range w.headers {
		c.Set(h[0], h[1])
	}
	c.Status(w.status)
	if w.body == "" && w.status == http.StatusNoContent {
		return nil
	}
	return c.SendString(w.body)
}

// written is an answer as it goes over the wire.
type written struct {
	status  int
	headers [][2]string
	body    string
}

// handle answers one request. It never fails: what goes wrong is an answer too.
func (e *Endpoint) handle(ctx context.Context, in incoming) written {
	begin := time.Now()
	var req request
	usable := false
	if in.method == http.MethodPost && len(in.body) <= maxBody {
		req, usable = parseRequest(in.contentType, in.body)
	}
	name, who := "", "nobody"
	out, legacy := e.answer(ctx, in, req, usable, &name, &who)
	if _, known := e.registry.Command(name); !known && name != "" {
		name = "(unknown)" // somebody's password in the wrong field must not end up in a log
	}
	e.Log.InfoContext(ctx, "command", "command", name, "by", who, "exit", out.Code, "address", in.address.String(),
		"took", time.Since(begin), "request", in.trace)
	return render(out, req.numeric(), legacy)
}

// answer works through the order of checks in doc.go.
func (e *Endpoint) answer(ctx context.Context, in incoming, req request, usable bool, name, who *string) (out registry.Answer, legacy bool) {
	defer func() {
		if p := recover(); p != nil {
			e.Log.ErrorContext(ctx, "command failed unexpectedly", "panic", p, "request", in.trace)
			out = registry.Refused(registry.ExitParsing, "internal error")
		}
	}()
	if in.wait > 0 {
		return busy(in.wait), false
	}
	if len(in.body) > maxBody {
		return registry.Refused(registry.ExitInvalid, "request is larger than "+strconv.Itoa(maxBody)+" bytes"), false
	}
	p, ok := req.proof()
	if !usable || !ok {
		return registry.Refused(registry.ExitNoRequest, "data received is null or invalid, send a POST with access_key, secret_key and cmd (see v-list-commands)"), false
	}
	ctx, cancel := context.WithTimeout(ctx, runFor)
	defer cancel()
	if e.Off {
		return registry.Refused(registry.ExitDisabled, "API has been disabled"), !p.isKey
	}
	by, err := e.prove(ctx, p, in.address)
	if err != nil {
		return e.turnedAway(ctx, err, &p, in), !p.isKey
	}
	*who = string(by.Actor.Kind) + "/" + by.Actor.ID
	if wait, ok := e.byKey.Take(by.Actor.Tenant+"/"+*who, time.Now()); !ok {
		return busy(wait), !p.isKey
	}
	*name = req.command()
	return e.execute(ctx, registry.NewCaller(by, in.trace), *name, req.arguments(), in), !p.isKey
}

func busy(wait time.Duration) registry.Answer {
	a := registry.Refused(registry.ExitLoad, "too many requests, try again later")
	a.Retry = max(wait, time.Second)
	return a
}

func (e *Endpoint) prove(ctx context.Context, p proof, address netip.Addr) (*identity.Commander, error) {
	switch {
	case p.isKey:
		return e.People.CommandKey(ctx, p.key, p.secret, address)
	case p.isHash:
		return e.People.LegacyKey(ctx, p.legacy, address)
	}
	return e.People.LegacyPassword(ctx, p.user, p.password, address)
}

// turnedAway words the refusal of a caller as Hestia does.
func (e *Endpoint) turnedAway(ctx context.Context, err error, p *proof, in incoming) registry.Answer {
	var wait *identity.Throttled
	if errors.As(err, &wait) {
		return busy(wait.RetryAfter)
	}
	var refusal *identity.CommandError
	if !errors.As(err, &refusal) {
		e.Log.ErrorContext(ctx, "caller could not be checked", "error", err, "request", in.trace)
		code, text := registry.Verdict(err)
		return registry.Refused(code, text)
	}
	code, text := registry.Verdict(err)
	switch refusal.Refusal {
	case identity.CommandUnknown:
		text = "key " + registry.Brief(p.key) + " doesn't exist"
	case identity.CommandSecret:
		text = "Invalid secret key for key " + registry.Brief(p.key)
	case identity.CommandExpired:
		text = "key " + registry.Brief(p.key) + " has expired"
	case identity.CommandOff, identity.CommandAddress, identity.CommandCredential:
	}
	return registry.Refused(code, text)
}

// execute authorizes and runs, once under an Idempotency-Key.
func (e *Endpoint) execute(ctx context.Context, by *registry.Caller, name string, args []registry.Argument, in incoming) registry.Answer {
	cmd, no := e.registry.Authorize(by, name, args)
	if no != nil {
		return *no
	}
	if cmd.Is(registry.Slow) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), runSlowFor)
		defer cancel()
	}
	if in.idemKey == "" || !cmd.Is(registry.Writes) {
		return e.recorded(ctx, by, cmd, e.registry.Run(ctx, by, cmd, args))
	}
	if len(in.idemKey) > maxIdemKey || !registry.Printable(in.idemKey, maxIdemKey) {
		return registry.Refused(registry.ExitInvalid, "Idempotency-Key must have at most 255 registry.Printable characters")
	}
	got, old, err := e.store.begin(ctx, by.Actor, in.idemKey, e.store.digest(name, args))
	switch {
	case err != nil:
		code, text := registry.Verdict(err)
		return registry.Refused(code, text)
	case got == claimReplay:
		return old
	case got == claimMismatch:
		return registry.Refused(registry.ExitInvalid, "this Idempotency-Key was used for another request")
	case got == claimRunning:
		return busy(time.Second)
	}
	out := e.recorded(ctx, by, cmd, e.registry.Run(ctx, by, cmd, args))
	if err := e.store.finish(context.WithoutCancel(ctx), by.Actor, in.idemKey, out); err != nil {
		e.Log.ErrorContext(ctx, "answer was not kept", "error", err, "request", in.trace)
	}
	return out
}

// recorded leaves a trace of a write that did not happen.
func (e *Endpoint) recorded(ctx context.Context, by *registry.Caller, cmd *registry.Command, out registry.Answer) registry.Answer {
	if out.Code == registry.ExitOK || !cmd.Is(registry.Writes) {
		return out
	}
	if err := e.store.failed(context.WithoutCancel(ctx), by.Actor, cmd.Name, out); err != nil && !errs.Is(err, errs.Unavailable) {
		e.Log.ErrorContext(ctx, "failure was not recorded", "command", cmd.Name, "error", err, "request", by.Actor.Trace)
	}
	return out
}

// render puts an answer on the wire (hestia-api.md §1.4, §1.5).
func render(out registry.Answer, numeric, legacy bool) written {
	w := written{status: registry.StatusOf(out.Code), headers: [][2]string{
		{"Hestia-Exit-Code", strconv.Itoa(out.Code)}, {"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"},
	}}
	if out.Reason != "" {
		w.header("Panel-Error", headerText(out.Reason))
	}
	if out.Replayed {
		w.header("Panel-Replayed", "yes")
	}
	if out.Next != "" {
		w.header("Panel-Next-Cursor", out.Next)
	}
	if out.Retry > 0 {
		w.header("Retry-After", strconv.Itoa(int(math.Ceil(out.Retry.Seconds()))))
	}
	w.body = out.Text
	if out.Code != registry.ExitOK && !out.Usage && !strings.HasPrefix(out.Text, "Error: ") {
		w.body = "Error: " + out.Text
	}
	ran := !out.Refused && out.Retry == 0
	switch {
	case numeric:
		w.body = strconv.Itoa(out.Code)
		if ran { // a failed command is 200: clients throw on anything else
			w.status = http.StatusOK
		}
	case legacy && ran && out.Code != registry.ExitOK:
		w.status = http.StatusOK
	case legacy && out.Code == registry.ExitOK && w.body == "":
		w.body = "OK"
	case out.Code == registry.ExitOK && w.body == "":
		w.status = http.StatusNoContent
	}
	if out.JSON && !numeric && out.Code == registry.ExitOK {
		w.header("Content-Type", "application/json; charset=utf-8")
	} else if w.status != http.StatusNoContent {
		w.header("Content-Type", "text/plain; charset=utf-8")
	}
	return w
}

func (w *written) header(name, value string) { w.headers = append(w.headers, [2]string{name, value}) }

// headerText makes a text fit for one header line.
func headerText(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	const most = 500
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}
