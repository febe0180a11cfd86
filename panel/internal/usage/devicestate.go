package usage

import (
	"context"
	"time"

	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

// deviceStates are what a report's session records say of devices. What a device moved is summed over its sessions, so the
// records' counts are taken as what they add to the rows as they were.
type deviceStates struct {
	records map[sessionKey]*nodeapi.SessionRecord // with a device
	up      map[sessionKey]unit.Bytes             // booked before
	down    map[sessionKey]unit.Bytes
}

func statesOf(last map[sessionKey]*nodeapi.SessionRecord) *deviceStates {
	s := &deviceStates{records: map[sessionKey]*nodeapi.SessionRecord{}, up: map[sessionKey]unit.Bytes{}, down: map[sessionKey]unit.Bytes{}}
	for k, x := range last {
		if x.Device != "" {
			s.records[k] = x
		}
	}
	return s
}

// before reads what the rows of the sessions hold; it comes before they are written.
func (s *deviceStates) before(ctx context.Context, tx *pg.Tx) error {
	if len(s.records) == 0 {
		return nil
	}
	tenants, ids := make([]string, 0, len(s.records)), make([]string, 0, len(s.records))
	for k := range s.records {
		tenants, ids = append(tenants, k.tenant), append(ids, k.id)
	}
	return tx.Query(ctx, `SELECT r.tenant_id, r.id, r.up, r.down FROM session_record r
		JOIN unnest($1::text[], $2::text[]) AS u (tenant, id) ON r.tenant_id = u.tenant AND r.id = u.id`, []any{tenants, ids}, func(r pg.Row) error {
		var k sessionKey
		var up, down unit.Bytes
		err := r.Scan(&k.tenant, &k.id, &up, &down)
		s.up[k], s.down[k] = up, down
		return err
	})
}

// store adds to the devices' rows. A device that is gone, or another subscriber's, has none.
func (s *deviceStates) store(ctx context.Context, tx *pg.Tx, node string) error {
	if len(s.records) == 0 {
		return nil
	}
	var b bulk
	var devices, endpoints []string
	var handshakes, seen []int64
	for k, x := range s.records {
		b.add(k.tenant, &nodeapi.Usage{Subscriber: x.Subscriber, Ingress: x.Ingress, Up: max(0, x.Up-s.up[k]), Down: max(0, x.Down-s.down[k])})
		devices, endpoints = append(devices, x.Device), append(endpoints, x.Endpoint)
		at := inTime(x.Closed)
		if at == 0 {
			at = tx.Now.Truncate(time.Millisecond).UnixMilli()
		}
		handshakes, seen = append(handshakes, inTime(x.Handshake)), append(seen, at)
	}
	_, err := tx.Exec(ctx, `INSERT INTO device_state AS s (tenant_id, device_id, node_id, ingress_id, endpoint, handshake_at, seen_at, up, down)
		SELECT d.tenant_id, d.id, $1, (array_agg(u.ingress ORDER BY u.seen DESC))[1], coalesce((array_agg(left(u.endpoint, 64) ORDER BY u.seen DESC)
		    FILTER (WHERE u.endpoint <> ''))[1], ''), to_timestamp(nullif(max(u.handshake), 0) / 1000.0), to_timestamp(max(u.seen) / 1000.0),
		  sum(u.up)::bigint, sum(u.down)::bigint
		FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
		  AS u (tenant, sub, device, ingress, endpoint, handshake, seen, up, down)
		JOIN device d ON d.tenant_id = u.tenant AND d.id = u.device AND d.subscriber_id = u.sub
		GROUP BY d.tenant_id, d.id ORDER BY d.tenant_id, d.id
		ON CONFLICT (tenant_id, device_id) DO UPDATE SET up = s.up + EXCLUDED.up, down = s.down + EXCLUDED.down,
		  node_id = CASE WHEN EXCLUDED.seen_at >= s.seen_at THEN EXCLUDED.node_id ELSE s.node_id END,
		  ingress_id = CASE WHEN EXCLUDED.seen_at >= s.seen_at THEN EXCLUDED.ingress_id ELSE s.ingress_id END,
		  endpoint = CASE WHEN EXCLUDED.seen_at >= s.seen_at AND EXCLUDED.endpoint <> '' THEN EXCLUDED.endpoint ELSE s.endpoint END,
		  handshake_at = greatest(s.handshake_at, EXCLUDED.handshake_at), seen_at = greatest(s.seen_at, EXCLUDED.seen_at)`,
		node, b.tenants, b.subs, devices, b.ingresses, endpoints, handshakes, seen, b.ups, b.downs)
	return err
}
