// Package vault seals what must be readable later: subscribers' passwords, private keys, one-time answers.
//
// A master key of 32 bytes lives outside the database (a file, mode 0600). It wraps data keys that lie in the data_key
// table; values are sealed with the newest data key under AES-256-GCM, bound to a context such as "subscriber.password
// sub_…" so that a sealed value cannot be moved to another row. Rotating the master key rewraps the data keys; adding a
// data key makes new values use it, old values stay readable.
//
// Sealed layout: 1 byte version (1), 4 bytes data key id, 12 bytes nonce, ciphertext with tag.
package vault

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"culvert/panel/internal/pg"
)

const (
	version  = 1
	header   = 5
	nonceLen = 12
	keyLen   = 32
)

// ErrSealed is returned for a value that does not open: damaged, moved to another row, or of a key we do not have.
var ErrSealed = errors.New("sealed value does not open")

// Vault seals and opens. It is safe for concurrent use.
type Vault struct {
	db     *pg.DB
	master []byte
	pepper []byte

	mu     sync.RWMutex
	keys   map[uint32]cipher.AEAD
	newest uint32
}

// LoadMaster reads the master key file, or makes it when it does not exist and create is set.
func LoadMaster(path string, create bool) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && create {
		return createMaster(path)
	}
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key: %s may be read by others (mode %04o): chmod 600 it", path, fi.Mode().Perm())
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != keyLen {
		return nil, fmt.Errorf("master key: %s must hold %d bytes in base64", path, keyLen)
	}
	return key, nil
}

func createMaster(path string) ([]byte, error) {
	key := make([]byte, keyLen)
	_, _ = rand.Read(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if err := writeMaster(path, key); err != nil {
		return nil, err
	}
	return key, nil
}

// writeMaster stores the key so that a crash leaves the old file or the new one, whole.
func writeMaster(path string, key []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".master-*")
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("master key: %w", err)
	}
	return nil
}

// rename puts a file into place and makes that last.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockMaster waits for whoever changes the files of the key at path, in this process or another.
func lockMaster(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock master key: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// Derive returns a key for purpose, independent of the master key's other uses.
func Derive(master []byte, purpose string) []byte {
	h := hmac.New(sha256.New, master)
	h.Write([]byte("culvert " + purpose))
	return h.Sum(nil)
}

// Open loads the data keys, making the first one in an empty table.
func Open(ctx context.Context, db *pg.DB, master []byte) (*Vault, error) {
	v := &Vault{db: db, master: master}
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203442)"); err != nil {
			return err
		}
		if err := v.load(ctx, tx); err != nil {
			return err
		}
		if len(v.keys) > 0 {
			return nil
		}
		return v.add(ctx, tx, 1)
	})
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if v.pepper, err = v.Installation(ctx, "pepper", random(keyLen)); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

