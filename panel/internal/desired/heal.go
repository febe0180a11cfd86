package desired

import (
	"context"

	"culvert/panel/internal/pg"
)

// Heal compiles the next most nodes after the id after, whole, and returns the last of them; empty when it came to the end.
// Documents follow from events; this mends what an event would have missed, and costs no revision where nothing is amiss.
func (s *Service) Heal(ctx context.Context, after string, most int) (string, error) {
	var ids []string
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		ids = ids[:0]
		return tx.Query(ctx, "SELECT id FROM node WHERE id > $1 AND status IN ('active', 'suspended') ORDER BY id LIMIT $2",
			[]any{after, most}, func(r pg.Row) error {
				var x string
				err := r.Scan(&x)
				ids = append(ids, x)
				return err
			})
	})
	if err != nil {
		return after, err
	}
	for _, n := range ids {
		if err := s.CompileNode(ctx, n); err != nil {
			return n, err // the next turn goes on behind it
		}
	}
	if len(ids) < most {
		return "", nil
	}
	return ids[len(ids)-1], nil
}
