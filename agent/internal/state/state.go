// Package state keeps the node's last good document on disk, sealed, so that it starts and serves without the panel; and
// the small secrets of its ingresses.
//
// On disk are a snapshot and a log of the updates since. A record is AES-256-GCM under the node's key file, bound to its
// place: a record cannot be moved, repeated or taken from another log. What cannot be read ends the log there; a
// snapshot that cannot be read means starting empty, which the panel heals with a full document.
package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"culvert/shared/nodeapi"
)

// Names inside the store's folder.
const (
	keyFile    = "state.key"
	snapFile   = "state.snapshot"
	logPrefix  = "state.log-"
	keepDir    = "keep"
	tempSuffix = ".tmp"
)

// compactAfter is the size at which a log is folded into a new snapshot, when it has also outgrown the snapshot.
const compactAfter = 1 << 20

// Store is a node's state on disk. All methods are safe for concurrent use.
type Store struct {
	dir  string
	log  *slog.Logger
	aead cipher.AEAD

	mu       sync.Mutex
	id       [16]byte // of the snapshot; names its log
	records  uint64   // in the log
	size     int64    // of the log
	snapSize int64
	file     *os.File // the log; nil until a snapshot exists
	whole    bool     // what is on disk is known to be behind: the next save writes a snapshot
}

// Open opens the store in dir, which is created with mode 0700 with a key of its own. A key that cannot be read or made
// is an error; damaged state is not (see Load).
func Open(dir string, log *slog.Logger) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, keepDir), 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	key, err := loadKey(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{dir: dir, log: log, aead: aead, whole: true}, nil
}

// loadKey reads the key, or makes it when there is none.
func loadKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		return key, writeFile(path, fmt.Appendf(nil, "%x\n", key))
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s must hold 64 hexadecimal characters", path)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, err
	}
	return key, nil
}

// Close closes the log file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file, s.whole = nil, true
	return err
}

// Load returns the last good document as a full update, or nil when there is none. problem says what could not be read
// and was left out; the node then starts with what is good, which may be nothing.
func (s *Store) Load() (doc *nodeapi.Update, problem error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.readSnapshot()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("stored state cannot be read, starting empty: %w", err)
	}
	m := newMerger(doc)
	problem = s.readLog(m)
	return m.document(), problem
}

// Save stores an update that was applied. full is asked for the whole document when a snapshot is due. When Save fails,
// the next one writes a snapshot.
func (s *Store) Save(u *nodeapi.Update, full func() *nodeapi.Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.whole || s.file == nil || u.Base == 0 || s.size > max(compactAfter, s.snapSize) {
		err = s.writeSnapshot(full())
	} else {
		err = s.append(u)
	}
	s.whole = err != nil
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// writeFile puts content at path, mode 0600, so that a crash leaves the old file or the new one.
func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+tempSuffix))
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
