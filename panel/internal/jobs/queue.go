package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/logging"
)

// Handler does what a kind of event asks for, for all rows at once. It may be called again with rows it has seen, and an
// error for several rows is followed by a call for each of them alone, so that one bad row holds up no other.
type Handler func(ctx context.Context, rows []outbox.Row) error

// Each makes a Handler of work on one row.
func Each(work func(ctx context.Context, row outbox.Row) error) Handler {
	return func(ctx context.Context, rows []outbox.Row) error {
		for _, r := range rows {
			if err := work(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}
}

// Timing and size of panel work.
const (
	panelQueue   = "panel"
	checkEvery   = 15 * time.Millisecond
	workers      = 8
	batchRows    = 50
	taskLimit    = 2 * time.Minute
	bookkeeping  = 10 * time.Second
	stopPatience = 8 * time.Second
)

// QueueConfig of the panel's queue.
type QueueConfig struct {
	DB       *pg.DB
	Redis    *redis.Options
	Handlers map[string][]Handler // by kind; rows of other kinds are finished unseen
	Log      *slog.Logger
}

// Queue carries panel work over Redis. It implements outbox.Queue.
type Queue struct {
	db       *pg.DB
	handlers map[string][]Handler
	log      *slog.Logger
	redis    *redis.Client
	client   *asynq.Client
	server   *asynq.Server
	base     context.Context //nolint:containedctx // the life of all handlers; asynq asks for it task by task
	stop     context.CancelFunc
}

// NewQueue returns a queue that is not working yet.
func NewQueue(ctx context.Context, c QueueConfig) *Queue {
	q := &Queue{db: c.DB, handlers: c.Handlers, log: c.Log, redis: redis.NewClient(patient(c.Redis))}
	q.base, q.stop = context.WithCancel(context.WithoutCancel(ctx))
	q.client = asynq.NewClientFromRedisClient(q.redis)
	q.server = asynq.NewServerFromRedisClient(q.redis, asynq.Config{
		Concurrency: workers, Queues: map[string]int{panelQueue: 1}, TaskCheckInterval: checkEvery,
		JanitorInterval: time.Minute, ShutdownTimeout: stopPatience, BaseContext: func() context.Context { return q.base },
		Logger: asynqLog{c.Log}, LogLevel: asynq.WarnLevel,
	})
	return q
}

// patient slows the attempts on a Redis that is away: asynq asks again at once after a failure.
func patient(opt *redis.Options) *redis.Options {
	own := *opt
	own.MaxRetries, own.MinRetryBackoff, own.MaxRetryBackoff = 3, 50*time.Millisecond, 500*time.Millisecond
	own.DialTimeout, own.DialerRetries = 2*time.Second, 1
	own.ContextTimeoutEnabled = true
	return &own
}

// SilenceRedis keeps the Redis library from printing each failed dial to standard error: the services here tell once. It
// sets a variable of that library, so it is for main, before anything starts.
func SilenceRedis() { redis.SetLogger(noLog{}) }

type noLog struct{}

// Printf implements the library's logger.
func (noLog) Printf(context.Context, string, ...any) {}

// Start begins to work tasks off.
func (q *Queue) Start(context.Context) error {
	if err := q.server.Start(asynq.HandlerFunc(q.process)); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	return nil
}

// Close lets running handlers finish for a while, then ends their context.
func (q *Queue) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		q.server.Shutdown()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		q.stop()
		<-done
	}
	q.stop()
	if err := q.redis.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("stop queue: %w", err)
	}
	return nil
}

// Enqueue implements outbox.Queue. A batch that is in the queue already is a success.
func (q *Queue) Enqueue(ctx context.Context, rows []outbox.Row) error {
	byKind := map[string][]outbox.Row{}
	var order []string
	for _, r := range rows {
		if byKind[r.Kind] == nil {
			order = append(order, r.Kind)
		}
		byKind[r.Kind] = append(byKind[r.Kind], r)
	}
	for _, kind := range order {
		for left := byKind[kind]; len(left) > 0; {
			n := min(len(left), batchRows)
			if err := q.put(ctx, kind, left[:n]); err != nil {
				return err
			}
			left = left[n:]
		}
	}
	return nil
}

