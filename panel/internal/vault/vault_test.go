package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"culvert/panel/internal/pg/pgtest"
	"culvert/panel/internal/vault"
)

func TestSealIsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	path := filepath.Join(t.TempDir(), "master.key")
	master, err := vault.LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, master)
	if err != nil {
		t.Fatal(err)
	}
	clear := []byte("correct horse")
	sealed := v.Seal("subscriber.password", "sub_a", clear)
	if bytes.Contains(sealed, clear) {
		t.Fatal("the clear text is in the sealed value")
	}
	got, err := v.Open(ctx, "subscriber.password", "sub_a", sealed)
	if err != nil || !bytes.Equal(got, clear) {
		t.Fatalf("open: %q, %v", got, err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, try := range map[string]struct {
		purpose, owner string
		b              []byte
	}{
		"other row":     {"subscriber.password", "sub_b", sealed},
		"other purpose": {"subscriber.secret", "sub_a", sealed},
		"bit flipped":   {"subscriber.password", "sub_a", flipped},
		"cut short":     {"subscriber.password", "sub_a", sealed[:20]},
		"empty":         {"subscriber.password", "sub_a", nil},
	} {
		if _, err := v.Open(ctx, try.purpose, try.owner, try.b); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	path := filepath.Join(t.TempDir(), "master.key")
	master, err := vault.LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, db, master)
	if err != nil {
		t.Fatal(err)
	}
	other, err := vault.Open(ctx, db, master)
	if err != nil {
		t.Fatal(err)
	}
	before, hash := v.Seal("p", "o", []byte("old")), v.Hash("key", "secret")
	if err := v.AddDataKey(ctx); err != nil {
		t.Fatal(err)
	}
	after := v.Seal("p", "o", []byte("new"))
	if got, err := other.Open(ctx, "p", "o", after); err != nil || string(got) != "new" {
		t.Fatalf("another replica cannot open a value of the new data key: %v", err)
	}
	if err := v.RotateMaster(ctx, path); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Open(ctx, db, master); !errors.Is(err, vault.ErrSealed) {
		t.Fatalf("the old master key still opens the vault: %v", err)
	}
	now, err := vault.LoadMaster(path, false)
	if err != nil {
		t.Fatal(err)
	}
	v2, err := vault.Open(ctx, db, now)
	if err != nil {
		t.Fatal(err)
	}
	for want, sealed := range map[string][]byte{"old": before, "new": after} {
		if got, err := v2.Open(ctx, "p", "o", sealed); err != nil || string(got) != want {
			t.Errorf("after rotation %s opens as %q, %v", want, got, err)
		}
	}
	if !bytes.Equal(hash, v2.Hash("key", "secret")) {
		t.Error("rotation changed the keyed hashes: every access key would be dead")
	}
}

// Whatever meets, the file at path opens the vault: a lost master key is the end of every credential.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := pgtest.New(t)
	path := filepath.Join(t.TempDir(), "master.key")
	master, err := vault.LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		const racers = 4
		vaults, results := make([]*vault.Vault, racers), make([]error, racers)
		for i := range racers {
			if vaults[i], err = vault.Open(ctx, db, master); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for i, v := range vaults {
			wg.Go(func() { results[i] = v.RotateMaster(ctx, path) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, vault.ErrSealed) {
				t.Errorf("a loser gets %v", err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d of %d rotations of one key came through", round, won, racers)
		}
		if master, err = vault.LoadMaster(path, false); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(ctx, db, master); err != nil {
			t.Fatalf("round %d: the key in the file does not open the vault: %v", round, err)
		}
		if _, err := os.Stat(vault.NextMaster(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("round %d: the losers left %s", round, vault.NextMaster(path))
		}
	}
}

func TestAdoptTakesOnlyTheKeyInForce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	old, err := vault.LoadMaster(path, true)
	if err != nil {
		t.Fatal(err)
	}
	next, err := vault.LoadMaster(vault.NextMaster(path), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := vault.AdoptMaster(path, make([]byte, 32)); err == nil {
		t.Error("a key that is not in force took the place of the old one")
	}
	if err := vault.AdoptMaster(path, old); err != nil {
		t.Errorf("what is in place already: %v", err)
	}
	if err := vault.AdoptMaster(path, next); err != nil {
		t.Fatal(err)
	}
	if now, err := vault.LoadMaster(path, false); err != nil || !bytes.Equal(now, next) {
		t.Errorf("the file holds another key, %v", err)
	}
}

func TestMasterFileIsGuarded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := vault.LoadMaster(filepath.Join(dir, "absent"), false); err == nil {
		t.Error("an absent key was accepted")
	}
	for name, c := range map[string]struct {
		mode os.FileMode
		text string
	}{
		"readable by others": {0o644, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
		"too short":          {0o600, "MDEyMzQ1"},
		"not base64":         {0o600, "!!!"},
	} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.LoadMaster(p, true); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
