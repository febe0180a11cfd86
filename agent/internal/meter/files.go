package meter

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Names inside the meter's folder.
const (
	spoolDir   = "spool"
	asideDir   = "damaged" // what could not be read or was refused, kept for a human
	epochFile  = "epoch"
	tempSuffix = ".tmp"
)

// writeTemp writes path.tmp whole and to the disk, and returns it open. Nothing stays behind on failure.
func writeTemp(path string, content []byte) (*os.File, error) {
	f, err := os.OpenFile(path+tempSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path+tempSuffix))
	}
	return f, nil
}

// writeFile puts content at path so that a crash leaves the old file or the new one.
func writeFile(path string, content []byte) error {
	f, err := writeTemp(path, content)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(path+tempSuffix, path)); err != nil {
		return err
	}
	return syncDir(path)
}

// syncDir makes renames and removals in the folder of path last.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// aside moves a damaged file out of the way. It is kept under its name; a second one of that name replaces the first.
func aside(dir, path string) error {
	return os.Rename(path, filepath.Join(dir, asideDir, filepath.Base(path)))
}

// faults is what is wrong with storage, by part. A part that works again clears its own.
type faults struct {
	log *slog.Logger
	mu  sync.Mutex
	by  map[string]string
}

func (f *faults) set(part, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[string]string{}
	}
	if f.by[part] != text {
		f.by[part] = text
		f.log.Error("meter storage fault", "part", part, "fault", text)
	}
}

func (f *faults) clear(part string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.by[part]; ok {
		delete(f.by, part)
		f.log.Info("meter storage works again", "part", part)
	}
}

// note sets or clears the fault of part by err, and passes err on.
func (f *faults) note(part string, err error) error {
	if err != nil {
		f.set(part, err.Error())
	} else {
		f.clear(part)
	}
	return err
}

func (f *faults) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(f.by)) {
		parts = append(parts, fmt.Sprintf("%s: %s", k, f.by[k]))
	}
	return strings.Join(parts, "; ")
}
