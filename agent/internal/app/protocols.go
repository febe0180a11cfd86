package app

import (
	"culvert/agent/internal/ingress"
	"culvert/agent/internal/ingress/httpproxy"
	"culvert/agent/internal/ingress/hysteria"
	"culvert/agent/internal/ingress/shadowsocks"
	"culvert/agent/internal/ingress/socks"
	"culvert/agent/internal/ingress/wireguard"
)

// factories lists the protocols that this build serves, one line each; the same kinds as shared/protocol's registry.
func factories() map[string]ingress.Factory {
	return map[string]ingress.Factory{
		"hysteria2":   hysteria.New,
		"http":        httpproxy.New,
		"shadowsocks": shadowsocks.New,
		"socks5":      socks.New,
		"wireguard":   wireguard.New,
	}
}
