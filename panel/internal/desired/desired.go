package desired

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"culvert/panel/internal/cert"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/network"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
	"culvert/shared/nodeapi"
)

// Settings gives the node-wide settings that go into every document.
type Settings interface {
	NodeSettings(ctx context.Context) (nodeapi.Settings, error)
}

// Service compiles and serves desired states.
type Service struct {
	Peers Peers // set before use; nil: nobody has devices

	db       *pg.DB
	vault    *vault.Vault
	certs    *cert.Service
	settings Settings
	log      *slog.Logger
	full     chan struct{} // a place for each full document in the making
}

// fullFetches bounds the full documents in the making: each holds a node's every row in memory, and a panel that comes back
// is asked by all nodes at once.
const fullFetches = 4

// New makes the service.
func New(db *pg.DB, v *vault.Vault, certs *cert.Service, settings Settings, log *slog.Logger) *Service {
	return &Service{db: db, vault: v, certs: certs, settings: settings, log: log, full: make(chan struct{}, fullFetches)}
}

// Kinds are the events that Handle understands.
func Kinds() []string {
	return []string{
		"subscriber.changed", "subscriber.deleted", "network.changed", "node.changed", "node.revoked", "certificate.changed",
		"tenant.changed", "job_keys.rotated",
	}
}

// subject is what an event of any of the kinds may name.
type subject struct {
	Subscriber  string `json:"subscriber"`
	Node        string `json:"node"`
	Certificate string `json:"certificate"`
	Tenant      string `json:"tenant"`
}

// work is what a batch of events asks for.
type work struct {
	subscribers map[string]bool
	nodes       map[string]bool
	tenants     map[string]bool
	certs       map[string]bool
	everything  bool
}

// Handle brings the documents up to date after events. It is idempotent: it compares what is with what should be.
func (s *Service) Handle(ctx context.Context, rows []outbox.Row) error {
	w := work{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, false}
	for _, r := range rows {
		var x subject
		if err := json.Unmarshal(r.Payload, &x); err != nil {
			return fmt.Errorf("event %s: %w", r.ID, err)
		}
		switch r.Kind {
		case "subscriber.changed", "subscriber.deleted":
			w.subscribers[x.Subscriber] = true
		case "network.changed", "node.changed", "node.revoked":
			w.nodes[x.Node] = true
		case "certificate.changed":
			w.certs[x.Certificate] = true
		case "tenant.changed":
			w.tenants[x.Tenant] = true
		case "job_keys.rotated":
			w.everything = true
		}
	}
	return s.run(ctx, w)
}

