package rest

import (
	"context"

	"culvert/panel/internal/actor"
)

type ctxKey int

const (
	keyCaller ctxKey = iota
	keyTrace
)

// Caller is who sent a request. Its zero value is nobody.
type Caller struct {
	Actor      actor.Actor
	Session    string
	MustChange bool
	Portal     bool // a subscriber, who came with the portal's credential
	Address    string
	Agent      string
	Host       string // that the request was sent to
	Err        error  // why the presented credential was refused
}

// Credential names what was presented: a session or an access key.
func (c *Caller) Credential() string {
	if c.Session != "" {
		return c.Session
	}
	return c.Actor.ID
}

// WithCaller remembers who sent a request.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, keyCaller, c)
}

// CallerOf tells who sent a request.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(keyCaller).(Caller)
	return c
}

// WithTrace names a request.
func WithTrace(ctx context.Context, trace string) context.Context {
	return context.WithValue(ctx, keyTrace, trace)
}

// TraceOf is the name of a request in the panel's logs.
func TraceOf(ctx context.Context) string {
	s, _ := ctx.Value(keyTrace).(string)
	return s
}
