package redispipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/jobs"
)

// asynq's server does all it can do through the pipe: work, retry, archive, requeue, schedule, expire. It never needs
// EVAL, and Redis logs no denial.
func TestAsynqLivesBehindThePipe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	rdb := w.client(w.a)
	var evals []string
	rdb.AddHook(deaf{&evals})
	for _, kind := range []string{"good", "flaky", "bad", "slow"} {
		w.enqueue(w.a, kind, asynq.MaxRetry(1), asynq.TaskID(kind))
	}
	w.enqueue(w.a, "later", asynq.TaskID("later"), asynq.ProcessIn(time.Second))
	w.enqueue(w.b, "victim", asynq.TaskID("victim"))
	var mu sync.Mutex
	count := map[string]int{}
	began := make(chan struct{})
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 4, Queues: map[string]int{jobs.NodeQueue(w.a): 1}, TaskCheckInterval: 20 * time.Millisecond,
		DelayedTaskCheckInterval: 200 * time.Millisecond, JanitorInterval: 500 * time.Millisecond, ShutdownTimeout: 100 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 100 * time.Millisecond }, LogLevel: asynq.FatalLevel,
	})
	err := srv.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		mu.Lock()
		count[task.Type()]++
		n := count[task.Type()]
		mu.Unlock()
		switch task.Type() {
		case "flaky":
			if n == 1 {
				return errors.New("once")
			}
		case "bad":
			return fmt.Errorf("never: %w", asynq.SkipRetry)
		case "slow":
			close(began)
			<-ctx.Done() // outlives a heartbeat, which renews its lease
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	<-began
	ins := asynq.NewInspectorFromRedisClient(w.admin)
	info := func() *asynq.QueueInfo {
		i, err := ins.GetQueueInfo(jobs.NodeQueue(w.a))
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	lease := func() float64 {
		s, err := w.admin.ZScore(t.Context(), jobs.KeyPrefix(jobs.NodeQueue(w.a))+"lease", "slow").Result()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := lease()
	eventually(t, "lease is renewed", func() bool { return lease() > before })
	eventually(t, "all but the slow one are over", func() bool {
		i := info()
		return i.Archived == 1 && i.Active == 1 && i.Pending == 0 && i.Scheduled == 0 && i.Retry == 0 && i.Completed == 0
	})
	srv.Shutdown()
	if i := info(); i.Pending != 1 || i.Active != 0 {
		t.Errorf("the slow task was not pushed back: %+v", i)
	}
	if len(evals) > 0 {
		t.Errorf("asynq wanted to send scripts: %q", evals)
	}
	if denied, err := w.admin.Do(t.Context(), "ACL", "LOG").Slice(); err != nil || len(denied) != 0 {
		t.Errorf("denied: %v, %v", denied, err)
	}
	if v, err := ins.GetTaskInfo(jobs.NodeQueue(w.b), "victim"); err != nil || v.State != asynq.TaskStatePending {
		t.Errorf("the other node's task is %+v, %v", v, err)
	}
}

// Everything libraries.md §6.3 names, and what would change who speaks. The pipe ends the connection each time.
func TestAttacksEndTheConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	w.enqueue(w.b, "victim", asynq.TaskID("victim"))
	own, theirs := jobs.KeyPrefix(jobs.NodeQueue(w.a)), jobs.KeyPrefix(jobs.NodeQueue(w.b))
	script := map[string]jobs.Script{}
	for _, s := range jobs.Scripts() {
		script[s.Name] = s
	}
	eval := func(name, prefix, argPrefix string, values ...string) []string {
		s := script[name]
		args := []string{"EVALSHA", s.Hash, fmt.Sprint(len(s.Keys))}
		for _, k := range s.Keys {
			k, _, _ = strings.Cut(k, "|")
			args = append(args, prefix+strings.NewReplacer("*", "x", "@", time.Now().UTC().Format(time.DateOnly)).Replace(k))
		}
		for i, v := range values {
			if i < len(s.Args) && s.Args[i] != "" {
				v = argPrefix + s.Args[i]
			}
			args = append(args, v)
		}
		return args
	}
	attacks := map[string][]string{
		"reset":                     {"RESET"},
		"quit":                      {"QUIT"},
		"auth":                      {"AUTH", "panel", "guess"},
		"auth as default":           {"AUTH", "x"},
		"hello with auth":           {"HELLO", "3", "AUTH", "panel", "guess"},
		"hello with name":           {"HELLO", "3", "SETNAME", "panel"},
		"hello of the future":       {"HELLO", "4"},
		"select":                    {"SELECT", "1"},
		"multi":                     {"MULTI"},
		"read another queue":        {"LRANGE", theirs + "pending", "0", "-1"},
		"read another task":         {"HGET", theirs + "t:victim", "msg"},
		"read a task of its own":    {"HGET", own + "t:x", "msg"},
		"write a key of its own":    {"SET", own + "fill", strings.Repeat("x", 1000)},
		"pop another queue":         {"RPOPLPUSH", theirs + "pending", own + "pending"},
		"keys":                      {"KEYS", "*"},
		"scan":                      {"SCAN", "0"},
		"list of queues":            {"SMEMBERS", "asynq:queues"},
		"forge a server":            {"ZADD", "asynq:servers", "1", "x"},
		"new lease":                 {"ZADD", own + "lease", "1", "x"},
		"lease of another":          {"ZADD", theirs + "lease", "XX", "1", "x"},
		"lease with a bad score":    {"ZADD", own + "lease", "XX", "inf", "x"},
		"eval":                      {"EVAL", "return 1", "0"},
		"eval for ever":             {"EVAL", "while true do end", "0"},
		"script load":               {"SCRIPT", "LOAD", "return 1"},
		"script flush":              {"SCRIPT", "FLUSH"},
		"function":                  {"FCALL", "f", "0"},
		"publish a cancellation":    {"PUBLISH", "asynq:cancel", "victim"},
		"config":                    {"CONFIG", "GET", "*"},
		"flushall":                  {"FLUSHALL"},
		"acl":                       {"ACL", "LIST"},
		"acl whoami":                {"ACL", "WHOAMI"},
		"client list":               {"CLIENT", "LIST"},
		"client kill":               {"CLIENT", "KILL", "TYPE", "normal"},
		"client tracking":           {"CLIENT", "TRACKING", "ON"},
		"info":                      {"INFO"},
		"monitor":                   {"MONITOR"},
		"debug":                     {"DEBUG", "SLEEP", "10"},
		"another channel":           {"SUBSCRIBE", "news"},
		"pattern":                   {"PSUBSCRIBE", "*"},
		"shard channel":             {"SSUBSCRIBE", "asynq:cancel"},
		"cancel and another":        {"SUBSCRIBE", "asynq:cancel", "news"},
		"unknown script":            {"EVALSHA", strings.Repeat("0", 40), "0"},
		"dequeue of another":        eval("dequeueCmd", theirs, theirs, "1", ""),
		"dequeue, keys of both":     eval("dequeueCmd", own, theirs, "1", ""),
		"dequeue, key smuggled":     eval("dequeueCmd", own, "asynq:{x}:", "1", ""),
		"janitor of another":        eval("deleteExpiredCompletedTasksCmd", own, theirs, "9", "", "100"),
		"recoverer of another":      eval("listLeaseExpiredCmd", theirs, theirs, "9", ""),
		"forward into another":      {"EVALSHA", script["forwardCmd"].Hash, "2", own + "retry", theirs + "pending", "9", own + "t:", "9", own + "g:"},
		"script with other keys":    {"EVALSHA", script["requeueCmd"].Hash, "4", own + "lease", own + "active", own + "pending", own + "t:x", "x"},
		"script with too few keys":  {"EVALSHA", script["requeueCmd"].Hash, "0", "x"},
		"script, count of keys off": {"EVALSHA", script["requeueCmd"].Hash, "04", own + "active", own + "lease", own + "pending", own + "t:x", "x"},
		"counter of 1970":           {"EVALSHA", script["doneCmd"].Hash, "5", own + "active", own + "lease", own + "t:x", own + "processed:1970-01-01", own + "processed", "x", "1", "9"},
		"too few arguments":         {"EVALSHA", script["dequeueCmd"].Hash, "4", own + "pending", own + "paused", own + "active", own + "lease", "1"},
	}
	for name, args := range attacks {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // one node's connections are bounded
			c, ended := w.connect(w.a)
			if line, err := command(c, "PING"); err != nil || line != "+PONG" {
				t.Fatalf("the pipe does not work at all: %q, %v", line, err)
			}
			line, err := command(c, args...)
			if err == nil && !strings.HasPrefix(line, "-ERR culvert: ") {
				t.Errorf("answered %q", line)
			}
			if !closed(c) {
				t.Error("the connection lives on")
			}
			var r *refusal
			if err := <-ended; !errors.As(err, &r) {
				t.Errorf("ended with %v", err)
			}
		})
	}
	w.victimUntouched()
}

