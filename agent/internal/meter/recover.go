package meter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const journalPrefix = "journal-"

// recover takes over from earlier runs: it chooses the epoch, brings back the slices, and turns journals that were never
// sealed into reports.
func (d *disk) recover() error {
	var err error
	if d.spool, err = openSpool(d.dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(d.dir, epochFile+tempSuffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.Warn("old temporary file stays", "error", err)
	}
	stored := d.loadEpoch()
	epochs, err := d.journals()
	if err != nil {
		return err
	}
	known := stored
	if n := len(d.spool.entries); n > 0 {
		known = max(known, d.spool.entries[n-1].epoch)
	}
	if n := len(epochs); n > 0 {
		known = max(known, epochs[n-1])
	}
	// Never from the clock alone: it may step back. Never from the disk alone: it may be new.
	d.epoch = max(known+1, time.Now().Unix())
	d.at.epochDue = true
	_ = d.faults.note("epoch", d.saveEpoch())
	d.book.distrust = d.book.distrust || stored > 0 && (len(epochs) == 0 || epochs[len(epochs)-1] < stored)
	for _, e := range epochs {
		d.inherit(d.journalPath(e))
	}
	if err := d.rewriteJournal(); err == nil {
		d.sealLeftovers()
	}
	return nil
}

// journals lists the epochs of the journals that are there, oldest first.
func (d *disk) journals() ([]int64, error) {
	files, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("open meter: %w", err)
	}
	var out []int64
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.Name(), journalPrefix)
		if !ok {
			continue
		}
		e, err := strconv.ParseInt(rest, 10, 64)
		if err == nil {
			out = append(out, e)
		} else if strings.HasSuffix(rest, tempSuffix) {
			_ = os.Remove(filepath.Join(d.dir, f.Name())) // never finished; the next start tries again
		}
	}
	slices.Sort(out)
	return out, nil
}

// inherit brings the slices of an older journal back and notes that it is to be sealed.
func (d *disk) inherit(path string) {
	l, _, damage, err := readJournal(path)
	if err != nil {
		damage, l = err, &ledger{}
	}
	if damage != nil {
		d.faults.set(filepath.Base(path), fmt.Sprintf("its end could not be read and was left out: %v", damage))
	}
	if l.epoch == 0 {
		d.book.distrust = true
		if err := aside(d.dir, path); err != nil {
			d.log.Error("damaged journal stays", "path", path, "error", err)
		}
		return
	}
	for id, s := range l.slices {
		a := d.book.open(id)
		a.metered.Store(true)
		a.period.Store(s.period)
		a.slice.Store(&slice{
			period: s.period, granted: s.granted, reserved: s.reserved, exhausted: s.exhausted, size: s.granted - s.reserved,
			sealed: s.reserved, stated: s.reserved, changed: make(chan struct{}),
		})
	}
	d.at.leftovers = append(d.at.leftovers, path)
}

// sealLeftovers puts what older journals hold into the spool and deletes them. What fails is tried again at the next
// sealing. A journal goes only when the present one, with its slices, is on the disk.
func (d *disk) sealLeftovers() {
	if d.journal.length() == 0 {
		return
	}
	var keep []string
	for _, path := range d.at.leftovers {
		if err := d.faults.note("spool", d.sealLeftover(path)); err != nil {
			keep = append(keep, path)
		}
	}
	d.at.leftovers = keep
}

func (d *disk) sealLeftover(path string) error {
	l, _, damage, err := readJournal(path)
	if err != nil {
		return fmt.Errorf("read old journal: %w", err)
	}
	r := l.report()
	first := entry{r.Epoch, r.Seq}
	if !d.spool.has(first) && (len(r.Usage) > 0 || r.Unclean && len(r.Slices) > 0) {
		if err := d.spool.discardFrom(first); err != nil {
			return err
		}
		if err := d.spool.put(split(r, r.Seq)); err != nil {
			return err
		}
	}
	if damage != nil {
		return aside(d.dir, path)
	}
	return os.Remove(path)
}

// discardFrom removes reports of an interval whose first one is missing: they were about to be, and are made again.
func (s *spool) discardFrom(first entry) error {
	s.mu.Lock()
	var late []entry
	for _, e := range s.entries {
		if e.epoch == first.epoch && e.seq > first.seq {
			late = append(late, e)
		}
	}
	s.mu.Unlock()
	for _, e := range late {
		if err := os.Remove(s.path(e)); err != nil {
			return fmt.Errorf("discard unfinished report: %w", err)
		}
		s.drop(e)
	}
	return nil
}

// loadEpoch returns the newest epoch that was begun here; 0 when none is known.
func (d *disk) loadEpoch() int64 {
	path := filepath.Join(d.dir, epochFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	var e int64
	if err == nil {
		e, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	}
	if err != nil || e < 0 {
		d.faults.set("epoch file", fmt.Sprintf("was damaged and set aside: %v", err))
		d.book.distrust = true
		_ = aside(d.dir, path) // it is written anew in any case
		return 0
	}
	return e
}

func (d *disk) saveEpoch() error {
	if !d.at.epochDue {
		return nil
	}
	if err := writeFile(filepath.Join(d.dir, epochFile), fmt.Appendf(nil, "%d\n", d.epoch)); err != nil {
		return fmt.Errorf("store epoch: %w", err)
	}
	d.at.epochDue = false
	return nil
}

// length is the size of the journal file; 0 when there is none.
func (j *journal) length() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return 0
	}
	return j.size
}
