package meter

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"culvert/shared/nodeapi"
)

// spool is the folder of reports that the panel has not acknowledged. A file is the report's JSON, a line feed, and its
// CRC-32C in hexadecimal.
type spool struct {
	dir   string // the meter's
	ready chan struct{}

	mu      sync.Mutex
	entries []entry // by epoch, then number
}

type entry struct{ epoch, seq int64 }

func (e entry) compare(o entry) int {
	return cmp.Or(cmp.Compare(e.epoch, o.epoch), cmp.Compare(e.seq, o.seq))
}

const reportSuffix = ".report"

func (e entry) name() string { return fmt.Sprintf("%020d-%010d%s", e.epoch, e.seq, reportSuffix) }

func (s *spool) path(e entry) string { return filepath.Join(s.dir, spoolDir, e.name()) }

// openSpool lists the reports that wait. Files that were never finished are removed; names that make no sense stay.
func openSpool(dir string) (*spool, error) {
	s := &spool{dir: dir, ready: make(chan struct{}, 1)}
	files, err := os.ReadDir(filepath.Join(dir, spoolDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, f := range files {
		var e entry
		if _, err := fmt.Sscanf(f.Name(), "%d-%d", &e.epoch, &e.seq); err == nil && f.Name() == e.name() {
			s.entries = append(s.entries, e)
		} else if filepath.Ext(f.Name()) == tempSuffix {
			_ = os.Remove(filepath.Join(dir, spoolDir, f.Name())) // if it stays, the next start tries again
		}
	}
	slices.SortFunc(s.entries, entry.compare)
	if len(s.entries) > 0 {
		s.notify()
	}
	return s, nil
}

func (s *spool) notify() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *spool) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

func (s *spool) has(e entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := slices.BinarySearchFunc(s.entries, e, entry.compare)
	return ok
}

// put stores the reports of one interval: all or none. The first one gets its name last, so that after a crash its
// presence means that all are there.
func (s *spool) put(reports []nodeapi.Report) error {
	var undo []string
	fail := func(err error) error {
		for _, p := range undo {
			err = errors.Join(err, os.Remove(p))
		}
		return fmt.Errorf("store report: %w", err)
	}
	for i := range reports {
		b, err := json.Marshal(&reports[i])
		if err != nil {
			return fail(err)
		}
		f, err := writeTemp(s.path(entry{reports[i].Epoch, reports[i].Seq}), fmt.Appendf(b, "\n%08x", checksum(b)))
		if err != nil {
			return fail(err)
		}
		undo = append(undo, f.Name())
		if err := f.Close(); err != nil {
			return fail(err)
		}
	}
	for i := len(reports) - 1; i >= 0; i-- {
		p := s.path(entry{reports[i].Epoch, reports[i].Seq})
		if err := os.Rename(p+tempSuffix, p); err != nil {
			return fail(err)
		}
		undo[i] = p
	}
	if err := syncDir(s.path(entry{})); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range reports {
		s.entries = append(s.entries, entry{reports[i].Epoch, reports[i].Seq})
	}
	slices.SortFunc(s.entries, entry.compare)
	s.notify()
	return nil
}

// next reads the oldest report. Those that cannot be read are set aside.
func (s *spool) next(f *faults) (nodeapi.Report, bool) {
	for {
		s.mu.Lock()
		if len(s.entries) == 0 {
			s.mu.Unlock()
			return nodeapi.Report{}, false
		}
		e := s.entries[0]
		s.mu.Unlock()
		r, err := s.read(e)
		if err == nil {
			return r, true
		}
		if !s.has(e) {
			continue // acknowledged meanwhile
		}
		f.set("spool "+e.name(), fmt.Sprintf("was damaged and set aside: %v", err))
		_ = aside(s.dir, s.path(e)) // gone or not: it is out of the list
		s.drop(e)
	}
}

func (s *spool) read(e entry) (nodeapi.Report, error) {
	b, err := os.ReadFile(s.path(e))
	if err != nil {
		return nodeapi.Report{}, err
	}
	body, sum, ok := bytes.Cut(b, []byte("\n"))
	if !ok || string(sum) != fmt.Sprintf("%08x", checksum(body)) {
		return nodeapi.Report{}, errors.New("checksum is wrong")
	}
	var r nodeapi.Report
	if err := json.Unmarshal(body, &r); err != nil {
		return nodeapi.Report{}, err
	}
	if r.Epoch != e.epoch || r.Seq != e.seq {
		return nodeapi.Report{}, fmt.Errorf("it is report %d of epoch %d", r.Seq, r.Epoch)
	}
	return r, nil
}

// ack deletes a report and returns what it said.
func (s *spool) ack(epoch, seq int64) (r nodeapi.Report, ok bool, err error) {
	e := entry{epoch, seq}
	if !s.has(e) {
		return nodeapi.Report{}, false, nil
	}
	if r, err = s.read(e); err != nil {
		r = nodeapi.Report{} // the panel has it; that its copy here went bad no longer matters
	}
	if err := os.Remove(s.path(e)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nodeapi.Report{}, false, fmt.Errorf("delete acknowledged report: %w", err)
	}
	s.drop(e)
	return r, true, nil
}

func (s *spool) drop(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.DeleteFunc(s.entries, func(x entry) bool { return x == e })
}
