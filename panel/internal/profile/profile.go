package profile

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/reach"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/vault"
	"culvert/shared/protocol/wireguard"
	"culvert/shared/unit"
)

// Service makes profiles.
type Service struct {
	DB      *pg.DB
	Vault   *vault.Vault
	Subs    *subscriber.Service
	Devices *device.Service
	Public  string // the panel's own address, without a slash at the end
	cache   cache
}

// ErrNothing is the one answer to tokens that open nothing, whatever the reason.
var ErrNothing = errs.New(errs.Missing, "there is nothing here") //nolint:gochecknoglobals // a constant

// document makes the document of a subscriber. tx is the installation's; whose subscriber it is has been checked.
func (s *Service) document(ctx context.Context, tx *pg.Tx, sub *subscriber.Subscriber, x *Setting) (*Document, error) {
	view, err := reach.Of(ctx, tx, s.Vault, sub.ID)
	if err != nil {
		return nil, err
	}
	d := &Document{User: sub.Name, Title: x.title(), Quota: quotaOf(sub), Support: x.SupportURL}
	if !view.Row.Enabled || sub.ExpiresAt != nil && !tx.Now.Before(*sub.ExpiresAt) {
		reason := view.Row.Reason
		if view.Row.Enabled {
			reason = subscriber.Expired // the clock will say so in a moment
		}
		d.Endpoints = []Endpoint{notice(whyNot(reason, sub, &d.Quota))}
		return d, nil
	}
	cred, err := s.Subs.CredentialsOf(ctx, tx, sub)
	if err != nil {
		return nil, err
	}
	var devices []device.Open
	if !x.ShowOnce {
		if devices, err = s.Devices.Enabled(ctx, tx, sub.ID); err != nil {
			return nil, err
		}
	}
	if d.Endpoints, err = collect(view, cred, devices); err != nil {
		return nil, err
	}
	if len(d.Endpoints) == 0 {
		d.Endpoints = []Endpoint{notice("No server is available now")}
	}
	named(d, x.Remark)
	return d, nil
}

func quotaOf(sub *subscriber.Subscriber) Quota {
	return quota(sub.TrafficLimit, sub.Usage.Up, sub.Usage.Down, sub.Usage.Granted, sub.ExpiresAt)
}

// quota is what apps are told of a limit, of what was moved and of what was bought on top in the period.
func quota(limit, up, down, granted unit.Bytes, expires *time.Time) Quota {
	q := Quota{Up: up, Down: down, Expires: expires}
	if limit != unit.Unlimited {
		q.Total = max(1, unit.AddSat(limit, granted), q.used()) // 0 would say that there is no limit
	}
	return q
}

// Document returns what a subscriber may connect to now, with what they present there: for those who may see secrets. It
// leaves a record.
func (s *Service) Document(ctx context.Context, a actor.Actor, sid string) (*Document, error) {
	if _, err := s.Subs.Credentials(ctx, a, sid); err != nil {
		return nil, err
	}
	return s.documentOf(ctx, sid)
}

// Own is Document for the subscriber themselves, who leave no record by looking at what is theirs.
func (s *Service) Own(ctx context.Context, a actor.Actor, sid string) (*Document, error) {
	if a.Owner == "" {
		return nil, errs.New(errs.Denied, "this is a subscriber's own")
	}
	if _, err := s.Subs.Get(ctx, a, sid); err != nil {
		return nil, err
	}
	return s.documentOf(ctx, sid)
}

// documentOf makes a document. Whose subscriber it is has been checked.
func (s *Service) documentOf(ctx context.Context, sid string) (*Document, error) {
	var d *Document
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		sub, err := subscriber.Load(ctx, tx, actor.Actor{}, sid, false)
		if err != nil {
			return err
		}
		x, err := setting(ctx, tx, sub.TenantID, false)
		if err != nil {
			return err
		}
		d, err = s.document(ctx, tx, sub, x)
		return err
	})
	return d, err
}

// Config is a WireGuard configuration that was given out.
type Config struct {
	Device string // its name
	File   string // name to save it under
	Text   string
}

// BlankKey stands for the private key in a configuration that its owner completes.
const BlankKey = "PRIVATE_KEY"

// DeviceConfig gives out a device's configuration for an ingress, by id; empty: the device's own, or the first that it may
// use. A tenant that shows them once refuses the second time (device.ErrShown).
func (s *Service) DeviceConfig(ctx context.Context, a actor.Actor, did, ingress string) (*Config, error) {
	return s.deviceConfig(ctx, a, did, ingress, false)
}

// BlankConfig is the configuration of a device whose private key the panel has not: BlankKey is in its place.
func (s *Service) BlankConfig(ctx context.Context, a actor.Actor, did, ingress string) (*Config, error) {
	return s.deviceConfig(ctx, a, did, ingress, true)
}

