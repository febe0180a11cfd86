package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"culvert/shared/nodeapi"
)

// Timing of requests.
const (
	dialLimit    = 10 * time.Second
	requestLimit = 45 * time.Second
	stateLimit   = 5 * time.Minute
)

// client speaks the node API over HTTP/2.
type client struct {
	base string
	http *http.Client
	tr   *http.Transport
}

func newClient(gateway string, cfg *tls.Config) *client {
	d := &net.Dialer{Timeout: dialLimit, KeepAlive: 15 * time.Second}
	tr := &http.Transport{
		DialContext: d.DialContext, TLSClientConfig: cfg, TLSHandshakeTimeout: dialLimit, ForceAttemptHTTP2: true,
		IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 2,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second, WriteByteTimeout: 30 * time.Second},
	}
	return &client{base: "https://" + gateway, http: &http.Client{Transport: tr}, tr: tr}
}

func (c *client) close() { c.tr.CloseIdleConnections() }

// post sends a document and reads the answer into out, which may be nil.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	res, err := c.do(ctx, http.MethodPost, path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	// What the panel sends must be understood whole: an unknown field may hold what this agent would get wrong.
	if err := nodeapi.DecodeStrict(res.Body, nodeapi.MaxBody, out); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// do sends a request; an answer of 400 or more is the *nodeapi.Problem in it.
func (c *client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("panel cannot be reached: %w", err)
	}
	if res.StatusCode < http.StatusBadRequest {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	var p nodeapi.Problem
	if err := nodeapi.Decode(res.Body, 64<<10, &p); err != nil || p.Code == "" {
		return nil, fmt.Errorf("%s: status %d from something that is not the panel", path, res.StatusCode)
	}
	return nil, &p
}

// trust is the TLS side of an enrolled node. certificate is asked for each connection: it is renewed.
func trust(roots *x509.CertPool, certificate func() *tls.Certificate, alpn ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: nodeapi.GatewayName, NextProtos: alpn,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate(), nil },
	}
}

var errPin = errors.New("the panel's CA is not the one whose fingerprint was given: this may be a stranger")

// pinnedTLS trusts, before there is an identity, the one CA whose fingerprint was given, for the gateway's name.
func pinnedTLS(pin []byte) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: nodeapi.GatewayName,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection below checks the whole chain against the pin
		VerifyConnection: func(s tls.ConnectionState) error {
			roots := x509.NewCertPool()
			found := false
			for _, c := range s.PeerCertificates {
				if c.IsCA && pinned(pin, c.Raw) {
					roots.AddCert(c)
					found = true
				}
			}
			if !found || len(s.PeerCertificates) == 0 {
				return errPin
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: nodeapi.GatewayName})
			return err
		},
	}
}

func pinned(pin, der []byte) bool {
	sum := sha256.Sum256(der)
	return len(pin) == len(sum) && subtle.ConstantTimeCompare(pin, sum[:]) == 1
}

// backoff is the pause before the next try: doubled each time, with jitter, so that a fleet does not come back at once.
type backoff struct{ least, most, next time.Duration }

func newBackoff(least, most time.Duration) *backoff { return &backoff{least, most, least} }

func (b *backoff) reset() { b.next = b.least }

// pause returns how long to wait now: between half and all of the present step.
func (b *backoff) pause() time.Duration {
	d := b.next/2 + rand.N(b.next/2+1) //nolint:gosec // jitter is no secret
	b.next = min(2*b.next, b.most)
	return d
}

// wait waits for the pause; false when ctx ended first.
func (b *backoff) wait(ctx context.Context) bool { return waitFor(ctx, b.pause(), nil) }

// waitFor waits for d, or for wake; false when ctx ended first.
func waitFor(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-t.C:
	}
	return ctx.Err() == nil
}

// poke wakes a loop; one wish is enough.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
