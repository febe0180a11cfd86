package desired

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
)

// Purposes under which compiled documents are sealed.
const (
	sealSections = "desired.sections"
	sealRow      = "desired.row"
)

// digest is a held row: its digest, and whether it is a tombstone.
type digest struct {
	sum     [32]byte
	removed bool
}

// nodeState is a node's document while it is compiled, under lock.
type nodeState struct {
	node     string
	groups   []string
	revision int64
	hash     string
	rows     int
	mixed    [32]byte

	sections    nodeapi.Sections
	sectionsRev int64
	sectionsNew bool
	needs       needs

	changed []nodeapi.Subscriber
	sums    [][32]byte
	removed []string
	stored  bool // rows of the next revision are in the table already
}

// ensure makes an empty document for a node that is to have one, and takes away that of a node that is not. It is
// committed on its own: whoever changes a subscriber from then on waits for the row's lock, so no change falls between a
// first compilation and the events that came during it. It reports whether there is a document.
func (s *Service) ensure(ctx context.Context, node string) (bool, error) {
	has := false
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		var status string
		found, err := tx.One(ctx, "SELECT status FROM node WHERE id = $1", []any{node}, &status)
		has = found && (status == "active" || status == "suspended")
		if err != nil || !found {
			return err
		}
		if !has {
			_, err := tx.Exec(ctx, "DELETE FROM desired_state WHERE node_id = $1", node)
			return err
		}
		body, err := json.Marshal(nodeapi.Sections{Ingresses: []nodeapi.Ingress{}, Certificates: []nodeapi.Certificate{}})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO desired_state (node_id, revision, hash, sections_rev, sections, rows, mixed, compiled_at)
			VALUES ($1, 0, '', 0, $2, 0, $3, $4) ON CONFLICT DO NOTHING`, node, s.vault.Seal(sealSections, node, body), make([]byte, 32), tx.Now)
		return err
	})
	return has, err
}

func (s *Service) lockOne(ctx context.Context, tx *pg.Tx, node string) (*nodeState, error) {
	states, err := s.lock(ctx, tx, "d.node_id = $1", node)
	if err != nil || len(states) == 0 {
		return nil, err
	}
	return states[0], nil
}

func (s *Service) lockAll(ctx context.Context, tx *pg.Tx) ([]*nodeState, error) {
	all, err := s.lock(ctx, tx, "true")
	// A document without a revision was not compiled yet: its compilation reads what is committed now.
	return slices.DeleteFunc(all, func(st *nodeState) bool { return st.revision == 0 }), err
}

// lock takes the documents in order of node id, so that two compilers never wait for each other in a circle.
func (s *Service) lock(ctx context.Context, tx *pg.Tx, where string, args ...any) ([]*nodeState, error) {
	return s.load(ctx, tx, where+" ORDER BY d.node_id FOR UPDATE OF d", args...)
}

// load reads the documents that match the condition.
func (s *Service) load(ctx context.Context, tx *pg.Tx, where string, args ...any) ([]*nodeState, error) {
	var out []*nodeState
	var sealed [][]byte
	err := tx.Query(ctx, `SELECT d.node_id, d.revision, d.hash, d.sections_rev, d.sections, d.rows, d.mixed,
		ARRAY(SELECT group_id FROM node_group_member m WHERE m.node_id = d.node_id)
		FROM desired_state d WHERE `+where, args, func(r pg.Row) error {
		var st nodeState
		var body, mixed []byte
		if err := r.Scan(&st.node, &st.revision, &st.hash, &st.sectionsRev, &body, &st.rows, &mixed, pg.Array(&st.groups)); err != nil {
			return err
		}
		copy(st.mixed[:], mixed)
		out, sealed = append(out, &st), append(sealed, bytes.Clone(body))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, st := range out {
		body, err := s.vault.Open(ctx, sealSections, st.node, sealed[i])
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &st.sections); err != nil {
			return nil, fmt.Errorf("sections of %s: %w", st.node, err)
		}
		st.needs = needsOf(&st.sections)
	}
	return out, nil
}

func (st *nodeState) setSections(s nodeapi.Sections) {
	before, after := nodeapi.HashState(st.sections, 0, [32]byte{}), nodeapi.HashState(s, 0, [32]byte{})
	st.sectionsNew = before != after || st.sectionsRev == 0
	st.sections, st.needs = s, needsOf(&s)
}

// weigh compares a subscriber with what the node holds and notes the difference. It takes the id out of held.
func (s *Service) weigh(ctx context.Context, st *nodeState, c *candidate, held map[string]digest) error {
	id := c.view.Row.ID
	old, has := held[id]
	if !Serves(&c.view, st.groups) {
		return nil // dropRest makes the tombstone
	}
	f, err := s.form(ctx, c, &st.needs)
	if err != nil {
		return err
	}
	delete(held, id)
	if has && !old.removed {
		if old.sum == f.sum {
			return nil
		}
		nodeapi.Mix(&st.mixed, old.sum)
	} else {
		st.rows++
	}
	nodeapi.Mix(&st.mixed, f.sum)
	st.changed, st.sums = append(st.changed, f.row), append(st.sums, f.sum)
	return nil
}

// dropRest turns the rows that nobody weighed into tombstones.
func (st *nodeState) dropRest(held map[string]digest) {
	for sid, old := range held {
		if old.removed {
			continue
		}
		nodeapi.Mix(&st.mixed, old.sum)
		st.rows--
		st.removed = append(st.removed, sid)
	}
}

// publish stores the difference as the next revision and tells the gateways. No difference, no revision.
func (s *Service) publish(ctx context.Context, tx *pg.Tx, st *nodeState) error {
	if !st.sectionsNew && !st.stored && len(st.changed) == 0 && len(st.removed) == 0 {
		return nil
	}
	if err := storeRows(ctx, s, tx, st); err != nil {
		return err
	}
	st.revision++
	if st.sectionsNew {
		st.sectionsRev = st.revision
	}
	st.hash = nodeapi.HashState(st.sections, st.rows, st.mixed)
	if st.sectionsNew {
		body, err := json.Marshal(st.sections)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE desired_state SET sections = $2, sections_rev = $3 WHERE node_id = $1",
			st.node, s.vault.Seal(sealSections, st.node, body), st.sectionsRev); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE desired_state SET revision = $2, hash = $3, rows = $4, mixed = $5, compiled_at = $6 WHERE node_id = $1`,
		st.node, st.revision, st.hash, st.rows, st.mixed[:], tx.Now); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE node SET wanted_revision = $2, wanted_hash = $3 WHERE id = $1", st.node, st.revision, st.hash); err != nil {
		return err
	}
	return tx.Notify(ctx, pg.ChannelRevision, fmt.Sprintf("%s %d", st.node, st.revision))
}

