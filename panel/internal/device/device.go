package device

import (
	"context"
	"net/netip"
	"regexp"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/reach"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/vault"
	"culvert/shared/id"
	"culvert/shared/protocol/wireguard"
	"culvert/shared/unit"
)

// Most is how many devices a subscriber may have.
const Most = 64

// Device is one peer of a subscriber.
type Device struct {
	TenantID     string    `json:"tenant_id"`
	ID           string    `gorm:"primaryKey" json:"id"`
	SubscriberID string    `json:"subscriber_id"`
	Name         string    `json:"name"`
	PublicKey    []byte    `json:"public_key"`
	PrivateKey   []byte    `json:"-"` // sealed; nil: the user keeps it
	PresharedKey []byte    `json:"-"` // sealed; nil: none
	Number       int64     `json:"number" doc:"its place in every pool of inner addresses"`
	IngressID    *string   `json:"ingress_id" doc:"the only ingress it may use; null: any"`
	Disabled     bool      `json:"disabled"`
	Shown        bool      `json:"shown" doc:"its configuration was given out since its key was made"`
	Version      int64     `json:"version"`
	CreatedAt    time.Time `gorm:"autoCreateTime:false" json:"created_at"`
	UpdatedAt    time.Time `gorm:"autoUpdateTime:false" json:"updated_at"`
	Held         `gorm:"-"`
	State        *State `gorm:"-" json:"state" doc:"what nodes said of it; null: it has never connected"`
}

// State is where a device is and what it moved, as nodes last reported it.
type State struct {
	Online      bool       `json:"online"`
	NodeID      string     `json:"node_id"`
	IngressID   string     `json:"ingress_id"`
	Endpoint    string     `json:"endpoint" doc:"address:port it sent from last"`
	HandshakeAt *time.Time `json:"handshake_at" doc:"of its last handshake"`
	SeenAt      time.Time  `json:"seen_at"`
	Up          unit.Bytes `json:"up" doc:"in its whole life"`
	Down        unit.Bytes `json:"down"`
}

// Held tells which secrets the panel holds.
type Held struct {
	OwnKey    bool `json:"own_key" doc:"the user keeps the private key: the panel cannot write a configuration"`
	Preshared bool `json:"preshared"`
}

// TableName implements gorm's Tabler.
func (Device) TableName() string { return "device" }

func (d *Device) complete() *Device {
	d.Held = Held{OwnKey: d.PrivateKey == nil, Preshared: d.PresharedKey != nil}
	return d
}

// New is what a device is made from.
type New struct {
	Subscriber   string // id
	Name         string
	PublicKey    string // base64; empty: the panel makes the pair, with a preshared key
	PresharedKey string // base64; empty: none beside a key of the user's
	Ingress      string // id of the only one it may use; empty: any
	Node         string // name or id of the node whose first ingress is the only one; empty: any
	Address      string // inner IPv4 address that it is to have; empty: the lowest that is free
}

// Change is a partial update; nil fields stay.
type Change struct {
	Name     *string
	Disabled *bool
	Ingress  *string // id; empty: any
}

// Service is the device service.
type Service struct {
	DB    *pg.DB
	Vault *vault.Vault
}

var nameRule = regexp.MustCompile(`^[A-Za-z0-9 ._-]{1,64}$`) //nolint:gochecknoglobals // a compiled constant

func checkName(f *errs.Faults, name string) {
	f.Check(nameRule.MatchString(name), "name", "must have 1 to 64 characters of A-Z, a-z, 0-9, space, dot, hyphen and underscore")
}

