// Package billing owns plans: what a subscriber buys. A subscriber carries a snapshot of its plan's grants, so changing a
// plan never rewrites what was sold; re-applying it is a visible act of its own.
package billing

import (
	"context"
	"regexp"
	"slices"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
	"culvert/shared/protocol"
	"culvert/shared/unit"
)

// DefaultPlan always exists in a tenant and cannot be deleted (hestia-api.md §8).
const DefaultPlan = "default"

// When a period's traffic starts anew.
const (
	ResetNever       = "never"
	ResetDaily       = "daily"
	ResetWeekly      = "weekly"
	ResetMonthly     = "monthly"     // first of the month, UTC
	ResetAnniversary = "anniversary" // monthly from the day the period began
)

// Grants are what a plan gives and a subscriber carries.
type Grants struct {
	TrafficLimit unit.Bytes   `json:"traffic_limit"` // bytes a period, -1 = unlimited
	Reset        string       `json:"reset"`
	Protocols    pg.Strings   `gorm:"type:text[]" json:"protocols"`   // empty = all
	NodeGroups   pg.Strings   `gorm:"type:text[]" json:"node_groups"` // empty = all that the tenant may use
	Devices      int          `json:"devices"`                        // 0 = no limit
	SpeedUp      unit.BitRate `json:"speed_up"`                       // bits per second, 0 = no limit
	SpeedDown    unit.BitRate `json:"speed_down"`                     // bits per second, 0 = no limit
}

// Plan is what a subscriber buys. Hestia calls it a package.
type Plan struct {
	TenantID  string `json:"tenant_id"`
	ID        string `gorm:"primaryKey" json:"id"`
	Name      string `json:"name"`
	Grants    `gorm:"embedded"`
	TermDays  int       `json:"term_days"` // expiry set at creation, 0 = none
	Price     int64     `json:"price"`     // minor units
	Currency  string    `json:"currency"`
	Hidden    bool      `json:"hidden"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt time.Time `gorm:"autoUpdateTime:false" json:"updated_at"`
}

// TableName implements gorm's Tabler.
func (Plan) TableName() string { return "plan" }

var nameRule = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,64}[A-Za-z0-9])?$`) //nolint:gochecknoglobals // a compiled constant

// Check adds the faults of g; at is the prefix of field names.
func (g *Grants) Check(f *errs.Faults) {
	f.Check(g.TrafficLimit >= unit.Unlimited, "traffic_limit", "must be -1 (unlimited) or a number of bytes")
	f.Check(slices.Contains([]string{ResetNever, ResetDaily, ResetWeekly, ResetMonthly, ResetAnniversary}, g.Reset),
		"reset", "must be never, daily, weekly, monthly or anniversary")
	f.Check(g.Devices >= 0 && g.Devices <= 10000, "devices", "must be between 0 (no limit) and 10000")
	f.Check(g.SpeedUp >= 0, "speed_up", "must be 0 (no limit) or bits per second")
	f.Check(g.SpeedDown >= 0, "speed_down", "must be 0 (no limit) or bits per second")
	for _, p := range g.Protocols {
		if _, ok := protocol.Lookup(p); !ok {
			f.Add("protocols", "%q is not a protocol we serve", p)
		}
	}
	f.Check(len(g.NodeGroups) <= 100, "node_groups", "must have at most 100 entries")
	for _, n := range g.NodeGroups {
		if err := id.Check(id.NodeGroup, n); err != nil {
			f.Add("node_groups", "%q %v", n, err)
		}
	}
}

func (p *Plan) check() error {
	var f errs.Faults
	f.Check(nameRule.MatchString(p.Name), "name",
		"must have 1 to 66 characters of A-Z, a-z, 0-9, dot, hyphen and underscore, alphanumeric at both ends")
	p.Grants.Check(&f)
	f.Check(p.TermDays >= 0 && p.TermDays <= 36500, "term_days", "must be between 0 and 36500")
	f.Check(p.Price >= 0, "price", "must not be negative")
	f.Check(p.Currency == "" || (len(p.Currency) == 3 && isUpper(p.Currency)), "currency", "must be a code of three capitals, such as EUR")
	return f.Err()
}

