// Package bulk is what people do to many subscribers at once: one change for all that a list or a filter names, a listing as
// a file, and new subscribers from a file.
//
// States of an operation:
//
//	queued --a panel takes it up--> running --no item waits--> done
//	   \-------------------------------\--cancel--> cancelled (what was done stays done)
//
// Who is meant is fixed when it is asked. Each item is a transaction of its own: the item's mark, the change, its audit record
// and its event, by the actor who asked, with the rights that they still have. The mark comes first and is there only with the
// change: a panel that dies in the middle, or two that work on the same operation, make no change twice and leave none out.
// Claims on operations only keep panels from trying the same items at once.
package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/shared/id"
)

// The states of an operation.
const (
	Queued    = "queued"
	Running   = "running"
	Done      = "done"
	Cancelled = "cancelled"
)

// Bounds of one operation and of what is shown of it.
const (
	MostIDs   = 20_000
	most      = 100_000
	mostShown = 100
	sampleOf  = 10
	lookAt    = 500 // subscribers a query while looking ahead
)

// Operation is one change of many.
type Operation struct {
	ID string `json:"id"`
	subscriber.Act
	Status     string     `json:"status" enum:"queued,running,done,cancelled"`
	Total      int64      `json:"total"`
	Done       int64      `json:"done"`
	Failed     int64      `json:"failed"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at"`
	Actor      string     `json:"actor" doc:"who asked"`
}

// Fault is why one subscriber was left as they were.
type Fault struct {
	ID   string `json:"id"`
	Name string `json:"name" doc:"when the operation was asked for; empty: nobody the caller may see"`
	Why  string `json:"why"`
}

// Detail is an operation with its first faults.
type Detail struct {
	Operation
	Faults []Fault `json:"faults" doc:"the first 100"`
}

// Change is what would become of one subscriber.
type Change struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Change map[string][2]any `json:"change" doc:"field to before and after"`
}

// Preview is what an operation would do now.
type Preview struct {
	Count        int      `json:"count" doc:"subscribers that are meant"`
	Sample       []Change `json:"sample" doc:"the first 10 that would change"`
	Refused      []Fault  `json:"refused" doc:"the first 100 that would stay as they are"`
	RefusedCount int      `json:"refused_count"`
}

// Ask is an operation as it is asked for: IDs or Filter.
type Ask struct {
	subscriber.Act
	IDs    []string
	Filter *subscriber.Filter
}

// Service is what people ask.
type Service struct {
	DB   *pg.DB
	Subs *subscriber.Service

	importing chan struct{}
}

// New makes the service.
func New(db *pg.DB, subs *subscriber.Service) *Service {
	return &Service{DB: db, Subs: subs, importing: make(chan struct{}, 1)}
}

// may refuses who may not ask. A subscriber's key is about one.
func may(a actor.Actor, action string) error {
	if err := a.Require(actor.May(actor.Subscribers, action)); err != nil {
		return err
	}
	if a.Owner != "" {
		return errs.New(errs.Denied, "a subscriber's key cannot do this to many")
	}
	return nil
}

func (q *Ask) check() error {
	var f errs.Faults
	f.Merge("", q.Act.Check())
	f.Check((len(q.IDs) > 0) != (q.Filter != nil), "ids", "must name somebody, or filter must be given; not both")
	f.Check(len(q.IDs) <= MostIDs, "ids", "must have at most %d entries", MostIDs)
	for i, sid := range q.IDs {
		if len(q.IDs) <= MostIDs && !id.Valid(id.Subscriber, sid) {
			f.Add("ids["+strconv.Itoa(i)+"]", "must be the id of a subscriber")
			break
		}
	}
	return f.Err()
}

// meant returns the ids of those an operation is about, each once.
func (q *Ask) meant(ctx context.Context, tx *pg.Tx, a actor.Actor) ([]string, error) {
	if q.Filter == nil {
		seen := make(map[string]bool, len(q.IDs))
		return slices.DeleteFunc(slices.Clone(q.IDs), func(sid string) bool {
			was := seen[sid]
			seen[sid] = true
			return was
		}), nil
	}
	ids, err := subscriber.IDs(ctx, tx, a, *q.Filter, most+1)
	if errs.Is(err, errs.Invalid) {
		var f errs.Faults
		f.Merge("filter.", err)
		return nil, f.Err()
	}
	if len(ids) > most {
		return nil, errs.Bad("filter", "matches more than %d subscribers: narrow it", most)
	}
	return ids, err
}

