package api

import (
	"context"
	"net/http"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/api/rest"
	"culvert/panel/internal/billing"
	"culvert/shared/unit"
)

// GrantFields are the grants as a request may set them, each or none.
type GrantFields struct {
	TrafficLimit *unit.Bytes   `json:"traffic_limit,omitempty" doc:"bytes a period; -1: unlimited"`
	Reset        *string       `json:"reset,omitempty" enum:"never,daily,weekly,monthly,anniversary"`
	Protocols    *[]string     `json:"protocols,omitempty" doc:"empty: all"`
	NodeGroups   *[]string     `json:"node_groups,omitempty" doc:"ids; empty: all that the tenant may use"`
	Devices      *int          `json:"devices,omitempty" doc:"0: no limit"`
	SpeedUp      *unit.BitRate `json:"speed_up,omitempty" doc:"bits per second; 0: no limit"`
	SpeedDown    *unit.BitRate `json:"speed_down,omitempty" doc:"bits per second; 0: no limit"`
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// edit returns what applies the fields that are present, or nil when none is.
func (g *GrantFields) edit() func(*billing.Grants) {
	if *g == (GrantFields{}) {
		return nil
	}
	return func(to *billing.Grants) {
		set(&to.TrafficLimit, g.TrafficLimit)
		set(&to.Reset, g.Reset)
		set((*[]string)(&to.Protocols), g.Protocols)
		set((*[]string)(&to.NodeGroups), g.NodeGroups)
		set(&to.Devices, g.Devices)
		set(&to.SpeedUp, g.SpeedUp)
		set(&to.SpeedDown, g.SpeedDown)
	}
}

// PlanFields are a plan's own values.
type PlanFields struct {
	GrantFields
	TermDays *int    `json:"term_days,omitempty" doc:"expiry set at creation; 0: none"`
	Price    *int64  `json:"price,omitempty" doc:"minor units of the currency"`
	Currency *string `json:"currency,omitempty" doc:"ISO 4217, such as EUR"`
	Hidden   *bool   `json:"hidden,omitempty"`
}

func (f *PlanFields) apply(p *billing.Plan) {
	if edit := f.edit(); edit != nil {
		edit(&p.Grants)
	}
	set(&p.TermDays, f.TermDays)
	set(&p.Price, f.Price)
	set(&p.Currency, f.Currency)
	set(&p.Hidden, f.Hidden)
}

type createPlan struct {
	Body struct {
		Name string `json:"name" maxLength:"66"`
		PlanFields
	}
}

type patchPlan struct {
	ByID
	Matched
	Body struct {
		Name *string `json:"name,omitempty"`
		PlanFields
	}
}

type deletePlan struct {
	ByID
	Move bool `query:"move" doc:"move its subscribers to the default plan first"`
}

func planVersion(p *billing.Plan) int64 { return p.Version }

func planEndpoints(a *API) {
	read, write := actor.May(actor.Plans, actor.Read), actor.May(actor.Plans, actor.Write)
	add(a, endpoint{method: http.MethodPost, path: "/plans", id: "create-plan", summary: "Add a plan", tag: "plans", need: write, status: 201},
		func(ctx context.Context, who actor.Actor, in *createPlan) (*one[billing.Plan], error) {
			p := billing.Plan{Name: in.Body.Name, Grants: billing.Grants{TrafficLimit: unit.Unlimited, Reset: billing.ResetMonthly}}
			in.Body.apply(&p)
			out, err := a.Plans.CreatePlan(ctx, who, p)
			return rest.Answer(out, planVersion, err)
		})
	add(a, endpoint{method: http.MethodGet, path: "/plans", id: "list-plans", summary: "List plans by name", tag: "plans", need: read},
		func(ctx context.Context, who actor.Actor, in *Paged) (*bare[page[billing.Plan]], error) {
			l, err := a.Plans.ListPlans(ctx, who, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			return rest.PageOf(l, in.Limit, func(p *billing.Plan) string { return p.Name }), nil
		})
	add(a, endpoint{method: http.MethodGet, path: "/plans/{id}", id: "get-plan", summary: "Get a plan", tag: "plans", need: read},
		func(ctx context.Context, who actor.Actor, in *ByID) (*one[billing.Plan], error) {
			p, err := a.Plans.GetPlan(ctx, who, in.ID)
			return rest.Answer(p, planVersion, err)
		})
	add(a, endpoint{method: http.MethodPatch, path: "/plans/{id}", id: "update-plan", summary: "Change a plan; what was sold stays", tag: "plans", need: write},
		func(ctx context.Context, who actor.Actor, in *patchPlan) (*one[billing.Plan], error) {
			v, err := in.Version()
			if err != nil {
				return nil, err
			}
			p, err := a.Plans.UpdatePlan(ctx, who, in.ID, v, func(p *billing.Plan) {
				set(&p.Name, in.Body.Name)
				in.Body.apply(p)
			})
			return rest.Answer(p, planVersion, err)
		})
	add(a, endpoint{method: http.MethodDelete, path: "/plans/{id}", id: "delete-plan", summary: "Delete a plan that nobody has", tag: "plans", need: write},
		func(ctx context.Context, who actor.Actor, in *deletePlan) (*none, error) {
			return nil, a.Plans.DeletePlan(ctx, who, in.ID, in.Move)
		})
}
