package hysteria

import (
	"net"
	"net/url"
	"strconv"
)

// Link is what a client app imports: hysteria2://auth@host:port/?sni=…&obfs=…#label.
func (o *Options) Link(auth, host string, port uint16, label string) string {
	q := url.Values{}
	if o.SNI != "" {
		q.Set("sni", o.SNI)
	}
	if o.Insecure {
		q.Set("insecure", "1")
	}
	if o.Obfs != nil {
		q.Set("obfs", o.Obfs.Type)
		q.Set("obfs-password", o.Obfs.Password)
	}
	u := url.URL{
		Scheme: "hysteria2",
		// The whole auth string is the user part, its colon escaped: apps that read only the user name get all of
		// name@realm:password, and those that join user and password have nothing to join.
		User:     url.User(auth),
		Host:     net.JoinHostPort(host, strconv.Itoa(int(port))),
		Path:     "/",
		RawQuery: q.Encode(),
		Fragment: label,
	}
	return u.String()
}
