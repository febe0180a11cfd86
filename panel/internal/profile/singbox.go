package profile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

// object is a piece of a JSON document. The encoder sorts its keys.
type object = map[string]any

// encode writes a document for apps: indented, and without the escapes meant for HTML.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("profile: documents are made of texts and numbers: " + err.Error())
	}
	return b.String()
}

// Tags of sing-box documents. Labels never collide with them: see unique.
const (
	tagSelect = "select"
	tagAuto   = "auto"
	tagDirect = "direct"
)

// singbox is a whole configuration for sing-box 1.12 and its apps: a TUN inbound, and a choice of all endpoints.
func singbox(d *Document) string {
	outbounds, tunnels, tags := []any{}, []any{}, []string{}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		if e.Kind == wireguard.Name && e.Tunnel != nil {
			tunnels, tags = append(tunnels, singboxTunnel(e)), append(tags, e.Label)
		} else if o := singboxOutbound(e); o != nil {
			outbounds, tags = append(outbounds, o), append(tags, e.Label)
		}
	}
	choice := []any{object{"type": "direct", "tag": tagDirect}}
	final := tagDirect
	if len(tags) > 0 {
		final = tagSelect
		choice = []any{
			object{"type": "selector", "tag": tagSelect, "outbounds": append([]string{tagAuto}, tags...), "default": tagAuto},
			object{"type": "urltest", "tag": tagAuto, "outbounds": tags, "url": "https://www.gstatic.com/generate_204", "interval": "10m"},
			choice[0],
		}
	}
	remote := object{"type": "https", "tag": "remote", "server": "1.1.1.1"}
	if final == tagSelect {
		remote["detour"] = tagSelect
	}
	doc := object{
		"log": object{"level": "warn", "timestamp": true},
		"dns": object{"servers": []any{remote, object{"type": "local", "tag": "local"}}, "final": "remote", "strategy": "prefer_ipv4"},
		"inbounds": []any{object{
			"type": "tun", "tag": "tun", "address": []string{"172.19.0.1/30", "fdfe:dcba:9876::1/126"}, "auto_route": true, "strict_route": true,
		}},
		"outbounds": slices.Concat(choice, outbounds),
		"route": object{
			"rules": []any{
				object{"action": "sniff"},
				object{"protocol": "dns", "action": "hijack-dns"},
				object{"ip_is_private": true, "action": "route", "outbound": tagDirect},
			},
			"final": final, "auto_detect_interface": true, "default_domain_resolver": "local",
		},
	}
	if len(tunnels) > 0 {
		doc["endpoints"] = tunnels
	}
	return encode(doc)
}

func singboxTunnel(e *Endpoint) object {
	t := e.Tunnel
	peer := object{"address": e.Host, "port": e.Port, "public_key": t.Server.String(), "allowed_ips": everything()}
	if t.Preshared != nil {
		peer["pre_shared_key"] = t.Preshared.String()
	}
	if t.Keepalive > 0 {
		peer["persistent_keepalive_interval"] = t.Keepalive
	}
	return object{
		"type": "wireguard", "tag": e.Label, "mtu": t.MTU, "address": t.prefixes(), "private_key": t.Private.String(), "peers": []any{peer},
	}
}

// singboxOutbound is nil for what sing-box cannot speak, such as SOCKS5 inside TLS.
func singboxOutbound(e *Endpoint) object {
	o := object{"tag": e.Label, "server": e.Host, "server_port": e.Port}
	if !e.UDP && (e.Kind == hysteria.Name || e.Kind == shadowsocks.Name || e.Kind == socks.Name) {
		o["network"] = "tcp"
	}
	switch e.Kind {
	case hysteria.Name:
		o["type"], o["password"], o["tls"] = "hysteria2", e.Auth, singboxTLS(e.TLS)
		if e.Obfs != "" {
			o["obfs"] = object{"type": hysteria.Salamander, "password": e.Obfs}
		}
	case shadowsocks.Name:
		o["type"], o["method"], o["password"] = "shadowsocks", e.Method, e.Password
	case socks.Name:
		if e.TLS != nil {
			return nil
		}
		o["type"], o["version"], o["username"], o["password"] = "socks", "5", e.User, e.Password
	case httpproxy.Name:
		o["type"], o["username"], o["password"] = "http", e.User, e.Password
		if e.TLS != nil {
			o["tls"] = singboxTLS(e.TLS)
		}
	default:
		return nil
	}
	return o
}

// singboxTLS trusts a self-signed certificate itself: nothing is left unchecked.
func singboxTLS(t *TLS) object {
	if t == nil {
		return object{"enabled": true}
	}
	o := object{"enabled": true, "server_name": t.Name}
	switch {
	case t.Insecure:
		o["insecure"] = true
	case t.Pin != nil:
		o["certificate"] = strings.Split(strings.TrimSpace(t.Chain), "\n")
	}
	return o
}
