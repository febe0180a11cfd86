package subscriber

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/secret"
)

// createBatch is how many rows a statement inserts: it has a parameter a column and row, and 65,535 is the most.
const createBatch = 500

// roll is the service with a list of new subscribers before it.
type roll struct{ *Service }

// RowFault is what is wrong with one of a list.
type RowFault struct {
	Row int // from 0
	errs.Field
}

// RowFaults are an Invalid error about a list.
type RowFaults []RowFault

// Error implements error.
func (RowFaults) Error() string { return "some of the list cannot be created" }

// CheckAll returns all that is wrong with a list of new subscribers. Passwords that are to be generated are set.
func CheckAll(ctx context.Context, s *Service, a actor.Actor, list []Create) (RowFaults, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	if a.Owner != "" {
		return nil, errs.New(errs.Denied, "a subscriber's key cannot add subscribers")
	}
	faults := checkRows(list)
	err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		more, _, err := roll{s}.checkStored(ctx, tx, a, list)
		if err != nil {
			return err
		}
		faults = append(faults, more...)
		return errLookedAt
	})
	if !errors.Is(err, errLookedAt) {
		return nil, err
	}
	slices.SortStableFunc(faults, func(x, y RowFault) int { return x.Row - y.Row })
	return faults, nil
}

// errLookedAt rolls back what a check may have made: a tenant's default plan.
var errLookedAt = errors.New("looked at")

// checkRows finds what is wrong with rows by themselves and among each other.
func checkRows(list []Create) RowFaults {
	var out RowFaults
	now := time.Now()
	names, externals := map[string]int{}, map[string]int{}
	twice := func(seen map[string]int, value, field string, row int) {
		if _, ok := seen[value]; ok {
			out = append(out, RowFault{row, errs.Field{Name: field, Rule: "is in the list twice"}})
		}
		seen[value] = row
	}
	for i := range list {
		c := &list[i]
		var broken *errs.Error
		if errors.As(c.check(now), &broken) {
			for _, f := range broken.Fields {
				out = append(out, RowFault{i, f})
			}
		}
		if c.Name != "" {
			twice(names, c.Name, "name", i)
		}
		if c.ExternalID != "" {
			twice(externals, c.ExternalID, "external_id", i)
		}
		if c.Password.Empty() {
			c.Password = secret.New(GeneratePassword())
		}
	}
	return out
}

// checkStored finds what of a list clashes with what is there, and the plans by the words that name them.
func (s roll) checkStored(ctx context.Context, tx *pg.Tx, a actor.Actor, list []Create) (RowFaults, map[string]*billing.Plan, error) {
	var out RowFaults
	names, externals := make([]string, len(list)), make([]string, len(list))
	plans, wrong := map[string]*billing.Plan{}, map[string]string{}
	for i := range list {
		names[i], externals[i] = strings.ToValidUTF8(noNUL(list[i].Name), ""), strings.ToValidUTF8(noNUL(list[i].ExternalID), "")
		ref := list[i].Plan
		if plans[ref] == nil && wrong[ref] == "" {
			p, err := s.planFor(ctx, tx, a, ref)
			switch {
			case errs.Is(err, errs.Missing), errs.Is(err, errs.Invalid):
				wrong[ref], _ = errs.Public(err)
			case err != nil:
				return nil, nil, err
			default:
				plans[ref] = p
			}
		}
		if rule := wrong[ref]; rule != "" {
			out = append(out, RowFault{i, errs.Field{Name: "plan", Rule: rule}})
		}
	}
	taken := map[string]bool{}
	err := tx.Query(ctx, `SELECT 'name ' || name FROM subscriber WHERE tenant_id = $1 AND name = ANY($2)
		UNION ALL SELECT 'external_id ' || external_id FROM subscriber WHERE tenant_id = $1 AND external_id = ANY($3)`,
		[]any{a.Tenant, names, externals}, func(r pg.Row) error {
			var x string
			err := r.Scan(&x)
			taken[x] = true
			return err
		})
	for i := range list {
		for field, value := range map[string]string{"name": list[i].Name, "external_id": list[i].ExternalID} {
			if value != "" && taken[field+" "+value] {
				out = append(out, RowFault{i, errs.Field{Name: field, Rule: "exists already"}})
			}
		}
	}
	return out, plans, err
}

