package usage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// AdmitTTL is how long a device counts after its node named it last: a node that went away frees its devices by then.
const AdmitTTL = 3 * time.Minute

const admitMost = 10_000 // devices in one request

// Admit decides which devices of limited subscribers may be connected, over all nodes. The same device on two nodes counts
// once. Those that came first stay, or, with DropOldest, those that came last. Subscribers that are not this node's, or have
// no limit, are not refused here.
func (s *Service) Admit(ctx context.Context, node string, q nodeapi.AdmitRequest) (*nodeapi.AdmitResponse, error) {
	if len(q.Ask)+len(q.Held)+len(q.Gone) > admitMost {
		return nil, errs.Bad("held", "must not name more than %d devices", admitMost)
	}
	here := slices.Concat(q.Ask, q.Held)
	for _, u := range slices.Concat(here, q.Gone) {
		if u.Subscriber == "" || u.Device == "" || len(u.Subscriber) > 64 || len(u.Device) > 128 {
			return nil, errs.Bad("held", "must name a subscriber and a device of at most 128 characters")
		}
	}
	out := &nodeapi.AdmitResponse{}
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		refused, err := s.admit(ctx, tx, node, here, q.Gone)
		out.Refused = refused
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("admit devices of %s: %w", node, err)
	}
	return out, nil
}

func (s *Service) admit(ctx context.Context, tx *pg.Tx, node string, here, gone []nodeapi.DeviceUse) ([]nodeapi.DeviceUse, error) {
	accounts, err := lock(ctx, tx, node, subscribersOf(slices.Concat(here, gone)))
	if err != nil {
		return nil, err
	}
	if err := forgetDevices(ctx, tx, node, gone); err != nil {
		return nil, err
	}
	var limited []nodeapi.DeviceUse
	for _, u := range here {
		if acc := accounts[u.Subscriber]; acc != nil && !acc.gone && acc.devices > 0 {
			limited = append(limited, u)
		}
	}
	if len(limited) == 0 {
		return nil, nil
	}
	if err := useDevices(ctx, tx, node, limited, accounts); err != nil {
		return nil, err
	}
	excess, err := s.excess(ctx, tx, subscribersOf(limited), accounts)
	if err != nil {
		return nil, err
	}
	var refused []nodeapi.DeviceUse
	for _, u := range limited {
		if excess[u] {
			refused = append(refused, u)
		}
	}
	return refused, forgetDevices(ctx, tx, node, refused)
}

func subscribersOf(in []nodeapi.DeviceUse) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].Subscriber
	}
	return out
}

func columns(in []nodeapi.DeviceUse) (subs, devices []string) {
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b nodeapi.DeviceUse) int {
		return cmp.Or(cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.Device, b.Device))
	})
	for _, u := range slices.Compact(in) {
		subs, devices = append(subs, u.Subscriber), append(devices, u.Device)
	}
	return subs, devices
}

func forgetDevices(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.DeviceUse) error {
	if len(in) == 0 {
		return nil
	}
	subs, devices := columns(in)
	_, err := tx.Exec(ctx, `DELETE FROM device_use d USING unnest($2::text[], $3::text[]) AS u (sub, device)
		WHERE d.node_id = $1 AND d.subscriber_id = u.sub AND d.device = u.device`, node, subs, devices)
	return err
}

// useDevices notes what is connected, or asks to be. A device that moves to this node keeps its age. Ages are of the lock, not
// of the request: who waited for it comes after whoever it waited for.
func useDevices(ctx context.Context, tx *pg.Tx, node string, in []nodeapi.DeviceUse, accounts map[string]*account) error {
	subs, devices := columns(in)
	tenants := make([]string, len(subs))
	for i, sid := range subs {
		tenants[i] = accounts[sid].tenant
	}
	_, err := tx.Exec(ctx, `INSERT INTO device_use AS d (tenant_id, subscriber_id, device, node_id, since, seen_at)
		SELECT u.tenant, u.sub, u.device, $1, coalesce((SELECT min(o.since) FROM device_use o WHERE o.subscriber_id = u.sub
		  AND o.device = u.device AND o.seen_at > $3), clock_timestamp()), $2
		FROM unnest($4::text[], $5::text[], $6::text[]) AS u (tenant, sub, device)
		ON CONFLICT (subscriber_id, device, node_id) DO UPDATE SET seen_at = EXCLUDED.seen_at,
		  since = CASE WHEN d.seen_at > $3 THEN d.since ELSE EXCLUDED.since END`,
		node, tx.Now, tx.Now.Add(-AdmitTTL), tenants, subs, devices)
	return err
}

// excess returns the devices that their subscriber's limit has no room for.
func (s *Service) excess(ctx context.Context, tx *pg.Tx, subs []string, accounts map[string]*account) (map[nodeapi.DeviceUse]bool, error) {
	order := "min(since), device"
	if s.DropOldest {
		order = "min(since) DESC, device"
	}
	out := map[nodeapi.DeviceUse]bool{}
	rank := map[string]int{}
	err := tx.Query(ctx, `SELECT subscriber_id, device FROM device_use WHERE subscriber_id = ANY($1) AND seen_at > $2
		GROUP BY subscriber_id, device ORDER BY subscriber_id, `+order, []any{subs, tx.Now.Add(-AdmitTTL)}, func(r pg.Row) error {
		var u nodeapi.DeviceUse
		if err := r.Scan(&u.Subscriber, &u.Device); err != nil {
			return err
		}
		rank[u.Subscriber]++
		out[u] = rank[u.Subscriber] > accounts[u.Subscriber].devices
		return nil
	})
	return out, err
}
