package desired

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// Fetch returns what brings a node from revision since, whose hash it states, to the newest one; nil when it has it. A
// node that is ahead of us, or holds something else under the newest number, gets everything.
func (s *Service) Fetch(ctx context.Context, node string, since int64, hash string) (*nodeapi.Update, error) {
	if since == 0 {
		select {
		case s.full <- struct{}{}:
			defer func() { <-s.full }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var u *nodeapi.Update
	var sections, rows [][]byte
	var ids []string
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		u, sections, rows, ids = nil, nil, nil, nil
		head := &nodeapi.Update{Node: node, Capability: nodeapi.Capability}
		var sectionsRev int64
		var body []byte
		// The share lock keeps compilers from moving rows under us; readers do not wait for each other.
		found, err := tx.One(ctx, "SELECT revision, hash, sections_rev, sections FROM desired_state WHERE node_id = $1 FOR SHARE",
			[]any{node}, &head.Revision, &head.Hash, &sectionsRev, &body)
		if err != nil || !found || head.Revision == 0 || (since == head.Revision && hash == head.Hash) {
			return err
		}
		if since < head.Revision {
			head.Base = since
		}
		if head.Base == 0 || sectionsRev > head.Base {
			sections = [][]byte{bytes.Clone(body)}
		}
		u = head
		return tx.Query(ctx, `SELECT subscriber_id, removed, row FROM desired_subscriber WHERE node_id = $1 AND revision > $2
			AND ($2 > 0 OR NOT removed) ORDER BY subscriber_id`, []any{node, head.Base}, func(r pg.Row) error {
			var sid string
			var removed bool
			var row []byte
			if err := r.Scan(&sid, &removed, &row); err != nil {
				return err
			}
			if removed {
				u.Removed = append(u.Removed, sid)
				return nil
			}
			ids, rows = append(ids, sid), append(rows, bytes.Clone(row))
			return nil
		})
	})
	if err != nil || u == nil {
		return nil, err
	}
	return u, s.unseal(ctx, u, sections, ids, rows)
}

func (s *Service) unseal(ctx context.Context, u *nodeapi.Update, sections [][]byte, ids []string, rows [][]byte) error {
	for _, body := range sections {
		clear, err := s.vault.Open(ctx, sealSections, u.Node, body)
		if err != nil {
			return err
		}
		var sec nodeapi.Sections
		if err := json.Unmarshal(clear, &sec); err != nil {
			return fmt.Errorf("sections of %s: %w", u.Node, err)
		}
		u.Settings, u.Ingresses, u.Certificates = &sec.Settings, &sec.Ingresses, &sec.Certificates
	}
	u.Subscribers = make([]nodeapi.Subscriber, len(rows))
	for i, row := range rows {
		clear, err := s.vault.Open(ctx, sealRow, u.Node+"/"+ids[i], row)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(clear, &u.Subscribers[i]); err != nil {
			return fmt.Errorf("row of %s: %w", ids[i], err)
		}
	}
	return nil
}

// loadIngresses returns a node's ingresses; a suspended node has none, so it drains.
func (s *Service) loadIngresses(ctx context.Context, tx *pg.Tx, node string) ([]network.Ingress, error) {
	var out []network.Ingress
	err := tx.Query(ctx, `SELECT g.id, g.kind, g.name, g.listen, g.certificate_id, g.options, g.enabled, g.fault FROM ingress g
		JOIN node n ON n.id = g.node_id WHERE g.node_id = $1 AND n.status = 'active' ORDER BY g.id`, []any{node}, func(r pg.Row) error {
		var g network.Ingress
		if err := r.Scan(&g.ID, &g.Kind, &g.Name, &g.Listen, &g.CertificateID, &g.Sealed, &g.Enabled, &g.Fault); err != nil {
			return err
		}
		out = append(out, g)
		return nil
	})
	for i := range out {
		if err != nil {
			break
		}
		out[i].Options, err = network.OpenOptions(ctx, s.vault, out[i].ID, out[i].Sealed)
	}
	return out, err
}
