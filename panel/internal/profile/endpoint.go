package profile

import (
	"encoding/hex"
	"net/netip"
	"time"

	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
	"culvert/shared/unit"
)

// Endpoint is one entry of a profile: where an app connects, and what it presents there.
type Endpoint struct {
	Ingress  string // id
	Kind     string // of the registry of protocols
	Node     string
	Region   string
	Device   string // WireGuard: the device's name
	Label    string // what people see; unique in a document
	Host     string
	Port     uint16
	User     string // SOCKS5, HTTP
	Password string // SOCKS5, HTTP, Shadowsocks
	Auth     string // Hysteria
	Method   string // Shadowsocks
	Obfs     string // Hysteria: password of Salamander; empty: none
	UDP      bool
	TLS      *TLS    // nil: none
	Tunnel   *Tunnel // WireGuard
	Notice   bool    // leads nowhere: its label is a message
}

// TLS is how an app checks the server.
type TLS struct {
	Name     string // to ask for and to check
	Insecure bool   // the ingress's options tell apps to check nothing
	Pin      []byte // SHA-256 of a self-signed certificate
	Chain    string // PEM of it
}

func (t *TLS) pin() string { return hex.EncodeToString(t.Pin) }

// unchecked reports whether an app that knows no pins has to skip its checks.
func (t *TLS) unchecked() bool { return t.Insecure || t.Pin != nil }

// Tunnel is the WireGuard side of an endpoint.
type Tunnel struct {
	Private   wireguard.Key
	Preshared *wireguard.Key
	Server    wireguard.Key // public
	Addresses []netip.Addr  // IPv4 first
	DNS       []netip.Addr
	MTU       int64
	Keepalive int64 // seconds; 0: none
}

// prefixes are the addresses with the length of one host.
func (t *Tunnel) prefixes() []string {
	out := make([]string, len(t.Addresses))
	for i, a := range t.Addresses {
		out[i] = netip.PrefixFrom(a, a.BitLen()).String()
	}
	return out
}

func (t *Tunnel) resolvers() []string {
	out := make([]string, len(t.DNS))
	for i, a := range t.DNS {
		out[i] = a.String()
	}
	return out
}

// private are networks that stay outside of tunnels in documents that route.
func private() []string {
	return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"}
}

// everything is what goes through a tunnel.
func everything() []string { return []string{"0.0.0.0/0", "::/0"} }

// Document is everything that a subscription is rendered from.
type Document struct {
	User      string
	Title     string
	Endpoints []Endpoint
	Quota     Quota
	URL       string // of the subscription itself; empty: not known
	Support   string
}

// Quota is what a subscriber has moved and may move.
type Quota struct {
	Up, Down unit.Bytes
	Total    unit.Bytes // 0: no limit
	Expires  *time.Time // nil: never
}

func (q *Quota) used() unit.Bytes { return unit.AddSat(q.Up, q.Down) }

// kindTitles are what people call the protocols.
func kindTitles() map[string]string {
	return map[string]string{
		hysteria.Name: "Hysteria2", shadowsocks.Name: "Shadowsocks", socks.Name: "SOCKS5", httpproxy.Name: "HTTP", wireguard.Name: "WireGuard",
	}
}
