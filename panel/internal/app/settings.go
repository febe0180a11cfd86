package app

import (
	"context"
	"time"

	"culvert/panel/internal/config"
	"culvert/panel/internal/fleet"
	"culvert/panel/internal/jobs"
	"culvert/panel/internal/vault"
	"culvert/shared/nodeapi"
)

// Intervals of the node connection.
const (
	heartbeat = 5 * time.Second
	compare   = 30 * time.Second
)

// settings makes the node-wide values of every document. It implements desired.Settings.
type settings struct {
	config config.Config
	vault  *vault.Vault
	keys   *jobs.Keys
	fleet  *fleet.Service
}

// NodeSettings implements desired.Settings.
func (s *settings) NodeSettings(ctx context.Context) (nodeapi.Settings, error) {
	salt, err := s.vault.PasswordSalt(ctx)
	if err != nil {
		return nodeapi.Settings{}, err
	}
	keys, err := s.keys.Public(ctx)
	if err != nil {
		return nodeapi.Settings{}, err
	}
	nodes, err := s.fleet.ActiveNodes(ctx)
	if err != nil {
		return nodeapi.Settings{}, err
	}
	return nodeapi.Settings{
		ReportIntervalMS: s.config.ReportInterval.Milliseconds(), HeartbeatIntervalMS: heartbeat.Milliseconds(),
		PollIntervalMS: jobs.PollInterval(len(nodes)).Milliseconds(), CompareIntervalMS: compare.Milliseconds(),
		PasswordSalt: salt, JobKeys: keys, BlockPrivate: s.config.BlockPrivate, DropOldest: s.config.DropOldest, BlockPorts: s.config.BlockPorts,
	}, nil
}