func (s *Service) deviceConfig(ctx context.Context, a actor.Actor, did, ingress string, blank bool) (*Config, error) {
	if err := a.Require(actor.May(actor.Secrets, actor.Read)); err != nil {
		return nil, err
	}
	d, err := s.Devices.Get(ctx, a, did)
	if err != nil {
		return nil, err
	}
	if d.OwnKey && !blank {
		return nil, device.ErrOwnKey
	}
	var p *reach.Place
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		p, err = s.placeOf(ctx, tx, d, ingress)
		return err
	})
	if err != nil {
		return nil, err
	}
	var c *Config
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if blank {
			c, err = s.giveOutBlank(ctx, tx, a, d, p)
			return err
		}
		c, err = s.giveOut(ctx, tx, a, d, p)
		return err
	})
	return c, err
}

// giveOutBlank renders the configuration of a device whose private key is not here.
func (s *Service) giveOutBlank(ctx context.Context, tx *pg.Tx, a actor.Actor, d *device.Device, p *reach.Place) (*Config, error) {
	open, keys, err := s.Devices.RevealOwn(ctx, tx, a, d.ID)
	if err != nil {
		return nil, err
	}
	keys.Private = new(wireguard.Key)
	c, err := configOf(open, keys, p)
	if err == nil {
		c.Text = strings.Replace(c.Text, keys.Private.String(), BlankKey, 1)
	}
	return c, err
}

// Peer is a device beside where its configuration leads. It holds no secret.
type Peer struct {
	device.Device
	Node      string // empty: there is no WireGuard server for it now
	Endpoint  string // host:port
	Addresses []netip.Addr
}

// Peers lists a subscriber's devices with where their configurations lead.
func (s *Service) Peers(ctx context.Context, a actor.Actor, sid string) ([]Peer, error) {
	devices, err := s.Devices.List(ctx, a, sid)
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	var view *reach.View
	err = s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		view, err = reach.Of(ctx, tx, s.Vault, devices[0].SubscriberID, wireguard.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Peer, len(devices))
	for i := range devices {
		out[i].Device = devices[i]
		p, err := leads(view, &devices[i], "")
		if errs.Is(err, errs.Missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		o, err := wireguard.Parse([]byte(p.Options))
		if err != nil {
			return nil, err
		}
		out[i].Node, out[i].Endpoint = p.Node.Name, o.Endpoint(p.Node.Host, p.Listen)
		out[i].Addresses, _ = o.Inner(devices[i].Number)
	}
	return out, nil
}

// placeOf chooses where a device's configuration leads. tx is the installation's.
func (s *Service) placeOf(ctx context.Context, tx *pg.Tx, d *device.Device, ingress string) (*reach.Place, error) {
	view, err := reach.Of(ctx, tx, s.Vault, d.SubscriberID, wireguard.Name)
	if err != nil {
		return nil, err
	}
	return leads(view, d, ingress)
}

// leads chooses a place of a view for a device.
func leads(view *reach.View, d *device.Device, ingress string) (*reach.Place, error) {
	if ingress == "" && d.IngressID != nil {
		ingress = *d.IngressID
	}
	if ingress != "" && d.IngressID != nil && ingress != *d.IngressID {
		return nil, errs.NotFound("ingress", ingress)
	}
	for i := range view.Places {
		p := &view.Places[i]
		if ingress != "" && p.ID != ingress {
			continue
		}
		if _, ok, err := endpoint(p, &subscriber.Credentials{}); err != nil {
			return nil, err
		} else if ok {
			return p, nil
		}
	}
	if ingress != "" {
		return nil, errs.NotFound("ingress", ingress)
	}
	return nil, errs.New(errs.Missing, "there is no WireGuard server that this device may use")
}

// giveOut renders a device's configuration and notes that it was shown.
func (s *Service) giveOut(ctx context.Context, tx *pg.Tx, a actor.Actor, d *device.Device, p *reach.Place) (*Config, error) {
	x, err := setting(ctx, tx, d.TenantID, false)
	if err != nil {
		return nil, err
	}
	open, keys, err := s.Devices.Reveal(ctx, tx, a, d.ID, x.ShowOnce)
	if err != nil {
		return nil, err
	}
	return configOf(open, keys, p)
}

// configOf writes a device's configuration for a place.
func configOf(d *device.Device, keys device.Keys, p *reach.Place) (*Config, error) {
	e, _, err := endpoint(p, &subscriber.Credentials{})
	if err != nil {
		return nil, err
	}
	fits, err := tunnel(&e, p, d, keys)
	if err != nil {
		return nil, err
	}
	if !fits {
		return nil, errs.New(errs.Missing, "the pool of ingress %s has no address for this device", p.Name)
	}
	return &Config{Device: d.Name, File: fileName(d.Name) + ".conf", Text: e.Conf()}, nil
}

// fileName is a name that WireGuard's apps take for a tunnel: at most 15 characters, none of them a blank.
func fileName(device string) string {
	name := strings.Trim(strings.ReplaceAll(device, " ", "-"), ".-")
	if name == "" {
		return "wg"
	}
	return strings.TrimRight(name[:min(len(name), 15)], ".-")
}

// Fetch is one app's request for a subscription.
type Fetch struct {
	Token   string
	Format  string // name; empty: by Agent
	Agent   string
	Address string
}

// Answer is a rendered subscription. Headers come in order.
type Answer struct {
	Format  Format
	Body    string
	Headers [][2]string
}

// touchEvery is how often the same app's fetches are noted.
const touchEvery = time.Minute

// Subscription answers an app. Everything that is not a living token, and every format that is none, is ErrNothing.
func (s *Service) Subscription(ctx context.Context, f Fetch) (*Answer, error) {
	format, known := LookupFormat(f.Format)
	if f.Format == "" {
		format, known = FormatFor(f.Agent), true
	}
	if !known || !wellFormed(f.Token) {
		return nil, ErrNothing
	}
	hash, now := s.Vault.Hash(hashToken, f.Token), time.Now().UTC()
	var t asked
	found, err := s.DB.Peek(ctx, askedQuery, []any{hash, now}, &t.ID, &t.SubscriberID, &t.FetchedAt, &t.FetchedBy, &t.FetchedFrom,
		&t.expires, &t.limit, &t.up, &t.down, &t.got, &t.stamp)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNothing
	}
	k := s.cache.get(string(hash), t.stamp, now)
	if k == nil {
		if k, err = s.keep(ctx, string(hash), &t, s.subscriptionURL(f.Token)); err != nil {
			return nil, err
		}
	}
	d := *k.doc
	d.Quota = t.quota()
	return &Answer{Format: format, Body: k.render(format, d.Quota), Headers: headers(&d, k.setting, format)}, touch(ctx, s.DB, &t.Token, &f, now)
}

