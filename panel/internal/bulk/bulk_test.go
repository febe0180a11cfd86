package bulk_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/bulk"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/subscriber/subscribertest"
)

type world struct {
	*subscribertest.World
	ops *bulk.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: subscribertest.New(t)}
	w.ops = bulk.New(w.DB, w.Subs)
	return w
}

// worker makes a panel's worker. standing is called before each item.
func (w *world) worker(standing func(context.Context, actor.Actor) (actor.Actor, error)) *bulk.Worker {
	if standing == nil {
		standing = w.People.Standing
	}
	return &bulk.Worker{DB: w.DB, Subs: w.Subs, Standing: standing, Log: slog.New(slog.DiscardHandler)}
}

func (w *world) finish(t *testing.T) {
	t.Helper()
	for x := w.worker(nil); ; {
		more, err := x.Turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// people adds n subscribers and returns their ids.
func (w *world) people(t *testing.T, a actor.Actor, n int) []string {
	t.Helper()
	list := make([]subscriber.Create, n)
	for i := range list {
		list[i].Name = fmt.Sprintf("user%03d", i)
	}
	made, err := subscriber.CreateAll(t.Context(), w.Subs, a, list)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, n)
	for i, s := range made {
		ids[i] = s.ID
	}
	return ids
}

func (w *world) start(t *testing.T, a actor.Actor, q bulk.Ask) string {
	t.Helper()
	op, err := w.ops.Start(t.Context(), a, q)
	if err != nil {
		t.Fatal(err)
	}
	return op.ID
}

func (w *world) get(t *testing.T, oid string) *bulk.Detail {
	t.Helper()
	d, err := w.ops.Get(t.Context(), w.Operator, oid)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (w *world) number(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	err := w.DB.InSystem(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.One(t.Context(), query, args, &n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	err := w.DB.InSystem(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var grant = subscriber.Act{Action: subscriber.ActGrant, Bytes: 1000}

// once checks that everybody got one grant: in the totals, in the ledger, in the records and on the way to the nodes.
func (w *world) once(t *testing.T, ids []string) {
	t.Helper()
	for what, query := range map[string]string{
		"grants":  "SELECT count(*) FROM ledger WHERE kind = 'grant' AND subscriber_id = ANY($1)",
		"totals":  "SELECT count(*) FROM usage_total WHERE granted = 1000 AND subscriber_id = ANY($1)",
		"records": "SELECT count(*) FROM audit WHERE action = 'subscriber.grant' AND object IN (SELECT 'subscriber/' || x FROM unnest($1::text[]) x)",
		"events":  "SELECT count(*) / 2 FROM outbox WHERE kind = 'subscriber.changed' AND payload->>'subscriber' = ANY($1)", // one is the creation's
	} {
		if n := w.number(t, query, ids); n != len(ids) {
			t.Errorf("%d %s for %d subscribers", n, what, len(ids))
		}
	}
}

// A panel is killed after some items; another one goes on when the claim has passed.
func TestAKilledPanelsOperationIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 120)
	oid := w.start(t, a, bulk.Ask{Act: grant, IDs: ids})
	left := 70
	dying := w.worker(func(_ context.Context, a actor.Actor) (actor.Actor, error) {
		if left--; left < 0 {
			runtime.Goexit()
		}
		return a, nil
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			_, _ = dying.Turn(t.Context())
		}
	})
	wg.Wait()
	if d := w.get(t, oid); d.Status != bulk.Running || d.Done != 70 {
		t.Fatalf("after the kill: %+v", d.Operation)
	}
	if more, err := w.worker(nil).Turn(t.Context()); more || err != nil {
		t.Fatalf("the claim of the dead panel does not hold: %v %v", more, err)
	}
	w.exec(t, "UPDATE bulk_operation SET claimed_until = now()")
	w.finish(t)
	if d := w.get(t, oid); d.Status != bulk.Done || d.Done != 120 || d.Failed != 0 || d.FinishedAt == nil {
		t.Errorf("finished: %+v", d.Operation)
	}
	w.once(t, ids)
}

// A panel dies between the change and the commit: neither the change nor the mark is there.
func TestADeathInsideATransactionLeavesTheItemWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 3)
	oid := w.start(t, a, bulk.Ask{Act: grant, IDs: ids})
	ctx, kill := context.WithCancel(t.Context())
	n := 0
	dying := w.worker(func(_ context.Context, a actor.Actor) (actor.Actor, error) {
		if n++; n == 2 {
			kill() // its statements fail from here on
		}
		return a, nil
	})
	_, _ = dying.Turn(ctx)
	if d := w.get(t, oid); d.Done != 1 || d.Failed != 0 {
		t.Fatalf("after the death: %+v", d.Operation)
	}
	w.finish(t)
	if d := w.get(t, oid); d.Status != bulk.Done || d.Done != 3 {
		t.Errorf("finished: %+v", d.Operation)
	}
	w.once(t, ids)
}

// Panels that work on one operation at the same time, against all claims, make each change once.
func TestPanelsSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 60)
	oid := w.start(t, a, bulk.Ask{Act: grant, IDs: ids})
	var running atomic.Int32
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			running.Add(1)
			defer running.Add(-1)
			x := w.worker(func(ctx context.Context, a actor.Actor) (actor.Actor, error) {
				err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
					_, err := tx.Exec(ctx, "UPDATE bulk_operation SET claimed_until = now()") // nobody's claim holds
					return err
				})
				return a, err
			})
			for more := true; more; {
				var err error
				if more, err = x.Turn(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	w.finish(t)
	if d := w.get(t, oid); d.Status != bulk.Done || d.Done != 60 || d.Failed != 0 {
		t.Errorf("finished: %+v", d.Operation)
	}
	w.once(t, ids)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 20)
	oid := w.start(t, a, bulk.Ask{Act: grant, IDs: ids})
	n := 0
	x := w.worker(func(ctx context.Context, a actor.Actor) (actor.Actor, error) {
		if n++; n == 6 {
			if _, err := w.ops.Cancel(ctx, a, oid); err != nil {
				t.Error(err)
			}
		}
		return a, nil
	})
	if _, err := x.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.finish(t)
	d := w.get(t, oid)
	if d.Status != bulk.Cancelled || d.Done != 5 || d.FinishedAt == nil {
		t.Errorf("cancelled: %+v", d.Operation)
	}
	w.once(t, ids[:5])
	if n := w.number(t, "SELECT count(*) FROM ledger WHERE kind = 'grant'"); n != 5 {
		t.Errorf("%d grants", n)
	}
	if _, err := w.ops.Cancel(t.Context(), a, oid); !errs.Is(err, errs.State) {
		t.Errorf("cancelled twice: %v", err)
	}
}

