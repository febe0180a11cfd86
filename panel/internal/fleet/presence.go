package fleet

import (
	"context"
	"sync"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/run"
)

// Hello notes what an agent is and where it stands.
func (s *Service) Hello(ctx context.Context, nid string, h nodeapi.Hello) error {
	kinds := append([]string{}, h.Kinds...)
	if len(kinds) > 64 {
		return errs.Bad("kinds", "must have at most 64 entries")
	}
	for i := range kinds {
		kinds[i] = clip(kinds[i], 64)
	}
	return s.db.InSystem(ctx, func(tx *pg.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE node SET agent_version = $2, capability = $3, kinds = $4, epoch = $5, clock_skew_ms = $6, seen_at = $7
			WHERE id = $1`, nid, clip(h.Version, 64), h.Capability, kinds, h.Epoch, h.Clock-tx.Now.UnixMilli(), tx.Now)
		if err == nil && n == 0 {
			return errs.NotFound("node", nid)
		}
		return err
	})
}

// flushEvery is how late a heartbeat reaches the database: one statement for all nodes that spoke.
const flushEvery = 500 * time.Millisecond

// Presence gathers heartbeats. A node's row is written when it has something new to say, or once an interval.
type Presence struct {
	*run.Loop
	db       *pg.DB
	interval time.Duration

	mu    sync.Mutex
	nodes map[string]*beat
}

type beat struct {
	seen, written time.Time
	skew          int64
	fault         string
	news          bool
}

// Presence returns the collector of heartbeats, a service of its own.
func (s *Service) Presence() *Presence {
	p := &Presence{db: s.db, interval: s.heartbeat, nodes: map[string]*beat{}}
	p.Loop = run.NewLoop(p.loop)
	return p
}

// Beat takes a heartbeat. It does not block.
func (p *Presence) Beat(nid string, f nodeapi.AgentFrame) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.nodes[nid]
	if b == nil {
		b = &beat{news: true}
		p.nodes[nid] = b
	}
	fault := clip(f.Fault, 500)
	b.news = b.news || b.fault != fault || now.Sub(b.written) >= p.interval
	b.seen, b.fault, b.skew = now, fault, f.Clock-now.UnixMilli()
}

func (p *Presence) loop(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.flush(ctx)
		}
	}
}

// flush writes the news, in one statement when that works and node by node when it does not: what one node said must not
// hold up the others. What cannot be written now is news still.
func (p *Presence) flush(ctx context.Context) {
	var all news
	p.mu.Lock()
	for nid, b := range p.nodes {
		switch {
		case b.news:
			all.add(nid, b.fault, b.seen.UTC(), b.skew)
			b.news, b.written = false, b.seen
		case time.Since(b.seen) > 10*p.interval:
			delete(p.nodes, nid)
		}
	}
	p.mu.Unlock()
	if len(all.ids) == 0 || p.write(ctx, all) == nil {
		return
	}
	away := p.db.Ping(ctx) != nil
	for i, nid := range all.ids {
		var one news
		one.add(nid, all.faults[i], all.seen[i], all.skews[i])
		if away || errs.Is(p.write(ctx, one), errs.Unavailable) {
			p.renew(nid)
		}
		// A node whose news the database refuses is heard again after an interval.
	}
}

func (p *Presence) renew(nid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.nodes[nid]; b != nil {
		b.news = true
	}
}

// news are heartbeats in columns.
type news struct {
	ids, faults []string
	seen        []time.Time
	skews       []int64
}

func (n *news) add(nid, fault string, seen time.Time, skew int64) {
	n.ids, n.faults, n.seen, n.skews = append(n.ids, nid), append(n.faults, fault), append(n.seen, seen), append(n.skews, skew)
}

func (p *Presence) write(ctx context.Context, n news) error {
	return p.db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE node n SET seen_at = greatest(n.seen_at, b.seen), fault = b.fault, clock_skew_ms = b.skew
			FROM (SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) AS u (id, fault, seen, skew) ORDER BY id) b
			WHERE n.id = b.id`, n.ids, n.faults, n.seen, n.skews)
		return err
	})
}

// ActiveNodes returns the ids of the nodes that may connect, in order.
func (s *Service) ActiveNodes(ctx context.Context) ([]string, error) {
	var out []string
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		out = out[:0]
		return tx.Query(ctx, "SELECT id FROM node WHERE status IN ('active', 'suspended') ORDER BY id", nil, func(r pg.Row) error {
			var n string
			err := r.Scan(&n)
			out = append(out, n)
			return err
		})
	})
	return out, err
}

// Sweep forgets certificates and tokens that ended long ago, and returns how many.
func (s *Service) Sweep(ctx context.Context) (int64, error) {
	var n int64
	err := s.db.InSystem(ctx, func(tx *pg.Tx) error {
		a, err := tx.Exec(ctx, "DELETE FROM node_certificate WHERE not_after < $1", tx.Now.Add(-90*24*time.Hour))
		if err != nil {
			return err
		}
		b, err := tx.Exec(ctx, "DELETE FROM enrol_token WHERE expires_at < $1", tx.Now.Add(-90*24*time.Hour))
		n = a + b
		return err
	})
	return n, err
}