func isUpper(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// Groups tells which node groups a tenant may put into plans.
type Groups interface {
	// CheckGroups returns an Invalid error naming field when a group is not granted to tenant.
	CheckGroups(ctx context.Context, tx *pg.Tx, tenant, field string, groups []string) error
}

// Service is the plan service.
type Service struct {
	DB     *pg.DB
	Groups Groups
}

// CreatePlan adds a plan to the actor's tenant.
func (s *Service) CreatePlan(ctx context.Context, a actor.Actor, p Plan) (*Plan, error) {
	if err := a.Require(actor.May(actor.Plans, actor.Write)); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		p.TenantID, p.ID, p.Version, p.CreatedAt, p.UpdatedAt = a.Tenant, id.New(id.Plan), 1, tx.Now, tx.Now
		if err := s.Groups.CheckGroups(ctx, tx, a.Tenant, "node_groups", p.NodeGroups); err != nil {
			return err
		}
		if err := insert(tx, &p); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "plan.create", "plan/"+p.ID, audit.Diff{"name": p.Name, "grants": p.Grants})
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// GetPlan returns a plan by id.
func (s *Service) GetPlan(ctx context.Context, a actor.Actor, pid string) (*Plan, error) {
	return s.read(ctx, a, func(tx *pg.Tx) (*Plan, error) { return Load(tx, pid, false) })
}

// PlanByName returns a plan of the actor's tenant by name; the default plan is made when it is first asked for.
func (s *Service) PlanByName(ctx context.Context, a actor.Actor, name string) (*Plan, error) {
	return s.read(ctx, a, func(tx *pg.Tx) (*Plan, error) { return ByName(tx, a.Tenant, name) })
}

func (s *Service) read(ctx context.Context, a actor.Actor, get func(*pg.Tx) (*Plan, error)) (*Plan, error) {
	if err := a.Require(actor.May(actor.Plans, actor.Read)); err != nil {
		return nil, err
	}
	var p *Plan
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		p, err = get(tx)
		return err
	})
	return p, err
}

// ListPlans lists plans of the actor's tenant by name, after the name after.
func (s *Service) ListPlans(ctx context.Context, a actor.Actor, after string, limit int) ([]Plan, error) {
	if err := a.Require(actor.May(actor.Plans, actor.Read)); err != nil {
		return nil, err
	}
	var out []Plan
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if _, err = ByName(tx, a.Tenant, DefaultPlan); err != nil {
			return err
		}
		out, err = list(tx, a.Tenant, after, limit)
		return err
	})
	return out, err
}

// UpdatePlan replaces a plan's values through edit. match is the expected version, 0 for any.
func (s *Service) UpdatePlan(ctx context.Context, a actor.Actor, pid string, match int64, edit func(*Plan)) (*Plan, error) {
	if err := a.Require(actor.May(actor.Plans, actor.Write)); err != nil {
		return nil, err
	}
	var p *Plan
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if p, err = Load(tx, pid, true); err != nil {
			return err
		}
		if match != 0 && match != p.Version {
			return errs.New(errs.Stale, "plan %s is at version %d", p.Name, p.Version)
		}
		before := *p
		edit(p)
		p.TenantID, p.ID, p.CreatedAt, p.Version, p.UpdatedAt = before.TenantID, before.ID, before.CreatedAt, before.Version+1, tx.Now
		if before.Name == DefaultPlan && p.Name != DefaultPlan {
			return errs.Bad("name", "of the default plan stays default")
		}
		if err := p.check(); err != nil {
			return err
		}
		if err := s.Groups.CheckGroups(ctx, tx, p.TenantID, "node_groups", p.NodeGroups); err != nil {
			return err
		}
		if err := save(tx, p); err != nil {
			return err
		}
		diff := audit.Diff{}.From("name", before.Name, p.Name).From("price", before.Price, p.Price)
		diff["grants"] = [2]any{before.Grants, p.Grants}
		return audit.Record(ctx, tx, a, "plan.update", "plan/"+pid, diff)
	})
	return p, err
}

// DeletePlan removes a plan that nobody has; move says to move its subscribers to the default plan first.
func (s *Service) DeletePlan(ctx context.Context, a actor.Actor, pid string, move bool) error {
	if err := a.Require(actor.May(actor.Plans, actor.Write)); err != nil {
		return err
	}
	return s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		p, err := Load(tx, pid, true)
		if err != nil {
			return err
		}
		if p.Name == DefaultPlan {
			return errs.New(errs.InUse, "the default plan cannot be deleted")
		}
		if move {
			d, err := ByName(tx, p.TenantID, DefaultPlan)
			if err != nil {
				return err
			}
			// The snapshot of what was sold stays; only the label moves.
			if _, err := tx.Exec(ctx, `UPDATE subscriber SET plan_id = $3, version = version + 1, updated_at = $4
				WHERE tenant_id = $1 AND plan_id = $2`, p.TenantID, p.ID, d.ID, tx.Now); err != nil {
				return err
			}
		}
		if err := remove(tx, p); err != nil {
			return err
		}
		return audit.Record(ctx, tx, a, "plan.delete", "plan/"+pid, audit.Diff{"name": p.Name})
	})
}
