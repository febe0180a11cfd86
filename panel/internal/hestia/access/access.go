// Package access holds the commands about how a user connects: configurations, WireGuard peers, addresses of subscriptions and
// open sessions. Package command adds them to its own.
package access

import (
	"context"
	"strconv"
	"time"

	"culvert/panel/internal/actor"
	"culvert/panel/internal/device"
	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/profile"
	"culvert/panel/internal/subscriber"
	"culvert/panel/internal/usage"
)

// Services are what the commands work with.
type Services struct {
	Subscribers *subscriber.Service
	Devices     *device.Service
	Profiles    *profile.Service
	Usage       *usage.Service
	// Kick ends sessions of a subscriber of the actor's on the nodes. Nil: nodes cannot be reached from here.
	Kick func(ctx context.Context, a actor.Actor, s *subscriber.Subscriber, session string) error
	// Account finds the user that the argument USER names.
	Account func(ctx context.Context, c *registry.Call) (*subscriber.Subscriber, error)
}

// Commands lists the commands over s.
func Commands(s *Services) [][]registry.Command {
	return [][]registry.Command{profileCommands{s}.list(), deviceCommands{s}.list(), tokenCommands{s}.list(), sessionCommands{s}.list()}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func count[T ~int | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func instant(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

// until reads a date, or never.
func until(text string) (*time.Time, error) {
	if text == "never" {
		return nil, nil
	}
	at, err := registry.ParseDate(text)
	return &at, err
}
