package subscriber

import (
	"context"
	"errors"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/unit"
)

// Create adds a subscriber to the actor's tenant.
func (s *Service) Create(ctx context.Context, a actor.Actor, c Create) (*Subscriber, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	if a.Owner != "" {
		return nil, errs.New(errs.Denied, "a subscriber's key cannot add subscribers")
	}
	if err := c.check(time.Now()); err != nil {
		return nil, err
	}
	sid := id.New(id.Subscriber)
	clear := c.Password.Reveal()
	if clear == "" {
		clear = GeneratePassword()
	}
	keys, err := s.makeKeys(sid, clear, 1)
	if err != nil {
		return nil, err
	}
	return unlessAlone(&keys, func() (*Subscriber, error) {
		var out *Subscriber
		err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
			out, err = s.create(ctx, tx, a, sid, keys, c)
			return err
		})
		return out, err
	})
}

// unlessAlone runs do, and once more without the right to open Hysteria by the password alone when somebody in the
// installation has that password already. The caller is not told whose.
func unlessAlone(keys *Keys, do func() (*Subscriber, error)) (*Subscriber, error) {
	out, err := do()
	if err != nil && keys.Alone && pg.Constraint(err) == "subscriber_alone" {
		keys.Alone = false
		return do()
	}
	return out, err
}

func (s *Service) create(ctx context.Context, tx *pg.Tx, a actor.Actor, sid string, keys Keys, c Create) (*Subscriber, error) {
	plan, err := findPlan(tx, a.Tenant, c.Plan)
	if err != nil {
		return nil, err
	}
	sub := begun(tx, plan, sid, keys, c)
	if err := s.checkGrants(ctx, tx, sub); err != nil {
		return nil, err
	}
	if err := insert(tx, sub); err != nil {
		return nil, err
	}
	if c.OnHold && plan.TermDays > 0 {
		if _, err := tx.Exec(ctx, "UPDATE subscriber SET hold_term = make_interval(days => $3) WHERE tenant_id = $1 AND id = $2",
			a.Tenant, sid, plan.TermDays); err != nil {
			return nil, err
		}
	}
	if err := (secrets{s.vault}).begin(ctx, tx, []*Subscriber{sub}); err != nil {
		return nil, err
	}
	if err := emitChanged(ctx, tx, a, sub); err != nil {
		return nil, err
	}
	return sub, audit.Record(ctx, tx, a, "subscriber.create", "subscriber/"+sid, creation(sub))
}

// creation is what the record of a new subscriber says.
func creation(sub *Subscriber) audit.Diff {
	d := audit.Diff{"name": sub.Name, "plan": sub.PlanName, "grants": sub.Grants, "external_id": ""}
	if sub.ExternalID != nil {
		d["external_id"] = *sub.ExternalID
	}
	return d
}

// begun is a new subscriber of a plan's tenant before it is stored.
func begun(tx *pg.Tx, plan *billing.Plan, sid string, keys Keys, c Create) *Subscriber {
	sub := &Subscriber{
		TenantID: plan.TenantID, ID: sid, Name: c.Name, Email: c.Email, FullName: c.FullName, Comment: c.Comment, Label: c.Label,
		Language: c.Language, PlanID: plan.ID, PlanName: plan.Name, Status: Active, Grants: plan.Grants, Keys: keys,
		Terms:   Terms{Period: 1, PeriodStart: tx.Now, ResetAnchor: tx.Now, ExpiresAt: wholeSecond(c.ExpiresAt), HoldDeadline: c.HoldDeadline},
		Version: 1, CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	if sub.Language == "" {
		sub.Language = "en"
	}
	if c.ExternalID != "" {
		sub.ExternalID = &c.ExternalID
	}
	if c.Edit != nil {
		c.Edit(&sub.Grants)
	}
	if plan.TermDays > 0 && c.ExpiresAt == nil && !c.Endless && !c.OnHold {
		end := tx.Now.AddDate(0, 0, plan.TermDays)
		sub.ExpiresAt = &end
	}
	sub.NextReset = nextReset(sub.Reset, sub.ResetAnchor, tx.Now)
	sub.settle(tx.Now)
	if c.OnHold {
		sub.Status = OnHold
	}
	return sub
}

func (s *Service) checkGrants(ctx context.Context, tx *pg.Tx, sub *Subscriber) error {
	var f errs.Faults
	sub.Grants.Check(&f)
	if err := f.Err(); err != nil {
		return err
	}
	return s.groups.CheckGroups(ctx, tx, sub.TenantID, "node_groups", sub.NodeGroups)
}

func findPlan(tx *pg.Tx, tenant, ref string) (*billing.Plan, error) {
	switch {
	case ref == "":
		return billing.ByName(tx, tenant, billing.DefaultPlan)
	case id.Valid(id.Plan, ref):
		p, err := billing.Load(tx, ref, false)
		if err == nil && p.TenantID != tenant {
			return nil, errs.NotFound("package", ref)
		}
		return p, err
	}
	return billing.ByName(tx, tenant, ref)
}

// errDone tells change that an earlier request has done it all.
var errDone = errors.New("done already")

// change is the one way to alter a subscriber: load for update, match the version, edit, settle, save, emit, audit.
func (s *Service) change(ctx context.Context, a actor.Actor, sid string, match int64, action string,
	edit func(*pg.Tx, *Subscriber, audit.Diff) error,
) (*Subscriber, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	keys := &Keys{Alone: true}
	return unlessAlone(keys, func() (*Subscriber, error) {
		var sub *Subscriber
		err := s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
			if err := begin(ctx, s, tx); err != nil {
				return err
			}
			if sub, err = load(ctx, tx, a, sid, true); err != nil {
				return err
			}
			if match != 0 && match != sub.Version {
				return errs.New(errs.Stale, "subscriber %s is at version %d", sub.Name, sub.Version)
			}
			before := *sub
			diff := audit.Diff{}
			switch err := edit(tx, sub, diff); {
			case errors.Is(err, errDone):
				return nil
			case err != nil:
				return err
			}
			sub.Alone = sub.Alone && keys.Alone
			sub.settle(tx.Now)
			diff.From("status", before.Status, sub.Status)
			sub.Version, sub.UpdatedAt = before.Version+1, tx.Now
			if err := save(tx, sub); err != nil {
				return err
			}
			if err := emitChanged(ctx, tx, a, sub); err != nil {
				return err
			}
			return audit.Record(ctx, tx, a, action, "subscriber/"+sid, diff)
		})
		return sub, err
	})
}

