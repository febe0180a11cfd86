package profile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"culvert/panel/internal/device"
	"culvert/panel/internal/reach"
	"culvert/panel/internal/subscriber"
	"culvert/shared/protocol"
	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

// endpoint makes the endpoint of a place with what a subscriber presents there. ok is false for a place that nobody can be
// told how to reach, because its node has no address, and for a subscriber without the secret that opens it. A WireGuard
// place has no tunnel yet: that is a device's.
func endpoint(p *reach.Place, c *subscriber.Credentials) (e Endpoint, ok bool, err error) {
	e = Endpoint{Ingress: p.ID, Kind: p.Kind, Node: p.Node.Name, Region: p.Node.Region, Host: p.Node.Host, Port: p.Listen.Port()}
	raw := json.RawMessage(p.Options)
	tls, unchecked, asked := false, false, ""
	switch p.Kind {
	case hysteria.Name:
		o, err := hysteria.Parse(raw)
		if err != nil {
			return e, false, fmt.Errorf("ingress %s: %w", p.ID, err)
		}
		e.Auth, e.UDP, tls, asked = c.Secrets[hysteria.Name].Reveal(), o.UDP, true, o.SNI
		if o.Obfs != nil {
			e.Obfs = o.Obfs.Password
		}
		unchecked = o.Insecure
	case shadowsocks.Name:
		o, err := shadowsocks.Parse(raw)
		if err != nil {
			return e, false, fmt.Errorf("ingress %s: %w", p.ID, err)
		}
		e.Method, e.Password, e.UDP = o.Method, o.Password(c.Secrets[shadowsocks.Name].Reveal()), o.UDP
	case socks.Name:
		o, err := socks.Parse(raw)
		if err != nil {
			return e, false, fmt.Errorf("ingress %s: %w", p.ID, err)
		}
		e.User, e.Password, e.UDP, tls = c.Login, c.Password.Reveal(), o.UDP, o.TLS
	case httpproxy.Name:
		o, err := httpproxy.Parse(raw)
		if err != nil {
			return e, false, fmt.Errorf("ingress %s: %w", p.ID, err)
		}
		e.User, e.Password, tls = c.Login, c.Password.Reveal(), o.TLS
	case wireguard.Name:
		o, err := wireguard.Parse(raw)
		if err != nil {
			return e, false, fmt.Errorf("ingress %s: %w", p.ID, err)
		}
		e.UDP = true
		e.Host, e.Port = outside(&o, p)
	default:
		return e, false, nil
	}
	if tls {
		e.TLS = checks(p, e.Host, asked)
		e.TLS.Insecure = unchecked
	}
	if k, known := protocol.Lookup(p.Kind); known && k.Family != "" && c.Secrets[k.Family].Empty() {
		return e, false, nil
	}
	return e, e.Host != "", nil
}

// outside is where clients of a WireGuard place connect.
func outside(o *wireguard.Options, p *reach.Place) (string, uint16) {
	host, port := p.Node.Host, p.Listen.Port()
	if o.EndpointHost != "" {
		host = o.EndpointHost
	}
	if o.EndpointPort != 0 {
		port = o.EndpointPort
	}
	return host, port
}

// checks tells how a client makes sure of a place: the name to ask for is the one that the options say, else the host when
// the certificate is for it, else the certificate's first.
func checks(p *reach.Place, host, asked string) *TLS {
	t := &TLS{Name: asked}
	c := p.Certificate
	if c == nil {
		if t.Name == "" {
			t.Name = host
		}
		return t
	}
	if c.SelfSigned {
		t.Pin, t.Chain = c.SHA256, c.Chain
	}
	if t.Name == "" {
		t.Name = host
		if i := slices.IndexFunc(c.Names, func(n string) bool { return !strings.HasPrefix(n, "*") }); i >= 0 && !covered(c.Names, host) {
			t.Name = c.Names[i]
		}
	}
	return t
}

func covered(names []string, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(n, host) || parent != "" && strings.EqualFold(n, "*."+parent)
	})
}

// tunnel gives a WireGuard endpoint what a device has there; false when the device cannot be there: it is bound to another
// ingress, its user keeps the key, or the pool is too small for its number.
func tunnel(e *Endpoint, p *reach.Place, d *device.Device, k device.Keys) (bool, error) {
	if k.Private == nil || d.IngressID != nil && *d.IngressID != p.ID {
		return false, nil
	}
	o, err := wireguard.Parse(json.RawMessage(p.Options))
	if err != nil {
		return false, fmt.Errorf("ingress %s: %w", p.ID, err)
	}
	server, err := wireguard.ParseKey(o.PrivateKey)
	if err != nil {
		return false, err
	}
	public, err := server.Public()
	if err != nil {
		return false, err
	}
	addresses, fits := o.Inner(d.Number)
	if !fits {
		return false, nil
	}
	e.Device = d.Name
	e.Tunnel = &Tunnel{
		Private: *k.Private, Preshared: k.Preshared, Server: public, Addresses: addresses, DNS: slices.Clone(o.Resolvers()),
		MTU: o.MTU, Keepalive: o.KeepaliveS,
	}
	return true, nil
}

// collect makes the endpoints of a subscriber: one a place, and of WireGuard one a place and device.
func collect(v *reach.View, c *subscriber.Credentials, devices []device.Open) ([]Endpoint, error) {
	var out []Endpoint
	for i := range v.Places {
		p := &v.Places[i]
		e, ok, err := endpoint(p, c)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if p.Kind != wireguard.Name {
			out = append(out, e)
			continue
		}
		for j := range devices {
			here := e
			fits, err := tunnel(&here, p, &devices[j].Device, devices[j].Keys)
			if err != nil {
				return nil, err
			}
			if fits {
				out = append(out, here)
			}
		}
	}
	return out, nil
}

// named gives a document's endpoints their labels.
func named(d *Document, template string) {
	for i := range d.Endpoints {
		if e := &d.Endpoints[i]; !e.Notice {
			e.Label = label(template, d.User, &d.Quota, e)
		}
	}
	unique(d.Endpoints)
}
