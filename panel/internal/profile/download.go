package profile

import (
	"context"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/device"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
	"culvert/shared/id"
)

// Link is an address that gives out a device's configuration once.
type Link struct {
	ID        string    `json:"id"`
	URL       string    `json:"url" doc:"shown once"`
	ExpiresAt time.Time `json:"expires_at"`
}

// LinkMade tells that somebody may fetch a device's configuration.
type LinkMade struct {
	Tenant string `json:"tenant"`
	Device string `json:"device"`
	Link   string `json:"link"` // id
}

// Kind implements outbox.Event.
func (LinkMade) Kind() string { return "download_link.created" }

// LinkRedeemed tells that somebody did.
type LinkRedeemed LinkMade

// Kind implements outbox.Event.
func (LinkRedeemed) Kind() string { return "download_link.redeemed" }

// Bounds of a link's life.
const (
	linkLife    = 24 * time.Hour
	maxLinkLife = 30 * 24 * time.Hour
)

// MakeLink makes a one-time link to a device's configuration; life 0 is a day. Links of tenants that show configurations
// once count when they are redeemed.
func (s *Service) MakeLink(ctx context.Context, a actor.Actor, did, ingress string, life time.Duration) (*Link, error) {
	if err := a.Require(actor.May(actor.Secrets, actor.Read)); err != nil {
		return nil, err
	}
	if life == 0 {
		life = linkLife
	}
	if life < time.Minute || life > maxLinkLife {
		return nil, errs.Bad("life", "must be between a minute and 30 days")
	}
	d, err := s.Devices.Get(ctx, a, did)
	if err != nil {
		return nil, err
	}
	if d.OwnKey {
		return nil, device.ErrOwnKey
	}
	if ingress != "" {
		err = s.DB.InSystem(ctx, func(tx *pg.Tx) error {
			_, err := s.placeOf(ctx, tx, d, ingress)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	token := freshToken()
	var l *Link
	err = s.DB.InTenant(ctx, a.Tenant, func(tx *pg.Tx) error {
		x, err := setting(ctx, tx, d.TenantID, false)
		if err != nil {
			return err
		}
		if x.ShowOnce && d.Shown {
			return device.ErrShown
		}
		l = &Link{ID: id.New(id.Link), URL: s.Public + "/get/" + token, ExpiresAt: tx.Now.Add(life)}
		_, err = tx.Exec(ctx, `INSERT INTO download_link (tenant_id, id, device_id, ingress_id, hash, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, d.TenantID, l.ID, d.ID, ingress, s.Vault.Hash(hashLink, token), tx.Now, l.ExpiresAt)
		if err != nil {
			return err
		}
		return linkTold(ctx, tx, a, "device.make_link", LinkMade{d.TenantID, d.ID, l.ID}, d)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func linkTold(ctx context.Context, tx *pg.Tx, a actor.Actor, action string, e outbox.Event, d *device.Device) error {
	if err := outbox.Emit(ctx, tx, d.TenantID, a.Trace, e); err != nil {
		return err
	}
	a.Tenant = d.TenantID
	return audit.Record(ctx, tx, a, action, "device/"+d.ID, nil)
}

const openLink = `FROM download_link WHERE hash = $1 AND redeemed_at IS NULL AND expires_at > $2`

// Waiting reports whether a link can be redeemed: nil, or ErrNothing.
func (s *Service) Waiting(ctx context.Context, token string) error {
	if !wellFormed(token) {
		return ErrNothing
	}
	return s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		var one int
		found, err := tx.One(ctx, "SELECT 1 "+openLink, []any{s.Vault.Hash(hashLink, token), tx.Now}, &one)
		if err == nil && !found {
			err = ErrNothing
		}
		return err
	})
}

// Redeem gives out what a link leads to. What cannot be given out now leaves the link as it was; a second redemption of the
// same link waits for the first and finds nothing.
func (s *Service) Redeem(ctx context.Context, token, address string) (*Config, error) {
	if !wellFormed(token) {
		return nil, ErrNothing
	}
	var c *Config
	err := s.DB.InSystem(ctx, func(tx *pg.Tx) error {
		var tenant, lid, did, ingress string
		found, err := tx.One(ctx, "SELECT tenant_id, id, device_id, ingress_id "+openLink+" FOR UPDATE", []any{s.Vault.Hash(hashLink, token), tx.Now},
			&tenant, &lid, &did, &ingress)
		if err != nil {
			return err
		}
		if !found {
			return ErrNothing
		}
		if _, err := tx.Exec(ctx, "UPDATE download_link SET redeemed_at = $2 WHERE id = $1", lid, tx.Now); err != nil {
			return err
		}
		a := actor.Actor{
			Tenant: tenant, Home: tenant, Kind: actor.System, ID: lid, Name: "one-time link", Address: address,
			Permissions: actor.Set{actor.May(actor.Secrets, actor.Read)},
		}
		d, err := s.Devices.In(tx, a, did)
		if err != nil {
			return err
		}
		p, err := s.placeOf(ctx, tx, d, ingress)
		if err != nil {
			return err
		}
		if c, err = s.giveOut(ctx, tx, a, d, p); err != nil {
			return err
		}
		return linkTold(ctx, tx, a, "device.redeem_link", LinkRedeemed{tenant, did, lid}, d)
	})
	return c, err
}
