package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/keyring"
	"culvert/agent/internal/route"
	"culvert/agent/internal/session"
	"culvert/shared/nodeapi"
)

// Why an update could not be applied though nothing in it is wrong.
var (
	ErrStale    = errors.New("update does not follow the applied revision") // fetch the full document
	ErrNotSaved = errors.New("update is applied but not on disk")           // not to be acknowledged; Save tries again
)

// change is an update on its way.
type change struct {
	e        *Engine
	u        *nodeapi.Update
	sections nodeapi.Sections
	certs    map[string]*keyPair
	keys     *keyring.Plan
	services map[string]*service
	broken   map[string]error
	started  []*service
	lenient  bool
}

// Apply brings the node to u, or leaves it as it is. Errors: ErrStale, a *nodeapi.FieldError that names what was refused,
// or ErrNotSaved, after which u is in force but must not be acknowledged.
func (e *Engine) Apply(ctx context.Context, u *nodeapi.Update) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	return e.applyLocked(ctx, u, false)
}

// Restore applies a document that was stored: services that cannot start now (a port taken by another program) are left
// out and told in State, so that the rest serves. They are tried again with every update and by Heal.
func (e *Engine) Restore(ctx context.Context, doc *nodeapi.Update) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	return e.applyLocked(ctx, doc, true)
}

func (e *Engine) applyLocked(ctx context.Context, u *nodeapi.Update, restore bool) error {
	if err := e.check(u); err != nil {
		return err
	}
	c := &change{e: e, u: u, lenient: restore, sections: overlay(e.current.sections, u)}
	if err := c.plan(); err != nil {
		return err
	}
	if err := c.startServices(ctx); err != nil {
		return err
	}
	changes := c.swap() //nolint:contextcheck // what it retires drains after the update is done
	cutWhatChanged(e.sessions, changes)
	c.tellKeys(ctx, changes)
	e.log.Info("revision applied", "revision", u.Revision, "subscribers", e.ring.Len(), "changed", len(changes), "started", len(c.started))
	if restore {
		return nil
	}
	return e.save(u)
}

// check refuses what is malformed, for someone else, or not next.
func (e *Engine) check(u *nodeapi.Update) error {
	e.gate.RLock()
	draining := e.draining
	e.gate.RUnlock()
	if draining {
		return flow.ErrClosed
	}
	if err := u.Validate(); err != nil {
		return err
	}
	if u.Node != e.cfg.Node {
		return nodeapi.Fault("node", "document is for %s, this is %s", u.Node, e.cfg.Node)
	}
	if u.Capability > nodeapi.Capability {
		return nodeapi.Fault("capability", "this agent speaks %d, the document %d", nodeapi.Capability, u.Capability)
	}
	if u.Base != 0 && u.Base != e.current.revision {
		return fmt.Errorf("%w: it starts from %d, the node is at %d", ErrStale, u.Base, e.current.revision)
	}
	return nil
}

func overlay(s nodeapi.Sections, u *nodeapi.Update) nodeapi.Sections {
	if u.Settings != nil {
		s.Settings = *u.Settings
	}
	if u.Ingresses != nil {
		s.Ingresses = *u.Ingresses
	}
	if u.Certificates != nil {
		s.Certificates = *u.Certificates
	}
	return s
}

// plan checks the whole document, down to the hash of what it leads to.
func (c *change) plan() (err error) {
	e := c.e
	c.certs = e.current.certs
	if c.u.Certificates != nil {
		if c.certs, err = readCertificates(c.sections.Certificates, e.current.certs); err != nil {
			return err
		}
	}
	if c.keys, err = e.ring.Plan(c.u.Base == 0, c.u.Subscribers, c.u.Removed, c.sections.Settings.PasswordSalt); err != nil {
		return err
	}
	if h := nodeapi.HashState(c.sections, c.keys.Rows(), c.keys.Mixed()); h != c.u.Hash {
		if c.u.Base != 0 {
			return fmt.Errorf("%w: the states differ in their hash", ErrStale)
		}
		return nodeapi.Fault("hash", "document's hash is %.16s…, its content's %.16s…", c.u.Hash, h)
	}
	return nil
}

