package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"culvert/migrations"
	"culvert/panel/internal/api"
	"culvert/panel/internal/billing"
	"culvert/panel/internal/brand"
	"culvert/panel/internal/bulk"
	"culvert/panel/internal/cert"
	"culvert/panel/internal/config"
	"culvert/panel/internal/desired"
	"culvert/panel/internal/device"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/identity"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/network"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/portal"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/tenant"
	"culvert/panel/internal/usage"
	"culvert/panel/internal/vault"
)

// Services are the panel's services over one database, without anything that listens or ticks. The command line uses
// them as they are.
type Services struct {
	api.Services
	Keys    *jobs.Keys
	Desired *desired.Service
	Root    string // the operator's tenant
}

// Open migrates the database and builds the services. make says whether a missing master key may be made.
func Open(ctx context.Context, c config.Config, makeKey bool, log *slog.Logger) (*Services, error) {
	master, err := vault.LoadMaster(c.MasterKeyFile, makeKey)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, c, master, log)
	if !errors.Is(err, vault.ErrSealed) {
		return s, err
	}
	// A rotation that was interrupted between the database and the file leaves the key that fits beside the old one.
	next, nextErr := vault.LoadMaster(vault.NextMaster(c.MasterKeyFile), false)
	if nextErr != nil {
		return nil, err
	}
	if s, err = open(ctx, c, next, log); err != nil {
		return nil, err
	}
	log.WarnContext(ctx, "finished an interrupted rotation of the master key", "file", c.MasterKeyFile)
	if err := vault.AdoptMaster(c.MasterKeyFile, next); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func open(ctx context.Context, c config.Config, master []byte, log *slog.Logger) (*Services, error) {
	pc := pg.Config{DSN: c.DatabaseURL.Reveal(), RoleKey: vault.Derive(master, "postgres roles"), Log: log}
	if err := pg.Migrate(ctx, pc, migrations.FS); err != nil {
		return nil, err
	}
	db, err := pg.Open(ctx, pc)
	if err != nil {
		return nil, err
	}
	s, err := build(ctx, db, c, master, log)
	if err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func build(ctx context.Context, db *pg.DB, c config.Config, master []byte, log *slog.Logger) (*Services, error) {
	v, err := vault.Open(ctx, db, master)
	if err != nil {
		return nil, err
	}
	s := &Services{Keys: jobs.NewKeys(db, v)}
	s.DB, s.Vault = db, v
	s.Fleet = fleet.New(fleet.Config{DB: db, Vault: v, Heartbeat: heartbeat})
	s.Tenants = &tenant.Service{DB: db}
	s.Brands = &brand.Service{DB: db, Host: strings.ToLower(c.PublicURL.Hostname())}
	s.Plans = &billing.Service{DB: db, Groups: s.Fleet}
	s.Certs = &cert.Service{DB: db, Vault: v}
	s.Network = &network.Service{DB: db, Vault: v}
	s.Usage = &usage.Service{DB: db, DropOldest: c.DropOldest}
	if s.Subs, err = subscriber.New(ctx, db, v, s.Fleet); err != nil {
		return nil, err
	}
	s.Bulk = bulk.New(db, s.Subs)
	s.Devices = &device.Service{DB: db, Vault: v}
	s.Network.Leaving = s.Devices.Unbind
	s.Profiles = &profile.Service{DB: db, Vault: v, Subs: s.Subs, Devices: s.Devices, Public: strings.TrimSuffix(c.PublicURL.String(), "/")}
	if s.Identity, err = identity.New(ctx, identity.Config{DB: db, Vault: v}); err != nil {
		return nil, err
	}
	s.Portal = &portal.Service{
		DB: db, Vault: v, People: s.Identity, Subs: s.Subs, Devices: s.Devices, Profiles: s.Profiles, Usage: s.Usage, Brands: s.Brands, Online: 3 * heartbeat,
	}
	s.Desired = desired.New(db, v, s.Certs, &settings{config: c, vault: v, keys: s.Keys, fleet: s.Fleet}, log)
	s.Desired.Peers = s.Devices.Peers
	if s.Root, err = s.Tenants.Root(ctx); err != nil {
		return nil, fmt.Errorf("operator's tenant: %w", err)
	}
	return s, nil
}

// Close ends the database connections.
func (s *Services) Close() { s.DB.Close() }
