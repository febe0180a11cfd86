package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"culvert/panel/internal/billing"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol"
	"culvert/shared/secret"
	"culvert/shared/unit"
)

// accountCommands are ours beside Hestia's: what a VPN account has that a hosting account has not (hestia-api.md §9.1).
type accountCommands struct{ *core }

func (g accountCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-get-user-name", Spec: "EXTERNAL_ID:text", Role: registry.Tenant, Run: g.name, About: "prints the user of a billing system's id"},
		{Name: "v-check-user", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Run: g.check, About: "tells in one line whether a user can connect, and why not"},
		{Name: "v-check-user-password", Spec: "USER:user PASSWORD:password [IP:ignored] [RETURN_HASH:ignored]", Role: registry.Tenant, Traits: registry.Secrets, Run: g.checkPassword, About: "proves a user's or the owner's password; every failure is 9"},
		{Name: "v-search-user-object", Spec: "USER:user OBJECT:text [FORMAT:format=shell]", Role: registry.Tenant, Codes: []int{registry.ExitArgs}, Run: g.search, About: "finds a text in a user's own values"},
		{Name: "v-list-user-protocols", Spec: "USER:user [FORMAT:format=shell]", Role: registry.User, Run: g.protocols, About: "lists the protocols and whether the user may use them"},
		{Name: "v-add-user-protocol", Spec: "USER:user PROTOCOL:protocol", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitExists, registry.ExitLimit, registry.ExitDisabled}, Run: g.addProtocol, About: "lets a user use a protocol"},
		{Name: "v-delete-user-protocol", Spec: "USER:user PROTOCOL:protocol", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitInUse}, Run: g.deleteProtocol, About: "takes a protocol from a user; the last one stays"},
		{Name: "v-change-user-credentials", Spec: "USER:user [PROTOCOL:protocol]", Role: registry.User, Traits: registry.Writes | registry.Secrets, Run: g.rotate, About: "replaces a user's secrets and password, or those of one protocol"},
	}
}

func (g accountCommands) name(ctx context.Context, c *registry.Call) error {
	s, err := g.Subscribers.ByExternalID(ctx, c.Actor, c.Str("EXTERNAL_ID"))
	if errs.Is(err, errs.Missing) {
		return errs.NotFound("external id", registry.Brief(c.Str("EXTERNAL_ID")))
	}
	if err != nil {
		return err
	}
	return c.Print(s.Name)
}

func (g accountCommands) check(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	d, err := desired.Deliveries(ctx, g.DB, []string{s.ID})
	if err != nil {
		return err
	}
	sync, fault := syncOf(d[s.ID])
	left, limited := s.Left()
	rest := "unlimited"
	if limited {
		rest = bytesOf(left)
	}
	return c.Show(single("USER", s.Name,
		shape.F("ACTIVE", yesNo(s.Status == subscriber.Active || s.Status == subscriber.OnHold)), shape.F("STATUS", s.Status),
		shape.F("SUSPENDED", yesNo(s.Status == subscriber.Suspended)), shape.F("REASON", s.Reason),
		shape.F("EXPIRED", yesNo(s.ExpiresAt != nil && !time.Now().Before(*s.ExpiresAt))), shape.F("EXPIRE", instant(s.ExpiresAt, "never")),
		shape.F("OVER_QUOTA", yesNo(limited && left == 0)), shape.F("LEFT_BYTES", rest), shape.F("SYNC", sync), shape.F("SYNC_ERROR", fault)))
}

func (g accountCommands) checkPassword(ctx context.Context, c *registry.Call) error {
	wrong := registry.WithCode(registry.ExitPassword, errs.New(errs.Unauthorized, "invalid user or password"))
	presented, err := g.given(ctx, c, "PASSWORD")
	if err != nil {
		return err
	}
	if strings.EqualFold(c.Str("USER"), c.RootUser) {
		err = g.People.CheckLoginPassword(ctx, c.Actor, c.RootUser, presented)
	} else {
		err = g.Subscribers.CheckSignIn(ctx, c.Actor, c.Str("USER"), presented.Reveal())
	}
	if errs.Is(err, errs.Unauthorized) || errs.Is(err, errs.Missing) {
		return wrong
	}
	return err
}