func noNUL(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// planFor returns the plan that ref names, if a new subscriber may have it.
func (s roll) planFor(ctx context.Context, tx *pg.Tx, a actor.Actor, ref string) (*billing.Plan, error) {
	if !printable(ref) || len(ref) > 66 {
		return nil, errs.New(errs.Invalid, "is not the id or name of a plan")
	}
	p, err := findPlan(tx, a.Tenant, ref)
	if errs.Is(err, errs.Missing) {
		return nil, errs.New(errs.Missing, "doesn't exist")
	}
	if err == nil {
		err = s.groups.CheckGroups(ctx, tx, a.Tenant, "node_groups", p.NodeGroups)
	}
	return p, err
}

// CreateAll adds a list of subscribers to the actor's tenant: all of them, or none and what is wrong with them as RowFaults.
func CreateAll(ctx context.Context, s *Service, a actor.Actor, list []Create) ([]*Subscriber, error) {
	faults, err := CheckAll(ctx, s, a, list)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, faults
	}
	ids := make([]string, len(list))
	for i := range ids {
		ids[i] = id.New(id.Subscriber)
	}
	slices.Sort(ids) // listings keep the order of the list
	keys, err := roll{s}.makeAllKeys(ctx, ids, list)
	if err != nil {
		return nil, err
	}
	var out []*Subscriber
	err = s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		faults, plans, err := roll{s}.checkStored(ctx, tx, a, list)
		if err != nil {
			return err
		}
		if len(faults) > 0 {
			return faults
		}
		out = make([]*Subscriber, len(list))
		for i := range list {
			out[i] = begun(tx, plans[list[i].Plan], ids[i], keys[i], list[i])
		}
		for part := range slices.Chunk(out, createBatch) {
			if err := (roll{s}).store(ctx, tx, a, part); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// makeAllKeys does the slow work of many passwords on as many cores as there are.
func (s roll) makeAllKeys(ctx context.Context, ids []string, list []Create) ([]Keys, error) {
	out := make([]Keys, len(list))
	workers := max(1, runtime.GOMAXPROCS(0))
	failed := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(list) && failed[w] == nil; i += workers {
				if failed[w] = ctx.Err(); failed[w] == nil {
					out[i], failed[w] = s.makeKeys(ids[i], list[i].Password.Reveal(), 1)
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, pg.Translate("hash passwords", ctx.Err())
	}
	// A password that is in the list twice opens Hysteria alone for the first, as if they had come one by one.
	seen := make(map[string]bool, len(out))
	for i := range out {
		out[i].Alone = !seen[string(out[i].PasswordID)]
		seen[string(out[i].PasswordID)] = true
	}
	return out, errors.Join(failed...)
}

// store writes new subscribers with all that belongs to them.
func (s roll) store(ctx context.Context, tx *pg.Tx, a actor.Actor, page []*Subscriber) error {
	if err := insertAll(ctx, tx, page); err != nil {
		return err
	}
	if err := (secrets{s.vault}).begin(ctx, tx, page); err != nil {
		return err
	}
	facts, acts := make([]outbox.Fact, len(page)), make([]audit.Act, len(page))
	for i, sub := range page {
		facts[i] = outbox.Fact{Tenant: sub.TenantID, Trace: a.Trace, Event: Changed{Tenant: sub.TenantID, Subscriber: sub.ID}}
		acts[i] = audit.Act{Tenant: a.Tenant, Action: "subscriber.create", Object: "subscriber/" + sub.ID, Diff: creation(sub)}
	}
	if err := outbox.EmitAll(ctx, tx, facts); err != nil {
		return err
	}
	return audit.RecordAll(ctx, tx, a, acts)
}
