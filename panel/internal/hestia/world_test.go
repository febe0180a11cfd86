package hestia_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/device"
	"culvert/panel/internal/hestia"
	"culvert/panel/internal/hestia/command"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/usage"
	"culvert/panel/internal/vault"
	"culvert/shared/secret"
)

// anyGroup lets every node group pass: groups are package fleet's matter.
type anyGroup struct{}

func (anyGroup) CheckGroups(context.Context, *pg.Tx, string, string, []string) error { return nil }

const ownerPassword = "correct horse battery"

type world struct {
	db       *pg.DB
	dsn      string
	services command.Services
	config   hestia.Config
	operator actor.Actor
	app      *fiber.App
	log      *syncBuffer
	kicks    []string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// forms of a request.
const (
	asForm      = "form"
	asJSON      = "json"
	asMultipart = "multipart"
)

// addressHeader carries the caller's address in tests.
const addressHeader = "X-Test-Address"

func newWorld(t testing.TB, tune ...func(*hestia.Config)) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{log: &syncBuffer{}}
	w.db, w.dsn = pgtest.Open(t)
	master, err := vault.LoadMaster(filepath.Join(t.TempDir(), "master.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, w.db, master)
	if err != nil {
		t.Fatal(err)
	}
	w.services = command.Services{DB: w.db, Plans: &billing.Service{DB: w.db, Groups: anyGroup{}}, Tenants: &tenant.Service{DB: w.db}, Version: "1.0.0"}
	if w.services.Subscribers, err = subscriber.New(ctx, w.db, v, anyGroup{}); err != nil {
		t.Fatal(err)
	}
	if w.services.People, err = identity.New(ctx, identity.Config{DB: w.db, Vault: v}); err != nil {
		t.Fatal(err)
	}
	root, err := w.services.Tenants.Root(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.operator = actor.Actor{Tenant: root, Home: root, Kind: actor.Local, Name: "test", Permissions: actor.Full(), Operator: true}
	if _, err := w.services.People.AddLogin(ctx, w.operator, identity.NewLogin{Name: "admin", Password: ownerPassword, Role: "owner"}); err != nil {
		t.Fatal(err)
	}
	w.services.Devices = &device.Service{DB: w.db, Vault: v}
	w.services.Profiles = &profile.Service{DB: w.db, Vault: v, Subs: w.services.Subscribers, Devices: w.services.Devices, Public: "https://panel.example:8083"}
	w.services.Usage = &usage.Service{DB: w.db}
	w.config = hestia.Config{
		Devices: w.services.Devices, Profiles: w.services.Profiles, Usage: w.services.Usage,
		Kick: func(_ context.Context, _ actor.Actor, s *subscriber.Subscriber, session string) error {
			w.kicks = append(w.kicks, s.Name+"/"+session)
			return nil
		},
		DB: w.db, Subscribers: w.services.Subscribers, Plans: w.services.Plans, Tenants: w.services.Tenants, People: w.services.People,
		Version: w.services.Version, Vault: v, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		ClientAddr: func(c *fiber.Ctx) netip.Addr {
			a, err := netip.ParseAddr(c.Get(addressHeader))
			if err != nil {
				return netip.MustParseAddr("127.0.0.1")
			}
			return a
		},
	}
	for _, f := range tune {
		f(&w.config)
	}
	e, err := hestia.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.app = fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 16 << 10, StreamRequestBody: true, DisablePreParseMultipartForm: true})
	e.Mount(w.app)
	return w
}

// reseller makes a tenant whose owner is admin, with users alice and bob.
func (w *world) reseller(t testing.TB, realm string) actor.Actor {
	t.Helper()
	ctx := context.Background()
	own, err := w.services.People.PrepareOwner(ctx, w.operator, identity.NewLogin{Name: "admin", Email: "boss@example.com", Password: ownerPassword})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.services.Tenants.Create(ctx, w.operator, tenant.New{Name: realm, Realm: realm}, own)
	if err != nil {
		t.Fatal(err)
	}
	a := w.operator
	a.Tenant, a.Home, a.Operator, a.Name = r.ID, r.ID, false, "test"
	for _, n := range []string{"alice", "bob"} {
		if _, err := w.services.Subscribers.Create(ctx, a, subscriber.Create{Name: n, Password: secret.New(n + "s password"), Email: n + "@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (w *world) set(t testing.TB, a actor.Actor, edit func(*identity.APISetting)) {
	t.Helper()
	_, err := w.services.People.ChangeAPISetting(context.Background(), a, func(x *identity.APISetting) error {
		edit(x)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// credential is how a test request authenticates.
type credential map[string]string

func (c credential) id() string { return c["access_key"] }

func (w *world) key(t testing.TB, a actor.Actor, n identity.NewKey) credential {
	t.Helper()
	if n.Owner == "" {
		n.Owner = "admin"
	}
	k, s, err := w.services.People.AddKey(context.Background(), a, n)
	if err != nil {
		t.Fatal(err)
	}
	return credential{"access_key": k.ID, "secret_key": s.Reveal()}
}

// reply is an answer off the wire.
type reply struct {
	status int
	exit   string
	body   string
	header http.Header
}

// send posts fields in a form of request.
func (w *world) send(t testing.TB, how string, fields map[string]string, headers ...string) reply {
	t.Helper()
	var body string
	contentType := "application/x-www-form-urlencoded"
	switch how {
	case asJSON:
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		body, contentType = string(b), "text/plain"
	case asMultipart:
		contentType = "multipart/form-data; boundary=xyz"
		for k, v := range fields {
			body += "--xyz\r\nContent-Disposition: form-data; name=\"" + k + "\"\r\n\r\n" + v + "\r\n"
		}
		body += "--xyz--\r\n"
	default:
		q := url.Values{}
		for k, v := range fields {
			q.Set(k, v)
		}
		body = q.Encode()
	}
	return w.raw(t, http.MethodPost, "/api/", contentType, body, headers...)
}

func (w *world) raw(t testing.TB, method, path, contentType, body string, headers ...string) reply {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.app.Test(req, 60_000)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{status: res.StatusCode, exit: res.Header.Get("Hestia-Exit-Code"), body: string(b), header: res.Header}
}

// fields builds a request: credential, command, arguments.
func fields(c credential, cmd string, args ...string) map[string]string {
	out := map[string]string{}
	for k, v := range c {
		out[k] = v
	}
	if cmd != "" {
		out["cmd"] = cmd
	}
	for i, a := range args {
		out["arg"+strconv.Itoa(i+1)] = a
	}
	return out
}

// do runs a command by form and wants an exit code.
func (w *world) do(t testing.TB, c credential, want int, cmd string, args ...string) reply {
	t.Helper()
	r := w.send(t, asForm, fields(c, cmd, args...))
	if r.exit != strconv.Itoa(want) {
		t.Fatalf("%s %q: exit %s (%d) %q, want %d", cmd, args, r.exit, r.status, r.body, want)
	}
	return r
}