// Rights are looked at when it is asked and again when each change is made.
func TestRightsWhenApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 4)
	login := func(name, role string) actor.Actor {
		l, err := w.People.AddLogin(t.Context(), a, identity.NewLogin{Name: name, Password: "a long password", Role: role})
		if err != nil {
			t.Fatal(err)
		}
		set, _ := actor.RoleSet(role)
		return actor.Actor{Tenant: a.Tenant, Home: a.Home, Kind: actor.Login, ID: l.ID, Name: name, Permissions: set}
	}
	ben, sue := login("ben", "billing"), login("sue", "support")
	if _, err := w.ops.Start(t.Context(), sue, bulk.Ask{Act: grant, IDs: ids}); !errs.Is(err, errs.Denied) {
		t.Errorf("support starts one: %v", err)
	}
	if _, err := w.ops.Preview(t.Context(), sue, bulk.Ask{Act: grant, IDs: ids}); !errs.Is(err, errs.Denied) {
		t.Errorf("support previews one: %v", err)
	}
	oid := w.start(t, ben, bulk.Ask{Act: grant, IDs: ids})
	n := 0
	x := w.worker(func(ctx context.Context, a actor.Actor) (actor.Actor, error) {
		switch n++; n {
		case 2: // made less in the middle
			w.exec(t, "UPDATE login SET role = 'support' WHERE id = $1", ben.ID)
		case 3: // more again, but suspended
			w.exec(t, "UPDATE login SET role = 'owner', status = 'suspended' WHERE id = $1", ben.ID)
		case 4:
			w.exec(t, "UPDATE login SET status = 'active' WHERE id = $1", ben.ID)
			w.exec(t, "UPDATE tenant SET status = 'suspended' WHERE tenant_id = $1", a.Tenant)
		}
		return w.People.Standing(ctx, a)
	})
	for more := true; more; {
		var err error
		if more, err = x.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(t, oid)
	if d.Status != bulk.Done || d.Done != 1 || d.Failed != 3 || len(d.Faults) != 3 {
		t.Fatalf("%+v", d)
	}
	for i, part := range []string{"lacks subscriber:write", "may not act any more", "may not act any more"} {
		if !strings.Contains(d.Faults[i].Why, part) || d.Faults[i].ID != ids[i+1] || d.Faults[i].Name == "" {
			t.Errorf("fault %d: %+v", i, d.Faults[i])
		}
	}
}

