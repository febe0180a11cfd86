package identity_test

import (
	"testing"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/shared/secret"
)

// Guesses at one account from ever new networks are counted together; where its owner signed in before, he still can.
func TestGuessesFromEverywhereAreSlowed(t *testing.T) {
	t.Parallel()
	w, ctx := subscribertest.New(t), t.Context()
	const right = "a long password"
	if _, err := w.People.AddLogin(ctx, w.Operator, identity.NewLogin{Name: "ann", Password: right, Role: "owner"}); err != nil {
		t.Fatal(err)
	}
	try := func(password, from string) error {
		_, err := w.People.SignIn(ctx, "ann", secret.New(password), from, "")
		return err
	}
	if err := try(right, "203.0.113.1"); err != nil {
		t.Fatal(err)
	}
	if err := try("wrong", "192.0.2.1"); !errs.Is(err, errs.Unauthorized) {
		t.Fatalf("a guess: %v", err)
	}
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE throttle SET failures = 110 WHERE key = 'everywhere:ann' AND failures = 1")
		if err == nil && n != 1 {
			t.Errorf("one guess is counted in %d rows", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := try("wrong", "192.0.2.2"); !errs.Is(err, errs.Unauthorized) {
		t.Errorf("guess 111: %v", err)
	}
	if err := try("wrong", "192.0.2.3"); !errs.Is(err, errs.Throttled) {
		t.Errorf("the next guess, from another network, right after: %v", err)
	}
	if err := try("wrong", "203.0.113.1"); !errs.Is(err, errs.Unauthorized) {
		t.Errorf("a slip where the owner is known: %v", err)
	}
	if err := try(right, "203.0.113.1"); err != nil {
		t.Errorf("the owner, where he is known: %v", err)
	}
}
