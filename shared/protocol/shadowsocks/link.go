package shadowsocks

import (
	"encoding/base64"
	"net"
	"net/url"
	"strconv"
)

// Link is what a client app imports (SIP002): ss://method:password@host:port#label. The 2022 edition writes method and
// password as they are, escaped; AEAD writes both in base64, which is what apps of that time read.
func (o Options) Link(secret, host string, port uint16, label string) string {
	u := url.URL{Scheme: "ss", Host: net.JoinHostPort(host, strconv.Itoa(int(port))), Fragment: label}
	if o.Cipher().Modern {
		u.User = url.UserPassword(o.Method, o.Password(secret))
	} else {
		u.User = url.User(base64.RawURLEncoding.EncodeToString([]byte(o.Method + ":" + o.Password(secret))))
	}
	return u.String()
}
