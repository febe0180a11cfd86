package network

import (
	"context"
	"encoding/json"
	"fmt"

	"culvert/panel/internal/pg"
	"culvert/shared/protocol"
)

// warn notes which ingresses have more subscribers than their protocol serves well with these options.
func (s *Service) warn(ctx context.Context, l []Ingress) error {
	counted := map[[2]string]int{} // by node and kind
	for i := range l {
		g := &l[i]
		kind, ok := protocol.Lookup(g.Kind)
		if !ok || kind.Crowd == nil || !g.Enabled {
			continue
		}
		most, advice := kind.Crowd(json.RawMessage(g.Options))
		if most == 0 {
			continue
		}
		n, known := counted[[2]string{g.NodeID, g.Kind}]
		if !known {
			var err error
			if n, err = s.served(ctx, g.NodeID, g.Kind); err != nil {
				return err
			}
			counted[[2]string{g.NodeID, g.Kind}] = n
		}
		if n > most {
			g.Warnings = append(g.Warnings, fmt.Sprintf("%d subscribers share this ingress, more than %d: %s", n, most, advice))
		}
	}
	return nil
}

// served counts who may connect to ingresses of a kind on a node.
func (s *Service) served(ctx context.Context, node, kind string) (n int, err error) {
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, `SELECT count(*) FROM desired_subscriber d JOIN subscriber s ON s.id = d.subscriber_id
			WHERE d.node_id = $1 AND NOT d.removed AND s.status IN ('active', 'on_hold') AND (s.protocols = '{}' OR $2 = ANY(s.protocols))`,
			[]any{node, kind}, &n)
		return err
	})
	return n, err
}
