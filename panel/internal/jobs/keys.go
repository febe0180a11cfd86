package jobs

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/nodeapi"
)

const (
	keyName = "job_key"
	// A fresh key signs only after nodes had time to learn it from their settings; the one before it stays valid.
	learnKey = 10 * time.Minute
	keepKeys = 30 * time.Second // replicas look for each other's rotations that often
)

// KeysRotated tells that nodes' settings name other job keys now.
type KeysRotated struct {
	Key string `json:"key"`
}

// Kind implements outbox.Event.
func (KeysRotated) Kind() string { return "job_keys.rotated" }

type signKey struct {
	id      string
	public  ed25519.PublicKey
	private ed25519.PrivateKey
	born    time.Time
}

// Keys signs jobs. The private halves are sealed in the database; nodes pin the public ones.
type Keys struct {
	db    *pg.DB
	vault *vault.Vault

	mu   sync.Mutex
	held []signKey // oldest first, at most two
	at   time.Time
}

// NewKeys returns the keys of the installation.
func NewKeys(db *pg.DB, v *vault.Vault) *Keys { return &Keys{db: db, vault: v} }

// Public lists the keys whose signature counts: the one before, and the newest. It is what the database says now: a node
// that is told of a rotation from memory would learn nothing, and there is no second telling.
func (k *Keys) Public(ctx context.Context) ([]nodeapi.JobKey, error) {
	held, err := k.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("job keys: %w", err)
	}
	k.mu.Lock()
	k.held, k.at = held, time.Now()
	k.mu.Unlock()
	out := make([]nodeapi.JobKey, len(held))
	for i, s := range held {
		out[i] = nodeapi.JobKey{ID: s.id, Public: s.public}
	}
	return out, nil
}

func (k *Keys) sign(ctx context.Context, j *nodeapi.Job) error {
	held, err := k.load(ctx)
	if err != nil {
		return err
	}
	use := held[len(held)-1]
	if len(held) > 1 && time.Since(use.born) < learnKey {
		use = held[len(held)-2]
	}
	j.Key = use.id
	j.Sign(use.private)
	return nil
}

func (k *Keys) load(ctx context.Context) ([]signKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.held) > 0 && time.Since(k.at) < keepKeys {
		return k.held, nil
	}
	held, err := k.read(ctx)
	if err != nil {
		if len(k.held) > 0 {
			return k.held, nil // the database is away: what was valid is valid
		}
		return nil, fmt.Errorf("job keys: %w", err)
	}
	k.held, k.at = held, time.Now()
	return held, nil
}

type sealedKey struct {
	id             string
	public, sealed []byte
	born           time.Time
}

func (k *Keys) read(ctx context.Context) ([]signKey, error) {
	var rows []sealedKey
	err := k.db.InSystem(ctx, func(tx *pg.Tx) (err error) {
		if rows, err = liveKeys(ctx, tx); err != nil || len(rows) > 0 {
			return err
		}
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		if rows, err = liveKeys(ctx, tx); err != nil || len(rows) > 0 {
			return err
		}
		if _, err := k.add(ctx, tx); err != nil {
			return err
		}
		rows, err = liveKeys(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]signKey, 0, len(rows))
	for _, r := range rows {
		seed, err := k.vault.Open(ctx, keyName, r.id, r.sealed)
		if err != nil {
			return nil, err
		}
		if len(seed) != ed25519.SeedSize {
			return nil, errors.New("job key has a wrong size")
		}
		out = append(out, signKey{id: r.id, public: r.public, private: ed25519.NewKeyFromSeed(seed), born: r.born})
	}
	return out, nil
}

func lockKeys(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7203444)")
	return err
}

func liveKeys(ctx context.Context, tx *pg.Tx) ([]sealedKey, error) {
	var out []sealedKey
	err := tx.Query(ctx, "SELECT id, public, sealed, created_at FROM installation WHERE name = $1 AND retired_at IS NULL ORDER BY created_at, id",
		[]any{keyName}, func(r pg.Row) error {
			var s sealedKey
			err := r.Scan(&s.id, &s.public, &s.sealed, &s.born)
			out = append(out, s)
			return err
		})
	return out, err
}

func (k *Keys) add(ctx context.Context, tx *pg.Tx) (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	name := "jk_" + hex.EncodeToString(public[:8])
	_, err = tx.Exec(ctx, "INSERT INTO installation (name, id, public, sealed, created_at) VALUES ($1, $2, $3, $4, $5)",
		keyName, name, []byte(public), k.vault.Seal(keyName, name, private.Seed()), tx.Now)
	return name, err
}

// Rotate adds a key. The one in use stays valid beside it; older ones end.
func (k *Keys) Rotate(ctx context.Context, a actor.Actor) error {
	if err := a.RequireOperator(actor.May(actor.Settings, actor.Write)); err != nil {
		return err
	}
	err := k.db.InSystem(ctx, func(tx *pg.Tx) error {
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		live, err := liveKeys(ctx, tx)
		if err != nil {
			return err
		}
		if n := len(live); n > 1 && tx.Now.Sub(live[n-1].born) < learnKey {
			return errs.New(errs.State, "the last rotation is younger than %s: nodes are still learning that key", learnKey)
		}
		for i := range max(0, len(live)-1) {
			if _, err := tx.Exec(ctx, "UPDATE installation SET retired_at = $3 WHERE name = $1 AND id = $2", keyName, live[i].id, tx.Now); err != nil {
				return err
			}
		}
		name, err := k.add(ctx, tx)
		if err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, a.Home, a.Trace, KeysRotated{Key: name}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "job_key.rotate", "job_key/"+name, nil)
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = time.Time{}
	return err
}
