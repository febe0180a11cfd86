package usage

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// sessionKey names a session: nodes choose ids, tenants keep apart.
type sessionKey struct{ tenant, id string }

// storeSessions writes session records. Of several records of one session the last one says how it is, and the highest
// counts are true.
func storeSessions(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report, accounts map[string]*account) error {
	if err := loseSessions(ctx, tx, node, r); err != nil {
		return err
	}
	last := make(map[sessionKey]*nodeapi.SessionRecord, len(r.Sessions))
	for i := range r.Sessions {
		x := r.Sessions[i]
		acc := accounts[x.Subscriber]
		if acc == nil || acc.gone || x.ID == "" || len(x.ID) > 64 {
			continue
		}
		k := sessionKey{acc.tenant, x.ID}
		if old := last[k]; old != nil {
			if old.Subscriber != x.Subscriber {
				continue // as for a stored row: a session does not change hands
			}
			x.Ingress, x.Kind, x.Opened, x.Device = old.Ingress, old.Kind, old.Opened, old.Device
			if x.Device == "" {
				x.Source = old.Source // only what is known by its key roams
			}
			x.Up, x.Down = max(x.Up, old.Up), max(x.Down, old.Down)
			if x.Closed <= 0 && old.Closed > 0 {
				x.Closed, x.Cause = old.Closed, old.Cause
			}
		}
		last[k] = &x
	}
	if len(last) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(last), func(a, b sessionKey) int { return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.id, b.id)) })
	var b bulk
	var ids, kinds, sources, causes, devices []string
	var opened, closed, rateUps, rateDowns []int64
	for _, k := range keys {
		x := last[k]
		b.add(k.tenant, &nodeapi.Usage{Subscriber: x.Subscriber, Ingress: x.Ingress, Up: x.Up, Down: x.Down})
		ids, kinds, sources, causes = append(ids, k.id), append(kinds, x.Kind), append(sources, x.Source), append(causes, x.Cause)
		opened, closed = append(opened, inTime(x.Opened)), append(closed, inTime(x.Closed))
		devices, rateUps, rateDowns = append(devices, x.Device), append(rateUps, int64(x.RateUp)), append(rateDowns, int64(x.RateDown))
	}
	seen := statesOf(last)
	if err := seen.before(ctx, tx); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO session_record AS s (tenant_id, id, subscriber_id, node_id, epoch, ingress_id, kind, source, opened_at, closed_at, cause,
		  up, down, device_id, rate_up, rate_down)
		SELECT u.tenant, u.id, u.sub, $1, $2, u.ingress, u.kind, left(u.source, 64), to_timestamp(u.opened / 1000.0),
		  to_timestamp(nullif(u.closed, 0) / 1000.0), left(u.cause, 32), u.up, u.down, left(u.device, 64),
		  CASE WHEN u.closed > 0 THEN 0 ELSE greatest(u.rate_up, 0) END, CASE WHEN u.closed > 0 THEN 0 ELSE greatest(u.rate_down, 0) END
		FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[],
		    $14::text[], $15::bigint[], $16::bigint[])
		  AS u (tenant, id, sub, ingress, kind, source, opened, closed, cause, up, down, device, rate_up, rate_down)
		ON CONFLICT (tenant_id, id) DO UPDATE SET closed_at = coalesce(EXCLUDED.closed_at, s.closed_at),
		  cause = CASE WHEN EXCLUDED.closed_at IS NULL AND s.closed_at IS NOT NULL THEN s.cause ELSE EXCLUDED.cause END,
		  source = CASE WHEN s.device_id <> '' THEN EXCLUDED.source ELSE s.source END,
		  up = greatest(s.up, EXCLUDED.up), down = greatest(s.down, EXCLUDED.down), epoch = greatest(s.epoch, EXCLUDED.epoch),
		  rate_up = CASE WHEN s.closed_at IS NULL THEN EXCLUDED.rate_up ELSE 0 END, rate_down = CASE WHEN s.closed_at IS NULL THEN EXCLUDED.rate_down ELSE 0 END
		WHERE s.node_id = EXCLUDED.node_id AND s.subscriber_id = EXCLUDED.subscriber_id`,
		node, r.Epoch, b.tenants, ids, b.subs, b.ingresses, kinds, sources, opened, closed, causes, b.ups, b.downs, devices, rateUps, rateDowns)
	if err != nil {
		return err
	}
	return seen.store(ctx, tx, node)
}

// inTime keeps Unix milliseconds within what the database can hold: a record must not hold up the usage beside it.
func inTime(ms int64) int64 { return min(max(ms, 0), 1<<45) }

// loseSessions closes what node had open under older epochs: it started again, and no session outlives its process. A
// record that comes later all the same, from the older epoch's spool, still sets the true end.
func loseSessions(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report) error {
	_, err := tx.Exec(ctx, `UPDATE session_record SET closed_at = greatest(opened_at, $3), cause = 'lost',
		rate_up = 0, rate_down = 0 WHERE node_id = $1 AND epoch < $2 AND closed_at IS NULL`, node, r.Epoch, tx.Now)
	return err
}

// LoseAbandoned closes what is still open of nodes that will not tell how it ended: revoked ones, and deleted ones. It returns
// how many sessions that were.
func (s *Service) LoseAbandoned(ctx context.Context) (int, error) {
	var n int64
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		n, err = tx.Exec(ctx, `UPDATE session_record SET closed_at = greatest($1, opened_at), cause = 'lost', rate_up = 0, rate_down = 0
			WHERE closed_at IS NULL AND node_id IN (SELECT node_id FROM session_record WHERE closed_at IS NULL
				EXCEPT SELECT id FROM node WHERE status <> 'revoked')`, tx.Now)
		return err
	})
	return int(n), err
}
