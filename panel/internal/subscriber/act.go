package subscriber

import (
	"context"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/unit"
)

// Before returns a service that runs do at the beginning of each change and deletion, in their transactions: what do writes
// is there when the change is, and not without it. An error of do is the error of the change. do runs again when a
// transaction does.
func Before(s *Service, do func(context.Context, *pg.Tx) error) *Service {
	c := *s
	c.before = do
	return &c
}

func begin(ctx context.Context, s *Service, tx *pg.Tx) error {
	if s.before == nil {
		return nil
	}
	return s.before(ctx, tx)
}

// The changes that may be asked for many subscribers at once.
const (
	ActSuspend    = "suspend"
	ActUnsuspend  = "unsuspend"
	ActExtend     = "extend"
	ActDelete     = "delete"
	ActGrant      = "grant"
	ActChangePlan = "change_plan"
)

// maxDays bounds how far a term is moved at once.
const maxDays = 3650

// Act is a change that is the same for everybody it is made to.
type Act struct {
	Action string     `json:"action" enum:"suspend,unsuspend,extend,delete,grant,change_plan"`
	Days   int        `json:"days,omitempty" doc:"of extend: 1 to 3650"`
	Bytes  unit.Bytes `json:"bytes,omitempty" doc:"of grant: added to the current period"`
	Plan   string     `json:"plan,omitempty" doc:"of change_plan: id or name"`
	Reason string     `json:"reason,omitempty" doc:"of suspend: manual, overdue, quota, abuse or expired"`
}

// Check says what is wrong with an act for anybody.
func (x *Act) Check() error {
	var f errs.Faults
	known := []string{ActSuspend, ActUnsuspend, ActExtend, ActDelete, ActGrant, ActChangePlan}
	f.Check(slices.Contains(known, x.Action), "action", "must be one of %v", known)
	for _, p := range []struct {
		field, of string
		given, ok bool
		rule      string
	}{
		{"days", ActExtend, x.Days != 0, x.Days >= 1 && x.Days <= maxDays, "must be between 1 and 3650"},
		{"bytes", ActGrant, x.Bytes != 0, x.Bytes >= 1 && x.Bytes <= 1<<60, "must be between 1 and 2^60"},
		{"plan", ActChangePlan, x.Plan != "", len(x.Plan) >= 1 && len(x.Plan) <= 66 && printable(x.Plan), "must be the id or name of a plan"},
		{"reason", ActSuspend, x.Reason != "", x.Reason == "" || slices.Contains(reasons(), x.Reason), "must be one of manual, overdue, quota, abuse, expired"},
	} {
		if x.Action == p.of {
			f.Check(p.ok, p.field, "%s", p.rule)
		} else {
			f.Check(!p.given, p.field, "belongs to %s", p.of)
		}
	}
	return f.Err()
}

// Do makes the change to one subscriber. source names the order that it belongs to.
func (x *Act) Do(ctx context.Context, s *Service, a actor.Actor, sid, source string) error {
	var err error
	switch x.Action {
	case ActSuspend:
		_, err = s.Suspend(ctx, a, sid, 0, x.Reason)
	case ActUnsuspend:
		_, err = s.Unsuspend(ctx, a, sid, 0)
	case ActExtend:
		_, err = Extend(ctx, s, a, sid, 0, x.Days)
	case ActDelete:
		err = s.Delete(ctx, a, sid, 0)
	case ActGrant:
		_, err = s.Grant(ctx, a, sid, x.Bytes, source)
	case ActChangePlan:
		_, err = s.ChangePlan(ctx, a, sid, 0, x.Plan, false)
	default:
		err = errs.Bad("action", "is not known")
	}
	return err
}

// Outlook tells what an act would change, by the rules that make the change.
type Outlook struct {
	Act
	plans map[string]*billing.Plan // by tenant
}

