package subscriber

import (
	"context"
	"fmt"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/pg"
)

// startPeriods posts the resets of a page of subscribers, whose totals the caller has locked, and opens the next period of
// each at the instant that stands beside it. Allowances of the old periods are void at the nodes. Saving the subscribers is
// up to the caller.
func startPeriods(ctx context.Context, tx *pg.Tx, page []*Subscriber, from []time.Time) error {
	n := len(page)
	tenants, ids, sources := make([]string, n), make([]string, n), make([]string, n)
	periods, ups, downs := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, sub := range page {
		tenants[i], ids[i], sources[i] = sub.TenantID, sub.ID, fmt.Sprintf("reset:%d", sub.Period)
		periods[i], ups[i], downs[i] = sub.Period, int64(sub.Usage.Up), int64(sub.Usage.Down)
		sub.Period++
		sub.PeriodStart = from[i]
		sub.NextReset = nextReset(sub.Reset, sub.ResetAnchor, tx.Now)
		sub.Usage.Up, sub.Usage.Down, sub.Usage.Granted = 0, 0, 0
	}
	if _, err := tx.Exec(ctx, `INSERT INTO ledger (tenant_id, at, subscriber_id, kind, period, up, down, source)
		SELECT u.tenant, $1, u.sub, 'reset', u.period, u.up, u.down, u.source
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[]) AS u (tenant, sub, period, up, down, source)`,
		tx.Now, tenants, ids, periods, ups, downs, sources); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE usage_total t SET period = u.period + 1, up = 0, down = 0, granted = 0
		FROM unnest($1::text[], $2::bigint[]) AS u (sub, period) WHERE t.subscriber_id = u.sub`, ids, periods)
	return err
}

// began returns the last instant up to now at which a period of s had to begin, for one whose reset is due: a sweep that
// comes late, or after a month without a panel, moves no boundary.
func (s *Subscriber) began(now time.Time) time.Time {
	at := *s.NextReset
	for {
		next := nextReset(s.Reset, s.ResetAnchor, at)
		if next == nil || next.After(now) {
			return at
		}
		at = *next
	}
}

// nextReset returns the first instant after now at which a new period starts, or nil. Periods by the calendar begin at
// midnight UTC; anniversaries at the anchor's time of day, on its day of the month.
func nextReset(kind string, anchor, now time.Time) *time.Time {
	now = now.UTC()
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	var next time.Time
	switch kind {
	case billing.ResetDaily:
		next = day.AddDate(0, 0, 1)
	case billing.ResetWeekly: // Monday, ISO 8601
		next = day.AddDate(0, 0, (8-int(now.Weekday()))%7)
		if !next.After(now) {
			next = next.AddDate(0, 0, 7)
		}
	case billing.ResetMonthly:
		next = time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	case billing.ResetAnniversary:
		a := anchor.UTC()
		n := max(1, (now.Year()-a.Year())*12+int(now.Month())-int(a.Month()))
		for next = monthsLater(a, n); !next.After(now); next = monthsLater(a, n) {
			n++
		}
	default:
		return nil
	}
	return &next
}

// monthsLater keeps the day of the month where the month has it, else its last day: 31 January, 28 February, 31 March.
func monthsLater(start time.Time, n int) time.Time {
	first := time.Date(start.Year(), start.Month()+time.Month(n), 1, start.Hour(), start.Minute(), start.Second(), 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(start.Day(), last)-1)
}
