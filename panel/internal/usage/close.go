package usage

import (
	"context"
	"fmt"
	"time"

	"culvert/panel/internal/pg"
)

// HourGrace is how long after its end an hour stays open for reports that are on their way.
const HourGrace = 10 * time.Minute

// closeBatch is how many rows move in one transaction.
const closeBatch = 5000

// CloseHours moves at most closeBatch rows of hours that are over into the ledger and returns how many. What was used can be
// read at any moment as the sum of both: the rows leave one table and enter the other in one transaction. Every replica may
// run it.
func (s *Service) CloseHours(ctx context.Context) (int, error) {
	var n int64
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		// The instant in the source tells a late report's row from the one that closed the hour.
		n, err = tx.Exec(ctx, `WITH over AS (DELETE FROM usage_open WHERE ctid = ANY(ARRAY(
			  SELECT ctid FROM usage_open WHERE hour < $1 ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING *)
			INSERT INTO ledger (tenant_id, at, subscriber_id, kind, period, node_id, ingress_id, exit, up, down, source)
			SELECT tenant_id, hour, subscriber_id, 'usage', period, node_id, ingress_id, exit, up, down,
			  'hour:' || node_id || ':' || period || ':' || ingress_id || ':' || exit || ':' || $3::text FROM over`,
			tx.Now.Add(-time.Hour-HourGrace), closeBatch, fmt.Sprint(tx.Now.UnixMicro()))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("close hours: %w", err)
	}
	return int(n), nil
}
