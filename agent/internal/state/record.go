package state

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"culvert/shared/nodeapi"
)

// maxRecord bounds one sealed record; documents are bounded by nodeapi.MaxUpdate.
const maxRecord = nodeapi.MaxUpdate + 1<<10

// seal encrypts plain, bound to place.
func (s *Store) seal(plain []byte, place string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, []byte("culvert state v1 "+place))
}

func (s *Store) open(sealed []byte, place string) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, io.ErrUnexpectedEOF
	}
	return s.aead.Open(nil, sealed[:n], sealed[n:], []byte("culvert state v1 "+place))
}

func (s *Store) logPath() string { return filepath.Join(s.dir, fmt.Sprintf("%s%x", logPrefix, s.id)) }

func (s *Store) place(n uint64) string { return fmt.Sprintf("log %x %d", s.id, n) }

// writeSnapshot starts anew with doc: a snapshot under a fresh id and an empty log.
func (s *Store) writeSnapshot(doc *nodeapi.Update) error {
	plain, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	sealed := append(id[:], s.seal(plain, fmt.Sprintf("snapshot %x", id))...)
	if err := writeFile(filepath.Join(s.dir, snapFile), sealed); err != nil {
		return err
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	s.id, s.records, s.size, s.snapSize, s.file = id, 0, 0, int64(len(sealed)), nil
	s.removeOldLogs()
	f, err := os.OpenFile(s.logPath(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.file = f
	return nil
}

// removeOldLogs deletes the logs of other snapshots. One that stays does no harm: its id is not the snapshot's.
func (s *Store) removeOldLogs() {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		s.log.Warn("old state logs stay", "error", err)
		return
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), logPrefix) && filepath.Join(s.dir, f.Name()) != s.logPath() {
			if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil {
				s.log.Warn("old state log stays", "error", err)
			}
		}
	}
}

func (s *Store) readSnapshot() (*nodeapi.Update, error) {
	sealed, err := os.ReadFile(filepath.Join(s.dir, snapFile))
	if err != nil {
		return nil, err
	}
	if len(sealed) < len(s.id) {
		return nil, io.ErrUnexpectedEOF
	}
	id := [16]byte(sealed)
	plain, err := s.open(sealed[len(id):], fmt.Sprintf("snapshot %x", id))
	if err != nil {
		return nil, err
	}
	var doc nodeapi.Update
	if err := nodeapi.Decode(bytes.NewReader(plain), nodeapi.MaxUpdate, &doc); err != nil {
		return nil, err
	}
	s.id, s.snapSize = id, int64(len(sealed))
	return &doc, nil
}

// append writes one update at the end of the log. A record is its length (4 bytes) and what seal returns.
func (s *Store) append(u *nodeapi.Update) error {
	plain, err := json.Marshal(u)
	if err != nil {
		return err
	}
	sealed := s.seal(plain, s.place(s.records))
	rec := append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(sealed)), uint32(len(sealed))), sealed...)
	if _, err = s.file.WriteAt(rec, s.size); err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	s.records++
	s.size += int64(len(rec))
	return nil
}

// readLog folds the log into m as far as it is good, and leaves it open for more. What is not good is cut off.
func (s *Store) readLog(m *merger) error {
	f, err := os.OpenFile(s.logPath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("stored updates cannot be read: %w", err)
	}
	s.file, s.records, s.size, s.whole = f, 0, 0, false
	problem := s.replay(bufio.NewReaderSize(f, 1<<16), m)
	if problem != nil {
		s.whole = true // the next save writes a snapshot
		return fmt.Errorf("stored updates end at revision %d: %w", m.doc.Revision, problem)
	}
	return nil
}

func (s *Store) replay(r io.Reader, m *merger) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxRecord {
			return fmt.Errorf("a record of %d bytes", n)
		}
		var sealed bytes.Buffer // grows with what is there, not with what a damaged length claims
		if _, err := io.CopyN(&sealed, r, int64(n)); err != nil {
			return err
		}
		plain, err := s.open(sealed.Bytes(), s.place(s.records))
		if err != nil {
			return err
		}
		var u nodeapi.Update
		if err := nodeapi.Decode(bytes.NewReader(plain), nodeapi.MaxUpdate, &u); err != nil {
			return err
		}
		if err := m.fold(&u); err != nil {
			return err
		}
		s.records++
		s.size += int64(4 + n)
	}
}

// merger folds updates into a full document.
type merger struct {
	doc  *nodeapi.Update
	rows map[string]nodeapi.Subscriber
}

func newMerger(doc *nodeapi.Update) *merger {
	m := &merger{doc: doc, rows: make(map[string]nodeapi.Subscriber, len(doc.Subscribers))}
	for _, s := range doc.Subscribers {
		m.rows[s.ID] = s
	}
	return m
}

func (m *merger) fold(u *nodeapi.Update) error {
	if u.Base != m.doc.Revision {
		return fmt.Errorf("an update from revision %d follows revision %d", u.Base, m.doc.Revision)
	}
	m.doc.Revision, m.doc.Hash, m.doc.Capability = u.Revision, u.Hash, u.Capability
	if u.Settings != nil {
		m.doc.Settings = u.Settings
	}
	if u.Ingresses != nil {
		m.doc.Ingresses = u.Ingresses
	}
	if u.Certificates != nil {
		m.doc.Certificates = u.Certificates
	}
	for _, id := range u.Removed {
		delete(m.rows, id)
	}
	for _, s := range u.Subscribers {
		m.rows[s.ID] = s
	}
	return nil
}

func (m *merger) document() *nodeapi.Update {
	m.doc.Base = 0
	m.doc.Removed = nil
	m.doc.Subscribers = make([]nodeapi.Subscriber, 0, len(m.rows))
	for _, s := range m.rows {
		m.doc.Subscribers = append(m.doc.Subscribers, s)
	}
	slices.SortFunc(m.doc.Subscribers, func(a, b nodeapi.Subscriber) int { return strings.Compare(a.ID, b.ID) })
	return m.doc
}
