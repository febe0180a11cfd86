package command

import (
	"context"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/subscriber"
	"culvert/shared/unit"
)

// packageCommands work on plans, which Hestia calls packages (hestia-api.md §6.2, §7.3).
type packageCommands struct{ *core }

func (g packageCommands) list() []registry.Command {
	exists := []int{registry.ExitExists}
	return []registry.Command{
		{Name: "v-list-user-packages", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists the packages"},
		{Name: "v-list-user-package", Spec: "PACKAGE:package [FORMAT:format=shell]", Role: registry.Tenant, Run: g.one, About: "shows a package"},
		{Name: "v-add-user-package", Spec: "TMPFILE:file PACKAGE:package [REWRITE:yesno=no]", Role: registry.Tenant, Traits: registry.Writes, Codes: exists, Run: g.add, About: "adds a package from KEY='value' lines that v-make-tmp-file took; REWRITE=yes replaces one"},
		{Name: "v-copy-user-package", Spec: "PACKAGE:package NEW_PACKAGE:package", Role: registry.Tenant, Traits: registry.Writes, Codes: exists, Run: g.copied, About: "copies a package"},
		{Name: "v-rename-user-package", Spec: "OLD:package NEW:package [MODE:ignored]", Role: registry.Tenant, Traits: registry.Writes, Codes: exists, Run: g.rename, About: "renames a package; its users keep it"},
		{Name: "v-delete-user-package", Spec: "PACKAGE:package", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitInUse}, Run: g.remove, About: "deletes a package; its users are moved to default and keep what they were sold"},
		{Name: "v-update-user-package", Spec: "PACKAGE:package", Role: registry.Tenant, Traits: registry.Writes | registry.Slow, Run: g.reapply, About: "gives a package's users what the package grants now"},
	}
}

const beforeBandwidth = "WEB_TEMPLATE= BACKEND_TEMPLATE= PROXY_TEMPLATE= DNS_TEMPLATE= WEB_DOMAINS=0 WEB_ALIASES=0 DNS_DOMAINS=0 DNS_RECORDS=0 " +
	"MAIL_DOMAINS=0 MAIL_ACCOUNTS=0 RATE_LIMIT=0 DATABASES=0 CRON_JOBS=0 DISK_QUOTA=0 CPU_QUOTA= CPU_QUOTA_PERIOD= MEMORY_LIMIT= SWAP_LIMIT="

func packageRow(p *billing.Plan, groups map[string]string) shape.Row {
	allowed := "all"
	if len(p.Protocols) > 0 {
		allowed = strings.Join(p.Protocols, ",")
	}
	fields := append(fixed(beforeBandwidth), shape.F("BANDWIDTH", mb(p.TrafficLimit)))
	fields = append(fields, fixed("NS= SHELL=nologin BACKUPS=0 BACKUPS_INCREMENTAL=no")...)
	return shape.Row{Key: p.Name, Fields: append(fields,
		shape.F("TIME", p.CreatedAt.UTC().Format(time.TimeOnly)), shape.F("DATE", p.CreatedAt.UTC().Format(time.DateOnly)),
		shape.F("CREATED_AT", p.CreatedAt.UTC().Format(time.RFC3339)), shape.F("BANDWIDTH_BYTES", bytesOf(p.TrafficLimit)),
		shape.F("BANDWIDTH_RESET", p.Reset), shape.F("DEVICES", count(p.Devices)), shape.F("SPEED_DOWN", mbit(p.SpeedDown)),
		shape.F("SPEED_UP", mbit(p.SpeedUp)), shape.F("PROTOCOLS", allowed), shape.F("NODE_GROUP", named(p.NodeGroups, groups)),
		shape.F("TERM_DAYS", count(p.TermDays)), shape.F("PRICE", minor(p.Price)), shape.F("CURRENCY", p.Currency),
		shape.F("HIDDEN", yesNo(p.Hidden)), shape.F("ID", p.ID))}
}

// minor writes minor units with two decimals.
func minor(n int64) string {
	cents := strconv.FormatInt(100+n%100, 10)[1:]
	return strconv.FormatInt(n/100, 10) + "." + cents
}

func (g packageCommands) all(ctx context.Context, c *registry.Call) error {
	groups, err := g.groupNames(ctx, c)
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "PACKAGE", Short: []string{"PACKAGE", "BANDWIDTH", "BANDWIDTH_RESET", "DEVICES", "SPEED_DOWN", "SPEED_UP", "TERM_DAYS", "DATE"}}
	after := ""
	for {
		page, err := g.Plans.ListPlans(ctx, c.Actor, after, largestPage)
		if err != nil {
			return err
		}
		for i := range page {
			t.Rows = append(t.Rows, packageRow(&page[i], groups))
		}
		if len(page) < largestPage {
			return c.Show(t)
		}
		after = page[len(page)-1].Name
	}
}

func (g packageCommands) one(ctx context.Context, c *registry.Call) error {
	p, err := g.Plans.PlanByName(ctx, c.Actor, c.Str("PACKAGE"))
	if err != nil {
		return err
	}
	groups, err := g.groupNames(ctx, c)
	if err != nil {
		return err
	}
	return c.Show(&shape.Table{KeyName: "PACKAGE", One: true, Rows: []shape.Row{packageRow(p, groups)}})
}

