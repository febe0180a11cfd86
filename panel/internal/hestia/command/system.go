package command

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/identity"
)

// systemCommands show the installation and change the switches of the API (hestia-api.md §3, §6.3).
type systemCommands struct{ *core }

func (g systemCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-list-apis", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.apis, About: "lists the permission sets for access keys"},
		{Name: "v-list-api", Spec: "API:word [FORMAT:format=shell]", Role: registry.Tenant, Run: g.api, About: "shows a permission set"},
		{Name: "v-change-sys-api", Spec: "STATUS:word [API:word]", Role: registry.Tenant, Traits: registry.Writes, Run: g.changeAPI, About: "switches the API: enable, disable or remove; legacy, api or all"},
		{Name: "v-add-sys-api-ip", Spec: "IP:range", Role: registry.Tenant, Traits: registry.Writes, Run: g.addIP, About: "lets an address or a CIDR prefix use the API"},
		{Name: "v-delete-sys-api-ip", Spec: "IP:range", Role: registry.Tenant, Traits: registry.Writes, Run: g.deleteIP, About: "takes an address or a CIDR prefix off the list; an empty list lets nobody in"},
		{Name: "v-list-sys-info", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.info, About: "shows the panel's host"},
		{Name: "v-list-sys-services", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.services, About: "shows the panel and its database"},
		{Name: "v-list-sys-config", Spec: "[FORMAT:format=shell]", Role: registry.Tenant, Run: g.config, About: "shows the settings; no secrets"},
		{Name: "v-change-sys-config-value", Spec: "KEY:word VALUE:value", Role: registry.Tenant, Traits: registry.Writes, Run: g.changeConfig, About: "changes API, API_SYSTEM, API_ALLOWED_IP, API_PASSWORD or SIGN_IN"},
		{Name: "v-make-tmp-file", Spec: "CONTENT:content NAME:file", Role: registry.Tenant, Traits: registry.Secrets, Codes: []int{registry.ExitLimit}, Run: g.handOver, About: "keeps a value for a later command of the same key, sealed, for five minutes"},
	}
}

func (g systemCommands) apis(_ context.Context, c *registry.Call) error {
	t := &shape.Table{KeyName: "API"}
	for _, n := range c.Registry().SetNames() {
		s, _ := c.Registry().Set(n)
		t.Rows = append(t.Rows, shape.Row{Key: n, Fields: []shape.Field{shape.L("COMMANDS", s.Commands), shape.F("ROLE", s.Role)}})
	}
	return c.Show(t)
}

func (g systemCommands) api(_ context.Context, c *registry.Call) error {
	s, ok := c.Registry().Set(c.Str("API"))
	if !ok {
		return errs.New(errs.Invalid, "API %s doesn't exist", c.Str("API"))
	}
	return c.Show(&shape.Table{Flat: true, One: true, Rows: []shape.Row{{Key: s.Name, Fields: []shape.Field{
		shape.F("API", s.Name), shape.F("ROLE", s.Role), shape.L("COMMANDS", s.Commands),
	}}}})
}

func (g systemCommands) change(ctx context.Context, c *registry.Call, edit func(*identity.APISetting) error) error {
	_, err := g.People.ChangeAPISetting(ctx, c.Actor, edit)
	return err
}

func (g systemCommands) changeAPI(ctx context.Context, c *registry.Call) error {
	status, which := c.Str("STATUS"), c.Str("API")
	if !slices.Contains([]string{"enable", "disable", "remove"}, status) || !slices.Contains([]string{"", "legacy", "api", "all"}, which) {
		return errs.New(errs.Invalid, "invalid status or API: enable, disable or remove; legacy, api or all")
	}
	return g.change(ctx, c, func(x *identity.APISetting) error {
		if status != "enable" {
			x.Level, x.Legacy, x.LegacyPassword, x.Allowed = identity.APIOff, false, false, nil
			return nil
		}
		if which == "legacy" || which == "all" {
			x.Legacy = true
		}
		if (which == "api" || which == "all") && x.Level == identity.APIOff {
			x.Level = identity.APIStaffKeys
		}
		return nil
	})
}

