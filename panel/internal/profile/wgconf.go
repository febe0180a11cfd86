package profile

import (
	"strconv"
	"strings"
)

// Conf is the file of a WireGuard endpoint as wg-quick reads it.
func (e *Endpoint) Conf() string {
	t := e.Tunnel
	if t == nil {
		return ""
	}
	var b strings.Builder
	line := func(key, value string) { b.WriteString(key + " = " + value + "\n") }
	b.WriteString("[Interface]\n")
	line("PrivateKey", t.Private.String())
	line("Address", strings.Join(t.prefixes(), ", "))
	if len(t.DNS) > 0 {
		line("DNS", strings.Join(t.resolvers(), ", "))
	}
	line("MTU", strconv.FormatInt(t.MTU, 10))
	b.WriteString("\n[Peer]\n")
	line("PublicKey", t.Server.String())
	if t.Preshared != nil {
		line("PresharedKey", t.Preshared.String())
	}
	line("AllowedIPs", strings.Join(everything(), ", "))
	line("Endpoint", e.address())
	if t.Keepalive > 0 {
		line("PersistentKeepalive", strconv.FormatInt(t.Keepalive, 10))
	}
	return b.String()
}

// bundle is every WireGuard file of a document, each below a line that names it. With one, it is that file.
func bundle(d *Document) string {
	var b strings.Builder
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		if e.Notice || e.Tunnel != nil {
			b.WriteString("# " + comment(e.Label) + "\n")
		}
		if e.Tunnel != nil {
			b.WriteString(e.Conf() + "\n")
		}
	}
	return b.String()
}

// comment keeps a label on its line.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}
