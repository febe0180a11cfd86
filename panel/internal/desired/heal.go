package desired

import (
	"context"

	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// Heal compares the documents of the next most nodes after the id after with what they should be, compiles those that differ
// anew, and returns the last of the nodes; empty when it came to the end. Documents follow from events; this mends what an
// event would have missed. It compares without a lock: a suspension must not wait for it.
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
		amiss, err := s.amiss(ctx, n)
		if err == nil && amiss {
			err = s.CompileNode(ctx, n)
		}
		if err != nil {
			return n, err // the next turn goes on behind it
		}
	}
	if len(ids) < most {
		return "", nil
	}
	return ids[len(ids)-1], nil
}

// amiss reports whether a node's document is not what it should be, or is behind the events of this moment.
func (s *Service) amiss(ctx context.Context, node string) (bool, error) {
	settings, err := s.settings.NodeSettings(ctx)
	if err != nil {
		return false, err
	}
	differs := false
	err = s.db.InSnapshot(ctx, func(tx *pg.Tx) error {
		states, err := s.load(ctx, tx, "d.node_id = $1", node)
		if err != nil {
			return err
		}
		if len(states) == 0 || states[0].revision == 0 {
			differs = true
			return nil
		}
		differs, err = compareAll(ctx, s, tx, states[0], settings)
		return err
	})
	return differs, err
}

// compareAll weighs everything against what the document holds, and stores nothing.
func compareAll(ctx context.Context, s *Service, tx *pg.Tx, st *nodeState, settings nodeapi.Settings) (bool, error) {
	in, err := s.input(ctx, tx, st.node, settings)
	if err != nil {
		return false, err
	}
	st.setSections(CompileSections(in))
	held, err := loadDigests(ctx, tx, st.node)
	if err != nil {
		return false, err
	}
	after := ""
	for {
		page, err := s.candidates(ctx, tx, nil, after, pageSize)
		if err != nil {
			return false, err
		}
		for i := range page {
			if err := s.weigh(ctx, st, &page[i], held); err != nil {
				return false, err
			}
		}
		if st.sectionsNew || len(st.changed) > 0 {
			return true, nil
		}
		if len(page) < pageSize {
			break
		}
		after = page[len(page)-1].view.Row.ID
	}
	st.dropRest(held)
	return len(st.removed) > 0, nil
}
