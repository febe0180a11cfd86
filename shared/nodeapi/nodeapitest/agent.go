package nodeapitest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"culvert/shared/nodeapi"
)

// Agent is a fake node: it says what a test tells it to.
type Agent struct {
	t       testing.TB
	gateway string
	roots   *x509.CertPool
	Node    string
	Cert    *tls.Certificate // nil: a stranger
	HTTP    *http.Client
}

// NewAgent returns a node with a certificate, or a stranger without one.
func NewAgent(t testing.TB, gateway string, roots *x509.CertPool, node string, cert *tls.Certificate) *Agent {
	a := &Agent{t: t, gateway: gateway, roots: roots, Node: node, Cert: cert}
	tr := &http.Transport{TLSClientConfig: a.tls(), ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	a.HTTP = &http.Client{Transport: tr}
	return a
}

func (a *Agent) tls(alpn ...string) *tls.Config {
	c := &tls.Config{RootCAs: a.roots, ServerName: nodeapi.GatewayName, MinVersion: tls.VersionTLS13, NextProtos: alpn}
	if a.Cert != nil {
		c.Certificates = []tls.Certificate{*a.Cert}
	}
	return c
}

// Enrol enrols with a token at a gateway whose CA has this SHA-256, in hex, as an agent does.
func Enrol(t testing.TB, gateway, pin, token string) (*Agent, nodeapi.EnrolResponse) {
	t.Helper()
	key := newKey(t)
	stranger := NewAgent(t, gateway, fetchCA(t, gateway, pin), "", nil)
	var out nodeapi.EnrolResponse
	if p := stranger.Post(nodeapi.PathEnrol, nodeapi.EnrolRequest{Token: token, CSR: CSR(t, key), Version: "test", Capability: nodeapi.Capability}, &out); p != nil {
		t.Fatalf("enrol: %v", p)
	}
	block, _ := pem.Decode([]byte(out.Certificate))
	if block == nil {
		t.Fatalf("enrolled with the certificate %q", out.Certificate)
		return nil, out
	}
	cert := &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	return NewAgent(t, gateway, stranger.roots, out.Node, cert), out
}

// CSR makes a certificate request for key, or for a fresh key when it is nil.
func CSR(t testing.TB, key any) string {
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// fetchCA takes the CA out of the gateway's chain when its fingerprint is right.
func fetchCA(t testing.TB, gateway, pin string) *x509.CertPool {
	t.Helper()
	c, err := tls.Dial("tcp", gateway, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{nodeapi.ALPNAPI}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, x := range c.ConnectionState().PeerCertificates {
		if sum := sha256.Sum256(x.Raw); hex.EncodeToString(sum[:]) == pin {
			pool := x509.NewCertPool()
			pool.AddCert(x)
			return pool
		}
	}
	t.Fatalf("the gateway's chain does not hold the CA of fingerprint %s", pin)
	return nil
}

// Post sends a document and reads the answer into out, which may be nil. A refusal is the problem; a connection that
// fails is a problem with the code "transport".
func (a *Agent) Post(path string, in, out any) *nodeapi.Problem {
	a.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.Send(http.MethodPost, path, bytes.NewReader(b), out)
}

// Send sends anything at all.
func (a *Agent) Send(method, path string, body io.Reader, out any) *nodeapi.Problem {
	a.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "https://"+a.gateway+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	res, err := a.HTTP.Do(req)
	if err != nil {
		return &nodeapi.Problem{Code: "transport", Message: err.Error()}
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= http.StatusBadRequest {
		var p nodeapi.Problem
		if err := nodeapi.DecodeStrict(res.Body, nodeapi.MaxBody, &p); err != nil || p.Clock == 0 {
			a.t.Errorf("%s answers %d without a problem: %v", path, res.StatusCode, err)
		}
		return &p
	}
	if out != nil && res.StatusCode == http.StatusOK {
		if err := nodeapi.DecodeStrict(res.Body, nodeapi.MaxUpdate, out); err != nil {
			a.t.Errorf("%s: %v", path, err)
		}
	}
	return nil
}

// Status is the status of a GET.
func (a *Agent) Status(path string) int {
	a.t.Helper()
	res, err := a.HTTP.Get("https://" + a.gateway + path)
	if err != nil {
		a.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// Queue opens a queue connection.
func (a *Agent) Queue() (*tls.Conn, error) {
	return tls.Dial("tcp", a.gateway, a.tls(nodeapi.ALPNQueue))
}

// Stream is the node's end of a held stream.
type Stream struct {
	Frames  chan nodeapi.PanelFrame
	Ended   chan struct{}
	Silence func() // stops the heartbeat
}

// Watch holds a stream, with frame as heartbeat every interval, until the test ends.
func (a *Agent) Watch(every time.Duration, frame nodeapi.AgentFrame) (*Stream, error) {
	pr, pw := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.gateway+nodeapi.PathWatch, pr)
	if err != nil {
		cancel()
		return nil, err
	}
	res, err := a.HTTP.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("status %d", res.StatusCode), res.Body.Close())
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watch: %w", err)
	}
	s := &Stream{Frames: make(chan nodeapi.PanelFrame, 1000), Ended: make(chan struct{})}
	quiet, silent := make(chan struct{}), make(chan struct{})
	s.Silence = sync.OnceFunc(func() { close(quiet); <-silent })
	go func() {
		defer close(silent)
		beat(pw, every, frame, quiet)
	}()
	go func() {
		defer close(s.Ended)
		defer func() { _ = res.Body.Close() }()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			var f nodeapi.PanelFrame
			if nodeapi.DecodeStrict(bytes.NewReader(lines.Bytes()), nodeapi.MaxBody, &f) != nil {
				return
			}
			select {
			case s.Frames <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	a.t.Cleanup(func() { cancel(); _ = pw.Close(); <-s.Ended; s.Silence() })
	return s, nil
}

func beat(w io.Writer, every time.Duration, frame nodeapi.AgentFrame, quiet <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for enc := json.NewEncoder(w); ; {
		frame.Clock = time.Now().UnixMilli()
		if enc.Encode(frame) != nil {
			return
		}
		select {
		case <-quiet:
			return
		case <-tick.C:
		}
	}
}
