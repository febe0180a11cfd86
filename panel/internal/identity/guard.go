package identity

import (
	"context"

	"culvert/panel/internal/errs"
)

// FreshToken makes a random token of 256 bits, for sessions.
func FreshToken() string { return randomText(tokenLen) }

// FailureKeys are the names under which failures of a guarded account are counted, as seen from an address.
func FailureKeys(account, address string) []string {
	byAccount, _ := signInKeys(account, address)
	return []string{byAccount, everywhere + account}
}

// Guarded runs prove for an account that is not a login of ours, under the same throttling as a person's sign-in: by account
// and network, by network, and by account wherever it is tried from. A proof that fails is one answer, and counts.
func (s *People) Guarded(ctx context.Context, account, address string, prove func(context.Context) (bool, error)) error {
	try, err := s.attempt(ctx, account, address)
	if err != nil {
		return err
	}
	ok, err := prove(ctx)
	if err != nil {
		return err
	}
	if !ok {
		if err := s.punish(ctx, try.keys...); err != nil {
			return err
		}
		return errs.New(errs.Unauthorized, "name or password is wrong")
	}
	return s.succeeded(ctx, try)
}