// The preview says what then happens, for every action.
func TestPreviewIsWhatHappens(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		act     subscriber.Act
		changed map[string]string // name to the field that changes
		refused map[string]string
	}{
		"suspend":   {subscriber.Act{Action: "suspend", Reason: "overdue"}, map[string]string{"plain": "status", "ends": "reason", "ended": "status"}, map[string]string{"shut": "is suspended"}},
		"unsuspend": {subscriber.Act{Action: "unsuspend"}, map[string]string{"shut": "status"}, map[string]string{"plain": "is not suspended", "ends": "", "ended": ""}},
		"extend":    {subscriber.Act{Action: "extend", Days: 30}, map[string]string{"ends": "expires_at", "ended": "status"}, map[string]string{"plain": "no date of expiry", "shut": ""}},
		"grant":     {grant, map[string]string{"plain": "granted", "ends": "granted", "ended": "granted", "shut": "granted"}, nil},
		"delete":    {subscriber.Act{Action: "delete"}, map[string]string{"plain": "status", "ends": "", "ended": "", "shut": ""}, nil},
		"plan":      {subscriber.Act{Action: "change_plan", Plan: "gold"}, map[string]string{"plain": "plan", "ended": "", "shut": ""}, map[string]string{"ends": "allows less traffic"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.Reseller(t, "acme")
			if _, err := w.Plans.CreatePlan(t.Context(), a, billing.Plan{Name: "gold", Grants: billing.Grants{TrafficLimit: 5000, Reset: billing.ResetMonthly}}); err != nil {
				t.Fatal(err)
			}
			ids, byName := []string{}, map[string]string{}
			for _, n := range []string{"plain", "ends", "ended", "shut"} {
				s, err := w.Subs.Create(t.Context(), a, subscriber.Create{Name: n, ExpiresAt: map[string]*time.Time{"ends": &soon, "ended": &soon}[n]})
				if err != nil {
					t.Fatal(err)
				}
				ids, byName[n] = append(ids, s.ID), s.ID
			}
			w.exec(t, "UPDATE subscriber SET status = 'suspended', reason = 'abuse' WHERE name = 'shut'")
			w.exec(t, "UPDATE subscriber SET status = 'expired', expires_at = now() - interval '5 days' WHERE name = 'ended'")
			w.exec(t, "UPDATE usage_total SET up = 6000 WHERE subscriber_id = $1", byName["ends"])
			stranger := w.people(t, w.Reseller(t, "bolt"), 1)[0]
			meant := append(ids, stranger, ids[0])
			before := w.number(t, "SELECT sum(version) FROM subscriber") + w.number(t, "SELECT count(*) FROM audit") + w.number(t, "SELECT count(*) FROM plan") + w.number(t, "SELECT count(*) FROM outbox")
			p, err := w.ops.Preview(t.Context(), a, bulk.Ask{Act: c.act, IDs: meant})
			if err != nil {
				t.Fatal(err)
			}
			after := w.number(t, "SELECT sum(version) FROM subscriber") + w.number(t, "SELECT count(*) FROM audit") + w.number(t, "SELECT count(*) FROM plan") + w.number(t, "SELECT count(*) FROM outbox")
			if before != after || w.number(t, "SELECT count(*) FROM bulk_operation") != 0 {
				t.Error("the preview wrote something")
			}
			if p.Count != 5 || len(p.Sample) != len(c.changed) || p.RefusedCount != len(c.refused)+1 {
				t.Fatalf("preview: %+v", p)
			}
			for _, x := range p.Sample {
				field, ok := c.changed[x.Name]
				if _, has := x.Change[field]; !ok || field != "" && !has {
					t.Errorf("%s: %v", x.Name, x.Change)
				}
			}
			oid := w.start(t, a, bulk.Ask{Act: c.act, IDs: meant})
			w.finish(t)
			d := w.get(t, oid)
			if int(d.Done) != len(c.changed) || len(d.Faults) != len(p.Refused) {
				t.Fatalf("preview: %+v\noperation: %+v", p, d)
			}
			for i, f := range d.Faults {
				want, ok := c.refused[f.Name]
				if f != p.Refused[i] || f.ID != stranger && (!ok || !strings.Contains(f.Why, want)) || f.ID == stranger && (f.Name != "" || !strings.Contains(f.Why, "doesn't exist")) {
					t.Errorf("foreseen %+v, happened %+v", p.Refused[i], f)
				}
			}
			if name == "extend" {
				var ends, ended time.Time
				for n, at := range map[string]*time.Time{"ends": &ends, "ended": &ended} {
					s, err := w.Subs.ByName(t.Context(), a, n)
					if err != nil || s.Status != subscriber.Active {
						t.Fatal(s, err)
					}
					*at = *s.ExpiresAt
				}
				if !ends.Equal(soon.AddDate(0, 0, 30)) || time.Until(ended) < 29*24*time.Hour || time.Until(ended) > 31*24*time.Hour {
					t.Errorf("ends %s, ended %s", ends, ended)
				}
			}
		})
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 1)
	for name, c := range map[string]struct {
		ask   bulk.Ask
		field string
	}{
		"nothing":              {bulk.Ask{IDs: ids}, "action"},
		"nobody":               {bulk.Ask{Act: grant}, "ids"},
		"both":                 {bulk.Ask{Act: grant, IDs: ids, Filter: &subscriber.Filter{}}, "ids"},
		"no id":                {bulk.Ask{Act: grant, IDs: []string{ids[0], "x"}}, "ids[1]"},
		"negative days":        {bulk.Ask{Act: subscriber.Act{Action: "extend", Days: -1}, IDs: ids}, "days"},
		"no days":              {bulk.Ask{Act: subscriber.Act{Action: "extend"}, IDs: ids}, "days"},
		"ten years and a day":  {bulk.Ask{Act: subscriber.Act{Action: "extend", Days: 3651}, IDs: ids}, "days"},
		"days of a suspension": {bulk.Ask{Act: subscriber.Act{Action: "suspend", Days: 1}, IDs: ids}, "days"},
		"a reason of our own":  {bulk.Ask{Act: subscriber.Act{Action: "suspend", Reason: "dull"}, IDs: ids}, "reason"},
		"no bytes":             {bulk.Ask{Act: subscriber.Act{Action: "grant"}, IDs: ids}, "bytes"},
		"no plan":              {bulk.Ask{Act: subscriber.Act{Action: "change_plan"}, IDs: ids}, "plan"},
		"a plan of nobody":     {bulk.Ask{Act: subscriber.Act{Action: "change_plan", Plan: "gold"}, IDs: ids}, "plan"},
		"a state that is none": {bulk.Ask{Act: grant, Filter: &subscriber.Filter{Status: "dull"}}, "filter.status"},
		"a filter for nobody":  {bulk.Ask{Act: grant, Filter: &subscriber.Filter{Query: "zzz"}}, "filter"},
	} {
		_, err := w.ops.Start(t.Context(), a, c.ask)
		if _, fields := errs.Public(err); !errs.Is(err, errs.Invalid) || len(fields) == 0 || fields[0].Name != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	owner := a
	owner.Owner = "user000"
	if _, err := w.ops.Start(t.Context(), owner, bulk.Ask{Act: grant, IDs: ids}); !errs.Is(err, errs.Denied) {
		t.Errorf("a subscriber's key: %v", err)
	}
}

// The set is what the filter matched when it was asked.
func TestTheSetIsFixed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.Reseller(t, "acme")
	ids := w.people(t, a, 3)
	oid := w.start(t, a, bulk.Ask{Act: grant, Filter: &subscriber.Filter{Status: "active"}})
	w.Subscriber(t, a, "late", nil)
	w.exec(t, "UPDATE subscriber SET status = 'suspended' WHERE id = $1", ids[0])
	w.finish(t)
	if d := w.get(t, oid); d.Total != 3 || d.Done != 3 {
		t.Errorf("%+v", d.Operation)
	}
	w.once(t, ids)
}
