package desired

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
)

// Rotator replaces the secrets of subscribers within a transaction.
type Rotator interface {
	RotateAll(ctx context.Context, tx *pg.Tx, ids []string) error
}

const rotateBatch = 200

// RotateHeld has the secrets replaced that revoked nodes held, and forgets what they held, batch by batch: it may be
// repeated and goes on where it stopped.
func (s *Service) RotateHeld(ctx context.Context, rows []outbox.Row, r Rotator) error {
	for _, row := range rows {
		var x subject
		if err := json.Unmarshal(row.Payload, &x); err != nil {
			return fmt.Errorf("event %s: %w", row.ID, err)
		}
		for {
			n, err := s.rotateBatch(ctx, x.Node, r)
			if err != nil {
				return fmt.Errorf("rotate what node %s held: %w", x.Node, err)
			}
			if n < rotateBatch {
				break
			}
		}
	}
	return nil
}

func (s *Service) rotateBatch(ctx context.Context, node string, r Rotator) (int, error) {
	var ids []string
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		ids = ids[:0]
		err := tx.Query(ctx, `UPDATE desired_subscriber SET removed = true, digest = '', row = ''
			WHERE node_id = $1 AND subscriber_id IN (SELECT subscriber_id FROM desired_subscriber WHERE node_id = $1 AND NOT removed
			  AND EXISTS (SELECT FROM node WHERE id = $1 AND status = 'revoked') ORDER BY subscriber_id LIMIT $2) RETURNING subscriber_id`,
			[]any{node, rotateBatch}, func(row pg.Row) error {
				var sid string
				err := row.Scan(&sid)
				ids = append(ids, sid)
				return err
			})
		if err != nil || len(ids) == 0 {
			return err
		}
		return r.RotateAll(ctx, tx, ids)
	})
	return len(ids), err
}