// Of returns what would change of a subscriber, field to before and after, or why nothing would. sub becomes what it would be.
// tx is not to be committed: a tenant's default plan may be made to be looked at.
func (o *Outlook) Of(tx *pg.Tx, sub *Subscriber) (audit.Diff, error) {
	was := *sub
	var err error
	switch o.Action {
	case ActSuspend:
		err = sub.suspend(orManual(o.Reason))
	case ActUnsuspend:
		err = sub.unsuspend()
	case ActExtend:
		err = sub.extend(o.Days, tx.Now)
	case ActDelete:
		return audit.Diff{"status": [2]any{sub.Status, "deleted"}}, nil
	case ActGrant:
		sub.Usage.Granted = unit.AddSat(sub.Usage.Granted, o.Bytes)
	case ActChangePlan:
		var p *billing.Plan
		if p, err = o.plan(tx, sub.TenantID); err == nil {
			err = sub.moveTo(p, false, tx.Now)
		}
	}
	if err != nil {
		return nil, err
	}
	sub.settle(tx.Now)
	d := audit.Diff{}.From("status", was.Status, sub.Status).From("reason", was.Reason, sub.Reason).From("granted", was.Usage.Granted, sub.Usage.Granted)
	if was.ExpiresAt != sub.ExpiresAt {
		d["expires_at"] = [2]any{was.ExpiresAt, sub.ExpiresAt}
	}
	if o.Action == ActChangePlan {
		d.From("plan", was.PlanName, sub.PlanName).From("traffic_limit", was.TrafficLimit, sub.TrafficLimit).From("devices", was.Devices, sub.Devices)
	}
	return d, nil
}

func (o *Outlook) plan(tx *pg.Tx, tenant string) (*billing.Plan, error) {
	if p := o.plans[tenant]; p != nil {
		return p, nil
	}
	p, err := findPlan(tx, tenant, o.Plan)
	if err != nil {
		return nil, err
	}
	if o.plans == nil {
		o.plans = map[string]*billing.Plan{}
	}
	o.plans[tenant] = p
	return p, nil
}

// Extend moves the instant of expiry by days, from now on when it has passed. Who never expires, or whose term has not begun,
// has no such instant: a State error.
func Extend(ctx context.Context, s *Service, a actor.Actor, sid string, match int64, days int) (*Subscriber, error) {
	if days < 1 || days > maxDays {
		return nil, errs.Bad("days", "must be between 1 and %d", maxDays)
	}
	return s.change(ctx, a, sid, match, "subscriber.extend", func(tx *pg.Tx, sub *Subscriber, d audit.Diff) error {
		was := sub.ExpiresAt
		if err := sub.extend(days, tx.Now); err != nil {
			return err
		}
		d["expires_at"] = [2]any{was, sub.ExpiresAt}
		return nil
	})
}

// The rules of changes, without what stores them.

func orManual(reason string) string {
	if reason == "" {
		return "manual"
	}
	return reason
}

func (s *Subscriber) suspend(reason string) error {
	if s.Status == Suspended {
		return errs.New(errs.State, "user %s is suspended", s.Name)
	}
	s.Status, s.Reason = Suspended, reason
	return nil
}

func (s *Subscriber) unsuspend() error {
	if s.Status != Suspended {
		return errs.New(errs.State, "user %s is not suspended", s.Name)
	}
	s.Status, s.Reason = Active, ""
	return nil
}

func (s *Subscriber) extend(days int, now time.Time) error {
	if s.ExpiresAt == nil {
		return errs.New(errs.State, "user %s has no date of expiry", s.Name)
	}
	from := *s.ExpiresAt
	if from.Before(now) {
		from = now
	}
	to := from.AddDate(0, 0, days)
	if to.Year() > 9999 {
		return errs.New(errs.State, "user %s has a date of expiry too far ahead", s.Name)
	}
	s.ExpiresAt = wholeSecond(&to)
	return nil
}

// moveTo takes over a plan's grants. Unless force is set, a plan whose traffic limit is below what this period already used is
// refused.
func (s *Subscriber) moveTo(p *billing.Plan, force bool, now time.Time) error {
	if !force && p.TrafficLimit != unit.Unlimited && s.Usage.Total() > unit.AddSat(p.TrafficLimit, s.Usage.Granted) {
		return errs.New(errs.Limited, "package %s allows less traffic than user %s has used", p.Name, s.Name)
	}
	reset := s.Reset
	s.PlanID, s.PlanName, s.Grants = p.ID, p.Name, p.Grants
	if reset != s.Reset {
		s.NextReset = nextReset(s.Reset, s.ResetAnchor, now)
	}
	return nil
}
