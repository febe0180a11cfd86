package identity

import (
	"context"
	"net/netip"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// Throttling of failed sign-ins, by account and by address: the first few are free, then each failure doubles the wait.
const (
	freeFailures   = 5
	firstWait      = time.Second
	longestWait    = 15 * time.Minute
	throttleForget = 24 * time.Hour
)

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
		for _, k := range sorted(keys) {
			if _, err := tx.Exec(ctx, `INSERT INTO throttle AS t (key, failures, blocked_until, seen_at) VALUES ($1, 1, $2, $2)
				ON CONFLICT (key) DO UPDATE SET
				  failures = CASE WHEN t.seen_at < $2::timestamptz - make_interval(secs => $3) THEN 1 ELSE t.failures + 1 END,
				  blocked_until = CASE WHEN t.failures + 1 <= $4 OR t.seen_at < $2::timestamptz - make_interval(secs => $3) THEN $2::timestamptz
				    ELSE $2::timestamptz + make_interval(secs => least($5 * power(2, least(t.failures - $4, 30)), $6)) END,
				  seen_at = $2`, k, tx.Now, throttleForget.Seconds(), freeFailures, firstWait.Seconds(), longestWait.Seconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *core) forgive(ctx context.Context, keys ...string) error {
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM throttle WHERE key = ANY($1)", keys)
		return err
	})
}

func sorted(keys []string) []string {
	if len(keys) == 2 && keys[0] > keys[1] {
		return []string{keys[1], keys[0]}
	}
	return keys
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
