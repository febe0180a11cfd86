package pg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pauses between attempts to reach a database that is away.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 3 * time.Second
)

// Listen calls heard for every notification on channels until ctx ends, on a connection of its own. Notifications are
// lost while the connection is away, so up is called each time it (re)connects: the caller then looks for itself.
func (d *DB) Listen(ctx context.Context, channels []string, up func(), heard func(channel, payload string)) {
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		d.listenOnce(ctx, channels, up, heard)
		if time.Since(began) > longestPause {
			pause = firstPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		pause = min(pause*2, longestPause)
	}
}

// listenOnce returns when the connection is gone; the caller connects again, so the cause needs no handling here.
func (d *DB) listenOnce(ctx context.Context, channels []string, up func(), heard func(channel, payload string)) {
	cfg := d.system.pool.Config().ConnConfig.Copy()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	for _, c := range channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{c}.Sanitize()); err != nil {
			return
		}
	}
	up()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		heard(n.Channel, n.Payload)
	}
}

// Notify sends a notification when the transaction commits.
func (t *Tx) Notify(ctx context.Context, channel, payload string) error {
	_, err := t.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// Channels of notifications.
const (
	ChannelOutbox   = "culvert_outbox"   // an event was written
	ChannelRevision = "culvert_revision" // payload NODE REVISION: a node is wanted at a newer revision
	ChannelNode     = "culvert_node"     // payload NODE: a node was revoked or changed; every replica ends its connections
)
