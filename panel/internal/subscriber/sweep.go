package subscriber

import (
	"bytes"
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/unit"
)

const sweepBatch = 500

// system is the actor of changes that time or traffic make.
func system(tenant, why string) actor.Actor {
	return actor.Actor{Tenant: tenant, Kind: actor.System, ID: why, Name: why, Permissions: actor.Full()}
}

// Clock does what time does to subscribers. Every replica may run one: rows are claimed.
type Clock struct{ DB *pg.DB }

// sortBatch is how many totals one step of SortUsed changes.
const sortBatch = 2000

// ExpireDue moves subscribers whose instant has come to expired, and holds past their deadline too. Nodes refuse them by
// their own clock already; this makes the panel say so. It returns how many.
func (c *Clock) ExpireDue(ctx context.Context) (int, error) {
	n := 0
	err := c.DB.InSystem(ctx, func(tx *pg.Tx) error {
		moved, err := moved(ctx, tx, `UPDATE subscriber SET status = 'expired', reason = '', version = version + 1, updated_at = $1
			WHERE id IN (SELECT id FROM subscriber WHERE (status IN ('active', 'limited') AND expires_at <= $1)
				OR (status = 'on_hold' AND hold_deadline <= $1) LIMIT $2 FOR UPDATE SKIP LOCKED)
			RETURNING tenant_id, id`, tx.Now, sweepBatch)
		n = len(moved)
		if err != nil {
			return err
		}
		return tell(ctx, tx, moved, "subscriber.expire")
	})
	return n, err
}

