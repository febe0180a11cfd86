package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// Back-off between deaths, and when the supervisor gives up.
const (
	firstPause = 100 * time.Millisecond
	longest    = 100 // times the first
	// healthyAfter is how long a child must have lived for its earlier deaths to be forgotten.
	healthyAfter = 30 * time.Second
	maxDeaths    = 12
	// killGrace is how long Close waits after SIGKILL before it reports a process that will not go.
	killGrace = 5 * time.Second
)

var errClosed = errors.New("closed")

// Spec describes a child process.
type Spec struct {
	Name string
	Path string // of the program, absolute
	Args []string
	Env  []string // complete; a child inherits nothing
	Dir  string   // where it runs; may lie below directories that its account cannot enter
	Log  *slog.Logger
	// DirByFD starts the program in "/" and hands it Dir as descriptor 3, for programs that change directory
	// and want to come back (PostgreSQL before version 16 while it looks for itself).
	DirByFD bool

	// Ready is asked repeatedly until it returns nil. Nil: ready as soon as it runs.
	Ready func(context.Context) error
	// ReadyWithin bounds one start; zero means a minute.
	ReadyWithin time.Duration
	// Stop is the signal of an orderly end (default SIGTERM); Orphan is the one that the kernel sends when
	// the panel dies (default SIGTERM).
	Stop, Orphan syscall.Signal
	// Lock is a file locked for as long as any process of the child lives. Empty: no lock.
	Lock string
	// Prepare runs under the lock before every start.
	Prepare func(ctx context.Context, lock *os.File) error

	account *account
	level   func(line string) slog.Level
	cleanUp func()        // runs when the child is over
	pause   time.Duration // the first of the back-off
}

// Child is a supervised process.
type Child struct {
	spec Spec
	life context.Context //nolint:containedctx // its end kills the process; it is the child's lifetime, not a call's
	kill context.CancelFunc
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	closed  bool
	proc    *process
	deaths  int // in total, for the report
	lastErr error
}

// Start starts the child and returns when it is ready. When the first start fails nothing is left behind.
func Start(ctx context.Context, spec Spec) (*Child, error) {
	spec = spec.withDefaults()
	c := &Child{spec: spec, stop: make(chan struct{}), done: make(chan struct{})}
	c.life, c.kill = context.WithCancel(context.WithoutCancel(ctx))
	p, err := c.up(ctx)
	if err != nil {
		c.kill()
		if p != nil {
			<-p.exited
		}
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	go c.supervise(p)
	return c, nil
}

func (s Spec) withDefaults() Spec {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.Log = s.Log.With("child", s.Name)
	if s.ReadyWithin == 0 {
		s.ReadyWithin = time.Minute
	}
	if s.Stop == 0 {
		s.Stop = syscall.SIGTERM
	}
	if s.Orphan == 0 {
		s.Orphan = syscall.SIGTERM
	}
	if s.pause == 0 {
		s.pause = firstPause
	}
	if s.cleanUp == nil {
		s.cleanUp = func() {}
	}
	if s.level == nil {
		s.level = ownLevel
	}
	return s
}

// Done is closed when the child is over for good: closed, killed, or given up. Err then tells which.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err is nil while the child is supervised and after an orderly Close; otherwise why the supervisor gave up.
func (c *Child) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastErr
}

// PID is the process id of the running process, 0 between two of them.
func (c *Child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return 0
	}
	return c.proc.pid()
}

// Deaths counts the times the process died without being asked to.
func (c *Child) Deaths() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaths
}

// Close stops the child in order and waits. When ctx ends first it is killed. It may be called again.
func (c *Child) Close(ctx context.Context) error {
	if p := c.closing(); p != nil {
		p.signal(c.spec.Stop)
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	c.kill()
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case <-c.done:
		return fmt.Errorf("stop %s: killed, it did not end in time: %w", c.spec.Name, context.Cause(ctx))
	case <-grace.C:
		return fmt.Errorf("stop %s: process %d survives SIGKILL", c.spec.Name, c.PID())
	}
}

// Kill ends the child at once, as a power cut would, and does not start it again.
func (c *Child) Kill() {
	c.closing()
	c.kill()
	<-c.done
}

func (c *Child) closing() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.stop)
	}
	return c.proc
}

// up takes the lock, prepares, launches and waits until the child is ready. A process that runs but failed to
// become ready is returned with the error, killed, for the caller to wait for.
func (c *Child) up(ctx context.Context) (*process, error) {
	var lock *os.File
	if c.spec.Lock != "" {
		var err error
		if lock, err = takeLock(ctx, c.spec.Lock); err != nil {
			return nil, err
		}
		defer lock.Close()
	}
	if c.spec.Prepare != nil {
		if err := c.spec.Prepare(ctx, lock); err != nil {
			return nil, err
		}
	}
	p, err := c.launch(lock)
	if err != nil {
		return nil, err
	}
	if err := c.waitReady(ctx, p); err != nil {
		p.signal(syscall.SIGKILL)
		return p, err
	}
	return p, nil
}

// launch starts the process unless Close came first; both happen under the mutex, so none slips through.
func (c *Child) launch(lock *os.File) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	p, err := startProcess(c.life, c.spec, lock)
	if err != nil {
		return nil, err
	}
	c.proc = p
	return p, nil
}

func (c *Child) waitReady(ctx context.Context, p *process) error {
	if c.spec.Ready == nil {
		p.out.started()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.spec.ReadyWithin)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := c.spec.Ready(ctx)
		if err == nil {
			p.out.started()
			return nil
		}
		select {
		case <-p.exited:
			return p.obituary()
		case <-c.stop:
			return errClosed
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w (last: %w)", context.Cause(ctx), err)
		case <-poll.C:
		}
	}
}

func (c *Child) supervise(p *process) {
	defer close(c.done)
	defer c.spec.cleanUp()
	defer c.kill()
	born, row := time.Now(), 0
	for {
		<-p.exited
		if time.Since(born) >= healthyAfter {
			row = 0
		}
		row++
		if c.buried(p, row) {
			return
		}
		next, err := c.again(&row)
		if err != nil {
			return
		}
		p, born = next, time.Now()
		c.spec.Log.Info("child answers again", "pid", p.pid())
	}
}

// buried records a death; true means that nothing more is to be done.
func (c *Child) buried(p *process, row int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proc = nil
	if c.closed {
		return true
	}
	c.deaths++
	c.spec.Log.Error("child died", "err", p.obituary(), "deaths_in_a_row", row)
	return false
}

// again starts the child with back-off until it is ready, closed, or has died too often in a row.
func (c *Child) again(row *int) (*process, error) {
	for {
		if *row > maxDeaths {
			return nil, c.giveUp(*row)
		}
		pause := time.NewTimer(min(c.spec.pause<<(*row-1), longest*c.spec.pause))
		select {
		case <-c.stop:
			pause.Stop()
			return nil, errClosed
		case <-pause.C:
		}
		p, err := c.up(c.life)
		if err == nil {
			return p, nil
		}
		if p != nil {
			<-p.exited
		}
		if errors.Is(err, errClosed) {
			return nil, err
		}
		*row++
		c.spec.Log.Error("child does not start", "err", err, "deaths_in_a_row", *row)
	}
}

func (c *Child) giveUp(row int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastErr = fmt.Errorf("%s died %d times in a row, given up", c.spec.Name, row)
	c.spec.Log.Error("child given up", "err", c.lastErr)
	return c.lastErr
}