// hasPlan refuses a plan that nobody in the actor's subtree has.
func (q *Ask) hasPlan(ctx context.Context, tx *pg.Tx) error {
	if q.Action != subscriber.ActChangePlan || q.Plan == "default" {
		return nil
	}
	var one int
	found, err := tx.One(ctx, "SELECT 1 FROM plan WHERE id = $1 OR name = $1 LIMIT 1", []any{q.Plan}, &one)
	if err == nil && !found {
		err = errs.Bad("plan", "doesn't exist")
	}
	return err
}

// Start stores an operation; a Worker does it.
func (s *Service) Start(ctx context.Context, a actor.Actor, q Ask) (*Operation, error) {
	if err := may(a, actor.Write); err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	op := &Operation{ID: id.New(id.Bulk), Act: q.Act, Status: Queued, Actor: a.Name}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if err := q.hasPlan(ctx, tx); err != nil {
			return err
		}
		ids, err := q.meant(ctx, tx, a)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return errs.Bad("filter", "matches no subscriber")
		}
		op.Total, op.CreatedAt = int64(len(ids)), tx.Now
		if err := insert(ctx, tx, a, op, ids); err != nil {
			return err
		}
		d := audit.Diff{"act": q.Act, "count": len(ids)}
		if q.Filter != nil {
			d["filter"] = q.Filter
		}
		return audit.Record(ctx, tx, a, "bulk_operation.create", "bulk_operation/"+op.ID, d)
	})
	if err != nil {
		return nil, err
	}
	return op, nil
}

