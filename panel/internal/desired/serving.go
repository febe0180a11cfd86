package desired

import (
	"context"

	"culvert/panel/internal/pg"
)

// NodesServing returns the living nodes that hold a subscriber or on which a session of theirs is open. The caller has
// checked whose subscriber it is.
func NodesServing(ctx context.Context, db *pg.DB, sid string) ([]string, error) {
	out := []string{}
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, `SELECT n.id FROM node n WHERE n.status IN ('active', 'suspended') AND (
			EXISTS (SELECT 1 FROM desired_subscriber d WHERE d.node_id = n.id AND d.subscriber_id = $1 AND NOT d.removed)
			OR EXISTS (SELECT 1 FROM session_record s WHERE s.node_id = n.id AND s.subscriber_id = $1 AND s.closed_at IS NULL))
			ORDER BY n.id`, []any{sid}, func(r pg.Row) error {
			var node string
			err := r.Scan(&node)
			out = append(out, node)
			return err
		})
	})
	return out, err
}

// Delivery is how far what a subscriber should be has reached the nodes.
type Delivery struct {
	Nodes   int // that hold, or are to forget, the subscriber
	Waiting int // of them: have not applied the newest yet
	Refused int // of those: said no
	Queued  bool
}

// Deliveries returns how far subscribers have reached the nodes; one that is in no document is absent. The caller has
// checked whose subscribers they are.
func Deliveries(ctx context.Context, db *pg.DB, ids []string) (map[string]Delivery, error) {
	out := map[string]Delivery{}
	err := db.InSystem(ctx, func(tx *pg.Tx) error {
		clear(out)
		err := tx.Query(ctx, `SELECT d.subscriber_id, count(*), count(*) FILTER (WHERE n.applied_revision < d.revision),
			count(*) FILTER (WHERE n.applied_revision < d.revision AND n.refused_revision >= d.revision)
			FROM desired_subscriber d JOIN node n ON n.id = d.node_id WHERE d.subscriber_id = ANY($1) AND n.status = 'active'
			AND (NOT d.removed OR n.applied_revision < d.revision) GROUP BY 1`, []any{ids}, func(r pg.Row) error {
			var sid string
			var d Delivery
			err := r.Scan(&sid, &d.Nodes, &d.Waiting, &d.Refused)
			out[sid] = d
			return err
		})
		if err != nil {
			return err
		}
		return tx.Query(ctx, `SELECT DISTINCT payload->>'subscriber' FROM outbox WHERE done_at IS NULL AND kind = 'subscriber.changed'
			AND payload->>'subscriber' = ANY($1)`, []any{ids}, func(r pg.Row) error {
			var sid string
			err := r.Scan(&sid)
			d := out[sid]
			d.Queued = true
			out[sid] = d
			return err
		})
	})
	return out, err
}
