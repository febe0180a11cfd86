package redispipe

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"culvert/panel/internal/jobs"
)

func (w *world) user(node string) string {
	list, err := w.admin.Do(context.Background(), "ACL", "LIST").StringSlice()
	if err != nil {
		return "error: " + err.Error()
	}
	for _, l := range list {
		if strings.HasPrefix(l, "user "+userName(node)+" ") {
			words := strings.Fields(l) // Redis lists commands in an order of the day
			slices.Sort(words)
			return strings.Join(words, " ")
		}
	}
	return ""
}

func (w *world) scripts() int {
	n := 0
	for _, s := range jobs.Scripts() {
		if have, err := w.admin.ScriptExists(context.Background(), s.Hash).Result(); err == nil && have[0] {
			n++
		}
	}
	return n
}

// Users and scripts come back after everything that can take them away.
func TestReconcile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	if err := w.acl.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, all := w.user(w.a), len(jobs.Scripts())
	if good == "" || w.scripts() != all {
		t.Fatalf("at first: %q, %d scripts", good, w.scripts())
	}
	for name, harm := range map[string]func() error{
		"user deleted": func() error { return w.admin.Do(t.Context(), "ACL", "DELUSER", userName(w.a)).Err() },
		"user widened": func() error { return w.admin.Do(t.Context(), "ACL", "SETUSER", userName(w.a), "+@all", "~*").Err() },
		"flushed":      func() error { return w.admin.Do(t.Context(), "SCRIPT", "FLUSH").Err() },
		"default on": func() error {
			return w.admin.Do(t.Context(), "ACL", "SETUSER", "default", "on", "nopass", "+@all", "~*").Err()
		},
		"restarted": func() error { w.server.Restart(); return nil },
		"stranger made": func() error {
			return w.admin.Do(t.Context(), "ACL", "SETUSER", "node:nod_stranger", "on", "nopass").Err()
		},
	} {
		if err := harm(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.acl.mu.Lock()
		w.acl.read = time.Time{} // as 30 s later
		w.acl.mu.Unlock()
		eventually(t, name, func() bool {
			def, err := w.admin.Do(t.Context(), "ACL", "LIST").StringSlice()
			return err == nil && w.user(w.a) == good && w.scripts() == all && strings.Contains(strings.Join(def, "\n"), "user default off") &&
				w.user("nod_stranger") == ""
		})
	}
}

// A node that is taken off the list loses its user, and its connections with it.
func TestUsersOfFormerNodesGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	c, _ := w.connect(w.a)
	if line, err := command(c, "PING"); err != nil || line != "+PONG" {
		t.Fatalf("%q, %v", line, err)
	}
	w.fleet.set(w.b)
	if err := w.acl.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !closed(c) {
		t.Error("the connection lives on")
	}
	if w.user(w.a) != "" || w.user(w.b) == "" {
		t.Errorf("users are %q and %q", w.user(w.a), w.user(w.b))
	}
}

// A node that enrolled a moment ago, or a Redis that restarted a moment ago, is served before the next round.
func TestPipeMakesTheUserItNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	w.server.Restart()
	c, _ := w.connect(w.a)
	if line, err := command(c, "PING"); err != nil || line != "+PONG" {
		t.Errorf("%q, %v", line, err)
	}
	if w.scripts() != len(jobs.Scripts()) {
		t.Errorf("%d scripts", w.scripts())
	}
	w.server.Kill()
	if !closed(c) {
		t.Error("the connection outlives Redis")
	}
	c, _ = w.connect(w.a)
	if line, _ := command(c, "PING"); !strings.HasPrefix(line, "-ERR culvert: redis is not available") {
		t.Errorf("without Redis: %q", line)
	}
}

func TestCheckRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t, DefaultLimits())
	good := w.server.Options()
	if err := CheckRedis(t.Context(), good); err != nil {
		t.Errorf("a good Redis is refused: %v", err)
	}
	if err := w.admin.Do(t.Context(), "ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+@all", "-acl").Err(); err != nil {
		t.Fatal(err)
	}
	if err := w.admin.Do(t.Context(), "ACL", "SETUSER", "default", "on", "nopass", "+@all", "~*").Err(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*redis.Options)
		want   string
	}{
		"default user": {func(o *redis.Options) { o.Username, o.Password = "", "" }, "default user"},
		"no ACL":       {func(o *redis.Options) { o.Username, o.Password = "weak", "pw" }, "cannot do ACLs"},
		"database 1":   {func(o *redis.Options) { o.DB = 1 }, "database 0"},
		"nobody there": {func(o *redis.Options) { o.Addr += ".gone" }, "does not answer"},
	} {
		opt := w.server.Options()
		c.change(opt)
		if err := CheckRedis(t.Context(), opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
