package device

import (
	"bytes"
	"context"
	"slices"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/audit"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol/wireguard"
)

// Purposes under which the vault seals keys.
const (
	sealPrivate   = "device.private_key"
	sealPreshared = "device.preshared_key"
)

// Why a configuration is not given out.
var (
	ErrOwnKey = errs.New(errs.Missing, "there is no configuration: the private key of this device is its user's own")                     //nolint:gochecknoglobals // a constant
	ErrShown  = errs.New(errs.Missing, "the configuration was shown already, and is shown once: rotate the device's key for another one") //nolint:gochecknoglobals // a constant
)

// Keys are a device's secrets in clear.
type Keys struct {
	Private   *wireguard.Key // nil: the user keeps it
	Preshared *wireguard.Key // nil: none
}

// fresh makes a device's keys, or takes what the user brought. It sets the public key.
func (d *Device) fresh(public, preshared string) (Keys, error) {
	var k Keys
	var f errs.Faults
	if preshared != "" {
		p, err := wireguard.ParseKey(preshared)
		f.Check(err == nil, "preshared_key", "must be 32 bytes in base64, as wg genpsk prints them")
		k.Preshared = &p
	}
	if public != "" {
		p, err := wireguard.ParseKey(public)
		f.Check(err == nil && p != wireguard.Key{}, "public_key", "must be 32 bytes in base64, as wg pubkey prints them")
		d.PublicKey = p[:]
		return k, f.Err()
	}
	if err := f.Err(); err != nil {
		return k, err
	}
	private, err := wireguard.NewKey()
	if err != nil {
		return k, err
	}
	p, err := private.Public()
	if err != nil {
		return k, err
	}
	d.PublicKey, k.Private = p[:], &private
	if k.Preshared == nil {
		psk := wireguard.NewPresharedKey()
		k.Preshared = &psk
	}
	return k, nil
}

func (s *Service) seal(d *Device, k Keys) {
	d.PrivateKey, d.PresharedKey = nil, nil
	if k.Private != nil {
		d.PrivateKey = s.Vault.Seal(sealPrivate, d.ID, k.Private[:])
	}
	if k.Preshared != nil {
		d.PresharedKey = s.Vault.Seal(sealPreshared, d.ID, k.Preshared[:])
	}
	d.complete()
}

func (s *Service) open(ctx context.Context, d *Device) (Keys, error) {
	var k Keys
	var err error
	if k.Private, err = s.openOne(ctx, sealPrivate, d.ID, d.PrivateKey); err != nil {
		return k, err
	}
	k.Preshared, err = s.openOne(ctx, sealPreshared, d.ID, d.PresharedKey)
	return k, err
}

func (s *Service) openOne(ctx context.Context, purpose, did string, sealed []byte) (*wireguard.Key, error) {
	if sealed == nil {
		return nil, nil
	}
	clear, err := s.Vault.Open(ctx, purpose, did, sealed)
	if err != nil {
		return nil, err
	}
	if len(clear) != len(wireguard.Key{}) {
		return nil, errs.New(errs.Internal, "key of device %s has %d bytes", did, len(clear))
	}
	k := wireguard.Key(clear)
	return &k, nil
}

// Reveal opens the keys of a device for a configuration, notes that it was given out and records it. With once, a device
// that was shown is ErrShown. tx may be the installation's: a's tenant and owner are checked here.
func (s *Service) Reveal(ctx context.Context, tx *pg.Tx, a actor.Actor, did string, once bool) (*Device, Keys, error) {
	if err := a.Require(actor.May(actor.Secrets, actor.Read)); err != nil {
		return nil, Keys{}, err
	}
	d, err := within(tx, a, did, true)
	if err != nil {
		return nil, Keys{}, err
	}
	switch {
	case d.OwnKey:
		return nil, Keys{}, ErrOwnKey
	case once && d.Shown:
		return nil, Keys{}, ErrShown
	}
	k, err := s.open(ctx, d)
	if err != nil {
		return nil, k, err
	}
	if !d.Shown {
		d.Shown = true
		if _, err := tx.Exec(ctx, "UPDATE device SET shown = true WHERE tenant_id = $1 AND id = $2", d.TenantID, d.ID); err != nil {
			return nil, k, err
		}
	}
	a.Tenant = d.TenantID
	return d, k, audit.Record(ctx, tx, a, "device.show_config", "device/"+d.ID, nil)
}

// RevealOwn opens what the panel has of a device whose private key it has not, for a configuration that its owner completes,
// and records it. tx may be the installation's: a's tenant and owner are checked here.
func (s *Service) RevealOwn(ctx context.Context, tx *pg.Tx, a actor.Actor, did string) (*Device, Keys, error) {
	if err := a.Require(actor.May(actor.Secrets, actor.Read)); err != nil {
		return nil, Keys{}, err
	}
	d, err := within(tx, a, did, true)
	if err != nil {
		return nil, Keys{}, err
	}
	if !d.OwnKey {
		return nil, Keys{}, errs.Bad("blank", "is for devices whose key the panel does not have")
	}
	k, err := s.open(ctx, d)
	if err != nil {
		return nil, k, err
	}
	a.Tenant = d.TenantID
	return d, k, audit.Record(ctx, tx, a, "device.show_config", "device/"+d.ID, nil)
}

// In returns a device of the actor's subtree in a transaction that may be the installation's.
func (s *Service) In(tx *pg.Tx, a actor.Actor, did string) (*Device, error) {
	return within(tx, a, did, false)
}

// Open is a device with its keys.
type Open struct {
	Device
	Keys
}

// Enabled returns the devices of a subscriber that may connect, with their keys, in order of their ids. tx is the
// installation's; whose subscriber it is has been checked.
func (s *Service) Enabled(ctx context.Context, tx *pg.Tx, sid string) ([]Open, error) {
	all, err := list(tx, sid)
	if err != nil {
		return nil, err
	}
	var out []Open
	for i := range all {
		if all[i].Disabled {
			continue
		}
		k, err := s.open(ctx, &all[i])
		if err != nil {
			return nil, err
		}
		out = append(out, Open{all[i], k})
	}
	return out, nil
}

// Peers returns the devices that may connect, by subscriber, in order of their ids: what nodes are told of them. tx is the
// installation's.
func (s *Service) Peers(ctx context.Context, tx *pg.Tx, subscriberIDs []string) (map[string][]nodeapi.Peer, error) {
	type row struct {
		sid    string
		peer   nodeapi.Peer
		sealed []byte
	}
	var rows []row
	err := tx.Query(ctx, `SELECT subscriber_id, id, public_key, preshared_key, number, coalesce(ingress_id, '') FROM device
		WHERE subscriber_id = ANY($1) AND NOT disabled ORDER BY subscriber_id, id`, []any{subscriberIDs}, func(r pg.Row) error {
		var x row
		if err := r.Scan(&x.sid, &x.peer.Device, &x.peer.PublicKey, &x.sealed, &x.peer.Number, &x.peer.Ingress); err != nil {
			return err
		}
		x.peer.PublicKey, x.sealed = bytes.Clone(x.peer.PublicKey), bytes.Clone(x.sealed)
		rows = append(rows, x)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make(map[string][]nodeapi.Peer)
	for _, x := range rows {
		psk, err := s.openOne(ctx, sealPreshared, x.peer.Device, x.sealed)
		if err != nil {
			return nil, err
		}
		if psk != nil {
			x.peer.PresharedKey = slices.Clone(psk[:])
		}
		out[x.sid] = append(out[x.sid], x.peer)
	}
	return out, nil
}
