package identity

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Throttling of failed sign-ins, by account and by address: the first few are free, then each failure doubles the wait.
const (
	freeFailures   = 5
	freeEverywhere = 100 // of one account, from all networks that it is not known in
	firstWait      = time.Second
	longestWait    = 15 * time.Minute
	throttleForget = 24 * time.Hour
	rememberKnown  = 90 * 24 * time.Hour
)

const everywhere = "everywhere:"

// attempt is a sign-in that is being proved. It counts against the account as tried from its network, against the network,
// and against the account wherever it is tried from: else many networks would guess as often as one each. The last is slow
// and leaves alone the networks from which the account signed in before, so that strangers do not lock its owner out.
type attempt struct {
	byAccount, known string
	keys             []string
}

// attempt refuses an account that must wait.
func (s *core) attempt(ctx context.Context, name, address string) (*attempt, error) {
	byAccount, byAddress := signInKeys(name, address)
	t := &attempt{byAccount: byAccount, known: "known " + byAccount, keys: []string{byAccount, byAddress}}
	found := false
	err := s.db.InSystem(ctx, func(tx *pg.Tx) (err error) {
		var one int
		found, err = tx.One(ctx, "SELECT 1 FROM throttle WHERE key = $1", []any{t.known}, &one)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		t.keys = append(t.keys, everywhere+name)
	}
	return t, s.admit(ctx, t.keys...)
}

// succeeded forgets the failures of the account in this network, and remembers the network. Its row is dated ahead, to be
// kept for so long.
func (s *core) succeeded(ctx context.Context, t *attempt) error {
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM throttle WHERE key = $1", t.byAccount); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO throttle (key, failures, blocked_until, seen_at) VALUES ($1, 0, 'epoch', $2)
			ON CONFLICT (key) DO UPDATE SET seen_at = excluded.seen_at`, t.known, tx.Now.Add(rememberKnown))
		return err
	})
}

// Throttled is returned while a key or an address must wait; RetryAfter says how long.
type Throttled struct {
	RetryAfter time.Duration
	error
}

// Unwrap gives the classified error.
func (t *Throttled) Unwrap() error { return t.error }

// admit refuses while any of the keys is blocked. It comes before the slow hash.
func (s *core) admit(ctx context.Context, keys ...string) error {
	var until time.Time
	var now time.Time
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		now = tx.Now
		_, err := tx.One(ctx, "SELECT coalesce(max(blocked_until), 'epoch') FROM throttle WHERE key = ANY($1)", []any{keys}, &until)
		return err
	})
	if err != nil {
		return err
	}
	if wait := until.Sub(now); wait > 0 {
		return &Throttled{wait, errs.New(errs.Throttled, "too many failed sign-ins; try again in %d s", int(wait/time.Second)+1)}
	}
	return nil
}

// punish counts a failure against each key. A key's count decays after a day without failures.
func (s *core) punish(ctx context.Context, keys ...string) error {
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		for _, k := range slices.Sorted(slices.Values(keys)) {
			free := freeFailures
			if strings.HasPrefix(k, everywhere) {
				free = freeEverywhere
			}
			if _, err := tx.Exec(ctx, `INSERT INTO throttle AS t (key, failures, blocked_until, seen_at) VALUES ($1, 1, $2, $2)
				ON CONFLICT (key) DO UPDATE SET
				  failures = CASE WHEN t.seen_at < $2::timestamptz - make_interval(secs => $3) THEN 1 ELSE t.failures + 1 END,
				  blocked_until = CASE WHEN t.failures + 1 <= $4 OR t.seen_at < $2::timestamptz - make_interval(secs => $3) THEN $2::timestamptz
				    ELSE $2::timestamptz + make_interval(secs => least($5 * power(2, least(t.failures - $4, 30)), $6)) END,
				  seen_at = $2`, k, tx.Now, throttleForget.Seconds(), free, firstWait.Seconds(), longestWait.Seconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

// NetworkOf is what failures of an address count against: the address, or the /64 that one customer of an IPv6 provider
// has to himself.
func NetworkOf(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
