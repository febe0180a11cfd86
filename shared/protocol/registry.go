// Package protocol lists the ingress kinds that Culvert can serve and, for each, what both halves must know of it: how its
// options are checked, what it binds and which credential opens it. The panel refuses what the agent would refuse,
// because both ask here.
package protocol

import (
	"encoding/json"

	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

// What a kind binds.
const (
	TCP  = "tcp"
	UDP  = "udp"
	Both = "both"
)

// Kind is one protocol an ingress can speak.
type Kind struct {
	Name    string
	Network string // what it binds: TCP, UDP or Both
	// Family names the generated secret that opens this kind; empty where a name and a password do.
	Family string
	// Clear tells that nodes need the generated secret itself: the protocol proves it by a key made from it.
	Clear bool
	// Brief tells that clients sign in with every connection: what they open from one address is one session to people.
	Brief bool
	// Peers tells that subscribers' devices open this kind, each by its own key.
	Peers bool
	// NeedsCertificate tells whether an ingress with these options must name a certificate. opts is normalized.
	NeedsCertificate func(opts json.RawMessage) bool
	// Normalize decodes options strictly, fills the defaults and checks every rule. Faults are *nodeapi.FieldError with
	// a path relative to the options. Normalizing twice changes nothing.
	Normalize func(opts json.RawMessage) (json.RawMessage, error)
	// Hidden are the options that nobody is shown once they are set: keys. An update that leaves them out keeps them.
	Hidden []string
	// Complete makes the hidden options that are left out; nil where there is nothing to make.
	Complete func(opts json.RawMessage) (json.RawMessage, error)
	// Crowd tells how many subscribers an ingress with these options serves well, and what to do above; nil, or 0, for any
	// number. opts is normalized.
	Crowd func(opts json.RawMessage) (most int, advice string)
	// Options is the zero value of what Normalize decodes: documentation is made from its type.
	Options any
}

// Kinds returns all kinds, one line each.
func Kinds() []Kind {
	return []Kind{
		{Name: hysteria.Name, Network: UDP, Family: hysteria.Name, NeedsCertificate: hysteria.NeedsCertificate, Normalize: hysteria.Normalize, Options: hysteria.Options{}},
		{Name: httpproxy.Name, Network: TCP, Brief: true, NeedsCertificate: httpproxy.NeedsCertificate, Normalize: httpproxy.Normalize, Options: httpproxy.Options{}},
		{
			Name: wireguard.Name, Network: UDP, Peers: true, NeedsCertificate: wireguard.NeedsCertificate, Normalize: wireguard.Normalize,
			Hidden: []string{"private_key"}, Complete: wireguard.Complete, Options: wireguard.Options{},
		},
		{
			Name: shadowsocks.Name, Network: Both, Brief: true, Family: shadowsocks.Name, Clear: true, NeedsCertificate: shadowsocks.NeedsCertificate,
			Normalize: shadowsocks.Normalize, Hidden: []string{"key"}, Complete: shadowsocks.Complete, Crowd: shadowsocks.Crowd, Options: shadowsocks.Options{},
		},
		{Name: socks.Name, Network: TCP, Brief: true, NeedsCertificate: socks.NeedsCertificate, Normalize: socks.Normalize, Options: socks.Options{}},
	}
}

// Lookup finds a kind by name.
func Lookup(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
