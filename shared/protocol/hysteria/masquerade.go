package hysteria

import (
	"net/http"
	"net/url"

	"culvert/shared/nodeapi"

	"golang.org/x/net/http/httpguts"
)

// Masquerade is what somebody sees who speaks HTTP/3 to the port without a credential.
type Masquerade struct {
	Type    string            `json:"type" enum:"404,string,redirect,proxy"` // 404 (default), string, redirect or proxy
	Status  int               `json:"status,omitempty"`                      // string: 200 when absent; redirect: 302 when absent
	Headers map[string]string `json:"headers,omitempty"`                     // string only
	Content string            `json:"content,omitempty"`                     // string only
	URL     string            `json:"url,omitempty"`                         // redirect and proxy
	// AllowPrivate lets proxy reach private, loopback and link-local addresses. Without it a masquerade page cannot be
	// turned into a view of the node's own network.
	AllowPrivate bool `json:"allow_private"`
}

// The kinds of masquerade.
const (
	Masq404      = "404"
	MasqString   = "string"
	MasqRedirect = "redirect"
	MasqProxy    = "proxy"
)

const (
	maxMasqContent = 64 << 10
	maxMasqHeaders = 32
)

func (m *Masquerade) validate() error {
	switch m.Type {
	case Masq404:
		if m.Content != "" || m.URL != "" || m.Status != 0 || len(m.Headers) > 0 {
			return nodeapi.Fault("masquerade.type", "%q takes no other field", Masq404)
		}
		return nil
	case MasqString:
		return m.validateString()
	case MasqRedirect:
		switch m.Status {
		case 0, http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return nodeapi.Fault("masquerade.status", "must be 301, 302, 307 or 308")
		}
		return m.validateURL()
	case MasqProxy:
		if m.Status != 0 {
			return nodeapi.Fault("masquerade.status", "has no meaning with %q", MasqProxy)
		}
		return m.validateURL()
	}
	return nodeapi.Fault("masquerade.type", "must be %q, %q, %q or %q", Masq404, MasqString, MasqRedirect, MasqProxy)
}

func (m *Masquerade) validateString() error {
	if m.URL != "" {
		return nodeapi.Fault("masquerade.url", "has no meaning with %q", MasqString)
	}
	if m.Status != 0 && (m.Status < 200 || m.Status > 599) {
		return nodeapi.Fault("masquerade.status", "must be between 200 and 599")
	}
	// 233 is how Hysteria's server says that a sign-in succeeded.
	if m.Status == 233 {
		return nodeapi.Fault("masquerade.status", "must not be 233, which means a successful sign-in")
	}
	if len(m.Content) > maxMasqContent {
		return nodeapi.Fault("masquerade.content", "must have at most %d bytes", maxMasqContent)
	}
	if len(m.Headers) > maxMasqHeaders {
		return nodeapi.Fault("masquerade.headers", "must be at most %d", maxMasqHeaders)
	}
	for k, v := range m.Headers {
		if !httpguts.ValidHeaderFieldName(k) || !httpguts.ValidHeaderFieldValue(v) {
			return nodeapi.Fault("masquerade.headers", "%.40q is not a valid header", k)
		}
	}
	return nil
}

func (m *Masquerade) validateURL() error {
	if m.Content != "" || len(m.Headers) > 0 {
		return nodeapi.Fault("masquerade.type", "%q takes no content and no headers", m.Type)
	}
	u, err := url.Parse(m.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nodeapi.Fault("masquerade.url", "must be an http or https URL")
	}
	if u.User != nil {
		return nodeapi.Fault("masquerade.url", "must not carry a user name")
	}
	return nil
}