// swap makes the change, all at once for everyone who asks.
func (c *change) swap() []keyring.Change {
	e := c.e
	old := e.current
	e.gate.Lock()
	changes := c.keys.Commit()
	if c.u.Settings != nil {
		e.routes.Store(route.Compile(c.sections.Settings))
		e.oldest.Store(c.sections.Settings.DropOldest)
	}
	for _, ch := range changes {
		if ch.New != nil {
			e.meter.Update(ch.New)
		} else {
			e.meter.Forget(ch.Old.ID)
		}
	}
	e.current = current{
		revision: c.u.Revision, hash: c.u.Hash, sections: c.sections, certs: c.certs, services: c.services, broken: c.broken,
		unsaved: old.unsaved,
	}
	for i := range c.sections.Ingresses {
		spec := &c.sections.Ingresses[i]
		if s := c.services[spec.ID]; s != nil && spec.Certificate != "" {
			s.cert.Store(c.certs[spec.Certificate].cert)
		}
	}
	e.gate.Unlock()
	if c.u.Settings != nil {
		e.meter.SetInterval(time.Duration(c.sections.Settings.ReportIntervalMS) * time.Millisecond)
	}
	for id, s := range old.services {
		if next := c.services[id]; next != s {
			e.retire(s, next != nil)
		}
	}
	return changes
}

// cutWhatChanged ends sessions that could not be opened now.
func cutWhatChanged(sessions *session.Table, changes []keyring.Change) {
	for _, ch := range changes {
		switch {
		case ch.Old == nil:
		case ch.New == nil:
			sessions.Cut(session.Selector{Subscriber: ch.Old.ID}, session.Revoked)
		default:
			sessions.SetExpiry(ch.New.ID, ch.New.Expires)
			sessions.CutIf(ch.New.ID, func(s *session.Session) session.Cause { return verdict(ch.New, s) })
		}
	}
}

// verdict says why s may not go on under row; empty when it may.
func verdict(row *nodeapi.Subscriber, s *session.Session) session.Cause {
	switch {
	case !row.Enabled:
		if c := session.Cause(row.Reason); c == session.Expired || c == session.Limited || c == session.Revoked {
			return c
		}
		return session.Suspended
	case expired(row, time.Now()):
		return session.Expired
	case row.Generation != s.Principal().Generation, !slices.Contains(row.Protocols, s.Kind()):
		return session.Revoked
	}
	return deviceVerdict(row, s)
}

// tellKeys brings the change to services that hold keys themselves. One that fails is logged: its next change, or a
// restart of the ingress, brings it in line; the subscribers are cut and refused by the engine in any case.
func (c *change) tellKeys(ctx context.Context, changes []keyring.Change) {
	if len(changes) == 0 {
		return
	}
	var kc ingress.KeyChange
	for _, ch := range changes {
		if ch.New != nil {
			kc.Rows = append(kc.Rows, ch.New)
		} else {
			kc.Removed = append(kc.Removed, ch.Old.ID)
		}
	}
	for id, s := range c.services {
		k, ok := s.ing.(ingress.KeysChanged)
		if !ok {
			continue
		}
		if err := k.KeysChanged(ctx, kc); err != nil {
			c.e.log.Error("ingress did not take a change of keys", "ingress", id, "error", err)
		}
	}
}

func (e *Engine) save(u *nodeapi.Update) error {
	e.current.unsaved = nil
	if err := e.cfg.Store.Save(u, e.document); err != nil {
		e.current.unsaved = err
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	return nil
}

// Save tries again to store a state that Apply could not. It does nothing when there is none.
func (e *Engine) Save() error {
	e.apply.Lock()
	defer e.apply.Unlock()
	if e.current.unsaved == nil {
		return nil
	}
	return e.save(e.document())
}

// document is the applied state as one full update.
func (e *Engine) document() *nodeapi.Update {
	rows := e.ring.All()
	u := &nodeapi.Update{
		Node: e.cfg.Node, Revision: e.current.revision, Hash: e.current.hash, Capability: nodeapi.Capability,
		Settings: &e.current.sections.Settings, Ingresses: &e.current.sections.Ingresses,
		Certificates: &e.current.sections.Certificates, Subscribers: make([]nodeapi.Subscriber, len(rows)),
	}
	for i, r := range rows {
		u.Subscribers[i] = *r
	}
	return u
}

// Heal tries to start what did not start before. It returns what still fails.
func (e *Engine) Heal(ctx context.Context) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	var all error
	for _, id := range slices.Sorted(maps.Keys(e.current.broken)) {
		all = errors.Join(all, e.rebuild(ctx, id))
	}
	return all
}

// Restart builds one ingress anew beside the old one and lets the old one drain.
func (e *Engine) Restart(ctx context.Context, id string) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	return e.rebuild(ctx, id)
}
