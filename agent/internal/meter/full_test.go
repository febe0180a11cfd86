package meter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fill takes all room on the disk of dir and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range [][]byte{make([]byte, 64<<10), make([]byte, 1)} {
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill: %v", err)
		}
	}
	return func() {
		t.Helper()
		if err := errors.Join(f.Close(), os.Remove(name)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: on a disk without room counting goes on, the fault is told, a restart comes up, and with room again every byte
// is told once.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatalf("a disk of its own (the tests run as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	m := openMeter(t, dir, nil)
	a := m.Account(row(false, 0))
	tap := a.Tap("i", "direct")
	tap.Add(Up, 1)
	m.tick(t)
	free := fill(t, dir)
	seal := func() error {
		m.disk.mu.Lock()
		defer m.disk.mu.Unlock()
		return m.disk.seal()
	}
	for range 5 {
		tap.Add(Up, 10)
		if seal() == nil {
			t.Error("sealed without room")
		}
	}
	if f := m.Fault(); !strings.Contains(f, "no space left") {
		t.Errorf("fault %q", f)
	}
	free()
	tap.Add(Up, 100)
	if err := seal(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if f := m.Fault(); f != "" {
		t.Errorf("with room again: %q", f)
	}
	crash(m)
	free = fill(t, dir)
	m = openMeter(t, dir, nil)
	if _, ok := m.Next(); !ok {
		t.Error("what lies in the spool cannot be sent from a full disk")
	}
	if err := seal(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("with nothing to seal: %v", err)
	}
	free()
	up, _, _ := drain(t, m, map[string]bool{})
	if up != 151 {
		t.Errorf("told %d of 151", up)
	}
	crash(m)
}
