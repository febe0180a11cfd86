package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"culvert/agent/internal/ingress"
	"culvert/shared/nodeapi"
	"culvert/shared/protocol"
)

// readCertificates parses what it has not parsed before.
func readCertificates(in []nodeapi.Certificate, have map[string]*keyPair) (map[string]*keyPair, error) {
	out := make(map[string]*keyPair, len(in))
	for i, c := range in {
		at := fmt.Sprintf("certificates[%d]", i)
		if c.ID == "" || out[c.ID] != nil {
			return nil, nodeapi.Fault(at+".id", "must be set and appear once, is %q", c.ID)
		}
		if old := have[c.ID]; old != nil && old.chain == c.Chain && old.key == c.Key {
			out[c.ID] = old
			continue
		}
		pair, err := tls.X509KeyPair([]byte(c.Chain), []byte(c.Key))
		if err != nil {
			return nil, nodeapi.Fault(at, "is not a chain with its key: %v", err)
		}
		out[c.ID] = &keyPair{chain: c.Chain, key: c.Key, cert: &pair}
	}
	return out, nil
}

// startServices decides which services stay and starts those that are new or changed. On failure it closes what it
// started.
func (c *change) startServices(ctx context.Context) error {
	e := c.e
	c.services, c.broken = e.current.services, e.current.broken
	if c.u.Ingresses == nil && c.u.Certificates == nil && len(c.broken) == 0 {
		return nil
	}
	c.services, c.broken = make(map[string]*service, len(c.sections.Ingresses)), map[string]error{}
	taken := map[string]string{}
	for i, spec := range c.sections.Ingresses {
		at := fmt.Sprintf("ingresses[%d]", i)
		s, err := c.service(ctx, at, spec, taken)
		switch {
		case err == nil:
			c.services[spec.ID] = s
		case c.lenient || e.current.broken[spec.ID] != nil && c.u.Ingresses == nil:
			c.broken[spec.ID] = err
			e.log.Error("ingress does not start", "ingress", spec.ID, "error", err)
		default:
			c.undo(ctx)
			return err
		}
	}
	return nil
}

// undo closes what a refused change had started.
func (c *change) undo(ctx context.Context) {
	e := c.e
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for _, s := range c.started {
		if err := e.close(ended, s); err != nil && !errors.Is(err, context.Canceled) {
			e.log.Warn("ingress of a refused revision did not close cleanly", "ingress", s.spec.ID, "error", err)
		}
	}
}

// service checks one ingress of the document and returns the service for it: the running one, or a new one.
func (c *change) service(ctx context.Context, at string, spec nodeapi.Ingress, taken map[string]string) (*service, error) {
	e := c.e
	kind, ok := e.kinds[spec.Kind]
	if !ok {
		return nil, nodeapi.Fault(at+".kind", "this agent does not serve %q", spec.Kind)
	}
	options, err := kind.Normalize(spec.Options)
	if err != nil {
		return nil, within(at+".options", err)
	}
	spec.Options = options
	if err := claim(taken, kind, at, spec); err != nil {
		return nil, err
	}
	var cert *tls.Certificate
	switch pair := c.certs[spec.Certificate]; {
	case spec.Certificate == "" && kind.NeedsCertificate(options):
		return nil, nodeapi.Fault(at+".certificate", "must be set: these options speak TLS")
	case spec.Certificate != "" && pair == nil:
		return nil, nodeapi.Fault(at+".certificate", "%s is not among the document's certificates", spec.Certificate)
	case pair != nil:
		cert = pair.cert
	}
	if s := e.current.services[spec.ID]; s != nil && s.same(&spec) {
		return s, nil
	}
	// A service with keys of its own starts from the rows before the change; the change follows.
	s, err := e.build(ctx, at, spec, cert, ingress.KeyChange{Full: true, Rows: e.ring.All()})
	if err == nil {
		c.started = append(c.started, s)
	}
	return s, err
}

// claim refuses two ingresses of one document on one socket.
func claim(taken map[string]string, kind protocol.Kind, at string, spec nodeapi.Ingress) error {
	addr, err := nodeapi.ParseListen(spec.Listen)
	if err != nil {
		return nodeapi.Fault(at+".listen", "%v", err)
	}
	networks := []string{kind.Network}
	if kind.Network == protocol.Both {
		networks = []string{protocol.TCP, protocol.UDP}
	}
	for _, n := range networks {
		k := n + " " + netip.AddrPortFrom(addr.Addr(), addr.Port()).String()
		if other := taken[k]; other != "" {
			return nodeapi.Fault(at+".listen", "%s/%s is taken by %s", spec.Listen, n, other)
		}
		taken[k] = spec.ID
	}
	return nil
}

// rebuild starts the ingress id anew and retires the running one.
func (e *Engine) rebuild(ctx context.Context, id string) error {
	for i, spec := range e.current.sections.Ingresses {
		if spec.ID != id {
			continue
		}
		at := fmt.Sprintf("ingresses[%d]", i)
		c := &change{e: e, certs: e.current.certs}
		old := e.current.services[id]
		delete(e.current.services, id) // so that it is not taken for unchanged
		s, err := c.service(ctx, at, spec, map[string]string{})
		if err != nil {
			if old != nil {
				e.current.services[id] = old
			} else {
				e.current.broken[id] = err
			}
			return err
		}
		e.current.services = maps.Clone(e.current.services)
		e.current.services[id] = s
		delete(e.current.broken, id)
		if old != nil {
			e.retire(old, true) //nolint:contextcheck // it drains after the call is done
		}
		return nil
	}
	return nodeapi.Fault("ingress", "%s is not served here", id)
}
