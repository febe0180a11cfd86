// Package fleet owns nodes: what they are called, which groups they form, how they become ours and how they stop being so.
//
//	waiting --token + CSR--> active <--Suspend/Resume--> suspended
//	   \________________________|___________Revoke__________/
//	                            v
//	                         revoked (for good; every serial of it too)
//
// A node is whoever holds the key of a client certificate that our own CA issued, whose serial is listed and not revoked,
// while the node's row says active or suspended. The CA's key is sealed by the vault. Nodes belong to the operator;
// resellers see the names of the groups that were granted to them, and no node.
//
// A revocation is committed together with a notification (pg.ChannelNode), on which every replica of the gateway ends the
// node's connections, and with the event node.revoked, on which whatever the node held is rotated.
package fleet

import (
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/pg"
	"culvert/panel/internal/vault"
)

// Config of the fleet.
type Config struct {
	DB        *pg.DB
	Vault     *vault.Vault
	Heartbeat time.Duration // nodeapi.Settings.HeartbeatIntervalMS; a node silent for three of them is offline
}

// Service is the fleet service.
type Service struct {
	*Groups
	db        *pg.DB
	vault     *vault.Vault
	heartbeat time.Duration
	ca        caCache
}

// New returns the service.
func New(c Config) *Service {
	return &Service{Groups: &Groups{c.DB}, db: c.DB, vault: c.Vault, heartbeat: c.Heartbeat}
}

// home is the tenant whose nodes a sees. The operator's nodes stay in view while it works for a reseller.
func home(a actor.Actor) string {
	if a.Operator && a.Home != "" {
		return a.Home
	}
	return a.Tenant
}

// at is a, recorded in the tenant whose nodes it works on.
func at(a actor.Actor) actor.Actor {
	a.Tenant = home(a)
	return a
}

// system is the actor of what nodes do by themselves.
func system(tenant, node, from string) actor.Actor {
	return actor.Actor{Tenant: tenant, Home: tenant, Kind: actor.System, ID: node, Name: "node " + node, Address: from}
}