// keep makes a subscriber's document, and keeps it unless it says why they may not connect.
func (s *Service) keep(ctx context.Context, key string, t *asked, address string) (*kept, error) {
	k := &kept{stamp: t.stamp, bodies: map[string]body{}}
	err := s.DB.InSnapshot(ctx, func(tx *pg.Tx) error {
		sub, err := subscriber.Load(ctx, tx, actor.Actor{}, t.SubscriberID, false)
		if err != nil {
			return err
		}
		if k.setting, err = setting(ctx, tx, sub.TenantID, false); err != nil {
			return err
		}
		k.until = sub.ExpiresAt
		k.doc, err = s.document(ctx, tx, sub, k.setting)
		return err
	})
	if err != nil {
		return nil, err
	}
	k.doc.URL = address
	if !slices.ContainsFunc(k.doc.Endpoints, func(e Endpoint) bool { return e.Notice }) {
		s.cache.put(key, k)
	}
	return k, nil
}

// touch notes a fetch: at once when something about it is new, else every minute.
func touch(ctx context.Context, db *pg.DB, t *Token, f *Fetch, now time.Time) error {
	agent := strings.ReplaceAll(strings.ToValidUTF8(f.Agent[:min(len(f.Agent), 255)], "?"), "\x00", "?")
	if t.FetchedAt != nil && now.Sub(*t.FetchedAt) < touchEvery && t.FetchedBy == agent && t.FetchedFrom == f.Address {
		return nil
	}
	return db.InSystem(ctx, func(tx *pg.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE subscription_token SET fetches = fetches + 1, fetched_at = $2, fetched_by = $3, fetched_from = $4 WHERE id = $1`,
			t.ID, tx.Now, agent, f.Address)
		return err
	})
}

// headers are what apps read beside the body.
func headers(d *Document, x *Setting, f Format) [][2]string {
	info := fmt.Sprintf("upload=%d; download=%d; total=%d", d.Quota.Up, d.Quota.Down, d.Quota.Total)
	if d.Quota.Expires != nil {
		info += "; expire=" + strconv.FormatInt(d.Quota.Expires.Unix(), 10)
	}
	title := d.Title
	if strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r > '~' }) {
		title = "base64:" + base64.StdEncoding.EncodeToString([]byte(title))
	}
	out := [][2]string{
		{"subscription-userinfo", info},
		{"profile-update-interval", strconv.Itoa(x.UpdateHours)},
		{"profile-title", title},
	}
	if f.Name != "html" {
		name := d.User + "." + f.File
		out = append(out, [2]string{"content-disposition", `attachment; filename="` + name + `"; filename*=UTF-8''` + url.PathEscape(name)})
	}
	if x.SupportURL != "" {
		out = append(out, [2]string{"support-url", x.SupportURL})
	}
	page := x.WebPageURL
	if page == "" {
		page = d.URL
	}
	return append(out, [2]string{"profile-web-page-url", page})
}
