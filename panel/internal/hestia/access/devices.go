package access

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/profile"
	"culvert/shared/protocol/wireguard"
)

// deviceCommands manage a user's WireGuard peers (hestia-api.md §9.2).
type deviceCommands struct{ *Services }

func (g deviceCommands) list() []registry.Command {
	const writes, secrets = registry.Writes, registry.Secrets
	codes := func(c ...int) []int { return c }
	return []registry.Command{
		{Name: "v-add-wireguard-peer", Spec: "USER:user PEER:peer [NODE:node] [PUBLIC_KEY:publickey] [IP:address]", Role: registry.User, Traits: writes, Codes: codes(registry.ExitExists, registry.ExitLimit, registry.ExitDisabled), Run: g.add, About: "adds a WireGuard peer; without PUBLIC_KEY the pair is made here; NODE: the only one it may use"},
		{Name: "v-list-wireguard-peers", Spec: "USER:user [FORMAT:format=shell]", Role: registry.User, Run: g.all, About: "lists a user's WireGuard peers"},
		{Name: "v-list-wireguard-peer", Spec: "USER:user PEER:peer [FORMAT:format=shell]", Role: registry.User, Run: g.one, About: "shows a WireGuard peer"},
		{Name: "v-get-wireguard-peer-config", Spec: "USER:user PEER:peer", Role: registry.User, Traits: secrets, Codes: codes(registry.ExitDisabled), Run: g.config, About: "prints a peer's file for wg-quick; 11 if its private key is the user's own, or it was shown and is shown once"},
		{Name: "v-get-wireguard-peer-qr", Spec: "USER:user PEER:peer [TYPE:qrtype=svg]", Role: registry.User, Traits: secrets, Codes: codes(registry.ExitDisabled), Run: g.qr, About: "prints a peer's file as a QR code: svg, png (base64) or text"},
		{Name: "v-change-wireguard-peer-key", Spec: "USER:user PEER:peer [PUBLIC_KEY:publickey]", Role: registry.User, Traits: writes, Codes: codes(registry.ExitExists), Run: g.rotate, About: "gives a peer another key; without PUBLIC_KEY the pair is made here"},
		{Name: "v-rename-wireguard-peer", Spec: "USER:user PEER:peer NEW_NAME:peer", Role: registry.User, Traits: writes, Codes: codes(registry.ExitExists), Run: g.rename, About: "renames a peer"},
		{Name: "v-suspend-wireguard-peer", Spec: "USER:user PEER:peer", Role: registry.User, Traits: writes, Codes: codes(registry.ExitSuspended), Run: g.suspend, About: "keeps a peer out"},
		{Name: "v-unsuspend-wireguard-peer", Spec: "USER:user PEER:peer", Role: registry.User, Traits: writes, Codes: codes(registry.ExitUnsuspended), Run: g.unsuspend, About: "lets a suspended peer back in"},
		{Name: "v-delete-wireguard-peer", Spec: "USER:user PEER:peer", Role: registry.User, Traits: writes, Run: g.remove, About: "deletes a peer"},
		{Name: "v-generate-wireguard-key", Spec: "[FORMAT:format=shell]", Role: registry.User, Traits: registry.Everyone | secrets, Run: g.generate, About: "makes a key pair and a preshared key; nothing is kept"},
	}
}

// peer finds the device that the arguments name.
func (g deviceCommands) peer(ctx context.Context, c *registry.Call) (*device.Device, error) {
	s, err := g.Account(ctx, c)
	if err != nil {
		return nil, err
	}
	d, err := g.Devices.ByName(ctx, c.Actor, s.ID, c.Str("PEER"))
	if errs.Is(err, errs.Missing) {
		return nil, errs.NotFound("peer", c.Str("PEER"))
	}
	return d, err
}

func (g deviceCommands) add(ctx context.Context, c *registry.Call) error {
	s, err := g.Account(ctx, c)
	if err != nil {
		return err
	}
	if err := allowed(s, wireguard.Name); err != nil {
		return err
	}
	_, err = g.Devices.Add(ctx, c.Actor, device.New{
		Subscriber: s.ID, Name: c.Str("PEER"), Node: c.Str("NODE"), PublicKey: c.Str("PUBLIC_KEY"), Address: c.Str("IP"),
	})
	return err
}

func peerRow(p *profile.Peer) shape.Row {
	addresses := make([]string, len(p.Addresses))
	for i, a := range p.Addresses {
		addresses[i] = a.String()
	}
	at := p.CreatedAt.UTC()
	handshake, rx, tx := "", "0", "0"
	if st := p.State; st != nil {
		handshake, rx, tx = instant(st.HandshakeAt, ""), count(st.Down), count(st.Up)
	}
	return shape.Row{Key: p.Name, Fields: []shape.Field{
		shape.F("NODE", p.Node), shape.F("IP", strings.Join(addresses, ",")), shape.F("PUBLIC_KEY", base64.StdEncoding.EncodeToString(p.PublicKey)),
		shape.F("ENDPOINT", p.Endpoint), shape.F("LAST_HANDSHAKE", handshake), shape.F("RX", rx), shape.F("TX", tx), shape.F("SUSPENDED", yesNo(p.Disabled)),
		shape.F("OWN_KEY", yesNo(p.OwnKey)), shape.F("SHOWN", yesNo(p.Shown)), shape.F("TIME", at.Format(time.TimeOnly)),
		shape.F("DATE", at.Format(time.DateOnly)), shape.F("CREATED_AT", at.Format(time.RFC3339)),
	}}
}

