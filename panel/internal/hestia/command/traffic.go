package command

import (
	"context"
	"time"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/subscriber"
	"culvert/shared/unit"
)

// trafficCommands read the ledger. RX is what the user received, TX what they sent.
type trafficCommands struct{ *core }

func (g trafficCommands) list() []registry.Command {
	stat := []int{registry.ExitStatistics}
	return []registry.Command{
		{Name: "v-list-user-traffic", Spec: "USER:user [FROM:date] [TO:date] [STEP:step=day] [FORMAT:format=shell]", Role: registry.User, Codes: stat, Run: g.one, About: "lists what a user moved, by hour, day or month; without FROM this month"},
		{Name: "v-list-users-traffic", Spec: "[FROM:date] [TO:date] [FORMAT:format=shell] [CURSOR:cursor] [LIMIT:any]", Role: registry.Tenant, Codes: stat, Run: g.all, About: "lists what every user moved: in their current period, or between FROM and TO; with LIMIT in pages"},
		{Name: "v-delete-user-traffic", Spec: "USER:user", Role: registry.Tenant, Traits: registry.Writes, Run: g.reset, About: "starts a user's traffic period anew; the history stays"},
		{Name: "v-list-user-stats", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Codes: stat, Run: g.months, About: "lists a user's use by month, under the month's last day"},
		{Name: "v-list-users-stats", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Codes: stat, Run: g.allMonths, About: "lists the use of all users by month"},
	}
}

// span reads FROM and TO. from is used when FROM is not given.
func span(c *registry.Call, from time.Time) (time.Time, time.Time, error) {
	to := time.Now().UTC()
	var err error
	if c.Has("FROM") {
		if from, err = registry.ParseDate(c.Str("FROM")); err != nil {
			return from, to, err
		}
	}
	if c.Has("TO") {
		if to, err = registry.ParseDate(c.Str("TO")); err != nil {
			return from, to, err
		}
	}
	if !from.Before(to) {
		return from, to, errs.Bad("FROM", "must be before TO")
	}
	return from, to, nil
}

func thisMonth() time.Time {
	now := time.Now().UTC()
	return time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func moved(up, down unit.Bytes) []shape.Field {
	return []shape.Field{shape.F("RX", bytesOf(down)), shape.F("TX", bytesOf(up)), shape.F("TOTAL", bytesOf(unit.AddSat(up, down)))}
}

func (g trafficCommands) one(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	from, to, err := span(c, thisMonth())
	if err != nil {
		return err
	}
	list, err := g.ledger().Traffic(ctx, c.Actor, subscriber.TrafficQuery{Subscriber: s.ID, From: from, To: to, Step: c.Str("STEP")})
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "AT"}
	for _, x := range list {
		t.Rows = append(t.Rows, shape.Row{Key: x.At.UTC().Format(time.RFC3339), Fields: moved(x.Up, x.Down)})
	}
	return c.Show(t)
}

func (g trafficCommands) all(ctx context.Context, c *registry.Call) error {
	if !c.FormatKnown() {
		return nil
	}
	between := c.Has("FROM") || c.Has("TO")
	from, to, err := span(c, thisMonth())
	if between && err != nil {
		return err
	}
	limit, paged, err := pageSize(c)
	if err == nil {
		err = checkCursor(c.Str("CURSOR"))
	}
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "USER"}
	for cursor := c.Str("CURSOR"); ; {
		p, err := g.Subscribers.List(ctx, c.Actor, subscriber.Filter{}, cursor, limit)
		if err != nil {
			return err
		}
		var sums map[string]subscriber.Stretch
		if between {
			if sums, err = g.ledger().Between(ctx, c.Actor, idsOf(p.Items), from, to); err != nil {
				return err
			}
		}
		for i := range p.Items {
			t.Rows = append(t.Rows, trafficRow(&p.Items[i], sums, between))
		}
		if cursor = p.Next; cursor == "" || paged {
			c.Next(cursor)
			return c.Show(t)
		}
	}
}

func idsOf(page []subscriber.Subscriber) []string {
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].ID
	}
	return ids
}

func trafficRow(s *subscriber.Subscriber, sums map[string]subscriber.Stretch, between bool) shape.Row {
	up, down := s.Usage.Up, s.Usage.Down
	if between {
		up, down = sums[s.ID].Up, sums[s.ID].Down
	}
	external := ""
	if s.ExternalID != nil {
		external = *s.ExternalID
	}
	return shape.Row{Key: s.Name, Fields: append(moved(up, down),
		shape.F("QUOTA", bytesOf(s.TrafficLimit)), shape.F("EXTRA", bytesOf(s.Usage.Granted)), shape.F("EXTERNAL_ID", external))}
}

func (g trafficCommands) reset(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	_, err = g.Subscribers.ResetUsage(ctx, c.Actor, s.ID, 0)
	return err
}

// statsMonths is how far back the month listings look.
const statsMonths = 24

const monthZeros = "U_WEB_DOMAINS=0 U_WEB_SSL=0 U_WEB_ALIASES=0 U_DNS_DOMAINS=0 U_DNS_RECORDS=0 U_MAIL_DOMAINS=0 U_MAIL_DKIM=0 " +
	"U_MAIL_ACCOUNTS=0 U_DATABASES=0 U_CRON_JOBS=0 U_BACKUPS=0"

func monthRow(x *subscriber.Stretch, plan, bandwidth string) shape.Row {
	at := x.At.UTC()
	last := time.Date(at.Year(), at.Month()+1, 0, 0, 0, 0, 0, time.UTC)
	total := unit.AddSat(x.Up, x.Down)
	fields := []shape.Field{shape.F("TIME", "00:00:00"), shape.F("PACKAGE", plan)}
	fields = append(fields, fixed("IP_OWNED=0 DISK_QUOTA=0 U_DISK=0 U_DISK_DIRS=0 U_DISK_WEB=0 U_DISK_MAIL=0 U_DISK_DB=0")...)
	fields = append(fields, shape.F("BANDWIDTH", bandwidth), shape.F("U_BANDWIDTH", mb(total)))
	fields = append(fields, fixed(monthZeros)...)
	return shape.Row{Key: last.Format(time.DateOnly), Fields: append(fields, shape.F("U_BANDWIDTH_BYTES", bytesOf(total)),
		shape.F("RX_BYTES", bytesOf(x.Down)), shape.F("TX_BYTES", bytesOf(x.Up)), shape.F("SESSIONS", count(x.Sessions)))}
}

func shortMonth() []string {
	return []string{"DATE", "PACKAGE", "BANDWIDTH", "U_BANDWIDTH", "SESSIONS"}
}

func (g trafficCommands) months(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	list, err := g.ledger().Traffic(ctx, c.Actor, subscriber.TrafficQuery{
		Subscriber: s.ID, From: thisMonth().AddDate(0, -statsMonths, 0), To: time.Now().UTC(), Step: subscriber.ByMonth,
	})
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "DATE", Short: shortMonth()}
	for i := range list {
		t.Rows = append(t.Rows, monthRow(&list[i], s.PlanName, mb(s.TrafficLimit)))
	}
	return c.Show(t)
}

func (g trafficCommands) allMonths(ctx context.Context, c *registry.Call) error {
	list, err := g.ledger().Traffic(ctx, c.Actor, subscriber.TrafficQuery{
		From: thisMonth().AddDate(0, -statsMonths, 0), To: time.Now().UTC(), Step: subscriber.ByMonth,
	})
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "DATE", Short: shortMonth()}
	for i := range list {
		t.Rows = append(t.Rows, monthRow(&list[i], "", "unlimited"))
	}
	return c.Show(t)
}