func (q *Queue) put(ctx context.Context, kind string, rows []outbox.Row) error {
	payload, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", kind, err)
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), asynq.Queue(panelQueue), asynq.TaskID(batchID(rows)),
		asynq.MaxRetry(0), asynq.Timeout(taskLimit))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue %s: %w", kind, err)
	}
	return nil
}

// batchID is the outbox id and attempt; for several rows it covers all of them.
func batchID(rows []outbox.Row) string {
	first := fmt.Sprintf("%s.%d", rows[0].ID, rows[0].Attempt)
	if len(rows) == 1 {
		return first
	}
	h := sha256.New()
	for _, r := range rows {
		_, _ = fmt.Fprintf(h, "%s.%d\n", r.ID, r.Attempt) // a hash takes everything
	}
	return first + "+" + hex.EncodeToString(h.Sum(nil)[:8])
}

// process works one batch off. The outcome of each row is written to the outbox, so the task itself always ends well; if
// even that cannot be written, the rows are sent again after outbox.Forgotten.
func (q *Queue) process(ctx context.Context, t *asynq.Task) error {
	var rows []outbox.Row
	if err := json.Unmarshal(t.Payload(), &rows); err != nil {
		return fmt.Errorf("task %s: %w: %w", t.Type(), err, asynq.SkipRetry)
	}
	var done []string
	err := q.handle(ctx, t.Type(), rows)
	switch {
	case err == nil:
		for _, r := range rows {
			done = append(done, r.ID)
		}
	case len(rows) == 1:
		q.again(ctx, rows[0], err)
	default:
		for _, r := range rows {
			if err := q.handle(ctx, t.Type(), []outbox.Row{r}); err != nil {
				q.again(ctx, r, err)
				continue
			}
			done = append(done, r.ID)
		}
	}
	if len(done) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if err := q.db.InSystem(ctx, func(tx *pg.Tx) error { return outbox.Done(ctx, tx, done) }); err != nil {
		q.log.ErrorContext(ctx, "finished events could not be marked, they will be handled again", "kind", t.Type(), "rows", len(done), logging.KeyErr, err)
	}
	return nil
}

func (q *Queue) handle(ctx context.Context, kind string, rows []outbox.Row) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.ErrorContext(ctx, "handler panicked", "kind", kind, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("handler of %s panicked: %v", kind, p)
		}
	}()
	for _, h := range q.handlers[kind] {
		if err := h(ctx, rows); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) again(ctx context.Context, r outbox.Row, cause error) {
	q.log.WarnContext(ctx, "event is retried", "kind", r.Kind, "id", r.ID, "attempt", r.Attempt, logging.KeyTrace, r.Trace, logging.KeyErr, cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
	defer cancel()
	if err := outbox.Retry(ctx, q.db, []string{r.ID}, cause); err != nil {
		q.log.ErrorContext(ctx, "failed event could not be marked, it will be sent again", "kind", r.Kind, "id", r.ID, logging.KeyErr, err)
	}
}

// asynqLog hands asynq's lines to slog. Fatal must not end the process: a service that fails says so by its errors.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) line(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, "asynq", "line", fmt.Sprint(args...)) // asynq logs without a context
}

func (l asynqLog) Debug(args ...any) { l.line(slog.LevelDebug, args) }
func (l asynqLog) Info(args ...any)  { l.line(slog.LevelDebug, args) }
func (l asynqLog) Warn(args ...any)  { l.line(slog.LevelWarn, args) }
func (l asynqLog) Error(args ...any) { l.line(slog.LevelWarn, args) }
func (l asynqLog) Fatal(args ...any) { l.line(slog.LevelError, args) }
