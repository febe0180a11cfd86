package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one run of a child.
type process struct {
	cmd    *exec.Cmd
	out    *output
	exited chan struct{} // closed after err is set
	err    error
}

// startProcess runs the program on a thread of its own for as long as it lives: the parent-death signal is
// bound to the thread that forked, not to the process, and the Go runtime may end a thread at any time.
func startProcess(life context.Context, spec Spec, lock *os.File) (*process, error) {
	p := &process{out: &output{log: spec.Log, level: spec.level}, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.start(life, spec, lock)
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.exited)
		}
	}()
	return p, <-started
}

func (p *process) start(life context.Context, spec Spec, lock *os.File) error {
	dir, err := os.Open(spec.Dir)
	if err != nil {
		return err
	}
	defer dir.Close() // the child has its own by then
	p.cmd = command(life, spec, dir, lock)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	return p.cmd.Start()
}

// dirByFD is how a program whose Spec says DirByFD finds its directory.
const dirByFD = "/proc/self/fd/3"

// command builds the call. The child's directory is entered, or found, through an open descriptor, so that
// directories above it need not let the account pass; the program must use relative names, or dirByFD.
func command(life context.Context, spec Spec, dir, lock *os.File) *exec.Cmd {
	cmd := exec.CommandContext(life, spec.Path, spec.Args...) //nolint:gosec // programs found by this package
	if spec.DirByFD {
		cmd.Dir = "/"
		cmd.ExtraFiles = append(cmd.ExtraFiles, dir)
	} else {
		cmd.Dir = fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	}
	if lock != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, lock)
	}
	cmd.Env = append([]string{}, spec.Env...)
	cmd.WaitDelay = 2 * time.Second // a descendant that keeps our pipe open does not keep us
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: spec.account.credential(),
		Pdeathsig:  spec.Orphan,
		Setpgid:    true, // Ctrl-C is for the panel, which then stops its children in order
	}
	return cmd
}

// run executes a short-lived helper (initdb) the same way and returns what it printed.
func run(ctx context.Context, spec Spec, lock *os.File) (string, error) {
	p, err := startProcess(ctx, spec.withDefaults(), lock)
	if err != nil {
		return "", err
	}
	<-p.exited
	if p.err != nil {
		return "", p.obituary()
	}
	return p.out.last(), nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // it fails only when the process has gone, which is what we want
}

// obituary says how it ended and what it said last. Call it only after exited is closed.
func (p *process) obituary() error {
	err := p.err
	if err == nil {
		err = errors.New("ended without being asked to")
	}
	if said := p.out.last(); said != "" {
		return fmt.Errorf("%w; it said:\n%s", err, said)
	}
	return err
}
