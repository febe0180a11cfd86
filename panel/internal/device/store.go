package device

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/errs"
	"culvert/panel/internal/pg"
)

// visible narrows a query to what a may see; row security keeps the tenant's subtree.
func visible(tx *pg.Tx, a actor.Actor) *gorm.DB {
	q := tx.Gorm()
	if a.Owner != "" {
		q = q.Where("subscriber_id IN (SELECT id FROM subscriber WHERE tenant_id = ? AND name = ?)", a.Home, a.Owner)
	}
	return q
}

func load(tx *pg.Tx, a actor.Actor, id string, lock bool) (*Device, error) {
	return take(visible(tx, a).Where("id = ?", id), id, lock)
}

// within is load for a transaction that row security does not hold.
func within(tx *pg.Tx, a actor.Actor, id string, lock bool) (*Device, error) {
	return take(visible(tx, a).Where("id = ?", id).
		Where("tenant_id IN (SELECT descendant FROM tenant_closure WHERE ancestor = ?)", a.Tenant), id, lock)
}

func take(q *gorm.DB, label string, lock bool) (*Device, error) {
	if lock {
		q = q.Clauses(clause.Locking{Strength: "UPDATE"})
	}
	var d Device
	if err := q.Take(&d).Error; err != nil {
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil, errs.NotFound("device", label)
		}
		return nil, pg.Translate("load device", err)
	}
	return d.complete(), nil
}

// list returns a subscriber's devices in order of their ids. The caller has checked whose subscriber it is.
func list(tx *pg.Tx, sid string) ([]Device, error) {
	out := []Device{}
	if err := tx.Gorm().Where("subscriber_id = ?", sid).Order("id").Find(&out).Error; err != nil {
		return nil, pg.Translate("list devices", err)
	}
	for i := range out {
		out[i].complete()
	}
	return out, nil
}

func insert(tx *pg.Tx, d *Device) error {
	return named(pg.Translate("add device", tx.Gorm().Create(d).Error), d)
}

func save(tx *pg.Tx, d *Device) error {
	err := tx.Gorm().Model(d).Where("tenant_id = ?", d.TenantID).
		Select("name", "public_key", "private_key", "preshared_key", "ingress_id", "disabled", "shown", "version", "updated_at").Updates(d).Error
	return named(pg.Translate("save device", err), d)
}

// named tells duplicates apart. Whose device has the same key or number is not said.
func named(err error, d *Device) error {
	if !errs.Is(err, errs.Conflict) {
		return err
	}
	switch pg.Constraint(err) {
	case "device_public_key":
		return errs.Wrap(errs.Conflict, err, "%s", keyTaken)
	case "device_number":
		return errs.Wrap(errs.Conflict, err, "%s", addressTaken)
	}
	return errs.Wrap(errs.Conflict, err, "device %s exists", d.Name)
}

const (
	keyTaken     = "a device with this public key exists"
	addressTaken = "the address is taken"
)

func remove(ctx context.Context, tx *pg.Tx, d *Device) error {
	_, err := tx.Exec(ctx, "DELETE FROM device WHERE tenant_id = $1 AND id = $2", d.TenantID, d.ID)
	return err
}

// number takes the wanted place, or the lowest free one when wanted is 0.
func number(ctx context.Context, tx *pg.Tx, wanted int64, key []byte) (int64, error) {
	var want any
	if wanted != 0 {
		want = wanted
	}
	var n *int64
	if _, err := tx.One(ctx, "SELECT device_number_take($1, $2)", []any{want, key}, &n); err != nil {
		return 0, err
	}
	switch {
	case n == nil:
		return 0, errs.New(errs.Conflict, "%s", addressTaken)
	case *n == 0:
		return 0, errs.New(errs.Conflict, "%s", keyTaken)
	}
	return *n, nil
}

// states fills in what nodes said of the devices.
func states(ctx context.Context, tx *pg.Tx, devices []Device) error {
	if len(devices) == 0 {
		return nil
	}
	ids, at := make([]string, len(devices)), make(map[string]*Device, len(devices))
	for i := range devices {
		ids[i], at[devices[i].ID] = devices[i].ID, &devices[i]
	}
	return tx.Query(ctx, `SELECT s.device_id, EXISTS (SELECT FROM session_record r WHERE r.device_id = s.device_id AND r.device_id <> '' AND r.closed_at IS NULL),
		s.node_id, s.ingress_id, s.endpoint, s.handshake_at, s.seen_at, s.up, s.down FROM device_state s WHERE s.device_id = ANY($1)`,
		[]any{ids}, func(r pg.Row) error {
			var did string
			var x State
			if err := r.Scan(&did, &x.Online, &x.NodeID, &x.IngressID, &x.Endpoint, &x.HandshakeAt, &x.SeenAt, &x.Up, &x.Down); err != nil {
				return err
			}
			at[did].State = &x
			return nil
		})
}
