package meter

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"culvert/shared/nodeapi"
	"culvert/shared/unit"
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
// everything stays open and the interval grows. The caller holds sealMu.
func (m *Meter) seal() error {
	if err := m.faults.note("epoch", m.saveEpoch()); err != nil {
		return errors.Join(err, m.writeJournal())
	}
	m.sealLeftovers()
	whole := nodeapi.Report{Epoch: m.epoch, From: m.at.from.UnixMilli(), To: time.Now().UnixMilli()}
	accounts := m.all()
	parts := make([][]sealing, len(accounts))
	for i, a := range accounts {
		whole.Usage, whole.Slices, parts[i] = a.collect(whole.Usage, whole.Slices)
	}
	taken := m.takeSessions()
	whole.Sessions = mergeSessions(taken)
	if len(whole.Usage) == 0 && len(whole.Slices) == 0 && len(whole.Sessions) == 0 {
		for _, a := range accounts {
			a.sealed(nil)
		}
		m.at.from = time.Now()
		m.dispose(accounts)
		return nil
	}
	sortReport(&whole)
	reports := split(whole, m.at.seq)
	if err := m.faults.note("spool", m.spool.put(reports)); err != nil {
		m.giveBackSessions(taken)
		return errors.Join(err, m.writeJournal())
	}
	for i, a := range accounts {
		a.sealed(parts[i])
	}
	m.at.from, m.at.seq, m.at.headerDue = time.Now(), m.at.seq+int64(len(reports)), true
	m.dispose(accounts)
	if m.journal.length() > rewriteAfterSeal {
		return m.rewriteJournal()
	}
	return m.writeJournal()
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

func (m *Meter) takeSessions() []nodeapi.SessionRecord {
	m.recMu.Lock()
	defer m.recMu.Unlock()
	s := m.sessions
	m.sessions = nil
	return s
}

func (m *Meter) giveBackSessions(s []nodeapi.SessionRecord) {
	m.recMu.Lock()
	defer m.recMu.Unlock()
	m.sessions = append(s, m.sessions...)
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

// dispose drops accounts that nobody uses and that hold nothing.
func (m *Meter) dispose(accounts []*Account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range accounts {
		if m.accounts[a.id] == a && a.disposable() {
			delete(m.accounts, a.id)
		}
	}
}

func (m *Meter) journalPath(epoch int64) string {
	return filepath.Join(m.dir, fmt.Sprintf("%s%020d", journalPrefix, epoch))
}

// journalSlice writes a slice's state ahead of its bytes; the caller holds the account's lock. A failure is a fault.
func (m *Meter) journalSlice(id string, s *slice) {
	var buf [128]byte
	ops := appendSlice(buf[:0], id, s.period, s.granted, s.reserved, s.exhausted)
	_ = m.faults.note("journal", m.journal.append(ops))
}

// writeJournal appends what changed since the last second. The caller holds sealMu.
func (m *Meter) writeJournal() error {
	if m.journal.length() == 0 || m.journal.length() > rewriteAlways {
		return m.rewriteJournal()
	}
	var ops []byte
	if m.at.headerDue {
		ops = appendHeader(ops, m.epoch, m.at.seq, m.at.from)
	}
	for _, a := range m.all() {
		ops = a.counts(m.journal, ops)
	}
	if len(ops) == 0 {
		return nil
	}
	err := m.journal.append(appendTime(ops, time.Now()))
	if err == nil {
		m.at.headerDue = false
		err = m.journal.sync()
	} else {
		m.journal.number++ // nothing of it is known to be there
	}
	return m.faults.note("journal", err)
}

// rewriteJournal starts a new file with all that the old one says. The caller holds sealMu.
func (m *Meter) rewriteJournal() error {
	m.journal.begin()
	m.journal.number++
	ops := appendHeader(nil, m.epoch, m.at.seq, m.at.from)
	for _, a := range m.all() {
		ops = a.counts(m.journal, a.state(ops))
	}
	err := m.journal.replace(m.journalPath(m.epoch), appendTime(ops, time.Now()))
	if err != nil {
		m.journal.number++
	} else {
		m.at.headerDue = false
	}
	return m.faults.note("journal", err)
}

// closeJournal marks a clean stop: slices are spent exactly as far as bytes passed.
func (m *Meter) closeJournal() error {
	var ops []byte
	for _, a := range m.all() {
		ops = a.settle(ops)
	}
	return errors.Join(m.faults.note("journal", m.journal.append(append(ops, opClosed))), m.journal.close())
}

// state appends the slice of a.
func (a *Account) state(b []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slice.Load()
	if s == nil || s.granted == 0 && s.reserved == 0 {
		return b
	}
	return appendSlice(b, a.id, s.period, s.granted, s.reserved, s.exhausted)
}

// settle gives the reserved rest back and appends the slice.
func (a *Account) settle(b []byte) []byte {
	a.mu.Lock()
	if s := a.slice.Load(); s != nil {
		s.reserved -= unit.Bytes(s.left.Swap(0))
	}
	a.mu.Unlock()
	return a.state(b)
}
