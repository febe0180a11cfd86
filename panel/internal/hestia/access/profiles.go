package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"

	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol"
	"culvert/shared/protocol/wireguard"
)

// profileCommands show what a user connects with, and where (hestia-api.md §9.1).
type profileCommands struct{ *Services }

func (g profileCommands) list() []registry.Command {
	disabled := []int{registry.ExitDisabled}
	return []registry.Command{
		{Name: "v-list-user-credentials", Spec: "USER:user [PROTOCOL:protocol] [NODE:node] [FORMAT:format=shell]", Role: registry.User, Traits: registry.Secrets, Codes: disabled, Run: g.credentials, About: "shows what a user connects with: a line a protocol, with the first place it is served; with NODE (a name, or all) a line for every place"},
		{Name: "v-get-user-config", Spec: "USER:user PROTOCOL:protocol NODE:node [TYPE:conftype]", Role: registry.User, Traits: registry.Secrets, Codes: disabled, Run: g.config, About: "prints the configuration of a protocol on a node (a name, or any): uri, conf (WireGuard), clash, singbox or json"},
		{Name: "v-get-user-qr", Spec: "USER:user PROTOCOL:protocol NODE:node [TYPE:qrtype=svg]", Role: registry.User, Traits: registry.Secrets, Codes: disabled, Run: g.qr, About: "prints the configuration of a protocol on a node as a QR code: svg, png (base64) or text"},
	}
}

// Words that stand for nodes.
const (
	allNodes = "all"
	anyNode  = "any"
)

func (g profileCommands) credentials(ctx context.Context, c *registry.Call) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	if err := allowed(s, c.Str("PROTOCOL")); err != nil {
		return err
	}
	cred, err := g.Subscribers.Credentials(ctx, c.Actor, s.ID)
	if err != nil {
		return err
	}
	doc, err := g.Profiles.Document(ctx, c.Actor, s.ID)
	if err != nil {
		return err
	}
	fields := func(k protocol.Kind, e *profile.Endpoint) []shape.Field {
		if e == nil {
			e = &profile.Endpoint{}
		}
		generated := cred.Secrets[k.Family]
		return []shape.Field{
			shape.F("LOGIN", cred.Login), shape.F("PASSWORD", cred.Password.Reveal()), shape.F("SECRET", generated.Reveal()),
			shape.F("PASSWORD_ALONE", yesNo(cred.Alone && k.Family != "")), shape.F("NODE", e.Node), shape.F("HOST", e.Host),
			shape.F("PORT", port(e.Port)), shape.F("NAME", e.Label), shape.F("URI", e.Link()),
		}
	}
	if c.Has("NODE") {
		t := &shape.Table{KeyName: "PLACE"}
		for i := range doc.Endpoints {
			e := &doc.Endpoints[i]
			k, ok := protocol.Lookup(e.Kind)
			if !ok || e.Notice || c.Has("PROTOCOL") && e.Kind != c.Str("PROTOCOL") || c.Str("NODE") != allNodes && e.Node != c.Str("NODE") {
				continue
			}
			t.Rows = append(t.Rows, shape.Row{Key: count(len(t.Rows) + 1), Fields: append([]shape.Field{shape.F("PROTOCOL", e.Kind)}, fields(k, e)...)})
		}
		return c.Show(t)
	}
	t := &shape.Table{KeyName: "PROTOCOL", Short: []string{"PROTOCOL", "LOGIN", "PASSWORD", "SECRET", "HOST", "PORT"}}
	for _, k := range protocol.Kinds() {
		if c.Has("PROTOCOL") && c.Str("PROTOCOL") != k.Name || len(s.Protocols) > 0 && !slices.Contains(s.Protocols, k.Name) {
			continue
		}
		t.Rows = append(t.Rows, shape.Row{Key: k.Name, Fields: fields(k, first(doc, k.Name, anyNode))})
	}
	return c.Show(t)
}