// storeRows stores what was noted so far under the next revision, and forgets it.
func storeRows(ctx context.Context, s *Service, tx *pg.Tx, st *nodeState) error {
	ids, sums, bodies := make([]string, len(st.changed)), make([][]byte, len(st.changed)), make([][]byte, len(st.changed))
	for i := range st.changed {
		body, err := json.Marshal(&st.changed[i])
		if err != nil {
			return err
		}
		ids[i], sums[i] = st.changed[i].ID, st.sums[i][:]
		bodies[i] = s.vault.Seal(sealRow, st.node+"/"+ids[i], body)
	}
	if len(ids) > 0 {
		if _, err := tx.Exec(ctx, `INSERT INTO desired_subscriber (node_id, subscriber_id, revision, removed, digest, row)
			SELECT $1, u.id, $2, false, u.sum, u.body FROM unnest($3::text[], $4::bytea[], $5::bytea[]) AS u (id, sum, body)
			ON CONFLICT (node_id, subscriber_id) DO UPDATE SET revision = EXCLUDED.revision, removed = false,
			digest = EXCLUDED.digest, row = EXCLUDED.row`, st.node, st.revision+1, ids, sums, bodies); err != nil {
			return err
		}
		st.changed, st.sums, st.stored = st.changed[:0], st.sums[:0], true
	}
	if len(st.removed) == 0 {
		return nil
	}
	// The row leaves the database with the subscriber: a tombstone holds no credential.
	_, err := tx.Exec(ctx, `UPDATE desired_subscriber SET revision = $2, removed = true, digest = '', row = ''
		WHERE node_id = $1 AND subscriber_id = ANY($3)`, st.node, st.revision+1, st.removed)
	return err
}

func loadDigests(ctx context.Context, tx *pg.Tx, node string) (map[string]digest, error) {
	out := map[string]digest{}
	err := tx.Query(ctx, "SELECT subscriber_id, removed, digest FROM desired_subscriber WHERE node_id = $1", []any{node}, func(r pg.Row) error {
		sid, d, err := scanDigest(r)
		out[sid] = d
		return err
	})
	return out, err
}

// loadDigestsOf returns node -> subscriber -> digest for some subscribers.
func loadDigestsOf(ctx context.Context, tx *pg.Tx, ids []string) (map[string]map[string]digest, error) {
	out := map[string]map[string]digest{}
	err := tx.Query(ctx, "SELECT subscriber_id, removed, digest, node_id FROM desired_subscriber WHERE subscriber_id = ANY($1)", []any{ids},
		func(r pg.Row) error {
			var node string
			sid, d, err := scanDigest(r, &node)
			if out[node] == nil {
				out[node] = map[string]digest{}
			}
			out[node][sid] = d
			return err
		})
	return out, err
}

func scanDigest(r pg.Row, more ...any) (string, digest, error) {
	var sid string
	var d digest
	var sum []byte
	err := r.Scan(append([]any{&sid, &d.removed, &sum}, more...)...)
	copy(d.sum[:], sum)
	return sid, d, err
}