func (g systemCommands) addIP(ctx context.Context, c *registry.Call) error {
	return g.change(ctx, c, func(x *identity.APISetting) error {
		if c.Str("IP") == identity.AllowAll {
			x.Allowed = []string{identity.AllowAll}
			return nil
		}
		x.Allowed = slices.DeleteFunc(x.Allowed, func(e string) bool { return e == identity.AllowAll })
		p, err := identity.ParseAddresses("IP", []string{c.Str("IP")})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(x.Allowed, func(e string) bool { return samePrefix(e, p[0].String()) }) {
			x.Allowed = append(x.Allowed, c.Str("IP"))
		}
		return nil
	})
}

func samePrefix(a, b string) bool {
	x, err := identity.ParseAddresses("IP", []string{a, b})
	return err == nil && x[0] == x[1]
}

func (g systemCommands) deleteIP(ctx context.Context, c *registry.Call) error {
	return g.change(ctx, c, func(x *identity.APISetting) error {
		ip := c.Str("IP")
		if ip != identity.AllowAll {
			if _, err := identity.ParseAddresses("IP", []string{ip}); err != nil {
				return err
			}
		}
		x.Allowed = slices.DeleteFunc(x.Allowed, func(e string) bool { return e == ip || samePrefix(e, ip) })
		return nil
	})
}

func (g systemCommands) config(ctx context.Context, c *registry.Call) error {
	x, err := g.People.APISetting(ctx, c.Actor)
	if err != nil {
		return err
	}
	t, err := g.Tenants.Get(ctx, c.Actor, c.Actor.Tenant)
	if err != nil {
		return err
	}
	return c.Show(single("", "config",
		shape.F("API", yesNo(x.Legacy)), shape.F("API_SYSTEM", count(x.Level)), shape.F("API_ALLOWED_IP", strings.Join(x.Allowed, ",")),
		shape.F("API_PASSWORD", yesNo(x.LegacyPassword)), shape.F("SIGN_IN", yesNo(x.SignIn)), shape.F("ROOT_USER", c.RootUser),
		shape.F("TENANT", t.Realm), shape.F("TENANT_NAME", t.Name), shape.F("VERSION", g.Version), shape.F("LANGUAGE", "en"), shape.F("THEME", "")))
}

func (g systemCommands) changeConfig(ctx context.Context, c *registry.Call) error {
	key, value := strings.ToUpper(c.Str("KEY")), c.Str("VALUE")
	return g.change(ctx, c, func(x *identity.APISetting) error {
		toggle := map[string]*bool{"API": &x.Legacy, "API_PASSWORD": &x.LegacyPassword, "SIGN_IN": &x.SignIn}[key]
		switch {
		case toggle != nil && (value == "yes" || value == "no"):
			*toggle = value == "yes"
		case toggle != nil:
			return errs.Bad(key, "must be yes or no")
		case key == "API_SYSTEM":
			n, err := strconv.Atoi(value)
			if err != nil {
				return errs.Bad(key, "must be 0, 1 or 2")
			}
			x.Level = n
		case key == "API_ALLOWED_IP":
			x.Allowed = words(value)
		default:
			return errs.Bad("KEY", "must be API, API_SYSTEM, API_ALLOWED_IP, API_PASSWORD or SIGN_IN")
		}
		return nil
	})
}

func (g systemCommands) handOver(ctx context.Context, c *registry.Call) error {
	return g.People.HandOver(ctx, c.Actor, strings.TrimPrefix(c.Str("NAME"), "/tmp/"), c.Str("CONTENT"))
}

func (g systemCommands) info(_ context.Context, c *registry.Call) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name, version := release()
	return c.Show(single("", "sysinfo",
		shape.F("HOSTNAME", host), shape.F("OS", name), shape.F("VERSION", version), shape.F("ARCH", runtime.GOARCH), shape.F("HESTIA", g.Version),
		shape.F("CULVERT", g.Version), shape.F("RELEASE", "release"), shape.F("UPTIME", uptime()), shape.F("LOADAVERAGE", load())))
}

func firstLine(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.Fields(line)
}

// release reads the name and version of the operating system.
func release() (name, version string) {
	name = runtime.GOOS
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return name, ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		switch value = strings.Trim(value, `"`); key {
		case "NAME":
			name = value
		case "VERSION_ID":
			version = value
		}
	}
	return name, version
}

// uptime is in minutes, as in Hestia.
func uptime() string {
	words := firstLine("/proc/uptime")
	if len(words) == 0 {
		return "0"
	}
	seconds, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		return "0"
	}
	return count(int64(seconds / 60))
}

func load() string {
	words := firstLine("/proc/loadavg")
	if len(words) < 3 {
		return ""
	}
	return strings.Join(words[:3], " / ")
}
