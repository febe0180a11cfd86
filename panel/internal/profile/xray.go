package profile

import (
	"culvert/shared/protocol/httpproxy"
	"culvert/shared/protocol/shadowsocks"
	"culvert/shared/protocol/socks"
	"culvert/shared/protocol/wireguard"
)

// xray is a list of whole configurations, one an endpoint, as apps around Xray import them. Hysteria is left out.
func xray(d *Document) string {
	out := []any{}
	for i := range d.Endpoints {
		if o := xrayOutbound(&d.Endpoints[i]); o != nil {
			out = append(out, object{
				"remarks": d.Endpoints[i].Label,
				"log":     object{"loglevel": "warning"},
				"dns":     object{"servers": []string{"1.1.1.1", "8.8.8.8"}},
				"inbounds": []any{
					object{"tag": "socks", "listen": "127.0.0.1", "port": 10808, "protocol": "socks", "settings": object{"udp": true, "auth": "noauth"}, "sniffing": object{"enabled": true, "destOverride": []string{"http", "tls", "quic"}}},
					object{"tag": "http", "listen": "127.0.0.1", "port": 10809, "protocol": "http"},
				},
				"outbounds": []any{o, object{"tag": "direct", "protocol": "freedom"}, object{"tag": "block", "protocol": "blackhole"}},
				"routing": object{"domainStrategy": "IPIfNonMatch", "rules": []any{
					object{"type": "field", "ip": private(), "outboundTag": "direct"},
				}},
			})
		}
	}
	return encode(out)
}

// xrayOutbound is nil for what Xray cannot speak.
func xrayOutbound(e *Endpoint) object {
	o := object{"tag": "proxy"}
	switch e.Kind {
	case shadowsocks.Name:
		o["protocol"] = "shadowsocks"
		o["settings"] = object{"servers": []any{object{"address": e.Host, "port": e.Port, "method": e.Method, "password": e.Password}}}
	case socks.Name, httpproxy.Name:
		o["protocol"] = "socks"
		if e.Kind == httpproxy.Name {
			o["protocol"] = "http"
		}
		o["settings"] = object{"servers": []any{object{
			"address": e.Host, "port": e.Port, "users": []any{object{"user": e.User, "pass": e.Password}},
		}}}
		if e.TLS != nil {
			if e.TLS.Insecure && e.TLS.Pin == nil {
				return nil // Xray refuses to leave a server unchecked
			}
			o["streamSettings"] = object{"network": "tcp", "security": "tls", "tlsSettings": xrayTLS(e.TLS)}
		}
	case wireguard.Name:
		if e.Tunnel == nil {
			return nil
		}
		o["protocol"], o["settings"] = "wireguard", xrayTunnel(e)
	default:
		return nil
	}
	return o
}

// xrayTLS trusts a self-signed certificate itself: nothing is left unchecked.
func xrayTLS(t *TLS) object {
	o := object{"serverName": t.Name}
	if t.Pin != nil {
		o["pinnedPeerCertSha256"] = t.pin()
	}
	return o
}

func xrayTunnel(e *Endpoint) object {
	t := e.Tunnel
	peer := object{"publicKey": t.Server.String(), "endpoint": e.address(), "allowedIPs": everything()}
	if t.Preshared != nil {
		peer["preSharedKey"] = t.Preshared.String()
	}
	if t.Keepalive > 0 {
		peer["keepAlive"] = t.Keepalive
	}
	// Run by root, Xray would make an interface and rules of the kernel, over which some datagrams get lost.
	return object{"secretKey": t.Private.String(), "address": t.prefixes(), "mtu": t.MTU, "peers": []any{peer}, "noKernelTun": true}
}