// Installation returns the sealed value of that name which the whole installation shares, making it with fresh the first
// time. Replicas that start together agree on one value.
func (v *Vault) Installation(ctx context.Context, name string, fresh func() ([]byte, error)) ([]byte, error) {
	var sealed []byte
	err := v.db.InSystem(ctx, func(tx *pg.Tx) error {
		const get = "SELECT sealed FROM installation WHERE name = $1 AND id = ''"
		found, err := tx.One(ctx, get, []any{name}, &sealed)
		if err != nil || found {
			return err
		}
		clear, err := fresh()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO installation (name, id, sealed, created_at) VALUES ($1, '', $2, $3)
			ON CONFLICT DO NOTHING`, name, v.Seal("installation", name, clear), tx.Now); err != nil {
			return err
		}
		_, err = tx.One(ctx, get, []any{name}, &sealed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("installation value %s: %w", name, err)
	}
	return v.Open(ctx, "installation", name, sealed)
}

func random(n int) func() ([]byte, error) {
	return func() ([]byte, error) {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b, nil
	}
}

// Random makes an installation value of 32 random bytes.
func Random() ([]byte, error) { return random(keyLen)() }

// PasswordSalt is the installation's salt for passwords that open Hysteria without a name (nodeapi.Settings).
func (v *Vault) PasswordSalt(ctx context.Context) ([]byte, error) {
	return v.Installation(ctx, "password_salt", random(keyLen))
}

func (v *Vault) load(ctx context.Context, tx *pg.Tx) error {
	keys, newest := map[uint32]cipher.AEAD{}, uint32(0)
	wrap := aead(Derive(v.inForce(), "wrap"))
	err := tx.Query(ctx, "SELECT id, wrapped FROM data_key ORDER BY id", nil, func(r pg.Row) error {
		var n int64
		var wrapped []byte
		if err := r.Scan(&n, &wrapped); err != nil {
			return err
		}
		if len(wrapped) < nonceLen {
			return fmt.Errorf("data key %d: %w", n, ErrSealed)
		}
		raw, err := wrap.Open(nil, wrapped[:nonceLen], wrapped[nonceLen:], fmt.Appendf(nil, "data key %d", n))
		if err != nil {
			return fmt.Errorf("data key %d is not wrapped by this master key: %w", n, ErrSealed)
		}
		newest = uint32(n)
		keys[newest] = aead(raw)
		return nil
	})
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.keys, v.newest = keys, newest
	v.mu.Unlock()
	return nil
}

func (v *Vault) add(ctx context.Context, tx *pg.Tx, n uint32) error {
	raw := make([]byte, keyLen)
	_, _ = rand.Read(raw)
	if _, err := tx.Exec(ctx, "INSERT INTO data_key (id, wrapped, created_at) VALUES ($1, $2, $3)",
		int64(n), wrap(v.inForce(), n, raw), tx.Now); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil {
		v.keys = map[uint32]cipher.AEAD{}
	}
	v.keys[n], v.newest = aead(raw), n
	return nil
}

func wrap(master []byte, n uint32, raw []byte) []byte {
	nonce := make([]byte, nonceLen)
	_, _ = rand.Read(nonce)
	return aead(Derive(master, "wrap")).Seal(nonce, nonce, raw, fmt.Appendf(nil, "data key %d", n))
}

// AddDataKey makes new values be sealed with a fresh data key.
func (v *Vault) AddDataKey(ctx context.Context) error {
	return v.db.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203442)"); err != nil {
			return err
		}
		if err := v.load(ctx, tx); err != nil {
			return err
		}
		return v.add(ctx, tx, v.newest+1)
	})
}

// RotateMaster rewraps every data key with a fresh master key and stores it at path. The new key lies beside the old one
// (path + ".next") before the database changes, so a crash at any point leaves a file that opens the vault. Only one
// rotation at a time touches the files, and only after it has seen, under the database's lock, that the key it replaces
// is the one in force: what lies in ".next" then is of no use to anybody.
func (v *Vault) RotateMaster(ctx context.Context, path string) error {
	unlock, err := lockMaster(path)
	if err != nil {
		return err
	}
	defer unlock()
	old := v.inForce()
	next := make([]byte, keyLen)
	_, _ = rand.Read(next)
	written, committing := false, false
	err = v.db.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203442)"); err != nil {
			return err
		}
		if err := rewrap(ctx, tx, old, next); err != nil {
			return err
		}
		if inFile, err := LoadMaster(path, false); err != nil || !bytes.Equal(inFile, old) {
			return errors.Join(fmt.Errorf("%s does not hold the master key in force", path), err)
		}
		written = true
		if err := writeMaster(NextMaster(path), next); err != nil {
			return err
		}
		committing = true
		return nil
	})
	if err != nil {
		if written && !committing { // of a commit without an answer nobody knows: then both keys stay
			_ = os.Remove(NextMaster(path))
		}
		return fmt.Errorf("rotate master key: %w", err)
	}
	v.mu.Lock()
	v.master = next
	v.mu.Unlock()
	return adopt(path)
}

func (v *Vault) inForce() []byte {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.master
}

// NextMaster is where a rotation keeps the new key until it is in force.
func NextMaster(path string) string { return path + ".next" }

// AdoptMaster puts key, which a rotation left in NextMaster and which is in force, into the place of the old one.
func AdoptMaster(path string, key []byte) error {
	unlock, err := lockMaster(path)
	if err != nil {
		return err
	}
	defer unlock()
	if now, err := LoadMaster(path, false); err == nil && bytes.Equal(now, key) {
		return nil // the rotation itself was faster
	}
	next, err := LoadMaster(NextMaster(path), false)
	if err != nil {
		return err
	}
	if !bytes.Equal(next, key) {
		return fmt.Errorf("the master key was rotated again meanwhile: %s is not the one in force", NextMaster(path))
	}
	return adopt(path)
}

func adopt(path string) error {
	if err := rename(NextMaster(path), path); err != nil {
		return fmt.Errorf("the master key in force is in %s; move it to %s: %w", NextMaster(path), path, err)
	}
	return nil
}

func rewrap(ctx context.Context, tx *pg.Tx, master, next []byte) error {
	type row struct {
		n       int64
		wrapped []byte
	}
	var rows []row
	err := tx.Query(ctx, "SELECT id, wrapped FROM data_key FOR UPDATE", nil, func(r pg.Row) error {
		var x row
		if err := r.Scan(&x.n, &x.wrapped); err != nil {
			return err
		}
		rows = append(rows, x)
		return nil
	})
	if err != nil {
		return err
	}
	old := aead(Derive(master, "wrap"))
	for _, x := range rows {
		raw, err := old.Open(nil, x.wrapped[:nonceLen], x.wrapped[nonceLen:], fmt.Appendf(nil, "data key %d", x.n))
		if err != nil {
			return fmt.Errorf("data key %d: %w", x.n, ErrSealed)
		}
		if _, err := tx.Exec(ctx, "UPDATE data_key SET wrapped = $2 WHERE id = $1", x.n, wrap(next, uint32(x.n), raw)); err != nil {
			return err
		}
	}
	return nil
}

// Seal encrypts clear, bound to what it is (purpose) and whose (owner).
func (v *Vault) Seal(purpose, owner string, clear []byte) []byte {
	v.mu.RLock()
	n := v.newest
	k := v.keys[n]
	v.mu.RUnlock()
	out := make([]byte, header+nonceLen, header+nonceLen+len(clear)+16)
	out[0] = version
	binary.BigEndian.PutUint32(out[1:], n)
	_, _ = rand.Read(out[header:])
	return k.Seal(out, out[header:header+nonceLen], clear, binding(purpose, owner))
}

// Open decrypts a value sealed for the same purpose and owner.
func (v *Vault) Open(ctx context.Context, purpose, owner string, sealed []byte) ([]byte, error) {
	if len(sealed) < header+nonceLen+16 || sealed[0] != version {
		return nil, fmt.Errorf("%s of %s: %w", purpose, owner, ErrSealed)
	}
	k, err := v.key(ctx, binary.BigEndian.Uint32(sealed[1:]))
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", purpose, owner, err)
	}
	clear, err := k.Open(nil, sealed[header:header+nonceLen], sealed[header+nonceLen:], binding(purpose, owner))
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", purpose, owner, ErrSealed)
	}
	return clear, nil
}

// key finds a data key; one that another replica added since is loaded on the way.
func (v *Vault) key(ctx context.Context, n uint32) (cipher.AEAD, error) {
	v.mu.RLock()
	k := v.keys[n]
	v.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	if err := v.db.InSystem(ctx, func(tx *pg.Tx) error { return v.load(ctx, tx) }); err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if k = v.keys[n]; k == nil {
		return nil, ErrSealed
	}
	return k, nil
}

// Hash is the keyed hash under which tokens and access-key secrets are stored: HMAC-SHA-256 with a pepper that is sealed
// in the database, so a stolen dump does not let anyone test guesses.
func (v *Vault) Hash(purpose, token string) []byte {
	h := hmac.New(sha256.New, v.pepper)
	h.Write([]byte(purpose + "\x00" + token))
	return h.Sum(nil)
}

func binding(purpose, owner string) []byte { return []byte(purpose + "\x00" + owner) }

func aead(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic("vault: a key of 32 bytes always fits AES: " + err.Error())
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic("vault: AES always fits GCM: " + err.Error())
	}
	return a
}
