package command

import (
	"context"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/desired"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol"
	"culvert/shared/unit"
)

// Values of Hestia's user object that mean nothing here, in its order (hestia-api.md §7.2). RKEY, TWOFA and QRCODE are
// secrets in Hestia and are not sent.
const (
	beforeLimits = "WEB_TEMPLATE= BACKEND_TEMPLATE= PROXY_TEMPLATE= DNS_TEMPLATE= WEB_DOMAINS=0 WEB_ALIASES=0 DNS_DOMAINS=0 DNS_RECORDS=0 " +
		"MAIL_DOMAINS=0 MAIL_ACCOUNTS=0 DATABASES=0 CRON_JOBS=0 DISK_QUOTA=0"
	afterLimits = "HOME= NS= SHELL=nologin BACKUPS=0"
	afterState  = "SUSPENDED_USERS=0 SUSPENDED_WEB=0 SUSPENDED_DNS=0 SUSPENDED_MAIL=0 SUSPENDED_DB=0 SUSPENDED_CRON=0 IP_AVAIL=0 IP_OWNED=0 " +
		"U_USERS=0 U_DISK=0 U_DISK_DIRS=0 U_DISK_WEB=0 U_DISK_MAIL=0 U_DISK_DB=0"
	afterUse = "U_WEB_DOMAINS=0 U_WEB_SSL=0 U_WEB_ALIASES=0 U_DNS_DOMAINS=0 U_DNS_RECORDS=0 U_MAIL_DOMAINS=0 U_MAIL_DKIM=0 U_MAIL_ACCOUNTS=0 " +
		"U_DATABASES=0 U_CRON_JOBS=0 U_BACKUPS=0 BACKUPS_INCREMENTAL=no"
	afterLanguage = "THEME= NOTIFICATIONS=no PREF_UI_SORT=name LOGIN_DISABLED=no LOGIN_USE_IPLIST=no LOGIN_ALLOW_IPS= PHPCLI="
)

func fixed(pairs string) []shape.Field {
	var out []shape.Field
	for p := range strings.FieldsSeq(pairs) {
		name, value, _ := strings.Cut(p, "=")
		out = append(out, shape.F(name, value))
	}
	return out
}

func mb(b unit.Bytes) string {
	if b == unit.Unlimited {
		return "unlimited"
	}
	return strconv.FormatInt(int64(b/unit.MiB), 10)
}

func bytesOf(b unit.Bytes) string {
	if b == unit.Unlimited {
		return "unlimited"
	}
	return strconv.FormatInt(int64(b), 10)
}

