package httpproxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"culvert/agent/internal/ingress/ingresstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		ingresstest.Run(t, harness(`{}`, false))
	})
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		ingresstest.Run(t, harness(`{"tls":true}`, true))
	})
}

// Strangers are bounded in what one of them may do (TestStrangersAreBounded) and in number.
func TestStrangersAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) { ingresstest.Strangers(t, harness(`{"header_timeout_ms":120000}`, false)) })
	t.Run("tls", func(t *testing.T) { ingresstest.Strangers(t, harness(`{"tls":true,"header_timeout_ms":120000}`, true)) })
}

// harness is the HTTP proxy for the suite that every ingress passes: tunnels, in clear or in TLS.
func harness(options string, secure bool) ingresstest.Harness {
	return ingresstest.Harness{
		Kind:      "http",
		Options:   json.RawMessage(options),
		Factory:   New,
		HalfClose: true,
		Refusal:   true,
		Connect: func(_ context.Context, s ingresstest.Server, c ingresstest.Credential) (ingresstest.Client, error) {
			d := &device{server: s, auth: b64(c.Name + ":" + c.Password)}
			if secure {
				d.tls = &tls.Config{RootCAs: s.Roots, ServerName: s.Name}
			}
			return d, nil
		},
	}
}

type device struct {
	server ingresstest.Server
	auth   string
	tls    *tls.Config
}

func (d *device) Dial(ctx context.Context, dest string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.server.Addr.String())
	if err != nil {
		return nil, err
	}
	if d.tls != nil {
		c = tls.Client(c, d.tls)
	}
	t, err := d.tunnel(ctx, c, dest)
	if err != nil {
		c.Close()
		return nil, err
	}
	return t, nil
}

func (d *device) tunnel(ctx context.Context, c net.Conn, dest string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	if _, err := fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nProxy-Authorization: Basic %s\r\n\r\n", dest, dest, d.auth); err != nil {
		return nil, err
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("proxy answered %s", resp.Status)
	}
	return &tunnelled{Conn: c, r: r}, nil
}

func (d *device) Associate(context.Context) (ingresstest.Packets, error) {
	return nil, errors.ErrUnsupported
}

func (d *device) Close() error { return nil }

// tunnelled reads what came with the answer first.
type tunnelled struct {
	net.Conn
	r *bufio.Reader
}

func (t *tunnelled) Read(b []byte) (int, error) { return t.r.Read(b) }

func (t *tunnelled) CloseWrite() error { return t.Conn.(interface{ CloseWrite() error }).CloseWrite() }