func port(p uint16) string {
	if p == 0 {
		return ""
	}
	return strconv.Itoa(int(p))
}

// allowed refuses a protocol that does not exist, or that is not the user's. Empty is any.
func allowed(s *subscriber.Subscriber, p string) error {
	if p == "" {
		return nil
	}
	if _, ok := protocol.Lookup(p); !ok {
		return errs.NotFound("protocol", p)
	}
	if len(s.Protocols) > 0 && !slices.Contains(s.Protocols, p) {
		return errs.New(errs.Disabled, "protocol %s is not this user's", p)
	}
	return nil
}

// first finds an endpoint by protocol and node.
func first(d *profile.Document, kind, node string) *profile.Endpoint {
	for i := range d.Endpoints {
		if e := &d.Endpoints[i]; e.Kind == kind && !e.Notice && (node == anyNode || e.Node == node) {
			return e
		}
	}
	return nil
}

// endpoint finds what the arguments name.
func (g profileCommands) endpoint(ctx context.Context, c *registry.Call) (*profile.Endpoint, *profile.Document, error) {
	s, err := g.Account(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	kind, node := c.Str("PROTOCOL"), c.Str("NODE")
	if err := allowed(s, kind); err != nil {
		return nil, nil, err
	}
	d, err := g.Profiles.Document(ctx, c.Actor, s.ID)
	if err != nil {
		return nil, nil, err
	}
	if e := first(d, kind, node); e != nil {
		return e, d, nil
	}
	for i := range d.Endpoints {
		if d.Endpoints[i].Notice {
			return nil, nil, errs.New(errs.Disabled, "%s", d.Endpoints[i].Label)
		}
	}
	if kind == wireguard.Name {
		return nil, nil, errs.New(errs.Disabled, "there is no WireGuard peer for node %s whose configuration may be shown here: see v-get-wireguard-peer-config", node)
	}
	return nil, nil, errs.New(errs.Disabled, "protocol %s is not served on node %s for this user", kind, node)
}

func (g profileCommands) config(ctx context.Context, c *registry.Call) error {
	e, d, err := g.endpoint(ctx, c)
	if err != nil {
		return err
	}
	kind := c.Str("TYPE")
	if kind == "" {
		kind = "uri"
		if e.Tunnel != nil {
			kind = "conf"
		}
	}
	one := *d
	one.Endpoints = []profile.Endpoint{*e}
	switch kind {
	case "conf":
		if e.Tunnel == nil {
			return errs.New(errs.Disabled, "protocol %s has no such file: ask for uri, clash, singbox or json", e.Kind)
		}
		return c.Print(e.Conf())
	case "clash", "singbox":
		f, _ := profile.LookupFormat(kind)
		return c.Print(f.Render(&one))
	case "json":
		b, err := json.Marshal(map[string]string{
			"protocol": e.Kind, "node": e.Node, "name": e.Label, "host": e.Host, "port": port(e.Port), "uri": e.Link(), "conf": e.Conf(),
		})
		if err != nil {
			return err
		}
		return c.Print(string(b))
	}
	return c.Print(e.Link())
}

func (g profileCommands) qr(ctx context.Context, c *registry.Call) error {
	e, _, err := g.endpoint(ctx, c)
	if err != nil {
		return err
	}
	text := e.Link()
	if e.Tunnel != nil {
		text = e.Conf()
	}
	return printQR(c, text)
}

// printQR answers with a QR code of the asked type.
func printQR(c *registry.Call, text string) error {
	switch c.Str("TYPE") {
	case "png":
		png, err := profile.QRPNG(text)
		if err != nil {
			return err
		}
		return c.Print(base64.StdEncoding.EncodeToString(png))
	case "text":
		out, err := profile.QRText(text)
		if err != nil {
			return err
		}
		return c.Print(out)
	}
	svg, err := profile.QRSVG(text)
	if err != nil {
		return err
	}
	return c.Print(svg)
}
