package meter

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"culvert/shared/nodeapi"
)

// Bounds of one report, so that its JSON stays under nodeapi.MaxBody; a larger interval becomes several.
const (
	maxUsageRows    = 16_000
	maxSessionRows  = 6_000
	maxSliceRows    = 16_000
	maxHeldSessions = 200_000
)

// Sizes at which the journal is written anew.
const (
	rewriteAfterSeal = 4 << 20
	rewriteAlways    = 64 << 20
)

// seal closes the interval: its counts become reports in the spool, and the journal begins the next one. On failure
// everything stays open and the interval grows. The caller holds d.mu.
func (d *disk) seal() error {
	if err := d.faults.note("epoch", d.saveEpoch()); err != nil {
		return errors.Join(err, d.writeJournal())
	}
	d.sealLeftovers()
	whole := nodeapi.Report{Epoch: d.epoch, From: d.at.from.UnixMilli()}
	whole.To = max(whole.From, time.Now().UnixMilli()) // the wall clock may have stepped back
	accounts := d.book.all()
	parts := make([][]sealing, len(accounts))
	for i, a := range accounts {
		whole.Usage, whole.Slices, parts[i] = a.collect(whole.Usage, whole.Slices)
	}
	taken := d.records.take()
	whole.Sessions = mergeSessions(taken)
	if len(whole.Usage) == 0 && len(whole.Slices) == 0 && len(whole.Sessions) == 0 {
		for _, a := range accounts {
			a.sealed(nil)
		}
		d.at.from = time.Now()
		d.book.dispose(accounts)
		return nil
	}
	sortReport(&whole)
	reports := split(whole, d.at.seq)
	if err := d.faults.note("spool", d.spool.put(reports)); err != nil {
		d.records.giveBack(taken)
		return errors.Join(err, d.writeJournal())
	}
	for i, a := range accounts {
		a.sealed(parts[i])
	}
	d.at.from, d.at.seq, d.at.headerDue = time.Now(), d.at.seq+int64(len(reports)), true
	d.book.dispose(accounts)
	if d.journal.length() > rewriteAfterSeal {
		return d.rewriteJournal()
	}
	return d.writeJournal()
}

// split cuts a report into numbered ones of bounded size. Slices come last: they speak of all usage before them.
func split(r nodeapi.Report, seq int64) []nodeapi.Report {
	var out []nodeapi.Report
	for {
		p := nodeapi.Report{Epoch: r.Epoch, Seq: seq + int64(len(out)), From: r.From, To: r.To, Unclean: r.Unclean}
		p.Usage, r.Usage = cut(r.Usage, maxUsageRows)
		p.Sessions, r.Sessions = cut(r.Sessions, maxSessionRows)
		if len(r.Usage) == 0 {
			p.Slices, r.Slices = cut(r.Slices, maxSliceRows)
		}
		out = append(out, p)
		if len(r.Usage)+len(r.Sessions)+len(r.Slices) == 0 {
			return out
		}
	}
}

func cut[T any](s []T, n int) (head, rest []T) {
	n = min(n, len(s))
	return s[:n:n], s[n:]
}

// mergeSessions leaves out the opening of a session whose end is told in the same report.
func mergeSessions(in []nodeapi.SessionRecord) []nodeapi.SessionRecord {
	ended := map[string]bool{}
	for i := range in {
		if in[i].Closed != 0 {
			ended[in[i].ID] = true
		}
	}
	var out []nodeapi.SessionRecord
	for i := range in {
		if in[i].Closed != 0 || !ended[in[i].ID] {
			out = append(out, in[i])
		}
	}
	return out
}

func (d *disk) journalPath(epoch int64) string {
	return filepath.Join(d.dir, fmt.Sprintf("%s%020d", journalPrefix, epoch))
}

// journalSlice writes a slice's state ahead of its bytes; the caller holds the account's lock. A failure is a fault.
func (d *disk) journalSlice(id string, s *slice) {
	var buf [128]byte
	ops := appendSlice(buf[:0], id, s.period, s.granted, s.reserved, s.exhausted)
	_ = d.faults.note("journal", d.journal.append(ops))
}

// writeJournal appends what changed since the last second. The caller holds d.mu.
func (d *disk) writeJournal() error {
	if d.journal.length() == 0 || d.journal.length() > rewriteAlways {
		return d.rewriteJournal()
	}
	var ops []byte
	if d.at.headerDue {
		ops = appendHeader(ops, d.epoch, d.at.seq, d.at.from)
	}
	for _, a := range d.book.all() {
		ops = a.counts(d.journal, ops)
	}
	if len(ops) == 0 {
		return nil
	}
	err := d.journal.append(appendTime(ops, time.Now()))
	if err == nil {
		d.at.headerDue = false
		err = d.journal.sync()
	} else {
		d.journal.number++ // nothing of it is known to be there
	}
	return d.faults.note("journal", err)
}

// rewriteJournal starts a new file with all that the old one says. The caller holds d.mu.
func (d *disk) rewriteJournal() error {
	d.journal.begin()
	d.journal.number++
	ops := appendHeader(nil, d.epoch, d.at.seq, d.at.from)
	for _, a := range d.book.all() {
		ops = a.counts(d.journal, a.state(ops))
	}
	err := d.journal.replace(d.journalPath(d.epoch), appendTime(ops, time.Now()))
	if err != nil {
		d.journal.number++
	} else {
		d.at.headerDue = false
	}
	return d.faults.note("journal", err)
}

// closeJournal marks a clean stop: slices are spent exactly as far as bytes passed.
func (d *disk) closeJournal() error {
	var ops []byte
	for _, a := range d.book.all() {
		ops = a.settle(ops)
	}
	return errors.Join(d.faults.note("journal", d.journal.append(append(ops, opClosed))), d.journal.close())
}