// Patch is a partial update; nil fields stay.
type Patch struct {
	Email, FullName, Comment, Label, Language, ExternalID *string
	ExpiresAt                                             **time.Time // pointer to nil: never
	Edit                                                  func(*billing.Grants)
}

// Update changes profile fields and grants.
func (s *Service) Update(ctx context.Context, a actor.Actor, sid string, match int64, p Patch) (*Subscriber, error) {
	return s.change(ctx, a, sid, match, "subscriber.update", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		var f errs.Faults
		p.texts(sub, d, &f)
		before := sub.Grants
		if p.Edit != nil {
			p.Edit(&sub.Grants)
			sub.Grants.Check(&f)
		}
		if err := f.Err(); err != nil {
			return err
		}
		if p.ExpiresAt != nil {
			d["expires_at"] = [2]any{sub.ExpiresAt, *p.ExpiresAt}
			sub.ExpiresAt = wholeSecond(*p.ExpiresAt)
		}
		if p.Edit == nil {
			return nil
		}
		d["grants"] = [2]any{before, sub.Grants}
		if before.Reset != sub.Reset {
			sub.NextReset = nextReset(sub.Reset, sub.ResetAnchor, tx.Now)
		}
		return s.checkGrants(ctx, tx, sub)
	})
}

// texts takes over the profile fields and collects their faults.
func (p *Patch) texts(sub *Subscriber, d audit.Diff, f *errs.Faults) {
	if p.Email != nil && *p.Email != "" {
		if rule := CheckEmail(*p.Email); rule != "" {
			f.Add("email", "%s", rule)
		}
	}
	for _, x := range []struct {
		name string
		from *string
		to   *string
	}{
		{"email", p.Email, &sub.Email},
		{"full_name", p.FullName, &sub.FullName},
		{"comment", p.Comment, &sub.Comment},
		{"label", p.Label, &sub.Label},
		{"language", p.Language, &sub.Language},
	} {
		if x.from != nil {
			d.From(x.name, *x.to, *x.from)
			*x.to = *x.from
		}
	}
	checkTexts(f, sub.FullName, sub.Comment, sub.Label, sub.Language)
	if p.ExternalID != nil {
		f.Check(len(*p.ExternalID) <= 128 && printable(*p.ExternalID), "external_id", "must have at most 128 printable characters")
		d["external_id"] = [2]any{sub.ExternalID, *p.ExternalID}
		sub.ExternalID = p.ExternalID
		if *p.ExternalID == "" {
			sub.ExternalID = nil
		}
	}
}

// Suspend refuses a subscriber's credentials and cuts their sessions; suspended already is a State error.
func (s *Service) Suspend(ctx context.Context, a actor.Actor, sid string, match int64, reason string) (*Subscriber, error) {
	reason = orManual(reason)
	if !slices.Contains(reasons(), reason) {
		return nil, errs.Bad("reason", "must be one of manual, overdue, quota, abuse, expired")
	}
	return s.change(ctx, a, sid, match, "subscriber.suspend", func(_ *pg.Tx, sub *Subscriber, d audit.Diff) error {
		d["reason"] = reason
		return sub.suspend(reason)
	})
}

