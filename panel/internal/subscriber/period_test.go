package subscriber

import (
	"testing"
	"time"

	"culvert/panel/internal/billing"
)

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPeriodsKeepTheirDay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, kind, anchor, now, want string }{
		{"daily", billing.ResetDaily, "2026-01-31T10:00:00Z", "2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"},
		{"weekly on a Monday", billing.ResetWeekly, "2026-01-31T10:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"weekly on a Sunday", billing.ResetWeekly, "2026-01-31T10:00:00Z", "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z"},
		{"monthly", billing.ResetMonthly, "2026-01-31T10:00:00Z", "2026-12-31T12:00:00Z", "2027-01-01T00:00:00Z"},
		{"anniversary", billing.ResetAnniversary, "2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"},
		{"anniversary after a short month", billing.ResetAnniversary, "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z"},
		{"anniversary a second before", billing.ResetAnniversary, "2026-01-31T10:00:00Z", "2026-02-28T09:59:59Z", "2026-02-28T10:00:00Z"},
		{"anniversary in a leap year", billing.ResetAnniversary, "2026-01-30T10:00:00Z", "2028-02-01T00:00:00Z", "2028-02-29T10:00:00Z"},
		{"anniversary years on", billing.ResetAnniversary, "2020-01-31T10:00:00Z", "2026-04-30T10:00:01Z", "2026-05-31T10:00:00Z"},
		{"anchor ahead of the clock", billing.ResetAnniversary, "2026-06-15T10:00:00Z", "2026-01-01T00:00:00Z", "2026-07-15T10:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := nextReset(c.kind, instant(t, c.anchor), instant(t, c.now))
			if got == nil || !got.Equal(instant(t, c.want)) {
				t.Errorf("next reset %v, want %s", got, c.want)
			}
		})
	}
	if nextReset(billing.ResetNever, time.Now(), time.Now()) != nil {
		t.Error("never resets")
	}
}

// TestALateSweepMovesNoBoundary: a panel that was away for months opens the period that should run now.
func TestALateSweepMovesNoBoundary(t *testing.T) {
	t.Parallel()
	due := instant(t, "2026-02-28T10:00:00Z")
	s := &Subscriber{Terms: Terms{ResetAnchor: instant(t, "2026-01-31T10:00:00Z"), NextReset: &due}}
	s.Reset = billing.ResetAnniversary
	for now, want := range map[string]string{
		"2026-02-28T10:00:07Z": "2026-02-28T10:00:00Z",
		"2026-03-31T09:59:59Z": "2026-02-28T10:00:00Z",
		"2026-06-15T00:00:00Z": "2026-05-31T10:00:00Z",
	} {
		if got := s.began(instant(t, now)); !got.Equal(instant(t, want)) {
			t.Errorf("at %s the period began %v, want %s", now, got, want)
		}
	}
}