// Add gives a subscriber a device.
func (s *Service) Add(ctx context.Context, a actor.Actor, n New) (*Device, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	d := &Device{ID: id.New(id.Device), SubscriberID: n.Subscriber, Name: n.Name, Version: 1}
	keys, err := d.fresh(n.PublicKey, n.PresharedKey)
	var f errs.Faults
	checkName(&f, n.Name)
	f.Merge("", err)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	s.seal(d, keys)
	sub, err := s.subscriber(ctx, a, n.Subscriber)
	if err != nil {
		return nil, err
	}
	wanted, err := s.place(ctx, sub.ID, &n, d)
	if err != nil {
		return nil, err
	}
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		if err := s.roomFor(ctx, tx, a, d); err != nil {
			return err
		}
		d.CreatedAt, d.UpdatedAt = tx.Now, tx.Now
		if d.Number, err = number(ctx, tx, wanted, d.PublicKey); err != nil {
			return err
		}
		if err := insert(tx, d); err != nil {
			return err
		}
		return told(ctx, tx, a, d, "device.create", audit.Diff{"name": d.Name, "subscriber": d.SubscriberID, "number": d.Number, "own_key": d.OwnKey})
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// roomFor holds the subscriber, so that their devices are counted and named one at a time, and checks what can be checked
// before a number is taken.
func (s *Service) roomFor(ctx context.Context, tx *pg.Tx, a actor.Actor, d *Device) error {
	sub, err := subscriber.Load(ctx, tx, a, d.SubscriberID, true)
	if err != nil {
		return err
	}
	d.TenantID = sub.TenantID
	have, err := list(tx, sub.ID)
	if err != nil {
		return err
	}
	if len(have) >= Most {
		return errs.New(errs.Limited, "user %s has %d devices already: that is the most", sub.Name, Most)
	}
	for i := range have {
		if have[i].Name == d.Name {
			return errs.New(errs.Conflict, "device %s exists", d.Name)
		}
	}
	return nil
}

func (s *Service) subscriber(ctx context.Context, a actor.Actor, sid string) (*subscriber.Subscriber, error) {
	var sub *subscriber.Subscriber
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		sub, err = subscriber.Load(ctx, tx, a, sid, false)
		return err
	})
	return sub, err
}

// place settles the ingress of a new device and the number that its address stands for, 0 for any. The subscriber was
// checked to be the actor's.
func (s *Service) place(ctx context.Context, sid string, n *New, d *Device) (int64, error) {
	if n.Ingress == "" && n.Node == "" && n.Address == "" {
		return 0, nil
	}
	view, err := s.reach(ctx, sid)
	if err != nil {
		return 0, err
	}
	places := view.Places
	if n.Ingress != "" || n.Node != "" {
		p, err := choose(view, n.Ingress, n.Node)
		if err != nil {
			return 0, err
		}
		d.IngressID, places = &p.ID, []reach.Place{*p}
	}
	if n.Address == "" {
		return 0, nil
	}
	want, err := netip.ParseAddr(n.Address)
	if err != nil || !want.Is4() {
		return 0, errs.Bad("address", "must be an IPv4 address")
	}
	for i := range places {
		o, err := wireguard.Parse([]byte(places[i].Options))
		if err != nil {
			return 0, err
		}
		if number, ok := o.Number(want); ok {
			return number, nil
		}
	}
	return 0, errs.Bad("address", "is not a device's in the pool of an ingress that this user may use")
}

func choose(view *reach.View, ingress, node string) (*reach.Place, error) {
	p, ok := view.Find(ingress)
	if ingress == "" {
		if p, ok = view.On(node); !ok {
			return nil, errs.NotFound("WireGuard on node", node)
		}
		return p, nil
	}
	if !ok || node != "" && p.Node.ID != node && p.Node.Name != node {
		return nil, errs.NotFound("ingress", ingress)
	}
	return p, nil
}

func (s *Service) reach(ctx context.Context, sid string) (*reach.View, error) {
	var view *reach.View
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) (err error) {
		view, err = reach.Of(ctx, tx, s.Vault, sid, wireguard.Name)
		return err
	})
	return view, err
}

// List returns a subscriber's devices in the order in which they were added.
func (s *Service) List(ctx context.Context, a actor.Actor, sid string) ([]Device, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	var out []Device
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		sub, err := subscriber.Load(ctx, tx, a, sid, false)
		if err != nil {
			return err
		}
		if out, err = list(tx, sub.ID); err != nil {
			return err
		}
		return states(ctx, tx, out)
	})
	return out, err
}

// Get returns a device by id.
func (s *Service) Get(ctx context.Context, a actor.Actor, did string) (*Device, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Read)); err != nil {
		return nil, err
	}
	var d *Device
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if d, err = load(tx, a, did, false); err != nil {
			return err
		}
		one := []Device{*d}
		if err := states(ctx, tx, one); err != nil {
			return err
		}
		d = &one[0]
		return nil
	})
	return d, err
}

// ByName returns a subscriber's device by its name.
func (s *Service) ByName(ctx context.Context, a actor.Actor, sid, name string) (*Device, error) {
	all, err := s.List(ctx, a, sid)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, errs.NotFound("device", name)
}

