package profile

import (
	"bytes"
	"encoding/json"
	"strings"

	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/hysteria"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

// clash is a configuration for mihomo and the apps around it. Lists hold JSON objects, which YAML reads as they are: one
// encoder escapes everything, and no text is ever taken for a number or a truth.
func clash(d *Document) string {
	proxies, names := []object{}, []string{}
	for i := range d.Endpoints {
		if p := clashProxy(&d.Endpoints[i]); p != nil {
			proxies, names = append(proxies, p), append(names, d.Endpoints[i].Label)
		}
	}
	var b strings.Builder
	b.WriteString("mixed-port: 7890\nallow-lan: false\nmode: rule\nlog-level: warning\nipv6: true\n")
	b.WriteString("dns:\n  enable: true\n  enhanced-mode: fake-ip\n  fake-ip-range: 198.18.0.1/16\n  default-nameserver: [\"1.1.1.1\", \"8.8.8.8\"]\n" +
		"  nameserver: [\"https://1.1.1.1/dns-query\", \"https://8.8.8.8/dns-query\"]\n")
	items(&b, "proxies", proxies)
	groups := []object{{"name": clashGroup, "type": "select", "proxies": []string{"DIRECT"}}}
	if len(names) > 0 {
		groups = []object{
			{"name": clashGroup, "type": "select", "proxies": append([]string{clashAuto}, names...)},
			{"name": clashAuto, "type": "url-test", "proxies": names, "url": "https://www.gstatic.com/generate_204", "interval": 600},
		}
	}
	items(&b, "proxy-groups", groups)
	b.WriteString("rules:\n")
	for _, own := range private() {
		kind := "IP-CIDR"
		if strings.Contains(own, ":") {
			kind = "IP-CIDR6"
		}
		b.WriteString("  - \"" + kind + "," + own + ",DIRECT,no-resolve\"\n")
	}
	b.WriteString("  - \"MATCH," + clashGroup + "\"\n")
	return b.String()
}

// Names of mihomo's groups. Labels never collide with them: see unique.
const (
	clashGroup = "PROXY"
	clashAuto  = "AUTO"
)

func items(b *strings.Builder, key string, list []object) {
	if len(list) == 0 {
		b.WriteString(key + ": []\n")
		return
	}
	b.WriteString(key + ":\n")
	for _, o := range list {
		var line bytes.Buffer
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(o); err != nil {
			panic("profile: documents are made of texts and numbers: " + err.Error())
		}
		b.WriteString("  - " + line.String())
	}
}

// clashProxy is nil for what mihomo cannot speak.
func clashProxy(e *Endpoint) object {
	p := object{"name": e.Label, "server": e.Host, "port": e.Port}
	switch e.Kind {
	case hysteria.Name:
		p["type"], p["password"] = "hysteria2", e.Auth
		clashTLS(p, e.TLS, "sni")
		if e.Obfs != "" {
			p["obfs"], p["obfs-password"] = hysteria.Salamander, e.Obfs
		}
	case shadowsocks.Name:
		p["type"], p["cipher"], p["password"], p["udp"] = "ss", e.Method, e.Password, e.UDP
	case socks.Name:
		p["type"], p["username"], p["password"], p["udp"] = "socks5", e.User, e.Password, e.UDP
		if e.TLS != nil {
			p["tls"] = true
			clashTLS(p, e.TLS, "")
		}
	case httpproxy.Name:
		p["type"], p["username"], p["password"] = "http", e.User, e.Password
		if e.TLS != nil {
			p["tls"] = true
			clashTLS(p, e.TLS, "sni")
		}
	case wireguard.Name:
		if e.Tunnel == nil {
			return nil
		}
		clashTunnel(p, e.Tunnel)
	default:
		return nil
	}
	return p
}

// clashTLS has mihomo check a self-signed certificate by its fingerprint.
func clashTLS(p object, t *TLS, nameKey string) {
	if t == nil {
		return
	}
	if nameKey != "" {
		p[nameKey] = t.Name
	}
	switch {
	case t.Insecure:
		p["skip-cert-verify"] = true
	case t.Pin != nil:
		p["fingerprint"] = t.pin()
	}
}

func clashTunnel(p object, t *Tunnel) {
	p["type"], p["private-key"], p["public-key"], p["udp"] = "wireguard", t.Private.String(), t.Server.String(), true
	p["mtu"], p["allowed-ips"] = t.MTU, everything()
	if len(t.DNS) > 0 {
		p["dns"], p["remote-dns-resolve"] = t.resolvers(), true
	}
	for _, a := range t.Addresses {
		if a.Is4() {
			p["ip"] = a.String()
		} else {
			p["ipv6"] = a.String()
		}
	}
	if t.Preshared != nil {
		p["pre-shared-key"] = t.Preshared.String()
	}
	if t.Keepalive > 0 {
		p["persistent-keepalive"] = t.Keepalive
	}
}
