package profile

import (
	"strings"

	"culvert/shared/protocol/shadowsocks"
)

// outline is a dynamic access key for Outline: one server, of those it speaks (AEAD). Where there is none, its error says so.
func outline(d *Document) string {
	why := "no server here speaks what Outline does"
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		switch {
		case e.Notice:
			why = e.Label
		case e.Kind == shadowsocks.Name && !strings.HasPrefix(e.Method, "2022-"):
			return encode(object{"server": e.Host, "server_port": e.Port, "password": e.Password, "method": e.Method})
		}
	}
	return encode(object{"error": object{"message": why}})
}
