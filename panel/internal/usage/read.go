package usage

import (
	"context"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/unit"
)

// Bucket is what a subscriber moved in one step of time, by ingress and exit when asked so.
type Bucket struct {
	At      time.Time  `json:"at"`
	Ingress string     `json:"ingress_id"`
	Exit    string     `json:"exit"`
	Up      unit.Bytes `json:"up"`
	Down    unit.Bytes `json:"down"`
}

const maxBuckets = 5000

// History sums the ledger of one subscriber from the hour of from (inclusive) to to (exclusive) in steps of hour, day or month,
// UTC. The ledger knows hours, nothing finer.
// Another tenant's subscriber has no rows here.
func (s *Service) History(ctx context.Context, a actor.Actor, sid string, from, to time.Time, step string) ([]Bucket, error) {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return nil, err
	}
	if step != "hour" && step != "day" && step != "month" {
		return nil, errs.Bad("step", "must be hour, day or month")
	}
	if !from.Before(to) || to.Sub(from) > 5*366*24*time.Hour {
		return nil, errs.Bad("to", "must be after from, by at most five years")
	}
	out := []Bucket{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT date_trunc($4, at, 'UTC') AS b, ingress_id, exit, sum(up)::bigint, sum(down)::bigint FROM (
			SELECT at, ingress_id, exit, up, down FROM ledger WHERE subscriber_id = $1 AND at >= $2 AND at < $3 AND kind = 'usage'
			UNION ALL SELECT hour, ingress_id, exit, up, down FROM usage_open WHERE subscriber_id = $1 AND hour >= $2 AND hour < $3) x
			GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT $5`,
			[]any{sid, from.UTC().Truncate(time.Hour), to, step, maxBuckets + 1}, func(r pg.Row) error {
				var b Bucket
				if err := r.Scan(&b.At, &b.Ingress, &b.Exit, &b.Up, &b.Down); err != nil {
					return err
				}
				out = append(out, b)
				return nil
			})
	})
	if len(out) > maxBuckets {
		return nil, errs.Bad("from", "gives more than %d steps of all ingresses and exits: ask for less, or for longer steps", maxBuckets)
	}
	return out, err
}

// SessionRow is one session of a subscriber, open or closed.
type SessionRow struct {
	ID       string     `json:"id"`
	Node     string     `json:"node_id"`
	Ingress  string     `json:"ingress_id"`
	Kind     string     `json:"kind"`
	Source   string     `json:"source"`
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at"`
	Cause    string     `json:"cause"`
	Up       unit.Bytes `json:"up"`
	Down     unit.Bytes `json:"down"`

	Subscriber string       `json:"subscriber_id"`
	Device     string       `json:"device_id" doc:"where the protocol knows it"`
	RateUp     unit.BitRate `json:"rate_up" doc:"bits per second, as last told; a node tells every 10 s"`
	RateDown   unit.BitRate `json:"rate_down"`
}

const sessionColumns = "id, node_id, ingress_id, kind, source, opened_at, closed_at, cause, up, down, subscriber_id, device_id, rate_up, rate_down"

func (x *SessionRow) scan(r pg.Row) error {
	return r.Scan(&x.ID, &x.Node, &x.Ingress, &x.Kind, &x.Source, &x.OpenedAt, &x.ClosedAt, &x.Cause, &x.Up, &x.Down, &x.Subscriber, &x.Device, &x.RateUp, &x.RateDown)
}

// Cursor is where the page after this row begins.
func (x *SessionRow) Cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(x.OpenedAt.UnixMicro(), 10) + "/" + x.ID))
}

