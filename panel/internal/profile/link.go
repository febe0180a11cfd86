package profile

import (
	"encoding/base64"
	"net"
	"net/url"
	"strconv"
	"strings"

	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

func (e *Endpoint) address() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

// Link is the share link of an endpoint; empty when its protocol has none. Every part is escaped as far as it goes, with no
// plus for a blank: apps take links apart in ways of their own.
func (e *Endpoint) Link() string {
	scheme, user, path := "", "", ""
	q := url.Values{}
	switch e.Kind {
	case hysteria.Name:
		// https://v2.hysteria.network/docs/developers/URI-Scheme/: the whole auth string is the user part.
		scheme, user, path = "hysteria2", escape(e.Auth), "/"
		e.hysteriaQuery(q)
	case shadowsocks.Name:
		// SIP002: the 2022 edition writes method and password as they are, escaped; AEAD in base64.
		scheme, user = "ss", base64.RawURLEncoding.EncodeToString([]byte(e.Method+":"+e.Password))
		if strings.HasPrefix(e.Method, "2022-") {
			user = escape(e.Method) + ":" + escape(e.Password)
		}
	case socks.Name:
		scheme, user = "socks5", escape(e.User)+":"+escape(e.Password)
		if e.TLS != nil {
			q.Set("tls", "1")
			q.Set("sni", e.TLS.Name)
		}
	case httpproxy.Name:
		scheme, user = "http", escape(e.User)+":"+escape(e.Password)
		if e.TLS != nil {
			scheme = "https"
		}
	case wireguard.Name:
		if e.Tunnel == nil {
			return ""
		}
		scheme, user, path = "wireguard", escape(e.Tunnel.Private.String()), "/"
		e.Tunnel.query(q)
	default:
		return ""
	}
	out := scheme + "://" + user + "@" + e.address() + path
	if len(q) > 0 {
		out += "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
	}
	return out + "#" + escape(e.Label)
}

// escape leaves letters, digits and -_.~ as they are.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (e *Endpoint) hysteriaQuery(q url.Values) {
	if t := e.TLS; t != nil {
		if t.Name != e.Host {
			q.Set("sni", t.Name)
		}
		if t.unchecked() {
			q.Set("insecure", "1")
		}
		if t.Pin != nil {
			q.Set("pinSHA256", t.pin())
		}
	}
	if e.Obfs != "" {
		q.Set("obfs", hysteria.Salamander)
		q.Set("obfs-password", e.Obfs)
	}
}

func (t *Tunnel) query(q url.Values) {
	q.Set("publickey", t.Server.String())
	if t.Preshared != nil {
		q.Set("presharedkey", t.Preshared.String())
	}
	q.Set("address", strings.Join(t.prefixes(), ","))
	q.Set("mtu", strconv.FormatInt(t.MTU, 10))
	if t.Keepalive > 0 {
		q.Set("keepalive", strconv.FormatInt(t.Keepalive, 10))
	}
}

// links are the share links of a document, one a line.
func links(d *Document) string {
	var b strings.Builder
	for i := range d.Endpoints {
		if l := d.Endpoints[i].Link(); l != "" {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// encoded is the list of links in base64, as v2rayN began.
func encoded(d *Document) string { return base64.StdEncoding.EncodeToString([]byte(links(d))) }