func (g accountCommands) search(ctx context.Context, c *registry.Call) error {
	if !c.FormatKnown() {
		return registry.WithCode(registry.ExitArgs, errs.New(errs.Invalid, "unknown format"))
	}
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	row := userRow(s, subscriber.Live{}, nil, desired.Delivery{})
	t := &shape.Table{KeyName: "ID"}
	for _, f := range row.Fields {
		searched := slices.Contains([]string{"NAME", "CONTACT", "LABEL", "COMMENT", "EXTERNAL_ID", "PACKAGE", "ID"}, f.Name)
		if !searched || !strings.Contains(strings.ToLower(f.Value), strings.ToLower(c.Str("OBJECT"))) {
			continue
		}
		t.Rows = append(t.Rows, shape.Row{Key: count(len(t.Rows) + 1), Fields: []shape.Field{
			shape.F("USER", s.Name), shape.F("TYPE", "user"), shape.F("KEY", f.Name), shape.F("RESULT", f.Value), shape.F("ALIAS", ""),
			shape.F("LINK", ""), shape.F("PARENT", ""), shape.F("SUSPENDED", yesNo(s.Status == subscriber.Suspended)),
			shape.F("TIME", s.CreatedAt.UTC().Format(time.TimeOnly)), shape.F("DATE", s.CreatedAt.UTC().Format(time.DateOnly)),
		}})
	}
	return c.Show(t)
}

func (g accountCommands) protocols(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "PROTOCOL"}
	for _, k := range protocol.Kinds() {
		t.Rows = append(t.Rows, shape.Row{Key: k.Name, Fields: []shape.Field{
			shape.F("ALLOWED", yesNo(len(s.Protocols) == 0 || slices.Contains(s.Protocols, k.Name))), shape.F("TRANSPORT", k.Network),
			shape.F("CREDENTIAL", credentialOf(k)),
		}})
	}
	return c.Show(t)
}

func credentialOf(k protocol.Kind) string {
	switch {
	case k.Peers:
		return "peer"
	case k.Family != "":
		return "secret"
	}
	return "password"
}

func (g accountCommands) addProtocol(ctx context.Context, c *registry.Call) error {
	s, p, err := g.withProtocol(ctx, c)
	if err != nil {
		return err
	}
	if len(s.Protocols) == 0 || slices.Contains(s.Protocols, p) {
		return errs.New(errs.Conflict, "protocol %s exists", p)
	}
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{Edit: func(x *billing.Grants) {
		if len(x.Protocols) > 0 && !slices.Contains(x.Protocols, p) {
			x.Protocols = append(slices.Clone(x.Protocols), p)
		}
	}})
	return err
}

func (g accountCommands) deleteProtocol(ctx context.Context, c *registry.Call) error {
	s, p, err := g.withProtocol(ctx, c)
	if err != nil {
		return err
	}
	if len(s.Protocols) > 0 && !slices.Contains(s.Protocols, p) {
		return errs.NotFound("protocol", p)
	}
	inUse := errs.New(errs.InUse, "protocol %s is the user's last one: suspend the user instead", p)
	if len(without(s.Protocols, p)) == 0 {
		return inUse
	}
	last := false
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, subscriber.Patch{Edit: func(x *billing.Grants) {
		rest := without(x.Protocols, p)
		if last = len(rest) == 0; !last { // an empty list would allow all
			x.Protocols = rest
		}
	}})
	if err == nil && last {
		return inUse
	}
	return err
}

// without is the list less p; an empty list stands for all.
func without(list []string, p string) []string {
	if len(list) == 0 {
		for _, k := range protocol.Kinds() {
			list = append(list, k.Name)
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return x == p })
}

func (g accountCommands) withProtocol(ctx context.Context, c *registry.Call) (*subscriber.Subscriber, string, error) {
	p := c.Str("PROTOCOL")
	if _, ok := protocol.Lookup(p); !ok {
		return nil, "", errs.NotFound("protocol", p)
	}
	s, err := g.account(ctx, c)
	return s, p, err
}

func (g accountCommands) rotate(ctx context.Context, c *registry.Call) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	family, password := "", true
	if c.Has("PROTOCOL") {
		k, ok := protocol.Lookup(c.Str("PROTOCOL"))
		if !ok {
			return errs.NotFound("protocol", c.Str("PROTOCOL"))
		}
		family, password = k.Family, k.Family == ""
	}
	if family != "" || !c.Has("PROTOCOL") {
		if _, err := g.Subscribers.RotateSecrets(ctx, c.Actor, s.ID, 0, family); err != nil {
			return err
		}
	}
	if !password {
		return nil
	}
	_, err = g.Subscribers.SetPassword(ctx, c.Actor, s.ID, 0, secret.New(subscriber.GeneratePassword()))
	return err
}

// quotaCommands change what a user may use.
type quotaCommands struct{ *core }

