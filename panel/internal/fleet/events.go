package fleet

import (
	"context"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/outbox"
	"culvert/panel/internal/pg"
)

// Changed tells that something about a node changed that its document or its surfaces depend on.
type Changed struct {
	Node string `json:"node"`
}

// Kind implements outbox.Event.
func (Changed) Kind() string { return "node.changed" }

// Revoked tells that a node is ours no longer: what it held in clear is to be rotated.
type Revoked struct {
	Node string `json:"node"`
}

// Kind implements outbox.Event.
func (Revoked) Kind() string { return "node.revoked" }

// GroupChanged tells that a group was made, renamed or deleted. Changes of membership are changes of nodes.
type GroupChanged struct {
	Group string `json:"group"`
}

// Kind implements outbox.Event.
func (GroupChanged) Kind() string { return "node_group.changed" }

// changed emits Changed and tells the gateways.
func changed(ctx context.Context, tx *pg.Tx, a actor.Actor, node string) error {
	if err := outbox.Emit(ctx, tx, a.Tenant, a.Trace, Changed{Node: node}); err != nil {
		return err
	}
	return tx.Notify(ctx, pg.ChannelNode, node)
}