func (w *world) victimUntouched() {
	w.t.Helper()
	ins := asynq.NewInspectorFromRedisClient(w.admin)
	v, err := ins.GetTaskInfo(jobs.NodeQueue(w.b), "victim")
	if err != nil || v.State != asynq.TaskStatePending {
		w.t.Errorf("the victim's task is %+v, %v", v, err)
	}
	keys, err := w.admin.Keys(context.Background(), "*").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(keys)
	theirs := jobs.KeyPrefix(jobs.NodeQueue(w.b))
	if want := []string{"asynq:queues", theirs + "pending", theirs + "t:victim"}; !slices.Equal(keys, want) {
		w.t.Errorf("Redis holds %q, want %q", keys, want)
	}
}

// Requests hidden in requests: what counts is what the lengths say, and Redis never sees the original bytes.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	w.enqueue(w.b, "victim", asynq.TaskID("victim"))
	theirs := jobs.KeyPrefix(jobs.NodeQueue(w.b))
	pop := fmt.Sprintf("*2\r\n$4\r\nRPOP\r\n$%d\r\n%spending\r\n", len(theirs)+7, theirs)
	for name, raw := range map[string]string{
		"after a good one":         "*1\r\n$4\r\nPING\r\n" + pop,
		"reset, then more":         "*1\r\n$5\r\nRESET\r\n" + pop,
		"inline":                   "RPOP " + theirs + "pending\r\n",
		"inline behind a good one": "*1\r\n$4\r\nPING\r\nRPOP " + theirs + "pending\r\n",
		"length too short":         "*2\r\n$4\r\nPING\r\n$1\r\nx" + pop,
		"length with a sign":       "*2\r\n$4\r\nPING\r\n$+1\r\nx\r\n" + pop,
		"null argument":            "*2\r\n$4\r\nPING\r\n$-1\r\n" + pop,
		"LF only":                  "*1\n$4\nPING\n" + pop,
		"empty array first":        "*0\r\n" + pop,
		"HTTP":                     "POST / HTTP/1.1\r\nHost: x\r\n\r\n" + pop,
		"TLS":                      "\x16\x03\x01\x02\x00" + pop,
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // one node's connections are bounded
			c, _ := w.connect(w.a)
			_, _ = say(c, raw)
			if !closed(c) {
				t.Error("the connection lives on")
			}
		})
	}
	c, _ := w.connect(w.a)
	if line, err := command(c, "PING", "\r\n"+pop); err != nil || !strings.HasPrefix(line, "$") {
		t.Errorf("a line end inside an argument is data: %q, %v", line, err)
	}
	w.victimUntouched()
}