func (s *Service) run(ctx context.Context, w work) error {
	if err := s.expand(ctx, &w); err != nil {
		return err
	}
	for _, n := range sorted(w.nodes) {
		if err := s.CompileNode(ctx, n); err != nil {
			return err
		}
	}
	ids := sorted(w.subscribers)
	for chunk := range slices.Chunk(ids, 1000) {
		if err := s.compileSubscribers(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// expand turns certificates, tenants and "everything" into nodes and subscribers.
func (s *Service) expand(ctx context.Context, w *work) error {
	if len(w.certs) == 0 && len(w.tenants) == 0 && !w.everything {
		return nil
	}
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		err := collect(ctx, tx, w.nodes, `SELECT DISTINCT node_id FROM ingress WHERE certificate_id = ANY($1)
			UNION SELECT id FROM node WHERE $2 AND status IN ('active', 'suspended')`, sorted(w.certs), w.everything)
		if err != nil {
			return err
		}
		return collect(ctx, tx, w.subscribers, `SELECT s.id FROM subscriber s JOIN tenant_closure c ON c.descendant = s.tenant_id
			WHERE c.ancestor = ANY($1)`, sorted(w.tenants))
	})
}

func collect(ctx context.Context, tx *pg.Tx, into map[string]bool, query string, args ...any) error {
	return tx.Query(ctx, query, args, func(r pg.Row) error {
		var x string
		if err := r.Scan(&x); err != nil {
			return err
		}
		into[x] = true
		return nil
	})
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		if k != "" {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// CompileNode compiles a node whole: sections and every subscriber row. A node that is waiting or revoked has no document.
func (s *Service) CompileNode(ctx context.Context, node string) error {
	settings, err := s.settings.NodeSettings(ctx)
	if err != nil {
		return fmt.Errorf("compile node %s: %w", node, err)
	}
	if has, err := s.ensure(ctx, node); err != nil || !has {
		return err
	}
	err = s.db.InSystem(ctx, func(tx *pg.Tx) error {
		st, err := s.lockOne(ctx, tx, node)
		if err != nil || st == nil {
			return err
		}
		in, err := s.input(ctx, tx, node, settings)
		if err != nil {
			return err
		}
		st.setSections(CompileSections(in))
		held, err := loadDigests(ctx, tx, node)
		if err != nil {
			return err
		}
		after := ""
		for {
			page, err := s.candidates(ctx, tx, nil, after, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				if err := s.weigh(ctx, st, &page[i], held); err != nil {
					return err
				}
			}
			if err := storeRows(ctx, s, tx, st); err != nil { // a page at a time: a node may have 100,000
				return err
			}
			if len(page) < pageSize {
				break
			}
			after = page[len(page)-1].view.Row.ID
		}
		st.dropRest(held)
		return s.publish(ctx, tx, st)
	})
	if err != nil {
		return fmt.Errorf("compile node %s: %w", node, err)
	}
	return nil
}

const pageSize = 2000

// compileSubscribers compiles the rows of some subscribers on every node that has a document.
func (s *Service) compileSubscribers(ctx context.Context, ids []string) error {
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		states, err := s.lockAll(ctx, tx)
		if err != nil || len(states) == 0 {
			return err
		}
		all, err := s.candidates(ctx, tx, ids, "", len(ids))
		if err != nil {
			return err
		}
		held, err := loadDigestsOf(ctx, tx, ids)
		if err != nil {
			return err
		}
		for _, st := range states {
			mine := held[st.node]
			if mine == nil {
				mine = map[string]digest{}
			}
			for i := range all {
				if err := s.weigh(ctx, st, &all[i], mine); err != nil {
					return err
				}
			}
			st.dropRest(mine)
			if err := s.publish(ctx, tx, st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compile %d subscribers: %w", len(ids), err)
	}
	return nil
}

// input reads what the sections of a node are made from. A suspended node serves nothing: it drains.
func (s *Service) input(ctx context.Context, tx *pg.Tx, node string, settings nodeapi.Settings) (Input, error) {
	in := Input{Settings: settings}
	rows, err := loadIngresses(ctx, s, tx, node)
	if err != nil {
		return in, err
	}
	in.Ingresses = rows
	type sealed struct {
		id, chain string
		key       []byte
	}
	var certs []sealed
	err = tx.Query(ctx, `SELECT DISTINCT c.id, c.chain, c.key FROM certificate c JOIN ingress g ON g.certificate_id = c.id
		WHERE g.node_id = $1`, []any{node}, func(r pg.Row) error {
		var x sealed
		if err := r.Scan(&x.id, &x.chain, &x.key); err != nil {
			return err
		}
		certs = append(certs, x)
		return nil
	})
	if err != nil {
		return in, err
	}
	for _, c := range certs {
		key, err := s.certs.OpenKey(ctx, c.id, c.key)
		if err != nil {
			return in, err
		}
		in.Certificates = append(in.Certificates, nodeapi.Certificate{ID: c.id, Chain: c.chain, Key: key})
	}
	return in, nil
}

// Wanted returns the newest revision of a node, 0 when it has none.
func (s *Service) Wanted(ctx context.Context, node string) (int64, error) {
	var rev int64
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.One(ctx, "SELECT revision FROM desired_state WHERE node_id = $1", []any{node}, &rev)
		return err
	})
	return rev, err
}

// Ack stores what a node did with a revision. When it refused one because of an ingress (a port that another program
// has), that ingress is marked with the reason and left out of the next revision, so that it holds up nothing else: a
// suspension must reach the node. Changing the ingress tries it again.
func (s *Service) Ack(ctx context.Context, node string, a nodeapi.Ack) error {
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		var err error
		var n int64
		if a.Applied {
			n, err = tx.Exec(ctx, `UPDATE node SET applied_revision = $2, applied_at = $3,
				refused_revision = CASE WHEN refused_revision <= $2 THEN 0 ELSE refused_revision END,
				refused_path = CASE WHEN refused_revision <= $2 THEN '' ELSE refused_path END,
				refused_reason = CASE WHEN refused_revision <= $2 THEN '' ELSE refused_reason END WHERE id = $1`, node, a.Revision, tx.Now)
		} else {
			n, err = tx.Exec(ctx, `UPDATE node SET refused_revision = $2, refused_path = left($3, 200), refused_reason = left($4, 500)
				WHERE id = $1`, node, a.Revision, a.Path, a.Reason)
		}
		if err == nil && n == 0 {
			return errs.NotFound("node", node)
		}
		if err != nil || a.Applied {
			return err
		}
		return s.isolate(ctx, tx, node, a)
	})
}

// isolate marks the ingress that a refusal names.
func (s *Service) isolate(ctx context.Context, tx *pg.Tx, node string, a nodeapi.Ack) error {
	var index int
	if n, err := fmt.Sscanf(a.Path, "ingresses[%d]", &index); n != 1 || err != nil {
		return nil //nolint:nilerr // the refusal is about something else: it is stored, and people decide
	}
	st, err := s.lockOne(ctx, tx, node)
	if err != nil || st == nil || st.revision != a.Revision || index < 0 || index >= len(st.sections.Ingresses) {
		return err
	}
	var tenant string
	found, err := tx.One(ctx, "UPDATE ingress SET fault = left($2, 500), updated_at = $3 WHERE id = $1 RETURNING tenant_id",
		[]any{st.sections.Ingresses[index].ID, a.Path + ": " + a.Reason, tx.Now}, &tenant)
	if err != nil || !found {
		return err
	}
	return outbox.Emit(ctx, tx, tenant, "", network.Changed{Node: node})
}