func insert(ctx context.Context, tx *pg.Tx, a actor.Actor, op *Operation, ids []string) error {
	act, err := json.Marshal(op.Act)
	if err != nil {
		return err
	}
	permissions := make([]string, len(a.Permissions))
	for i, p := range a.Permissions {
		permissions[i] = string(p)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO bulk_operation (tenant_id, id, act, status, total, home, actor_kind, actor_id, actor_name, permissions,
		address, trace, claimed_until, created_at) VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
		a.Tenant, op.ID, string(act), op.Status, op.Total, a.Home, string(a.Kind), a.ID, a.Name, permissions, a.Address, a.Trace, tx.Now); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO bulk_item (tenant_id, operation_id, seq, subscriber_id, name)
		SELECT $1, $2, u.n, u.id, coalesce(s.name, '') FROM unnest($3::text[]) WITH ORDINALITY AS u (id, n) LEFT JOIN subscriber s ON s.id = u.id`,
		a.Tenant, op.ID, ids)
	return err
}

// errLooked rolls back what looking ahead may have made.
var errLooked = errors.New("looked")

// Preview tells what Start would do, and writes nothing.
func (s *Service) Preview(ctx context.Context, a actor.Actor, q Ask) (*Preview, error) {
	if err := may(a, actor.Write); err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	var out *Preview
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		out = &Preview{Sample: []Change{}, Refused: []Fault{}}
		if err := q.hasPlan(ctx, tx); err != nil {
			return err
		}
		ids, err := q.meant(ctx, tx, a)
		if err != nil {
			return err
		}
		out.Count = len(ids)
		look := subscriber.Outlook{Act: q.Act}
		for part := range slices.Chunk(ids, lookAt) {
			if err := out.look(ctx, tx, a, &look, part); err != nil {
				return err
			}
		}
		return errLooked
	})
	if !errors.Is(err, errLooked) {
		return nil, err
	}
	return out, nil
}

func (p *Preview) look(ctx context.Context, tx *pg.Tx, a actor.Actor, look *subscriber.Outlook, ids []string) error {
	page, err := subscriber.Pick(ctx, tx, a, ids)
	if err != nil {
		return err
	}
	next := 0
	for _, sid := range ids {
		if next == len(page) || page[next].ID != sid {
			p.refuse(Fault{ID: sid, Why: why(errs.NotFound("user", sid))})
			continue
		}
		sub := &page[next]
		next++
		d, err := look.Of(tx, sub)
		switch {
		case err != nil && !fault(err):
			return err
		case err != nil:
			p.refuse(Fault{ID: sid, Name: sub.Name, Why: why(err)})
		case len(p.Sample) < sampleOf:
			c := Change{ID: sid, Name: sub.Name, Change: map[string][2]any{}}
			for field, x := range d {
				c.Change[field], _ = x.([2]any)
			}
			p.Sample = append(p.Sample, c)
		}
	}
	return nil
}

func (p *Preview) refuse(f Fault) {
	p.RefusedCount++
	if len(p.Refused) < mostShown {
		p.Refused = append(p.Refused, f)
	}
}

// fault reports whether err is a subscriber's, not the installation's.
func fault(err error) bool {
	switch errs.KindOf(err) {
	case errs.Unavailable, errs.Throttled, errs.Internal:
		return false
	case errs.Invalid, errs.Denied, errs.Unauthorized, errs.Missing, errs.Conflict, errs.State, errs.InUse, errs.Limited, errs.Stale, errs.Disabled:
	}
	return true
}

// why is an error as people read it.
func why(err error) string {
	text, fields := errs.Public(err)
	if len(fields) == 0 {
		return text
	}
	rules := make([]string, len(fields))
	for i, f := range fields {
		rules[i] = f.Name + " " + f.Rule
	}
	return strings.Join(rules, "; ")
}

const columns = "id, act::text, status, total, done, failed, created_at, finished_at, actor_name"

func scan(r pg.Row, more ...any) (*Operation, error) {
	var op Operation
	var act string
	err := r.Scan(append([]any{&op.ID, &act, &op.Status, &op.Total, &op.Done, &op.Failed, &op.CreatedAt, &op.FinishedAt, &op.Actor}, more...)...)
	if err != nil {
		return nil, err
	}
	return &op, json.Unmarshal([]byte(act), &op.Act)
}

// List returns the operations of the actor's tenant, newest first, at most limit, older than the id before when it is given.
func (s *Service) List(ctx context.Context, a actor.Actor, before string, limit int) ([]Operation, error) {
	if err := may(a, actor.Read); err != nil {
		return nil, err
	}
	out := []Operation{}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		return tx.Query(ctx, "SELECT "+columns+" FROM bulk_operation WHERE tenant_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3",
			[]any{a.Tenant, before, limit}, func(r pg.Row) error {
				op, err := scan(r)
				if err == nil {
					out = append(out, *op)
				}
				return err
			})
	})
	return out, err
}

// Get returns an operation of the actor's subtree.
func (s *Service) Get(ctx context.Context, a actor.Actor, oid string) (*Detail, error) {
	if err := may(a, actor.Read); err != nil {
		return nil, err
	}
	var out *Detail
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		out, err = load(ctx, tx, oid, false)
		return err
	})
	return out, err
}

func load(ctx context.Context, tx *pg.Tx, oid string, lock bool) (*Detail, error) {
	query := "SELECT " + columns + " FROM bulk_operation WHERE id = $1"
	if lock {
		query += " FOR NO KEY UPDATE"
	}
	var op *Operation
	err := tx.Query(ctx, query, []any{oid}, func(r pg.Row) (err error) {
		op, err = scan(r)
		return err
	})
	if err == nil && op == nil {
		err = errs.NotFound("bulk operation", oid)
	}
	if err != nil {
		return nil, err
	}
	out := &Detail{Operation: *op, Faults: []Fault{}}
	return out, tx.Query(ctx, "SELECT subscriber_id, name, why FROM bulk_item WHERE operation_id = $1 AND state = 'failed' ORDER BY seq LIMIT $2",
		[]any{oid, mostShown}, func(r pg.Row) error {
			var f Fault
			err := r.Scan(&f.ID, &f.Name, &f.Why)
			out.Faults = append(out.Faults, f)
			return err
		})
}

// Cancel ends an operation of the actor's subtree. When it returns, nothing more is changed by it.
func (s *Service) Cancel(ctx context.Context, a actor.Actor, oid string) (*Detail, error) {
	if err := may(a, actor.Write); err != nil {
		return nil, err
	}
	var out *Detail
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if out, err = load(ctx, tx, oid, true); err != nil {
			return err
		}
		if out.Status != Queued && out.Status != Running {
			return errs.New(errs.State, "bulk operation %s is %s", oid, out.Status)
		}
		out.Status, out.FinishedAt = Cancelled, &tx.Now
		if _, err := tx.Exec(ctx, "UPDATE bulk_operation SET status = $2, finished_at = $3 WHERE id = $1", oid, Cancelled, tx.Now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "bulk_operation.cancel", "bulk_operation/"+oid, audit.Diff{"done": out.Done, "failed": out.Failed, "total": out.Total})
	})
	return out, err
}
