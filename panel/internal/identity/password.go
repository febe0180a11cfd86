package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"culvert/panel/internal/errs"
)

// Bounds of a person's password.
const (
	minPassword = 10
	maxPassword = 256
)

// parallelHashes bounds Argon2 runs at once: each takes 19 MiB, and sign-in must not be a memory attack.
const parallelHashes = 2

func argonParams() *argon2id.Params {
	return &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// prehash is what verifiers are made of (design.md §7): one verifier serves ordinary sign-in, where the password is sent,
// and /scale/api/login, where its SHA-256 is.
func prehash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func checkPassword(field, p string) error {
	if n := utf8.RuneCountInString(p); n < minPassword || len(p) > maxPassword || !utf8.ValidString(p) {
		return errs.Bad(field, "must have %d to %d characters", minPassword, maxPassword)
	}
	return nil
}

func (s *core) makeVerifier(ctx context.Context, password string) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	v, err := argon2id.CreateHash(prehash(password), argonParams())
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return v, nil
}

// verify takes the same time whether the account exists or not: an unknown one is checked against a decoy.
func (s *core) verify(ctx context.Context, hexHash, verifier string) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	known := verifier != ""
	if !known {
		verifier = s.decoy
	}
	ok, err := argon2id.ComparePasswordAndHash(hexHash, verifier)
	if err != nil {
		return false, fmt.Errorf("check password: %w", err)
	}
	return ok && known, nil
}

func (s *core) enter(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errs.Wrap(errs.Unavailable, ctx.Err(), "too many sign-ins at once")
	}
}

func (s *core) leave() { <-s.hashing }

// GeneratePassword makes a password for a person, to be shown once and changed at the first sign-in.
func GeneratePassword() string { return randomText(20) }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomText returns n characters of base62 from the system's random source, without bias.
func randomText(n int) string {
	out := make([]byte, 0, n)
	buf := make([]byte, n*2)
	for len(out) < n {
		_, _ = rand.Read(buf)
		for _, b := range buf {
			if b < 248 && len(out) < n { // 248 = 4 * 62
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}