// SortUsed brings the order of listings by use up to date, once through all subscribers. Each step locks its rows in the order
// in which everybody locks totals, and leaves those alone that a report is at: the next round finds them.
func (c *Clock) SortUsed(ctx context.Context) error {
	for after, more := "", true; more; {
		err := c.DB.InSystem(ctx, func(tx *pg.Tx) error {
			var n int
			var last string
			_, err := tx.One(ctx, `WITH due AS (SELECT subscriber_id FROM usage_total WHERE used_sort <> up + down AND subscriber_id > $1
					ORDER BY subscriber_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED),
				moved AS (UPDATE usage_total t SET used_sort = up + down FROM due WHERE t.subscriber_id = due.subscriber_id RETURNING t.subscriber_id)
				SELECT count(*), coalesce(max(subscriber_id), '') FROM moved`, []any{after, sortBatch}, &n, &last)
			after, more = last, n == sortBatch
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ResetDue starts the next period of subscribers whose reset instant has come. It returns how many.
func (c *Clock) ResetDue(ctx context.Context) (int, error) {
	n := 0
	err := c.DB.InSystem(ctx, func(tx *pg.Tx) error {
		page, err := lockDue(ctx, tx, sweepBatch)
		if n = len(page); err != nil || n == 0 {
			return err
		}
		from, who := make([]time.Time, n), make([]ref, n)
		for i, sub := range page {
			from[i], who[i] = sub.began(tx.Now), ref{sub.TenantID, sub.ID}
		}
		if err := startPeriods(ctx, tx, page, from); err != nil {
			return err
		}
		for _, sub := range page {
			sub.settle(tx.Now)
		}
		if err := saveReset(ctx, tx, page); err != nil {
			return err
		}
		return tell(ctx, tx, who, "subscriber.reset_usage")
	})
	return n, err
}

// LimitReached moves those of ids whose traffic is used up to limited, in the transaction that booked the traffic.
func LimitReached(ctx context.Context, tx *pg.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	moved, err := moved(ctx, tx, `UPDATE subscriber s SET status = 'limited', reason = '', version = version + 1, updated_at = $1
		FROM usage_total u WHERE u.subscriber_id = s.id AND s.id = ANY($2) AND s.status = 'active' AND s.traffic_limit >= 0
		AND u.up + u.down >= s.traffic_limit + u.granted RETURNING s.tenant_id, s.id`, tx.Now, ids)
	if err != nil {
		return err
	}
	return tell(ctx, tx, moved, "subscriber.limit")
}

// FirstUse starts the term of those of ids who were on hold.
func FirstUse(ctx context.Context, tx *pg.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	moved, err := moved(ctx, tx, `UPDATE subscriber SET status = 'active', version = version + 1, updated_at = $1, period_start = $1,
		reset_anchor = $1, next_reset = CASE WHEN reset = 'anniversary'
		  THEN date_trunc('second', ($1::timestamptz AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' ELSE next_reset END,
		expires_at = coalesce(expires_at, $1::timestamptz + hold_term), hold_deadline = NULL
		WHERE id = ANY($2) AND status = 'on_hold' RETURNING tenant_id, id`, tx.Now, ids)
	if err != nil {
		return err
	}
	return tell(ctx, tx, moved, "subscriber.activate")
}

type ref struct{ tenant, id string }

func moved(ctx context.Context, tx *pg.Tx, query string, args ...any) ([]ref, error) {
	var out []ref
	err := tx.Query(ctx, query, args, func(r pg.Row) error {
		var x ref
		if err := r.Scan(&x.tenant, &x.id); err != nil {
			return err
		}
		out = append(out, x)
		return nil
	})
	return out, err
}

// tell emits the change of each and records it, in two statements whatever their number.
func tell(ctx context.Context, tx *pg.Tx, who []ref, action string) error {
	facts, acts := make([]outbox.Fact, len(who)), make([]audit.Act, len(who))
	for i, x := range who {
		facts[i] = outbox.Fact{Tenant: x.tenant, Event: Changed{Tenant: x.tenant, Subscriber: x.id}}
		acts[i] = audit.Act{Tenant: x.tenant, Action: action, Object: "subscriber/" + x.id}
	}
	if err := outbox.EmitAll(ctx, tx, facts); err != nil {
		return err
	}
	return audit.RecordAll(ctx, tx, system("", "clock"), acts)
}

// NodeView is what the compiler of desired states needs of a subscriber.
type NodeView struct {
	Row        nodeapi.Subscriber // whole: what one node needs of it is up to the compiler
	Sealed     map[string][]byte  // generated secrets by family, see OpenSecret
	TenantID   string
	NodeGroups []string // empty = all that the tenant may use
}

// ForNodes returns the views of ids, or of every subscriber after the id after when ids is nil, in the order of ids, at
// most limit. Subscribers of a suspended tenant, or below one, are not enabled.
func ForNodes(ctx context.Context, tx *pg.Tx, ids []string, after string, limit int) ([]NodeView, error) {
	const q = `WITH shut AS (SELECT DISTINCT c.descendant FROM tenant_closure c JOIN tenant p ON p.tenant_id = c.ancestor WHERE p.status <> 'active')
		SELECT s.tenant_id, s.id, s.name, t.realm, s.status, s.reason, s.tenant_id IN (SELECT descendant FROM shut), s.expires_at, s.protocols, s.node_groups,
		s.traffic_limit, s.period, s.speed_up, s.speed_down, s.devices, s.generation, s.verifier_salt, s.verifier,
		CASE WHEN s.alone THEN s.password_id ELSE '' END
		FROM subscriber s JOIN tenant t USING (tenant_id)
		WHERE s.id > $2 AND ($1::text[] IS NULL OR s.id = ANY($1)) ORDER BY s.id LIMIT $3`
	var out []NodeView
	at := map[string]int{}
	err := tx.Query(ctx, q, []any{ids, after, limit}, func(r pg.Row) error {
		v, err := scanView(r)
		if err != nil {
			return err
		}
		at[v.Row.ID] = len(out)
		out = append(out, v)
		return nil
	})
	if err != nil || len(out) == 0 {
		return out, err
	}
	if err := grant(ctx, tx, out); err != nil {
		return nil, err
	}
	err = tx.Query(ctx, `SELECT subscriber_id, family, sha256, sealed FROM credential WHERE subscriber_id >= $1 AND subscriber_id <= $2
		AND ($3::text[] IS NULL OR subscriber_id = ANY($3)) ORDER BY subscriber_id, family`,
		[]any{out[0].Row.ID, out[len(out)-1].Row.ID, ids}, func(r pg.Row) error {
			var sid string
			var c nodeapi.Secret
			var sealed []byte
			if err := r.Scan(&sid, &c.Family, &c.SHA256, &sealed); err != nil {
				return err
			}
			if i, ok := at[sid]; ok {
				out[i].Row.Secrets = append(out[i].Row.Secrets, c)
				if out[i].Sealed == nil {
					out[i].Sealed = map[string][]byte{}
				}
				out[i].Sealed[c.Family] = bytes.Clone(sealed)
			}
			return nil
		})
	return out, err
}

func scanView(r pg.Row) (NodeView, error) {
	var v NodeView
	row := &v.Row
	var status, reason string
	var shut bool
	var expires *time.Time
	var limit unit.Bytes
	var groups []string
	ver := &nodeapi.Verifier{Iterations: Iterations}
	err := r.Scan(&v.TenantID, &row.ID, &row.Name, &row.Realm, &status, &reason, &shut, &expires, pg.Array(&row.Protocols),
		pg.Array(&groups), &limit, &row.Period, &row.SpeedUp, &row.SpeedDown, &row.Devices, &row.Generation,
		&ver.Salt, &ver.Hash, &row.PasswordID)
	if err != nil {
		return v, err
	}
	row.Password = ver
	row.Enabled = (status == Active || status == OnHold) && !shut
	switch {
	case row.Enabled:
	case shut:
		row.Reason = "tenant_suspended"
	default:
		row.Reason = status
	}
	if expires != nil {
		row.Expires = expires.Unix()
	}
	if len(row.Protocols) == 0 {
		row.Protocols = kinds()
	}
	if len(row.PasswordID) == 0 {
		row.PasswordID = nil
	}
	row.Metered = limit != unit.Unlimited
	v.NodeGroups = groups
	return v, nil
}

// grant narrows the groups of each view to what its tenant and every tenant above it was granted: a reseller cannot reach
// further through a tenant of its own making.
func grant(ctx context.Context, tx *pg.Tx, views []NodeView) error {
	tenants := map[string][]string{}
	for i := range views {
		tenants[views[i].TenantID] = nil
	}
	ids := make([]string, 0, len(tenants))
	for tid := range tenants {
		ids = append(ids, tid)
	}
	err := tx.Query(ctx, `SELECT c.descendant, p.node_groups FROM tenant_closure c JOIN tenant p ON p.tenant_id = c.ancestor
		WHERE c.descendant = ANY($1) AND p.node_groups <> '{}' ORDER BY c.descendant, c.depth`, []any{ids}, func(r pg.Row) error {
		var tid string
		var granted []string
		if err := r.Scan(&tid, pg.Array(&granted)); err != nil {
			return err
		}
		tenants[tid] = within(tenants[tid], granted)
		return nil
	})
	for i := range views {
		views[i].NodeGroups = within(views[i].NodeGroups, tenants[views[i].TenantID])
	}
	return err
}

// within narrows what a subscriber may use to what the tenant was granted; nil stands for all. A subscriber whose groups
// were all taken from the tenant may use none: a list with one impossible entry says so.
func within(own, granted []string) []string {
	switch {
	case len(own) == 0:
		return granted
	case len(granted) == 0:
		return own
	}
	out := []string{"none"}
	for _, g := range own {
		for _, h := range granted {
			if g == h {
				out = append(out, g)
			}
		}
	}
	return out
}