// The second wall: the node's own user, on Redis itself, without the pipe.
func TestACLHoldsWithoutThePipe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	w.enqueue(w.b, "victim", asynq.TaskID("victim"))
	opt := w.server.Options()
	opt.Username, opt.Password = userName(w.a), w.acl.password(w.a)
	node := redis.NewClient(opt)
	t.Cleanup(func() { _ = node.Close() })
	own, theirs := jobs.KeyPrefix(jobs.NodeQueue(w.a)), jobs.KeyPrefix(jobs.NodeQueue(w.b))
	dequeue := jobs.Scripts()[0].Hash
	for name, args := range map[string][]any{
		"read":         {"HGET", theirs + "t:victim", "msg"},
		"push":         {"LPUSH", theirs + "pending", "x"},
		"keys":         {"KEYS", "*"},
		"queues":       {"SMEMBERS", "asynq:queues"},
		"servers":      {"ZADD", "asynq:servers", 1, "x"},
		"eval":         {"EVAL", "return 1", 0},
		"script load":  {"SCRIPT", "LOAD", "return 1"},
		"publish":      {"PUBLISH", "asynq:cancel", "x"},
		"config":       {"CONFIG", "GET", "*"},
		"flushall":     {"FLUSHALL"},
		"acl":          {"ACL", "LIST"},
		"client":       {"CLIENT", "LIST"},
		"info":         {"INFO"},
		"subscribe":    {"SUBSCRIBE", "news"},
		"lua, by keys": {"EVALSHA", dequeue, 4, theirs + "pending", theirs + "paused", theirs + "active", theirs + "lease", 1, theirs + "t:"},
		"lua, by args": {"EVALSHA", dequeue, 4, own + "pending", own + "paused", own + "active", theirs + "lease", 1, theirs + "t:"},
	} {
		err := node.Do(t.Context(), args...).Err()
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "permission") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := node.Do(t.Context(), "RESET").Err(); err != nil {
		t.Errorf("RESET passes ACLs by design: %v", err)
	}
	anyone := w.server.Options()
	anyone.Username, anyone.Password = "", ""
	c := redis.NewClient(anyone)
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("Redis lets anyone in")
	}
	w.victimUntouched()
}

