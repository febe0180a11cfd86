package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"culvert/shared/logging"
)

// worker runs asynq's server over the queue pipe, and a new one when the panel changes how often it is to look.
type worker struct {
	*core
	tls   *tls.Config
	jobs  *jobs
	dials *backoff

	mu   sync.Mutex
	next time.Time // no dial before
}

const (
	workers      = 4
	poolSize     = 5
	queueDial    = 10 * time.Second
	dialFirst    = 200 * time.Millisecond
	dialLongest  = 15 * time.Second
	stopPatience = 5 * time.Second
)

func newWorker(c *core, cfg *tls.Config, handlers map[string]handler) *worker {
	return &worker{core: c, tls: cfg, jobs: newJobs(c, handlers), dials: newBackoff(dialFirst, dialLongest)}
}

func (w *worker) run(ctx context.Context) {
	var delivering sync.WaitGroup
	defer delivering.Wait()
	delivering.Go(func() { w.jobs.deliver(ctx) })
	for ctx.Err() == nil {
		every := w.interval()
		if err := w.serve(ctx, every); err != nil {
			w.log.ErrorContext(ctx, "worker does not start", logging.KeyErr, err)
			if !w.dials.wait(ctx) {
				return
			}
		}
	}
}

func (w *worker) interval() time.Duration {
	return time.Duration(w.settings.Load().PollIntervalMS) * time.Millisecond
}

// serve works until ctx ends or the interval changes. The server is stopped before its connections are closed: asynq
// does not survive the other order.
func (w *worker) serve(ctx context.Context, every time.Duration) error {
	life, end := context.WithCancel(ctx)
	defer end()
	client := w.client(life)
	defer func() { _ = client.Close() }()
	srv := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency: workers, Queues: map[string]int{"node:" + w.node: 1}, TaskCheckInterval: every,
		DelayedTaskCheckInterval: max(time.Second, 2*every), JanitorInterval: 10 * time.Minute, ShutdownTimeout: stopPatience,
		BaseContext:    func() context.Context { return life },
		RetryDelayFunc: func(n int, _ error, _ *asynq.Task) time.Duration { return time.Duration(1+n) * time.Second },
		Logger:         asynqLog{w.log}, LogLevel: asynq.WarnLevel,
	})
	if err := srv.Start(asynq.HandlerFunc(w.jobs.process)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	defer srv.Shutdown()
	for {
		select {
		case <-ctx.Done():
			end() // handlers and dials, so that shutting down waits for nobody
			return nil
		case <-w.retune:
			if w.interval() != every {
				return nil
			}
		}
	}
}

func (w *worker) client(life context.Context) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr: w.cfg.Gateway, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx, life) },
		DisableIdentity: true, PoolSize: poolSize, PipelinePoolSize: -1, DialTimeout: queueDial + dialLongest, DialerRetries: 1,
		ReadTimeout: 20 * time.Second, MaxRetries: 2, MinRetryBackoff: 100 * time.Millisecond, MaxRetryBackoff: time.Second,
		ConnMaxIdleTime:          4 * time.Minute,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	c.AddHook(deaf{})
	return c
}

// dial opens a queue connection. After a failure the next attempt waits, whoever makes it: asynq asks again at once.
func (w *worker) dial(ctx, life context.Context) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	w.mu.Lock()
	pause := time.Until(w.next)
	w.mu.Unlock()
	if pause > 0 && !waitFor(ctx, pause, nil) {
		return nil, context.Cause(ctx)
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: queueDial}, Config: w.tls}
	short, done := context.WithTimeout(ctx, queueDial)
	defer done()
	conn, err := d.DialContext(short, "tcp", w.cfg.Gateway)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.next = time.Now().Add(w.dials.pause())
		return nil, fmt.Errorf("queue cannot be reached: %w", err)
	}
	w.dials.reset()
	w.next = time.Time{}
	return conn, nil
}

// deaf swallows asynq's heartbeat, which would put the payloads of running jobs where every node could read them. Leases
// are renewed by other commands.
type deaf struct{}

func (deaf) DialHook(next redis.DialHook) redis.DialHook { return next }

func (deaf) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (deaf) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if shared(cmd) {
			return nil
		}
		if cmd.Name() == "eval" {
			// The panel preloads asynq's scripts and is about to do so again: sending them would end the connection.
			err := errScripts
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

var errScripts = errors.New("queue has no scripts yet")

// shared reports whether a command touches keys that are not this queue's own.
func shared(cmd redis.Cmder) bool {
	for _, a := range cmd.Args() {
		s, ok := a.(string)
		if ok && (strings.HasPrefix(s, "asynq:servers") || strings.HasPrefix(s, "asynq:workers")) {
			return true
		}
	}
	return false
}

// SilenceRedis keeps the Redis library from printing each failed dial to standard error: the loops here tell once. It sets
// a variable of that library, so it is for main, before anything starts.
func SilenceRedis() { redis.SetLogger(noLog{}) }

type noLog struct{}

// Printf implements the library's logger.
func (noLog) Printf(context.Context, string, ...any) {}

// asynqLog hands asynq's lines to slog; Fatal must not end the process.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) line(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, "asynq", "line", fmt.Sprint(args...)) // asynq logs without a context
}

func (l asynqLog) Debug(args ...any) { l.line(slog.LevelDebug, args) }
func (l asynqLog) Info(args ...any)  { l.line(slog.LevelDebug, args) }
func (l asynqLog) Warn(args ...any)  { l.line(slog.LevelDebug, args) }
func (l asynqLog) Error(args ...any) { l.line(slog.LevelDebug, args) }
func (l asynqLog) Fatal(args ...any) { l.line(slog.LevelError, args) }
