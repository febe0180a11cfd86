package desired

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// Write writes what brings a node from revision since, whose hash it states, to the newest one: the JSON of a
// nodeapi.Update. A node that is ahead of us, or holds something else under the newest number, gets everything. open is told
// how many subscriber rows will come and says where to write; it is not called when the node has the newest. The rows go
// through memory one by one, read from one snapshot, so that a slow node holds up no compiler.
func (s *Service) Write(ctx context.Context, node string, since int64, hash string, open func(rows int) io.Writer) error {
	if since == 0 {
		select {
		case s.full <- struct{}{}:
			defer func() { <-s.full }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.db.InSnapshot(ctx, func(tx *pg.Tx) error {
		head := &nodeapi.Update{Node: node, Capability: nodeapi.Capability}
		var sectionsRev int64
		var body []byte
		found, err := tx.One(ctx, "SELECT revision, hash, sections_rev, sections FROM desired_state WHERE node_id = $1",
			[]any{node}, &head.Revision, &head.Hash, &sectionsRev, &body)
		if err != nil || !found || head.Revision == 0 || (since == head.Revision && hash == head.Hash) {
			return err
		}
		if since < head.Revision {
			head.Base = since
		}
		if head.Base == 0 || sectionsRev > head.Base {
			if err := s.openSections(ctx, head, body); err != nil {
				return err
			}
		}
		rows := 0
		if _, err := tx.One(ctx, "SELECT count(*) FROM desired_subscriber WHERE node_id = $1 AND revision > $2 AND NOT removed",
			[]any{node, head.Base}, &rows); err != nil {
			return err
		}
		out := bufio.NewWriterSize(open(rows), writeBuffer)
		if err := s.writeUpdate(ctx, tx, head, out); err != nil {
			return fmt.Errorf("write state of %s: %w", node, err)
		}
		return out.Flush()
	})
}

const writeBuffer = 64 << 10

func (s *Service) openSections(ctx context.Context, u *nodeapi.Update, sealed []byte) error {
	clear, err := s.vault.Open(ctx, sealSections, u.Node, sealed)
	if err != nil {
		return err
	}
	var sec nodeapi.Sections
	if err := json.Unmarshal(clear, &sec); err != nil {
		return fmt.Errorf("sections of %s: %w", u.Node, err)
	}
	u.Settings, u.Ingresses, u.Certificates = &sec.Settings, &sec.Ingresses, &sec.Certificates
	return nil
}

// writeUpdate writes head with the rows and tombstones that belong to it.
func (s *Service) writeUpdate(ctx context.Context, tx *pg.Tx, head *nodeapi.Update, out *bufio.Writer) error {
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	_, _ = out.Write(b[:len(b)-1]) // a failed write shows at the next row's end, or at Flush
	args := []any{head.Node, head.Base}
	next := `,"subscribers":[`
	err = tx.Query(ctx, "SELECT subscriber_id, row FROM desired_subscriber WHERE node_id = $1 AND revision > $2 AND NOT removed ORDER BY subscriber_id",
		args, func(r pg.Row) error {
			var sid string
			var row []byte
			if err := r.Scan(&sid, &row); err != nil {
				return err
			}
			clear, err := s.vault.Open(ctx, sealRow, head.Node+"/"+sid, row)
			if err != nil {
				return err
			}
			_, _ = out.WriteString(next)
			_, err = out.Write(clear)
			next = ","
			return err
		})
	if err != nil {
		return err
	}
	if next == "," {
		_ = out.WriteByte(']')
	}
	next = `,"removed":[`
	if head.Base > 0 {
		err = tx.Query(ctx, "SELECT subscriber_id FROM desired_subscriber WHERE node_id = $1 AND revision > $2 AND removed ORDER BY subscriber_id",
			args, func(r pg.Row) error {
				var sid string
				if err := r.Scan(&sid); err != nil {
					return err
				}
				_, err := fmt.Fprintf(out, "%s%q", next, sid)
				next = ","
				return err
			})
	}
	if next == "," {
		_ = out.WriteByte(']')
	}
	_, _ = out.WriteString("}\n")
	return err
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