func (g quotaCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-change-user-options", Spec: "USER:user OPTIONS:options", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitLimit}, Run: g.options, About: "changes a user's grants at once: JSON with bandwidth_mb, devices, speed_down, speed_up, node_group, protocols, expire, reset"},
		{Name: "v-change-user-expire", Spec: "USER:user DATE:until", Role: registry.Tenant, Traits: registry.Writes, Run: g.expire, About: "changes when a user's access ends; never takes the end away"},
		{Name: "v-change-user-quota", Spec: "USER:user MB:limit [RESET:reset]", Role: registry.Tenant, Traits: registry.Writes, Run: g.quota, About: "changes how much a user may move in a period"},
		{Name: "v-add-user-quota", Spec: "USER:user MB:count [EXPIRE:until] [EXTERNAL_ID:text]", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitExists}, Run: g.topUp, About: "adds to what a user may move in this period; once for an EXTERNAL_ID"},
		{Name: "v-change-user-devices", Spec: "USER:user N:count", Role: registry.Tenant, Traits: registry.Writes, Run: g.devices, About: "changes how many devices a user may connect; 0: any number"},
		{Name: "v-change-user-speed", Spec: "USER:user DOWN:count UP:count", Role: registry.Tenant, Traits: registry.Writes, Run: g.speed, About: "changes a user's speed in Mbit/s; 0: no limit"},
		{Name: "v-change-user-nodegroup", Spec: "USER:user GROUP:text", Role: registry.Tenant, Traits: registry.Writes, Run: g.nodeGroup, About: "changes the node groups a user may use: names joined by commas, or all"},
	}
}

func (g quotaCommands) update(ctx context.Context, c *registry.Call, p subscriber.Patch) error {
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	_, err = g.Subscribers.Update(ctx, c.Actor, s.ID, 0, p)
	return err
}

func (g quotaCommands) options(ctx context.Context, c *registry.Call) error {
	o, err := g.readOptions(ctx, c)
	if err != nil {
		return err
	}
	if !o.any() {
		return errs.Bad("options", "change nothing")
	}
	return g.update(ctx, c, subscriber.Patch{ExpiresAt: o.expires, Edit: o.apply})
}

func (g quotaCommands) expire(ctx context.Context, c *registry.Call) error {
	at, err := until(c.Str("DATE"))
	if err != nil {
		return err
	}
	return g.update(ctx, c, subscriber.Patch{ExpiresAt: &at})
}

func (g quotaCommands) quota(ctx context.Context, c *registry.Call) error {
	limit, err := megabytes(c.Str("MB"))
	if err != nil {
		return err
	}
	return g.update(ctx, c, subscriber.Patch{Edit: func(x *billing.Grants) {
		x.TrafficLimit = limit
		if c.Has("RESET") {
			x.Reset = c.Str("RESET")
		}
	}})
}

func (g quotaCommands) topUp(ctx context.Context, c *registry.Call) error {
	if c.Has("EXPIRE") {
		return errs.Bad("EXPIRE", "must be empty: what is added lasts until the period ends")
	}
	amount, err := megabytes(c.Str("MB"))
	if err != nil {
		return err
	}
	s, err := g.account(ctx, c)
	if err != nil {
		return err
	}
	source := ""
	if c.Has("EXTERNAL_ID") {
		source = "command:" + c.Str("EXTERNAL_ID")
	}
	_, err = g.Subscribers.Grant(ctx, c.Actor, s.ID, amount, source)
	return err
}

func (g quotaCommands) devices(ctx context.Context, c *registry.Call) error {
	n := int(c.Num("N"))
	return g.update(ctx, c, subscriber.Patch{Edit: func(x *billing.Grants) { x.Devices = n }})
}

func (g quotaCommands) speed(ctx context.Context, c *registry.Call) error {
	down, up := c.Num("DOWN"), c.Num("UP")
	var f errs.Faults
	f.Check(down <= maxMbit, "DOWN", "must be at most %d Mbit/s", maxMbit)
	f.Check(up <= maxMbit, "UP", "must be at most %d Mbit/s", maxMbit)
	if err := f.Err(); err != nil {
		return err
	}
	return g.update(ctx, c, subscriber.Patch{Edit: func(x *billing.Grants) {
		x.SpeedDown, x.SpeedUp = unit.BitRate(down)*unit.Mbit, unit.BitRate(up)*unit.Mbit
	}})
}

func (g quotaCommands) nodeGroup(ctx context.Context, c *registry.Call) error {
	list := words(c.Str("GROUP"))
	if slices.Equal(list, []string{"all"}) {
		list = nil
	}
	ids, err := g.groupIDs(ctx, c, list)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	return g.update(ctx, c, subscriber.Patch{Edit: func(x *billing.Grants) { x.NodeGroups = slices.Compact(ids) }})
}