// Update changes a device: its name, whether it may connect, and where. match is the expected version, 0 for any.
func (s *Service) Update(ctx context.Context, a actor.Actor, did string, match int64, c Change) (*Device, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	if c.Name != nil {
		var f errs.Faults
		checkName(&f, *c.Name)
		if err := f.Err(); err != nil {
			return nil, err
		}
	}
	if c.Ingress != nil && *c.Ingress != "" {
		if err := s.mayUse(ctx, a, did, *c.Ingress); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, a, did, match, "device.update", func(d *Device, diff audit.Diff) {
		if c.Name != nil {
			diff.From("name", d.Name, *c.Name)
			d.Name = *c.Name
		}
		if c.Disabled != nil {
			diff.From("disabled", d.Disabled, *c.Disabled)
			d.Disabled = *c.Disabled
		}
		if c.Ingress != nil {
			diff["ingress"] = *c.Ingress
			d.IngressID = c.Ingress
			if *c.Ingress == "" {
				d.IngressID = nil
			}
		}
	})
}

func (s *Service) mayUse(ctx context.Context, a actor.Actor, did, ingress string) error {
	d, err := s.Get(ctx, a, did)
	if err != nil {
		return err
	}
	view, err := s.reach(ctx, d.SubscriberID)
	if err != nil {
		return err
	}
	_, err = choose(view, ingress, "")
	return err
}

// RotateKey gives a device another key: the public half that the user brings, or a pair that the panel makes.
func (s *Service) RotateKey(ctx context.Context, a actor.Actor, did string, match int64, public, preshared string) (*Device, error) {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return nil, err
	}
	made := &Device{ID: did}
	keys, err := made.fresh(public, preshared)
	if err != nil {
		return nil, err
	}
	s.seal(made, keys)
	return s.change(ctx, a, did, match, "device.rotate_key", func(d *Device, diff audit.Diff) {
		d.PublicKey, d.PrivateKey, d.PresharedKey, d.Shown = made.PublicKey, made.PrivateKey, made.PresharedKey, false
		diff["key"] = audit.Changed
	})
}

// change is the one way to alter a device.
func (s *Service) change(ctx context.Context, a actor.Actor, did string, match int64, action string, edit func(*Device, audit.Diff)) (*Device, error) {
	var d *Device
	err := s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) (err error) {
		if d, err = load(tx, a, did, true); err != nil {
			return err
		}
		if match != 0 && match != d.Version {
			return errs.New(errs.Stale, "device %s is at version %d", d.Name, d.Version)
		}
		diff := audit.Diff{}
		edit(d, diff)
		d.Version, d.UpdatedAt = d.Version+1, tx.Now
		if err := save(tx, d); err != nil {
			return err
		}
		return told(ctx, tx, a, d.complete(), action, diff)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Delete removes a device; its number is free again.
func (s *Service) Delete(ctx context.Context, a actor.Actor, did string, match int64) error {
	if err := a.Require(actor.May(actor.Subscribers, actor.Write)); err != nil {
		return err
	}
	return s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		d, err := load(tx, a, did, true)
		if err != nil {
			return err
		}
		if match != 0 && match != d.Version {
			return errs.New(errs.Stale, "device %s is at version %d", d.Name, d.Version)
		}
		if err := remove(ctx, tx, d); err != nil {
			return err
		}
		return told(ctx, tx, a, d, "device.delete", audit.Diff{"name": d.Name, "subscriber": d.SubscriberID})
	})
}

// told makes nodes hear of a change, and records it with the device's tenant.
func told(ctx context.Context, tx *pg.Tx, a actor.Actor, d *Device, action string, diff audit.Diff) error {
	err := outbox.Emit(ctx, tx, d.TenantID, a.Trace, subscriber.Changed{Tenant: d.TenantID, Subscriber: d.SubscriberID})
	if err != nil {
		return err
	}
	a.Tenant = d.TenantID
	return audit.Record(ctx, tx, a, action, "device/"+d.ID, diff)
}

// Unbind frees the devices whose only ingress goes, which may use any from then on: other nodes must hear of them.
func (s *Service) Unbind(ctx context.Context, tx *pg.Tx, a actor.Actor, ingress string) error {
	var facts []outbox.Fact
	err := tx.Query(ctx, `UPDATE device SET ingress_id = NULL, version = version + 1, updated_at = $2 WHERE ingress_id = $1
		RETURNING tenant_id, subscriber_id`, []any{ingress, tx.Now}, func(r pg.Row) error {
		var e subscriber.Changed
		err := r.Scan(&e.Tenant, &e.Subscriber)
		facts = append(facts, outbox.Fact{Tenant: e.Tenant, Trace: a.Trace, Event: e})
		return err
	})
	if err != nil {
		return err
	}
	return outbox.EmitAll(ctx, tx, facts)
}
