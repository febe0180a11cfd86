package run_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"culvert/shared/run"
)

// diary records what happened to its parts, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, s)
}

type part struct {
	name               string
	diary              *diary
	startErr, closeErr error
	hang               bool // Close does not return before its context ends
}

func (p part) Start(context.Context) error {
	p.diary.write("start " + p.name)
	return p.startErr
}

func (p part) Close(ctx context.Context) error {
	p.diary.write("close " + p.name)
	if p.hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return p.closeErr
}

func TestOrder(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	cases := map[string]struct {
		parts []part
		want  []string
		err   []string // substrings; none = success
	}{
		"reverse stop": {
			parts: []part{{name: "a"}, {name: "b"}, {name: "c"}},
			want:  []string{"start a", "start b", "start c", "close c", "close b", "close a"},
		},
		"failed start closes what ran": {
			parts: []part{{name: "a"}, {name: "b", startErr: boom}, {name: "c"}},
			want:  []string{"start a", "start b", "close a"},
			err:   []string{"start b: boom"},
		},
		"failed stop stops the others, and all is told": {
			parts: []part{{name: "a", closeErr: boom}, {name: "b", closeErr: boom}, {name: "c"}},
			want:  []string{"start a", "start b", "start c", "close c", "close b", "close a"},
			err:   []string{"stop b: boom", "stop a: boom"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // ends at once, but only after a whole start
			d := &diary{}
			var members []run.Member
			for _, p := range c.parts {
				p.diary = d
				members = append(members, run.Member{Name: p.name, Service: p})
			}
			err := run.Run(ctx, slog.New(slog.DiscardHandler), members...)
			if diff := cmp.Diff(c.want, d.lines); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (len(c.err) > 0) {
				t.Errorf("err = %v", err)
			}
			for _, s := range c.err {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q lacks %q", err, s)
				}
			}
		})
	}
}

func TestCauseOfDeath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result error
		want   string
	}{
		"with a reason": {errors.New("disk full"), "worker: disk full"},
		"silently":      {nil, "worker: ended without being asked to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &diary{}
			err := run.Run(context.Background(), slog.New(slog.DiscardHandler),
				run.Member{Name: "base", Service: part{name: "base", diary: d}},
				run.Member{Name: "worker", Service: run.NewLoop(func(context.Context) error { return c.result })})
			if err == nil || err.Error() != c.want {
				t.Errorf("err = %v, want %q", err, c.want)
			}
			if diff := cmp.Diff([]string{"start base", "close base"}, d.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoopEndsCleanlyWhenAsked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	loop := run.NewLoop(func(ctx context.Context) error {
		cancel() // it runs: now end the program
		<-ctx.Done()
		return ctx.Err()
	})
	if err := run.Run(ctx, slog.New(slog.DiscardHandler), run.Member{Name: "loop", Service: loop}); err != nil {
		t.Error(err)
	}
	if err := loop.Start(context.Background()); err == nil {
		t.Error("a loop started twice")
	}
	if err := run.NewLoop(nil).Close(context.Background()); err != nil {
		t.Errorf("closing what never ran: %v", err)
	}
}

// A service that hangs in Close costs its own patience, not the others' orderly end.
func TestHangingCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d, begun := &diary{}, time.Now()
		err := run.Run(ctx, slog.New(slog.DiscardHandler),
			run.Member{Name: "base", Service: part{name: "base", diary: d}},
			run.Member{Name: "deaf", Service: part{name: "deaf", diary: d, hang: true}})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if diff := cmp.Diff([]string{"start base", "start deaf", "close deaf", "close base"}, d.lines); diff != "" {
			t.Error(diff)
		}
	})
}