// A node that floods and does not read is slowed down alone.
func TestFloodsStarveNobodyElse(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	l.Commands = 2000
	w := newWorld(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range l.Connections {
		c, _ := w.connect(w.a)
		if line, err := command(c, "PING"); err != nil || line != "+PONG" {
			t.Fatalf("%q, %v", line, err)
		}
		_ = c.SetDeadline(time.Time{})
		flood.Go(func() {
			context.AfterFunc(ctx, func() { _ = c.Close() })
			ping := appendRequest(nil, []byte("PING"), []byte(strings.Repeat("x", 1000)))
			for {
				if _, err := c.Write(ping); err != nil {
					return
				}
				if i%2 == 0 { // half of them never read
					if _, err := c.Read(make([]byte, 4096)); err != nil {
						return
					}
				}
			}
		})
	}
	over, _ := w.connect(w.a)
	if line, _ := command(over, "PING"); !strings.HasPrefix(line, "-ERR culvert: more than") {
		t.Errorf("connection %d is answered %q", l.Connections+1, line)
	}
	other, _ := w.connect(w.b)
	var took []time.Duration
	for range 100 {
		at := time.Now()
		if line, err := command(other, "PING"); err != nil || line != "+PONG" {
			t.Fatalf("%q, %v", line, err)
		}
		took = append(took, time.Since(at))
	}
	cancel()
	flood.Wait()
	slices.Sort(took)
	t.Logf("beside a flood: median %s, worst %s", took[50], took[99])
	if took[50] > 50*time.Millisecond || took[99] > 2*time.Second {
		t.Errorf("another node waits: median %s, worst %s", took[50], took[99])
	}
}

func TestRateHoldsOverConnections(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	l.Commands = 100
	w := newWorld(t, l)
	at := time.Now()
	var all sync.WaitGroup
	for range 4 {
		c, _ := w.connect(w.a)
		all.Go(func() {
			for range 75 {
				if _, err := command(c, "PING"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if took := time.Since(at); took < 900*time.Millisecond {
		t.Errorf("300 commands at 100 a second, 200 at once, took %s", took)
	}
}

func TestHelloAndNameCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	for _, version := range []string{"2", "3"} {
		c, _ := w.connect(w.a)
		line, err := command(c, "HELLO", version)
		if err != nil || strings.HasPrefix(line, "-") {
			t.Errorf("HELLO %s: %q, %v", version, line, err)
		}
		_ = c.Close()
	}
	c, _ := w.connect(w.a)
	if line, err := command(c, "CLIENT", "SETINFO", "LIB-NAME", "go-redis"); err != nil || line != "$2" {
		t.Errorf("SETINFO: %q, %v", line, err)
	}
}