func (g deviceCommands) rows(ctx context.Context, c *registry.Call) ([]shape.Row, error) {
	s, err := g.Account(ctx, c)
	if err != nil {
		return nil, err
	}
	l, err := g.Profiles.Peers(ctx, c.Actor, s.ID)
	out := make([]shape.Row, len(l))
	for i := range l {
		out[i] = peerRow(&l[i])
	}
	return out, err
}

func (g deviceCommands) all(ctx context.Context, c *registry.Call) error {
	rows, err := g.rows(ctx, c)
	if err != nil {
		return err
	}
	return c.Show(&shape.Table{KeyName: "PEER", Rows: rows, Short: []string{"PEER", "NODE", "IP", "SUSPENDED", "DATE"}})
}

func (g deviceCommands) one(ctx context.Context, c *registry.Call) error {
	rows, err := g.rows(ctx, c)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Key == c.Str("PEER") {
			return c.Show(&shape.Table{KeyName: "PEER", One: true, Rows: []shape.Row{r}})
		}
	}
	return errs.NotFound("peer", c.Str("PEER"))
}

// text is a peer's file. What is not given out for good reasons is 11.
func (g deviceCommands) text(ctx context.Context, c *registry.Call) (string, error) {
	d, err := g.peer(ctx, c)
	if err != nil {
		return "", err
	}
	conf, err := g.Profiles.DeviceConfig(ctx, c.Actor, d.ID, "")
	if errors.Is(err, device.ErrOwnKey) || errors.Is(err, device.ErrShown) {
		return "", registry.WithCode(registry.ExitDisabled, err)
	}
	if err != nil {
		return "", err
	}
	return conf.Text, nil
}

func (g deviceCommands) config(ctx context.Context, c *registry.Call) error {
	text, err := g.text(ctx, c)
	if err != nil {
		return err
	}
	return c.Print(text)
}

func (g deviceCommands) qr(ctx context.Context, c *registry.Call) error {
	text, err := g.text(ctx, c)
	if err != nil {
		return err
	}
	return printQR(c, text)
}

func (g deviceCommands) rotate(ctx context.Context, c *registry.Call) error {
	d, err := g.peer(ctx, c)
	if err != nil {
		return err
	}
	_, err = g.Devices.RotateKey(ctx, c.Actor, d.ID, 0, c.Str("PUBLIC_KEY"), "")
	return err
}

func (g deviceCommands) rename(ctx context.Context, c *registry.Call) error {
	d, err := g.peer(ctx, c)
	if err != nil {
		return err
	}
	name := c.Str("NEW_NAME")
	_, err = g.Devices.Update(ctx, c.Actor, d.ID, 0, device.Change{Name: &name})
	return err
}

func (g deviceCommands) suspend(ctx context.Context, c *registry.Call) error {
	return g.disable(ctx, c, true)
}

func (g deviceCommands) unsuspend(ctx context.Context, c *registry.Call) error {
	return g.disable(ctx, c, false)
}

func (g deviceCommands) disable(ctx context.Context, c *registry.Call, off bool) error {
	d, err := g.peer(ctx, c)
	if err != nil {
		return err
	}
	switch {
	case d.Disabled && off:
		return errs.New(errs.State, "peer %s is suspended", d.Name)
	case !d.Disabled && !off:
		return registry.WithCode(registry.ExitUnsuspended, errs.New(errs.State, "peer %s is not suspended", d.Name))
	}
	_, err = g.Devices.Update(ctx, c.Actor, d.ID, d.Version, device.Change{Disabled: &off})
	return err
}

func (g deviceCommands) remove(ctx context.Context, c *registry.Call) error {
	d, err := g.peer(ctx, c)
	if err != nil {
		return err
	}
	return g.Devices.Delete(ctx, c.Actor, d.ID, 0)
}

func (g deviceCommands) generate(_ context.Context, c *registry.Call) error {
	private, err := wireguard.NewKey()
	if err != nil {
		return err
	}
	public, err := private.Public()
	if err != nil {
		return err
	}
	return c.Show(&shape.Table{One: true, Rows: []shape.Row{{Key: "KEY", Fields: []shape.Field{
		shape.F("PRIVATE_KEY", private.String()), shape.F("PUBLIC_KEY", public.String()), shape.F("PRESHARED_KEY", wireguard.NewPresharedKey().String()),
	}}}})
}
