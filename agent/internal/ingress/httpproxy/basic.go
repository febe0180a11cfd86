package httpproxy

import (
	"encoding/base64"
	"strings"
)

// credential is what one request presents.
type credential struct{ name, password string }

// maxAuthorization bounds the header value: logins, realms and passwords have far tighter limits.
const maxAuthorization = 2048

// parseBasic reads the values of Proxy-Authorization (RFC 7617). Anything but exactly one well-formed Basic credential is
// none: two could mean different people.
func parseBasic(values []string) (credential, bool) {
	if len(values) != 1 || len(values[0]) > maxAuthorization {
		return credential{}, false
	}
	scheme, rest, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "basic") {
		return credential{}, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(rest, " "))
	if err != nil {
		return credential{}, false
	}
	name, password, ok := strings.Cut(string(raw), ":")
	if !ok || name == "" || hasControl(name) || hasControl(password) {
		return credential{}, false
	}
	return credential{name, password}, true
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}