// sessionCursor reads SessionRow.Cursor; an empty one is the beginning.
func sessionCursor(text string) (before time.Time, id string, err error) {
	if text == "" {
		return time.Now().UTC().AddDate(1, 0, 0), "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, id, ok := strings.Cut(string(raw), "/")
	micros, numErr := strconv.ParseInt(at, 10, 64)
	if err != nil || !ok || numErr != nil || !utf8.Valid(raw) || micros < 0 || micros > maxMicros {
		return before, "", errs.Bad("cursor", "is not a cursor of this listing")
	}
	return time.UnixMicro(micros).UTC(), id, nil
}

const maxMicros = 1 << 57 // the year 6536

// Sessions lists a subscriber's sessions, newest first; cursor is the SessionRow.Cursor of the last row of the page before.
func (s *Service) Sessions(ctx context.Context, a actor.Actor, sid, cursor string, limit int) ([]SessionRow, error) {
	if err := a.Require(actor.May(actor.Sessions, actor.Read)); err != nil {
		return nil, err
	}
	before, after, err := sessionCursor(cursor)
	if err != nil {
		return nil, err
	}
	out := []SessionRow{}
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, "SELECT "+sessionColumns+` FROM session_record
			WHERE tenant_id = (SELECT s.tenant_id FROM subscriber s WHERE s.id = $1) AND subscriber_id = $1 AND (opened_at, id) < ($2, $3) ORDER BY opened_at DESC, id DESC LIMIT $4`,
			[]any{sid, before, after, limit}, func(r pg.Row) error {
				var x SessionRow
				err := x.scan(r)
				out = append(out, x)
				return err
			})
	})
	return out, err
}

// LiveFilter narrows a listing of live sessions. Zero fields do not narrow.
type LiveFilter struct {
	Subscriber string // id, of the whole subtree; without one, only the actor's own tenant is listed
	Node       string // id
}

// Live lists open sessions, newest first; cursor is the SessionRow.Cursor of the last row of the page before.
func (s *Service) Live(ctx context.Context, a actor.Actor, f LiveFilter, cursor string, limit int) ([]SessionRow, error) {
	if err := a.Require(actor.May(actor.Sessions, actor.Read)); err != nil {
		return nil, err
	}
	before, after, err := sessionCursor(cursor)
	if err != nil {
		return nil, err
	}
	query := "SELECT " + sessionColumns + " FROM session_record WHERE closed_at IS NULL AND (opened_at, id) < ($1, $2)"
	args := []any{before, after, limit}
	also := func(column, is string) {
		args = append(args, is)
		query += " AND " + column + " = $" + strconv.Itoa(len(args))
	}
	if f.Subscriber != "" { // with the tenant, which every index begins with
		also("subscriber_id", f.Subscriber)
		query += " AND tenant_id = (SELECT s.tenant_id FROM subscriber s WHERE s.id = $" + strconv.Itoa(len(args)) + ")"
	} else {
		also("tenant_id", a.Tenant)
	}
	if f.Node != "" {
		also("node_id", f.Node)
	}
	if a.Owner != "" {
		also("tenant_id", a.Home)
		also("(SELECT s.name FROM subscriber s WHERE s.id = session_record.subscriber_id)", a.Owner)
	}
	out := []SessionRow{}
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, query+" ORDER BY opened_at DESC, id DESC LIMIT $3", args, func(r pg.Row) error {
			var x SessionRow
			err := x.scan(r)
			out = append(out, x)
			return err
		})
	})
	return out, err
}

// UnbookedRow is usage that a node reported for a subscriber who was never its own. Nobody is billed for it.
type UnbookedRow struct {
	ID         int64      `json:"id"`
	Node       string     `json:"node_id"`
	Subscriber string     `json:"subscriber_id"` // as reported
	Ingress    string     `json:"ingress_id"`
	Exit       string     `json:"exit"`
	Up         unit.Bytes `json:"up"`
	Down       unit.Bytes `json:"down"`
	Why        string     `json:"why"`
	At         time.Time  `json:"at"` // when the report came
}

// Unbooked lists what could not be booked, newest first, below the row of that number; 0 begins at the newest. It is the
// operator's alone: a node's mistake says nothing about any tenant.
func (s *Service) Unbooked(ctx context.Context, a actor.Actor, below int64, limit int) ([]UnbookedRow, error) {
	if err := a.Require(actor.May(actor.Usage, actor.Read)); err != nil {
		return nil, err
	}
	if !a.Operator {
		return nil, errs.New(errs.Missing, "no such endpoint")
	}
	if below <= 0 {
		below = math.MaxInt64
	}
	out := []UnbookedRow{}
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		return tx.Query(ctx, `SELECT id, node_id, subscriber_id, ingress_id, exit, up, down, why, at FROM unbooked_usage
			WHERE id < $1 ORDER BY id DESC LIMIT $2`, []any{below, limit}, func(r pg.Row) error {
			var x UnbookedRow
			if err := r.Scan(&x.ID, &x.Node, &x.Subscriber, &x.Ingress, &x.Exit, &x.Up, &x.Down, &x.Why, &x.At); err != nil {
				return err
			}
			out = append(out, x)
			return nil
		})
	})
	return out, err
}
