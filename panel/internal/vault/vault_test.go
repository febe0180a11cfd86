package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
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
