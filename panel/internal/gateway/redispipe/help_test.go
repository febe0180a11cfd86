package redispipe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"culvert/panel/internal/jobs"
	"culvert/panel/internal/local/localtest"
	"culvert/shared/id"
	"culvert/shared/logging"
)

// fleet is a list of nodes.
type fleet struct {
	mu  sync.Mutex
	ids []string
}

func (f *fleet) ActiveNodes(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ids), nil
}

func (f *fleet) set(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = ids
}

type world struct {
	t      *testing.T
	server *localtest.RedisServer
	admin  *redis.Client
	fleet  *fleet
	acl    *ACL
	pipe   *Pipe
	a, b   string
}

func quiet() *slog.Logger {
	out := io.Discard
	if os.Getenv("CULVERT_TEST_LOG") != "" {
		out = os.Stderr
	}
	return logging.New(out, slog.LevelDebug)
}

func newWorld(t *testing.T, l Limits) *world {
	t.Helper()
	w := &world{t: t, server: localtest.OwnRedis(t), fleet: &fleet{}, a: id.New(id.Node), b: id.New(id.Node)}
	w.fleet.set(w.a, w.b)
	w.admin = redis.NewClient(w.server.Options())
	w.acl = NewACL(w.server.Options(), []byte("secret of the installation"), w.fleet, quiet())
	w.pipe = New(w.server.Options(), w.acl, l, quiet())
	if err := w.acl.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.acl.Close(context.Background())
		_ = w.admin.Close()
	})
	return w
}

// connect opens a pipe for node over TCP and returns the node's end. ended gets what Serve returns.
func (w *world) connect(node string) (net.Conn, <-chan error) {
	w.t.Helper()
	c, ended, err := w.dial(node)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c, ended
}

func (w *world) dial(node string) (net.Conn, <-chan error, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	server, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- w.pipe.Serve(context.Background(), node, server) }()
	return client, ended, nil
}

// client is what an agent uses: go-redis over the pipe, without its name card.
func (w *world) client(node string) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			c, _, err := w.dial(node)
			return c, err
		},
		DisableIdentity: true, PoolSize: 5,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// deaf swallows asynq's heartbeat, as the agent does.
type deaf struct{ evals *[]string }

func (deaf) DialHook(next redis.DialHook) redis.DialHook { return next }
func (deaf) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (d deaf) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		for _, a := range cmd.Args() {
			if s, ok := a.(string); ok && (strings.HasPrefix(s, "asynq:servers") || strings.HasPrefix(s, "asynq:workers")) {
				return nil
			}
		}
		if cmd.Name() == "eval" {
			*d.evals = append(*d.evals, cmd.String())
		}
		return next(ctx, cmd)
	}
}

func (w *world) enqueue(node, kind string, opts ...asynq.Option) {
	w.t.Helper()
	c := asynq.NewClientFromRedisClient(w.admin)
	if _, err := c.Enqueue(asynq.NewTask(kind, []byte("{}")), append(opts, asynq.Queue(jobs.NodeQueue(node)))...); err != nil {
		w.t.Fatal(err)
	}
}

// command sends one request and returns the first line of the answer.
func command(c net.Conn, args ...string) (string, error) {
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	return say(c, string(appendRequest(nil, raw...)))
}

func say(c net.Conn, raw string) (string, error) {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// closed reports whether the other end is gone.
func closed(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err := io.Copy(io.Discard, c)
	return err == nil || !errors.Is(err, os.ErrDeadlineExceeded)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%s: not in time", what)
		}
	}
}