func mbit(r unit.BitRate) string {
	s := strconv.FormatFloat(float64(r)/float64(unit.Mbit), 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func count[T int | int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func instant(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

func protocolNames(own []string) string {
	if len(own) > 0 {
		return strings.Join(own, ",")
	}
	var all []string
	for _, k := range protocol.Kinds() {
		all = append(all, k.Name)
	}
	return strings.Join(all, ",")
}

// account is what both subscribers and the owner show in Hestia's object.
type accountView struct {
	name, plan, contact, role, language string
	suspended                           bool
	limit, used                         unit.Bytes
	created                             time.Time
}

func (v *accountView) fields() []shape.Field {
	out := []shape.Field{shape.F("NAME", v.name), shape.F("PACKAGE", v.plan)}
	out = append(out, fixed(beforeLimits)...)
	out = append(out, shape.F("BANDWIDTH", mb(v.limit)))
	out = append(out, fixed(afterLimits)...)
	out = append(out, shape.F("CONTACT", v.contact), shape.F("CRON_REPORTS", "no"), shape.F("ROLE", v.role), shape.F("SUSPENDED", yesNo(v.suspended)))
	out = append(out, fixed(afterState)...)
	out = append(out, shape.F("U_BANDWIDTH", mb(v.used)))
	out = append(out, fixed(afterUse)...)
	out = append(out, shape.F("LANGUAGE", v.language))
	out = append(out, fixed(afterLanguage)...)
	return append(out, shape.F("TIME", v.created.UTC().Format(time.TimeOnly)), shape.F("DATE", v.created.UTC().Format(time.DateOnly)),
		shape.F("CREATED_AT", v.created.UTC().Format(time.RFC3339)))
}

// userRow is a subscriber as Hestia's user object with our fields behind.
func userRow(s *subscriber.Subscriber, live subscriber.Live, groups map[string]string, d desired.Delivery) shape.Row {
	sync, fault := syncOf(d)
	v := accountView{
		name: s.FullName, plan: s.PlanName, contact: s.Email, role: "user", language: s.Language, suspended: s.Status == subscriber.Suspended,
		limit: s.TrafficLimit, used: s.Usage.Total(), created: s.CreatedAt,
	}
	external := ""
	if s.ExternalID != nil {
		external = *s.ExternalID
	}
	return shape.Row{Key: s.Name, Fields: append(v.fields(),
		shape.F("STATUS", s.Status), shape.F("SUSPEND_REASON", s.Reason),
		shape.F("BANDWIDTH_BYTES", bytesOf(s.TrafficLimit)), shape.F("BANDWIDTH_EXTRA_BYTES", bytesOf(s.Usage.Granted)),
		shape.F("U_BANDWIDTH_BYTES", bytesOf(s.Usage.Total())), shape.F("RX_BYTES", bytesOf(s.Usage.Down)), shape.F("TX_BYTES", bytesOf(s.Usage.Up)),
		shape.F("BANDWIDTH_RESET", s.Reset), shape.F("NEXT_RESET", instant(s.NextReset, "")), shape.F("EXPIRE", instant(s.ExpiresAt, "never")),
		shape.F("DEVICES", count(s.Devices)), shape.F("U_DEVICES", count(live.Devices)), shape.F("U_SESSIONS", count(live.Sessions)),
		shape.F("SPEED_DOWN", mbit(s.SpeedDown)), shape.F("SPEED_UP", mbit(s.SpeedUp)), shape.F("PROTOCOLS", protocolNames(s.Protocols)),
		shape.F("NODE_GROUP", named(s.NodeGroups, groups)), shape.F("EXTERNAL_ID", external), shape.F("SYNC", sync), shape.F("SYNC_ERROR", fault), shape.F("LABEL", s.Label), shape.F("COMMENT", s.Comment),
		shape.F("ID", s.ID),
	)}
}

// syncOf tells whether the nodes have what the user should be. Why a node said no is the operator's to read.
func syncOf(d desired.Delivery) (sync, fault string) {
	switch {
	case d.Refused > 0:
		return "error", strconv.Itoa(d.Refused) + " of " + strconv.Itoa(d.Nodes) + " nodes refused it"
	case d.Waiting > 0:
		return "pending", strconv.Itoa(d.Waiting) + " of " + strconv.Itoa(d.Nodes) + " nodes have not applied it yet"
	case d.Queued:
		return "pending", ""
	}
	return "ok", ""
}

// rootRow is the tenant's owner, whom Hestia lists among its users.
func rootRow(l *identity.Login) shape.Row {
	v := accountView{
		name: l.Name, plan: "default", contact: l.Email, role: "admin", language: "en", suspended: l.Status != "active",
		limit: unit.Unlimited, created: l.CreatedAt,
	}
	return shape.Row{Key: l.Name, Fields: append(v.fields(),
		shape.F("STATUS", l.Status), shape.F("SUSPEND_REASON", ""), shape.F("BANDWIDTH_BYTES", "unlimited"), shape.F("BANDWIDTH_EXTRA_BYTES", "0"),
		shape.F("U_BANDWIDTH_BYTES", "0"), shape.F("RX_BYTES", "0"), shape.F("TX_BYTES", "0"), shape.F("BANDWIDTH_RESET", "never"),
		shape.F("NEXT_RESET", ""), shape.F("EXPIRE", "never"), shape.F("DEVICES", "0"), shape.F("U_DEVICES", "0"), shape.F("U_SESSIONS", "0"),
		shape.F("SPEED_DOWN", "0"), shape.F("SPEED_UP", "0"), shape.F("PROTOCOLS", ""), shape.F("NODE_GROUP", ""), shape.F("EXTERNAL_ID", ""),
		shape.F("SYNC", "ok"), shape.F("SYNC_ERROR", ""), shape.F("LABEL", ""), shape.F("COMMENT", ""), shape.F("ID", l.ID),
	)}
}

func shortUser() []string {
	return []string{"USER", "PACKAGE", "STATUS", "U_BANDWIDTH", "BANDWIDTH", "EXPIRE", "SUSPENDED", "DATE"}
}

// rows shapes one page of subscribers with a few more queries.
func (k *core) rows(ctx context.Context, c *registry.Call, page []subscriber.Subscriber) ([]shape.Row, error) {
	ids := make([]string, len(page))
	grouped := false
	for i := range page {
		ids[i] = page[i].ID
		grouped = grouped || len(page[i].NodeGroups) > 0
	}
	live, err := k.ledger().LiveSessions(ctx, c.Actor, ids)
	if err != nil {
		return nil, err
	}
	sync, err := desired.Deliveries(ctx, k.DB, ids)
	if err != nil {
		return nil, err
	}
	var groups map[string]string
	if grouped {
		if groups, err = k.groupNames(ctx, c); err != nil {
			return nil, err
		}
	}
	out := make([]shape.Row, len(page))
	for i := range page {
		out[i] = userRow(&page[i], live[page[i].ID], groups, sync[page[i].ID])
	}
	return out, nil
}