// Unsuspend lets a suspended subscriber back in, as far as expiry and limit allow; not suspended is a State error.
func (s *Service) Unsuspend(ctx context.Context, a actor.Actor, sid string, match int64) (*Subscriber, error) {
	return s.change(ctx, a, sid, match, "subscriber.unsuspend", func(_ *pg.Tx, sub *Subscriber, _ audit.Diff) error {
		return sub.unsuspend()
	})
}

// Expire ends a subscriber's term now.
func (s *Service) Expire(ctx context.Context, a actor.Actor, sid string, match int64) (*Subscriber, error) {
	return s.change(ctx, a, sid, match, "subscriber.expire", func(tx *pg.Tx, sub *Subscriber, _ audit.Diff) error {
		sub.ExpiresAt = wholeSecond(&tx.Now)
		if sub.Status == OnHold {
			sub.Status = Active
		}
		return nil
	})
}

// ChangePlan moves a subscriber to another plan of the tenant and takes over its grants; history stays. Unless force is
// set, a plan whose traffic limit is below what this period already used is refused.
func (s *Service) ChangePlan(ctx context.Context, a actor.Actor, sid string, match int64, plan string, force bool) (*Subscriber, error) {
	return s.change(ctx, a, sid, match, "subscriber.change_plan", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		p, err := findPlan(tx, sub.TenantID, plan)
		if err != nil {
			return err
		}
		d["plan"] = [2]any{sub.PlanName, p.Name}
		return sub.moveTo(p, force, tx.Now)
	})
}

// ResetUsage starts a new traffic period now. The ledger keeps all; counters of the old period stay where they were.
func (s *Service) ResetUsage(ctx context.Context, a actor.Actor, sid string, match int64) (*Subscriber, error) {
	return s.change(ctx, a, sid, match, "subscriber.reset_usage", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		d["used"] = sub.Usage.Total()
		return startPeriods(ctx, tx, []*Subscriber{sub}, []time.Time{tx.Now})
	})
}

// Grant adds bytes to the current period. The same source again changes nothing.
func (s *Service) Grant(ctx context.Context, a actor.Actor, sid string, amount unit.Bytes, source string) (*Subscriber, error) {
	if amount <= 0 || amount > 1<<60 {
		return nil, errs.Bad("bytes", "must be between 1 and 2^60")
	}
	if source == "" {
		source = id.New(id.Entry)
	}
	return s.change(ctx, a, sid, 0, "subscriber.grant", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		var one int
		key := "grant:" + source
		found, err := tx.One(ctx, "SELECT 1 FROM ledger WHERE subscriber_id = $1 AND source = $2 AND kind = 'grant'", []any{sid, key}, &one)
		switch {
		case err != nil:
			return err
		case found:
			return errDone
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ledger (tenant_id, at, subscriber_id, kind, period, amount, source)
			VALUES ($1, $2, $3, 'grant', $4, $5, $6)`, sub.TenantID, tx.Now, sid, sub.Period, int64(amount), key); err != nil {
			return err
		}
		d["bytes"] = amount
		sub.Usage.Granted = unit.AddSat(sub.Usage.Granted, amount)
		_, err = tx.Exec(ctx, "UPDATE usage_total SET granted = granted + $2 WHERE subscriber_id = $1", sid, int64(amount))
		return err
	})
}

// Delete removes a subscriber. The ledger stays, and a stub on which late reports are booked.
func (s *Service) Delete(ctx context.Context, a actor.Actor, sid string, match int64) error {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	if a.Owner != "" {
		return errs.New(errs.Denied, "a subscriber's key cannot delete subscribers")
	}
	return s.db.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if err := begin(ctx, s, tx); err != nil {
			return err
		}
		sub, err := load(ctx, tx, a, sid, true)
		if err != nil {
			return err
		}
		if match != 0 && match != sub.Version {
			return errs.New(errs.Stale, "subscriber %s is at version %d", sub.Name, sub.Version)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO former_subscriber (tenant_id, id, name, deleted_at) VALUES ($1, $2, $3, $4)",
			sub.TenantID, sid, sub.Name, tx.Now); err != nil {
			return err
		}
		// Keys name their owner: another subscriber of that name must not wake them up.
		if _, err := tx.Exec(ctx, `UPDATE access_key SET revoked_at = $3 WHERE tenant_id = $1 AND owner_kind = 'subscriber' AND owner = $2
			AND revoked_at IS NULL`, sub.TenantID, sub.Name, tx.Now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM subscriber WHERE tenant_id = $1 AND id = $2", sub.TenantID, sid); err != nil {
			return err
		}
		if err := outbox.Emit(ctx, tx, sub.TenantID, a.Trace, Deleted{Tenant: sub.TenantID, Subscriber: sid, Name: sub.Name}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "subscriber.delete", "subscriber/"+sid, audit.Diff{"name": sub.Name})
	})
}

// wholeSecond cuts an expiry to what nodes are told, so that panel and node mean the same instant.
func wholeSecond(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	s := t.UTC().Truncate(time.Second)
	return &s
}
