package subscriber_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/subscriber/subscribertest"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

func TestLifeOfASubscriber(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := subscribertest.New(t)
	a := w.Reseller(t, "acme")
	gold, err := w.Plans.CreatePlan(ctx, a, billing.Plan{
		Name: "gold", TermDays: 30,
		Grants: billing.Grants{TrafficLimit: 10 * unit.GiB, Reset: billing.ResetMonthly, Protocols: []string{"socks5"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Subs.Create(ctx, a, subscriber.Create{
		Name: "Ann", Password: secret.New("correct horse"), Email: "ann@example.com",
		Plan: "gold", ExternalID: "whmcs:1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "ann" || s.Status != subscriber.Active || s.TrafficLimit != 10*unit.GiB || s.ExpiresAt == nil || s.PlanName != "gold" {
		t.Fatalf("created %+v", s)
	}
	c, err := w.Subs.Credentials(ctx, a, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if c.Login != "ann@acme" || c.Password.Reveal() != "correct horse" || !c.Alone || len(c.Secrets["hysteria2"].Reveal()) < 20 {
		t.Fatalf("credentials: %s alone=%v, %d secrets", c.Login, c.Alone, len(c.Secrets))
	}
	if s, err = w.Subs.Suspend(ctx, a, s.ID, s.Version, "overdue"); err != nil || s.Status != subscriber.Suspended || s.Reason != "overdue" {
		t.Fatalf("suspend: %+v, %v", s, err)
	}
	if _, err = w.Subs.Suspend(ctx, a, s.ID, 0, ""); !errs.Is(err, errs.State) {
		t.Fatalf("suspend twice: %v", err)
	}
	if _, err = w.Subs.Unsuspend(ctx, a, s.ID, s.Version-1); !errs.Is(err, errs.Stale) {
		t.Fatalf("stale version: %v", err)
	}
	if s, err = w.Subs.Unsuspend(ctx, a, s.ID, s.Version); err != nil || s.Status != subscriber.Active {
		t.Fatalf("unsuspend: %+v, %v", s, err)
	}
	generation := s.Generation
	if s, err = w.Subs.SetPassword(ctx, a, s.ID, 0, secret.New("another horse")); err != nil || s.Generation != generation+1 {
		t.Fatalf("password: generation %d, %v", s.Generation, err)
	}
	if err := w.Subs.CheckSignIn(ctx, a, "ann", "another horse"); err != nil {
		t.Fatalf("sign-in with the new password: %v", err)
	}
	if err := w.Subs.CheckSignIn(ctx, a, "ann", "correct horse"); !errs.Is(err, errs.Unauthorized) {
		t.Fatalf("sign-in with the old password: %v", err)
	}
	if s, err = w.Subs.Grant(ctx, a, s.ID, unit.GiB, "order-7"); err != nil || s.Usage.Granted != unit.GiB {
		t.Fatalf("grant: %v, %v", s.Usage.Granted, err)
	}
	if s, err = w.Subs.Grant(ctx, a, s.ID, unit.GiB, "order-7"); err != nil || s.Usage.Granted != unit.GiB {
		t.Fatalf("the same grant twice: %v, %v", s.Usage.Granted, err)
	}
	if s, err = w.Subs.ResetUsage(ctx, a, s.ID, 0); err != nil || s.Period != 2 || s.Usage.Granted != 0 {
		t.Fatalf("reset: %+v, %v", s, err)
	}
	if s, err = w.Subs.ChangePlan(ctx, a, s.ID, 0, billing.DefaultPlan, false); err != nil || s.TrafficLimit != unit.Unlimited {
		t.Fatalf("change plan: %+v, %v", s, err)
	}
	if s, err = w.Subs.Expire(ctx, a, s.ID, 0); err != nil || s.Status != subscriber.Expired {
		t.Fatalf("expire: %+v, %v", s, err)
	}
	if err := w.Plans.DeletePlan(ctx, a, gold.ID, false); err != nil {
		t.Fatalf("delete an unused plan: %v", err)
	}
	if err := w.Subs.Delete(ctx, a, s.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Subs.Get(ctx, a, s.ID); !errs.Is(err, errs.Missing) {
		t.Fatalf("after deletion: %v", err)
	}
	wantTrail(t, w, a.Tenant)
}

// wantTrail checks that every write left an audit record and an event, and no password.
func wantTrail(t *testing.T, w *subscribertest.World, tid string) {
	t.Helper()
	ctx := context.Background()
	var audits, events int
	var text string
	err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.One(ctx, "SELECT count(*), coalesce(string_agg(coalesce(diff::text, ''), ' '), '') FROM audit WHERE tenant_id = $1",
			[]any{tid}, &audits, &text); err != nil {
			return err
		}
		_, err := tx.One(ctx, "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND kind LIKE 'subscriber.%'", []any{tid}, &events)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if audits < 12 || events < 9 {
		t.Errorf("%d audit records and %d events for 9 changes", audits, events)
	}
	if strings.Contains(text, "horse") {
		t.Error("a password is in the audit trail")
	}
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := subscribertest.New(t)
	a, b := w.Reseller(t, "acme"), w.Reseller(t, "bolt")
	sa, err := w.Subs.Create(ctx, a, subscriber.Create{Name: "ann", Password: secret.New("same password")})
	if err != nil {
		t.Fatal(err)
	}
	sb, err := w.Subs.Create(ctx, b, subscriber.Create{Name: "ann", Password: secret.New("same password")})
	if err != nil {
		t.Fatalf("the same name in another tenant: %v", err)
	}
	if !sa.Alone || sb.Alone {
		t.Fatalf("alone: first %v, second %v", sa.Alone, sb.Alone)
	}
	for name, err := range map[string]error{
		"get":         second(w.Subs.Get(ctx, b, sa.ID)),
		"suspend":     second(w.Subs.Suspend(ctx, b, sa.ID, 0, "")),
		"password":    second(w.Subs.SetPassword(ctx, b, sa.ID, 0, secret.New("stolen password"))),
		"credentials": second(w.Subs.Credentials(ctx, b, sa.ID)),
		"delete":      w.Subs.Delete(ctx, b, sa.ID, 0),
		"plan":        second(w.Plans.GetPlan(ctx, b, sa.PlanID)),
	} {
		if !errs.Is(err, errs.Missing) {
			t.Errorf("%s of another tenant's subscriber: %v", name, err)
		}
	}
	if _, err := w.Subs.Create(ctx, b, subscriber.Create{Name: "bob", Plan: sa.PlanID}); !errs.Is(err, errs.Missing) {
		t.Errorf("create with another tenant's plan: %v", err)
	}
	if got, err := w.Subs.Get(ctx, w.Operator, sa.ID); err != nil || got.Name != "ann" {
		t.Errorf("the operator does not see a reseller's subscriber: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestListPagesAndFilters(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := subscribertest.New(t)
	a := w.Reseller(t, "acme")
	for _, n := range []string{"ann", "bob", "carol", "dave", "eve_1"} {
		if _, err := w.Subs.Create(ctx, a, subscriber.Create{Name: n, Email: n + "@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	cursor := ""
	for {
		p, err := w.Subs.List(ctx, a, subscriber.Filter{}, cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Items {
			names = append(names, s.Name)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "ann bob carol dave eve_1" {
		t.Fatalf("pages gave %q", got)
	}
	for q, want := range map[string]int{"CAROL": 1, "example.com": 5, "e_1": 1, "%": 0, "zed": 0} {
		p, err := w.Subs.List(ctx, a, subscriber.Filter{Query: q}, "", 50)
		if err != nil || len(p.Items) != want {
			t.Errorf("search %q: %d items, want %d (%v)", q, len(p.Items), want, err)
		}
	}
	if p, err := w.Subs.List(ctx, w.Operator, subscriber.Filter{}, "", 50); err != nil || len(p.Items) != 0 {
		t.Errorf("the operator's own tenant lists %d, %v", len(p.Items), err)
	}
	if p, err := w.Subs.List(ctx, w.Operator, subscriber.Filter{Tree: true}, "", 50); err != nil || len(p.Items) != 5 {
		t.Errorf("the operator's tree lists %d, %v", len(p.Items), err)
	}
	if _, err := w.Subs.List(ctx, a, subscriber.Filter{}, "!!", 2); !errs.Is(err, errs.Invalid) {
		t.Errorf("a broken cursor: %v", err)
	}
}

// A search with other filters gives every match, however many that it passes over lie between.
func TestSearchPagesWithEveryFilter(t *testing.T) {
	t.Parallel()
	w, ctx := subscribertest.New(t), t.Context()
	a := w.Reseller(t, "acme")
	soon, late := time.Now().Add(time.Hour), time.Now().Add(1000*time.Hour)
	for i := range 9 {
		end := late
		if i == 1 || i == 8 {
			end = soon
		}
		if _, err := w.Subs.Create(ctx, a, subscriber.Create{Name: fmt.Sprintf("ann%d", i), ExternalID: fmt.Sprintf("ext%d", i), ExpiresAt: &end}); err != nil {
			t.Fatal(err)
		}
	}
	before := soon.Add(time.Hour)
	for want, f := range map[string]subscriber.Filter{
		"ann1 ann8": {Query: "ann", ExpiresBefore: &before},
		"ann7":      {Query: "ann", ExternalID: "ext7"},
		"ann8":      {Query: "ann", ExternalID: "ext8", ExpiresBefore: &before, Status: subscriber.Active},
		"":          {Query: "ann", ExternalID: "ext7", ExpiresBefore: &before},
	} {
		var names []string
		for cursor, more := "", true; more; more = cursor != "" {
			p, err := w.Subs.List(ctx, a, f, cursor, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Items {
				names = append(names, s.Name)
			}
			cursor = p.Next
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("pages gave %q, want %q", got, want)
		}
	}
}

func TestBadInputNamesFieldAndRule(t *testing.T) {
	t.Parallel()
	w := subscribertest.New(t)
	past := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		in    subscriber.Create
		field string
	}{
		"short name":       {subscriber.Create{Name: "a"}, "name"},
		"shell in name":    {subscriber.Create{Name: "a$(id)"}, "name"},
		"reserved":         {subscriber.Create{Name: "root"}, "name"},
		"short password":   {subscriber.Create{Name: "ann", Password: secret.New("short")}, "password"},
		"newline password": {subscriber.Create{Name: "ann", Password: secret.New("line\nbreak1")}, "password"},
		"e-mail":           {subscriber.Create{Name: "ann", Email: "nope"}, "email"},
		"expired":          {subscriber.Create{Name: "ann", ExpiresAt: &past}, "expires_at"},
		"protocol":         {subscriber.Create{Name: "ann", Edit: func(g *billing.Grants) { g.Protocols = []string{"gopher"} }}, "protocols"},
	} {
		_, err := w.Subs.Create(context.Background(), w.Operator, c.in)
		_, fields := errs.Public(err)
		if !errs.Is(err, errs.Invalid) || len(fields) != 1 || fields[0].Name != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConcurrentSamePasswordGivesOneWinner(t *testing.T) {
	t.Parallel()
	w := subscribertest.New(t)
	a := w.Reseller(t, "acme")
	var wg sync.WaitGroup
	alone := make([]bool, 8)
	for i := range alone {
		wg.Go(func() {
			s, err := w.Subs.Create(context.Background(), a, subscriber.Create{Name: "user" + string(rune('a'+i)), Password: secret.New("one for all")})
			if err != nil {
				t.Errorf("create: %v", err)
				return
			}
			alone[i] = s.Alone
		})
	}
	wg.Wait()
	n := 0
	for _, x := range alone {
		if x {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d subscribers may use the password alone", n)
	}
}

func TestSweeps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := subscribertest.New(t)
	a := w.Reseller(t, "acme")
	clock := &subscriber.Clock{DB: w.DB}
	s, err := w.Subs.Create(ctx, a, subscriber.Create{Name: "ann", Edit: func(g *billing.Grants) {
		g.TrafficLimit, g.Reset = 1000, billing.ResetDaily
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE usage_total SET down = 1000 WHERE subscriber_id = $1", s.ID); err != nil {
			return err
		}
		return subscriber.LimitReached(ctx, tx, []string{s.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := func(status string, period int64) {
		t.Helper()
		got, err := w.Subs.Get(ctx, a, s.ID)
		if err != nil || got.Status != status || got.Period != period {
			t.Fatalf("status %s period %d, want %s %d (%v)", got.Status, got.Period, status, period, err)
		}
	}
	want(subscriber.Limited, 1)
	due := func(column string) {
		t.Helper()
		if err := w.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE subscriber SET "+column+" = now() - interval '1 second' WHERE id = $1", s.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	due("next_reset")
	if n, err := clock.ResetDue(ctx); err != nil || n != 1 {
		t.Fatalf("reset %d, %v", n, err)
	}
	want(subscriber.Active, 2)
	due("expires_at")
	if n, err := clock.ExpireDue(ctx); err != nil || n != 1 {
		t.Fatalf("expired %d, %v", n, err)
	}
	want(subscriber.Expired, 2)
	err = w.DB.InSystem(ctx, func(tx *pg.Tx) error {
		v, err := subscriber.ForNodes(ctx, tx, []string{s.ID}, "", 10)
		if err != nil || len(v) != 1 || v[0].Row.Enabled || v[0].Row.Reason != "expired" || v[0].Row.Realm != "acme" || len(v[0].Row.Secrets) == 0 {
			t.Errorf("node view: %+v, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