func (g packageCommands) add(ctx context.Context, c *registry.Call) error {
	file := strings.TrimPrefix(c.Str("TMPFILE"), "/tmp/")
	content, found, err := g.People.HandedOver(ctx, c.Actor, file)
	if err != nil {
		return err
	}
	if !found {
		return errs.NotFound("file", c.Str("TMPFILE"))
	}
	fresh, err := g.parsePackage(ctx, c, content)
	if err != nil {
		return err
	}
	fresh.Name = c.Str("PACKAGE")
	if !c.Yes("REWRITE") {
		_, err = g.Plans.CreatePlan(ctx, c.Actor, *fresh)
		return err
	}
	old, err := g.Plans.PlanByName(ctx, c.Actor, fresh.Name)
	if err != nil {
		return err
	}
	_, err = g.Plans.UpdatePlan(ctx, c.Actor, old.ID, 0, func(p *billing.Plan) { *p = *fresh })
	return err
}

func (g packageCommands) copied(ctx context.Context, c *registry.Call) error {
	p, err := g.Plans.PlanByName(ctx, c.Actor, c.Str("PACKAGE"))
	if err != nil {
		return err
	}
	next := *p
	next.Name = c.Str("NEW_PACKAGE")
	_, err = g.Plans.CreatePlan(ctx, c.Actor, next)
	return err
}

func (g packageCommands) rename(ctx context.Context, c *registry.Call) error {
	p, err := g.Plans.PlanByName(ctx, c.Actor, c.Str("OLD"))
	if err != nil {
		return err
	}
	_, err = g.Plans.UpdatePlan(ctx, c.Actor, p.ID, 0, func(x *billing.Plan) { x.Name = c.Str("NEW") })
	return err
}

func (g packageCommands) remove(ctx context.Context, c *registry.Call) error {
	p, err := g.Plans.PlanByName(ctx, c.Actor, c.Str("PACKAGE"))
	if err != nil {
		return err
	}
	return g.Plans.DeletePlan(ctx, c.Actor, p.ID, true)
}

func (g packageCommands) reapply(ctx context.Context, c *registry.Call) error {
	_, err := subscriber.Bulk{DB: g.DB}.Reapply(ctx, c.Actor, c.Str("PACKAGE"))
	return err
}

// parsePackage reads KEY='value' lines. Hestia's own keys that mean nothing here pass; unknown ones are refused, because
// a misspelt limit would be none.
func (g packageCommands) parsePackage(ctx context.Context, c *registry.Call, content string) (*billing.Plan, error) {
	p := &billing.Plan{Grants: billing.Grants{TrafficLimit: unit.Unlimited, Reset: billing.ResetMonthly}}
	ignored := map[string]bool{"TIME": true, "DATE": true, "NS": true, "SHELL": true, "BACKUPS": true, "BACKUPS_INCREMENTAL": true}
	for _, f := range fixed(beforeBandwidth) {
		ignored[f.Name] = true
	}
	for line := range strings.SplitSeq(content, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, errs.Bad("file", "must have lines of KEY='value'")
		}
		value = unquote(value)
		if ignored[key] {
			continue
		}
		if key == "NODE_GROUP" && value == "all" {
			continue
		}
		if key == "NODE_GROUP" {
			ids, err := g.groupIDs(ctx, c, words(value))
			if err != nil {
				return nil, err
			}
			p.NodeGroups = ids
			continue
		}
		if err := setPackage(p, key, value); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func unquote(v string) string {
	v = strings.TrimSpace(v)
	for _, q := range []string{"'", `"`} {
		if len(v) >= 2 && strings.HasPrefix(v, q) && strings.HasSuffix(v, q) {
			return v[1 : len(v)-1]
		}
	}
	return v
}

func setPackage(p *billing.Plan, key, value string) (err error) {
	number := func(most int64) int64 {
		n, bad := strconv.ParseInt(value, 10, 64)
		if bad != nil || n < 0 || n > most {
			err = errs.Bad(key, "must be a number between 0 and %d", most)
		}
		return n
	}
	switch key {
	case "BANDWIDTH":
		p.TrafficLimit, err = megabytes(value)
	case "BANDWIDTH_RESET":
		p.Reset = value
	case "DEVICES":
		p.Devices = int(number(10_000))
	case "SPEED_DOWN":
		p.SpeedDown = unit.BitRate(number(maxMbit)) * unit.Mbit
	case "SPEED_UP":
		p.SpeedUp = unit.BitRate(number(maxMbit)) * unit.Mbit
	case "PROTOCOLS":
		if p.Protocols = words(value); value == "all" {
			p.Protocols = nil
		}
	case "TERM_DAYS":
		p.TermDays = int(number(36_500))
	case "PRICE":
		p.Price, err = price(value)
	case "CURRENCY":
		p.Currency = value
	case "HIDDEN":
		if p.Hidden = value == "yes"; value != "yes" && value != "no" {
			err = errs.Bad(key, "must be yes or no")
		}
	default:
		err = errs.Bad(registry.Brief(key), "is not a value of a package")
	}
	return err
}

// price reads an amount with at most two decimals as minor units.
func price(s string) (int64, error) {
	whole, cents, _ := strings.Cut(s, ".")
	if len(cents) <= 2 && len(whole) <= 12 {
		cents = (cents + "00")[:2]
		if n, err := strconv.ParseUint(whole+cents, 10, 62); err == nil {
			return int64(n), nil
		}
	}
	return 0, errs.Bad("PRICE", "must be an amount such as 9.90")
}
