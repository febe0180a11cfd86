package hysteria

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"culvert/shared/protocol/hysteria"
)

const (
	masqTimeout  = 15 * time.Second // of connecting and of the origin's header, each
	masqWhole    = 60 * time.Second // of one masqueraded answer
	masqRequests = 32               // proxied at once: strangers must not keep a node busy
	masqBody     = 64 << 10
)

// masquerade is what strangers see. The returned close function ends what the page keeps open.
func masquerade(m hysteria.Masquerade, log *slog.Logger) (h http.Handler, closePage func(), err error) {
	nothing := func() {}
	switch m.Type {
	case hysteria.Masq404:
		return http.NotFoundHandler(), nothing, nil
	case hysteria.MasqString:
		return masqString(m), nothing, nil
	case hysteria.MasqRedirect:
		status := m.Status
		if status == 0 {
			status = http.StatusFound
		}
		return http.RedirectHandler(m.URL, status), nothing, nil
	case hysteria.MasqProxy:
		u, err := url.Parse(m.URL)
		if err != nil {
			return nil, nil, fmt.Errorf("masquerade.url: %w", err)
		}
		h, closePage := masqProxy(u, m.AllowPrivate, log)
		return h, closePage, nil
	}
	return nil, nil, fmt.Errorf("masquerade.type: %q is unknown", m.Type)
}

func masqString(m hysteria.Masquerade) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range m.Headers {
			w.Header().Set(k, v)
		}
		if m.Status != 0 {
			w.WriteHeader(m.Status)
		}
		_, _ = io.WriteString(w, m.Content)
	})
}

// masqProxy shows another site. It reaches that one site only, on addresses of the public internet unless told otherwise,
// follows no redirect, and passes on nothing that tells of Hysteria or of the stranger.
func masqProxy(site *url.URL, private bool, log *slog.Logger) (http.Handler, func()) {
	dialer := &net.Dialer{Timeout: masqTimeout}
	if !private {
		dialer.ControlContext = onlyPublic
	}
	tr := &http.Transport{
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   masqTimeout,
		ResponseHeaderTimeout: masqTimeout,
		IdleConnTimeout:       masqWhole,
		MaxConnsPerHost:       masqRequests,
		DisableCompression:    true,
	}
	proxy := &httputil.ReverseProxy{
		Transport: tr,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(site)
			for name := range r.Out.Header {
				if strings.HasPrefix(name, "Hysteria-") {
					r.Out.Header.Del(name)
				}
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.DebugContext(r.Context(), "masquerade site failed", "error", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	room := make(chan struct{}, masqRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), masqWhole)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, masqBody)
		proxy.ServeHTTP(w, r)
	}), tr.CloseIdleConnections
}

var errPrivate = errors.New("address is not on the public internet")

// onlyPublic refuses a connection after the name was resolved, so that no name can lead inside.
func onlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errPrivate
	}
	if !publicAddr(ap.Addr().Unmap()) {
		return errPrivate
	}
	return nil
}

func publicAddr(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range [...]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", // RFC 6890
		"64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10", // an IPv4 address may hide inside
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return true
}
