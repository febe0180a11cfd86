package subscriber

import (
	"context"

	"culvert/panel/internal/pg"
)

// RotateAll replaces the generated secrets of subscribers whose secrets somebody else may know, such as a node that was
// revoked. Passwords stay: a node never held them.
func (s *Service) RotateAll(ctx context.Context, tx *pg.Tx, ids []string) error {
	who, err := moved(ctx, tx, `UPDATE subscriber SET generation = generation + 1, version = version + 1, updated_at = $1
		WHERE id = ANY($2) RETURNING tenant_id, id`, tx.Now, ids)
	if err != nil {
		return err
	}
	for _, x := range who {
		if err := (secrets{s.vault}).replace(ctx, tx, x.tenant, x.id, ""); err != nil {
			return err
		}
	}
	return tell(ctx, tx, who, "subscriber.rotate_secrets")
}
