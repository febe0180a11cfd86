package httpproxy

import (
	"errors"
	"net"
	"net/http"

	"culvert/agent/internal/flow"
)

// refusal is an error as the client reads it.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

var (
	errChallenge  = refusal{http.StatusProxyAuthRequired, "proxy authentication required"}
	errTarget     = refusal{http.StatusBadRequest, "request target must be host:port with CONNECT, or an absolute http URL"}
	errUpgradeHop = refusal{http.StatusInternalServerError, "connection cannot be taken over"}
)

// explain maps an outcome of the engine to a status and to words that tell nothing of the node.
func explain(err error) refusal {
	var r refusal
	if errors.As(err, &r) {
		return r
	}
	for _, known := range [...]struct {
		err    error
		status int
	}{
		{flow.ErrCredential, http.StatusProxyAuthRequired},
		{flow.ErrRefused, http.StatusForbidden},
		{flow.ErrBlocked, http.StatusForbidden},
		{flow.ErrQuota, http.StatusTooManyRequests},
		{flow.ErrOverload, http.StatusServiceUnavailable},
		{flow.ErrClosed, http.StatusServiceUnavailable},
		{flow.ErrCut, http.StatusServiceUnavailable},
		{flow.ErrNoRoute, http.StatusBadGateway},
	} {
		if errors.Is(err, known.err) {
			return refusal{known.status, known.err.Error()}
		}
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return refusal{http.StatusGatewayTimeout, "destination did not answer in time"}
	}
	if errors.Is(err, flow.ErrUnreachable) {
		return refusal{http.StatusBadGateway, flow.ErrUnreachable.Error()}
	}
	return refusal{http.StatusBadGateway, "destination did not give a usable answer"}
}
