package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// orphanPatience is how long a start waits for what a killed panel left behind to finish dying.
const orphanPatience = 30 * time.Second

// takeLock opens the lock file and takes it. The returned file is handed to the child, whose every
// descendant inherits it: flock belongs to the open file, so the lock is free exactly when the last process
// of the server has gone, and process ids need not be trusted. The panel closes its own copy after the start.
func takeLock(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	deadline := time.NewTimer(orphanPatience)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		owner := lockOwner(f)
		if owner.alive() && owner.pid != os.Getpid() {
			return nil, errors.Join(fmt.Errorf("%s is in use by process %d", path, owner.pid), f.Close())
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return nil, errors.Join(fmt.Errorf("%s is still held after %v, last taken by process %d", path, orphanPatience, owner.pid), f.Close())
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		}
	}
	me := fmt.Sprintf("%d %s\n", os.Getpid(), startTime(os.Getpid()))
	if err := errors.Join(f.Truncate(0), writeAt(f, me)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// owner is the panel that took the lock last: its process id, and its start time against id reuse.
type owner struct {
	pid     int
	started string
}

func lockOwner(f *os.File) owner {
	buf := make([]byte, 64)
	n, _ := f.ReadAt(buf, 0) // an empty or torn file scans to nobody
	var o owner
	if _, err := fmt.Sscanf(string(buf[:n]), "%d %s", &o.pid, &o.started); err != nil {
		return owner{}
	}
	return o
}

func (o owner) alive() bool {
	return o.pid > 0 && o.started != "" && startTime(o.pid) == o.started
}

// startTime is field 22 of /proc/<pid>/stat, clock ticks since boot; empty when there is no such process.
func startTime(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(b), ") ") // the name in brackets may hold spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}
