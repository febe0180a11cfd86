package httpproxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"culvert/agent/internal/flow"
	"culvert/agent/internal/ingress"
)

const (
	defaultPort = 80
	// continueWait is how long a request that expects "100 Continue" waits for the origin before it sends its body anyway.
	continueWait  = 3 * time.Second
	originHeaders = 1 << 20
)

// forward answers an absolute-form request. The connection to the origin is this request's own: nothing of it is kept
// for another request, let alone another user. Bytes are counted where they pass, on the flow.
func (in *Ingress) forward(w http.ResponseWriter, r *http.Request, c *clientConn, s ingress.Session) error {
	dest, err := origin(r.URL)
	if err != nil {
		return err
	}
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return in.host.Dial(ctx, in.flow(c, s, dest))
		},
		DisableKeepAlives:      true,
		DisableCompression:     true, // the client asked for what it asked for
		ExpectContinueTimeout:  continueWait,
		MaxResponseHeaderBytes: originHeaders,
	}
	defer tr.CloseIdleConnections()
	var failed error
	proxy := httputil.ReverseProxy{
		Transport:      tr,
		Rewrite:        rewrite,
		ModifyResponse: func(resp *http.Response) error { dropProxyHeaders(resp.Header); return nil },
		FlushInterval:  -1, // a proxy adds no delay
		BufferPool:     in.buffers,
		ErrorLog:       in.errorLog,
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	w.Header()["Content-Type"] = nil // no guess where the origin says nothing
	proxy.ServeHTTP(w, r)
	return failed
}

// rewrite makes what the origin sees: the client's request without what was meant for the proxy. ReverseProxy has taken
// out the hop-by-hop headers already, and with them what Connection names.
func rewrite(p *httputil.ProxyRequest) {
	// ReverseProxy guards an origin that it belongs to. This origin is the client's affair: its query goes on as it came,
	// and so do its forwarding headers.
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	p.Out.URL.User = nil
	p.Out.Trailer = p.In.Trailer // one map: its values arrive after the body
	for _, name := range [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := p.In.Header[name]; ok && !hopByHop(p.In.Header, name) {
			p.Out.Header[name] = v
		}
	}
	dropProxyHeaders(p.Out.Header)
}

// hopByHop reports whether the client named header in Connection.
func hopByHop(h http.Header, name string) bool {
	for _, v := range h["Connection"] {
		for _, token := range strings.Split(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), name) {
				return true
			}
		}
	}
	return false
}

// lastHop counts Max-Forwards down (RFC 9110 §7.6.2) and answers the request when it may go no further.
func lastHop(w http.ResponseWriter, r *http.Request) bool {
	v := r.Header.Get("Max-Forwards")
	if v == "" || (r.Method != http.MethodOptions && r.Method != http.MethodTrace) {
		return false
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return false // not a number: the header is ignored
	}
	if n > 0 {
		r.Header.Set("Max-Forwards", strconv.FormatUint(n-1, 10))
		return false
	}
	if r.Method == http.MethodTrace {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return true
	}
	w.Header().Set("Allow", "CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
	w.WriteHeader(http.StatusOK)
	return true
}

// dropProxyHeaders takes out what is between a client and its proxy, known or not.
func dropProxyHeaders(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Proxy-") {
			delete(h, name)
		}
	}
}

// origin is where an absolute URL points.
func origin(u *url.URL) (flow.Dest, error) {
	if u.Scheme != "http" || u.Host == "" {
		return flow.Dest{}, errTarget
	}
	port := uint64(defaultPort)
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return flow.Dest{}, errTarget
		}
		port = n
	}
	d, err := flow.MakeDest(u.Hostname(), uint16(port))
	if err != nil {
		return flow.Dest{}, errTarget
	}
	return d, nil
}
