package profile

import (
	"crypto/sha256"
	"fmt"

	"culvert/shared/protocol/shadowsocks"
)

// sip008 is the list of Shadowsocks servers (https://shadowsocks.org/doc/sip008.html).
func sip008(d *Document) string {
	servers := []any{}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		if e.Kind != shadowsocks.Name {
			continue
		}
		servers = append(servers, object{
			"id": uuid(e.Ingress + e.Label), "remarks": e.Label, "server": e.Host, "server_port": e.Port, "password": e.Password, "method": e.Method,
		})
	}
	doc := object{"version": 1, "servers": servers, "bytes_used": d.Quota.used()}
	if d.Quota.Total > 0 {
		doc["bytes_remaining"] = max(0, d.Quota.Total-d.Quota.used())
	}
	return encode(doc)
}

// uuid is a stable version 8 UUID of a text.
func uuid(of string) string {
	b := sha256.Sum256([]byte("culvert sip008 " + of))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
