package usage

import (
	"context"
	"time"

	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// mostBooked is where sums stop: a node that reports what cannot be must not make everybody else's reports overflow.
const mostBooked = unit.Bytes(1) << 61

// bulk is columns for one statement about many rows.
type bulk struct {
	tenants, subs, ingresses, exits []string
	periods, ups, downs             []int64
}

func (b *bulk) add(tenant string, u *nodeapi.Usage) {
	b.tenants, b.subs = append(b.tenants, tenant), append(b.subs, u.Subscriber)
	b.ingresses, b.exits = append(b.ingresses, u.Ingress), append(b.exits, u.Exit)
	b.periods, b.ups, b.downs = append(b.periods, u.Period), append(b.ups, int64(u.Up)), append(b.downs, int64(u.Down))
}

// book adds the rows to their hour. The report's end says which hour: what a node reports late belongs to when it was used.
func book(ctx context.Context, tx *pg.Tx, node string, r *nodeapi.Report, rows []nodeapi.Usage, accounts map[string]*account) error {
	at := time.UnixMilli(r.To).UTC()
	if at.After(tx.Now.Add(time.Hour)) || at.Before(tx.Now.AddDate(0, -3, 0)) {
		at = tx.Now // a clock that is far off does not choose the month
	}
	var own, foreign bulk
	for i := range rows {
		u := &rows[i]
		if acc := accounts[u.Subscriber]; acc != nil {
			own.add(acc.tenant, u)
			continue
		}
		foreign.add("", u)
	}
	if len(foreign.subs) > 0 {
		if _, err := tx.Exec(ctx, `INSERT INTO unbooked_usage (node_id, epoch, seq, subscriber_id, ingress_id, exit, up, down, why, at)
			SELECT $1, $2, $3, u.sub, u.ingress, u.exit, u.up, u.down, 'not a subscriber of this node', $4
			FROM unnest($5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[]) AS u (sub, ingress, exit, up, down)`,
			node, r.Epoch, r.Seq, tx.Now, foreign.subs, foreign.ingresses, foreign.exits, foreign.ups, foreign.downs); err != nil {
			return err
		}
	}
	if len(own.subs) == 0 {
		return nil
	}
	if err := bookHours(ctx, tx, node, at.Truncate(time.Hour), &own); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO usage_open AS o (tenant_id, subscriber_id, hour, period, node_id, ingress_id, exit, up, down)
		SELECT u.tenant, u.sub, $1, u.period, $2, u.ingress, u.exit, u.up, u.down
		FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::bigint[])
		  AS u (tenant, sub, period, ingress, exit, up, down)
		ON CONFLICT (subscriber_id, hour, period, node_id, ingress_id, exit) DO UPDATE SET
		  up = least(o.up::numeric + EXCLUDED.up, $10::bigint), down = least(o.down::numeric + EXCLUDED.down, $10::bigint)`,
		at.Truncate(time.Hour), node, own.tenants, own.subs, own.periods, own.ingresses, own.exits, own.ups, own.downs, int64(mostBooked))
	return err
}

// bookHours adds what is booked to the hours of its tenants.
func bookHours(ctx context.Context, tx *pg.Tx, node string, hour time.Time, own *bulk) error {
	_, err := tx.Exec(ctx, `INSERT INTO traffic_hour AS t (tenant_id, hour, node_id, up, down)
		SELECT u.tenant, $1, $2, least(sum(u.up), $6::bigint)::bigint, least(sum(u.down), $6::bigint)::bigint
		FROM unnest($3::text[], $4::bigint[], $5::bigint[]) AS u (tenant, up, down) GROUP BY u.tenant ORDER BY u.tenant
		ON CONFLICT (tenant_id, hour, node_id) DO UPDATE SET
		  up = least(t.up::numeric + EXCLUDED.up, $6::bigint), down = least(t.down::numeric + EXCLUDED.down, $6::bigint)`,
		hour, node, own.tenants, own.ups, own.downs, int64(mostBooked))
	return err
}

// total adds the rows, sorted by subscriber, to the totals, and says what follows from them: a term that begins with the
// first use, a limit that is reached. Usage of an earlier period counts for the lifetime only.
func total(ctx context.Context, tx *pg.Tx, rows []nodeapi.Usage, accounts map[string]*account) error {
	var now, life bulk
	var begun, reached []string
	for i := 0; i < len(rows); {
		sid := rows[i].Subscriber
		acc := accounts[sid]
		period, lifetime := nodeapi.Usage{Subscriber: sid}, nodeapi.Usage{Subscriber: sid}
		for ; i < len(rows) && rows[i].Subscriber == sid; i++ {
			u := &rows[i]
			lifetime.Up, lifetime.Down = unit.AddSat(lifetime.Up, u.Up), unit.AddSat(lifetime.Down, u.Down)
			if acc != nil && u.Period == acc.period {
				period.Up, period.Down = unit.AddSat(period.Up, u.Up), unit.AddSat(period.Down, u.Down)
			}
		}
		if acc == nil || acc.gone {
			continue
		}
		now.add(acc.tenant, &period)
		life.add(acc.tenant, &lifetime)
		if acc.status == subscriber.OnHold {
			begun = append(begun, sid)
			acc.status, acc.since = subscriber.Active, tx.Now
		}
		acc.used = unit.AddSat(acc.used, period.Up+period.Down)
		if acc.metered && acc.status == subscriber.Active && acc.used >= acc.limit {
			reached = append(reached, sid)
			acc.status = subscriber.Limited
		}
	}
	if len(now.subs) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE usage_total t SET up = least(t.up::numeric + u.up, $7::bigint), down = least(t.down::numeric + u.down, $7::bigint),
		lifetime_up = least(t.lifetime_up::numeric + u.life_up, $7::bigint),
		lifetime_down = least(t.lifetime_down::numeric + u.life_down, $7::bigint), seen_at = $1
		FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u (sub, up, down, life_up, life_down)
		WHERE t.subscriber_id = u.sub`, tx.Now, now.subs, now.ups, now.downs, life.ups, life.downs, int64(mostBooked)); err != nil {
		return err
	}
	if err := subscriber.FirstUse(ctx, tx, begun); err != nil {
		return err
	}
	return subscriber.LimitReached(ctx, tx, reached)
}
