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
// how many subscriber rows will come and says where to write; it is not called when the node has the newest.
//
// The rows are read from one snapshot and set aside, still sealed, before the first byte is written: a node that reads slowly
// holds neither a connection of the database nor a lock, and may take as long as its gateway lets it.
func (s *Service) Write(ctx context.Context, node string, since int64, hash string, open func(rows int) io.Writer) error {
	doc, err := s.collect(ctx, node, since, hash)
	if err != nil || doc == nil {
		return err
	}
	defer doc.rows.close()
	out := bufio.NewWriterSize(open(doc.rows.count), writeBuffer)
	if err := writeUpdate(ctx, s, doc, out); err != nil {
		return fmt.Errorf("write state of %s: %w", node, err)
	}
	return out.Flush()
}

const writeBuffer = 64 << 10

// document is an update on its way: head without its rows, which lie aside.
type document struct {
	head nodeapi.Update
	rows aside
}

// collect reads what Write writes; nil when the node has the newest.
func (s *Service) collect(ctx context.Context, node string, since int64, hash string) (*document, error) {
	var newest int64
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT revision FROM desired_state WHERE node_id = $1", []any{node}, &newest)
		return err
	})
	if err != nil {
		return nil, err
	}
	if since == 0 || since >= newest { // everything, unless the node has the newest: a few at a time
		select {
		case s.full <- struct{}{}:
			defer func() { <-s.full }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	doc := &document{head: nodeapi.Update{Node: node, Capability: nodeapi.Capability}}
	found := false
	err = s.db.InSnapshot(ctx, func(tx *pg.Tx) (err error) {
		found, err = fill(ctx, s, tx, doc, since, hash)
		return err
	})
	if err != nil || !found {
		doc.rows.close()
		return nil, err
	}
	return doc, nil
}

// fill reads a document from tx's snapshot; false when the node has the newest.
func fill(ctx context.Context, s *Service, tx *pg.Tx, doc *document, since int64, hash string) (bool, error) {
	head := &doc.head
	var sectionsRev int64
	var body []byte
	found, err := tx.One(ctx, "SELECT revision, hash, sections_rev, sections FROM desired_state WHERE node_id = $1",
		[]any{head.Node}, &head.Revision, &head.Hash, &sectionsRev, &body)
	if err != nil || !found || head.Revision == 0 || (since == head.Revision && hash == head.Hash) {
		return false, err
	}
	if since < head.Revision {
		head.Base = since
	}
	if head.Base == 0 || sectionsRev > head.Base {
		if err := openSections(ctx, s, head, body); err != nil {
			return false, err
		}
	}
	args := []any{head.Node, head.Base}
	err = tx.Query(ctx, "SELECT subscriber_id, row FROM desired_subscriber WHERE node_id = $1 AND revision > $2 AND NOT removed ORDER BY subscriber_id",
		args, func(r pg.Row) error {
			var sid string
			var row []byte
			if err := r.Scan(&sid, &row); err != nil {
				return err
			}
			return doc.rows.put(sid, row)
		})
	if err != nil || head.Base == 0 {
		return true, err
	}
	return true, tx.Query(ctx, "SELECT subscriber_id FROM desired_subscriber WHERE node_id = $1 AND revision > $2 AND removed ORDER BY subscriber_id",
		args, func(r pg.Row) error {
			var sid string
			err := r.Scan(&sid)
			head.Removed = append(head.Removed, sid)
			return err
		})
}

func openSections(ctx context.Context, s *Service, u *nodeapi.Update, sealed []byte) error {
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

// writeUpdate writes the document: its head, with the rows opened one by one.
func writeUpdate(ctx context.Context, s *Service, doc *document, out *bufio.Writer) error {
	b, err := json.Marshal(&doc.head)
	if err != nil {
		return err
	}
	_, _ = out.Write(b[:len(b)-1]) // a failed write shows at the next row's end, or at Flush
	next := `,"subscribers":[`
	err = doc.rows.each(func(sid string, row []byte) error {
		clear, err := s.vault.Open(ctx, sealRow, doc.head.Node+"/"+sid, row)
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
	_, err = out.WriteString("}\n")
	return err
}

// loadIngresses returns a node's ingresses; a suspended node has none, so it drains.
func loadIngresses(ctx context.Context, s *Service, tx *pg.Tx, node string) ([]network.Ingress, error) {
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
