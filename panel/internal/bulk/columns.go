package bulk

import (
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/subscriber"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

// grants are the plan's grants that a row sets for itself.
type grants struct {
	limit   *unit.Bytes
	devices *int
}

func (g *grants) edit() func(*billing.Grants) {
	if *g == (grants{}) {
		return nil
	}
	return func(to *billing.Grants) {
		if g.limit != nil {
			to.TrafficLimit = *g.limit
		}
		if g.devices != nil {
			to.Devices = *g.devices
		}
	}
}

const password = "password"

// columnsOf are the columns of an exported file.
func columnsOf() []column {
	type sub = subscriber.Subscriber
	text := func(field func(*subscriber.Create) *string) func(*subscriber.Create, *grants, string) string {
		return func(c *subscriber.Create, _ *grants, v string) string {
			*field(c) = v
			return ""
		}
	}
	return []column{
		{"name", func(s *sub) string { return s.Name }, text(func(c *subscriber.Create) *string { return &c.Name })},
		{"email", func(s *sub) string { return s.Email }, text(func(c *subscriber.Create) *string { return &c.Email })},
		{"full_name", func(s *sub) string { return s.FullName }, text(func(c *subscriber.Create) *string { return &c.FullName })},
		{"comment", func(s *sub) string { return s.Comment }, text(func(c *subscriber.Create) *string { return &c.Comment })},
		{"label", func(s *sub) string { return s.Label }, text(func(c *subscriber.Create) *string { return &c.Label })},
		{"language", func(s *sub) string { return s.Language }, text(func(c *subscriber.Create) *string { return &c.Language })},
		{"external_id", func(s *sub) string { return orEmpty(s.ExternalID) }, text(func(c *subscriber.Create) *string { return &c.ExternalID })},
		{"plan", func(s *sub) string { return s.PlanName }, text(func(c *subscriber.Create) *string { return &c.Plan })},
		{"traffic_limit", func(s *sub) string { return bytesOrUnlimited(s.TrafficLimit) }, setLimit},
		{"expires_at", func(s *sub) string { return instant(s.ExpiresAt, never) }, setExpiry},
		{"devices", func(s *sub) string { return strconv.Itoa(s.Devices) }, setDevices},
		{"status", func(s *sub) string { return s.Status }, nil},
		{"reason", func(s *sub) string { return s.Reason }, nil},
		{"used", func(s *sub) string { return strconv.FormatInt(int64(s.Usage.Total()), 10) }, nil},
		{"last_seen_at", func(s *sub) string { return instant(s.LastSeenAt, "") }, nil},
		{"created_at", func(s *sub) string { return instant(&s.CreatedAt, "") }, nil},
		{"id", func(s *sub) string { return s.ID }, nil},
		{"tenant", func(s *sub) string { return s.TenantName }, nil},
	}
}

// importable returns the columns that an import knows, by name. A password is only ever read, and as it is: no mark of a
// spreadsheet is taken away from one.
func importable() map[string]column {
	out := map[string]column{password: {name: password, set: func(c *subscriber.Create, _ *grants, v string) string {
		c.Password = secret.New(v)
		return ""
	}}}
	for _, c := range columnsOf() {
		out[c.name] = c
	}
	return out
}

func setLimit(_ *subscriber.Create, g *grants, v string) string {
	n := int64(unit.Unlimited)
	if v != "" && !strings.EqualFold(v, unlimited) {
		var err error
		if n, err = strconv.ParseInt(v, 10, 64); err != nil {
			return "must be a whole number of bytes, or " + unlimited
		}
	}
	if v != "" {
		limit := unit.Bytes(n)
		g.limit = &limit
	}
	return ""
}

func setDevices(_ *subscriber.Create, g *grants, v string) string {
	if v == "" {
		return ""
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return "must be a whole number; 0: no limit"
	}
	g.devices = &n
	return ""
}

func setExpiry(c *subscriber.Create, _ *grants, v string) string {
	switch {
	case v == "":
		return ""
	case strings.EqualFold(v, never):
		c.Endless = true
		return ""
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			c.ExpiresAt = &t
			return ""
		}
	}
	return "must be a date such as 2026-12-31 or 2026-12-31T12:00:00Z, or " + never
}
