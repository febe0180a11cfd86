package jobs_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/local/localtest"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/logging"
)

type event struct {
	kind string
	N    int `json:"n"`
}

func (e event) Kind() string { return e.kind }

type world struct {
	db    *pg.DB
	redis *localtest.RedisServer
	vault *vault.Vault
	root  string
	op    actor.Actor
	log   *slog.Logger
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{db: pgtest.New(t), redis: localtest.OwnRedis(t), log: testLog()}
	var err error
	if w.root, err = (&tenant.Service{DB: w.db}).Root(ctx); err != nil {
		t.Fatal(err)
	}
	if w.vault, err = vault.Open(ctx, w.db, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	w.op = actor.Actor{Tenant: w.root, Home: w.root, Kind: actor.Login, Name: "admin", Permissions: actor.Full(), Operator: true}
	return w
}

func testLog() *slog.Logger {
	out := io.Discard
	if os.Getenv("CULVERT_TEST_LOG") != "" {
		out = os.Stderr
	}
	return logging.New(out, slog.LevelDebug)
}

// seen collects rows that a handler was given.
type seen struct {
	mu    sync.Mutex
	rows  map[string]int
	calls int
	fail  func(r outbox.Row) error
}

func newSeen() *seen { return &seen{rows: map[string]int{}} }

func (s *seen) handle(_ context.Context, rows []outbox.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	for _, r := range rows {
		if s.fail != nil {
			if err := s.fail(r); err != nil {
				return err
			}
		}
	}
	for _, r := range rows {
		s.rows[r.ID]++
	}
	return nil
}

func (s *seen) count() (rows, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows), s.calls
}

// working starts a queue with its dispatcher.
func (w *world) working(t testing.TB, handlers map[string][]jobs.Handler) *jobs.Queue {
	t.Helper()
	q := jobs.NewQueue(context.Background(), jobs.QueueConfig{DB: w.db, Redis: w.redis.Options(), Handlers: handlers, Log: w.log})
	d := jobs.NewDispatcher(w.db, q, w.log)
	for _, s := range []interface {
		Start(context.Context) error
		Close(context.Context) error
	}{q, d} {
		if err := s.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return q
}

func (w *world) emit(t testing.TB, kind string, n int) {
	t.Helper()
	ctx := context.Background()
	err := w.db.InSystem(ctx, func(tx *pg.Tx) error {
		for i := range n {
			if err := outbox.Emit(ctx, tx, w.root, "", event{kind, i}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) open(t testing.TB) int {
	t.Helper()
	var n int
	err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.One(context.Background(), "SELECT count(*) FROM outbox WHERE done_at IS NULL", nil, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

func (w *world) node(t testing.TB, status string) string {
	t.Helper()
	nid := id.New(id.Node)
	err := w.db.InSystem(context.Background(), func(tx *pg.Tx) error {
		_, err := tx.Exec(context.Background(), "INSERT INTO node (tenant_id, id, name, status, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)",
			w.root, nid, nid[4:20], status, tx.Now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return nid
}

func decode[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func asynqRedis(t *testing.T, w *world) *redis.Client {
	t.Helper()
	c := redis.NewClient(w.redis.Options())
	t.Cleanup(func() { _ = c.Close() })
	return c
}
