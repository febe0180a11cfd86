// Package nodeapitest has both ends of the node API as fakes, so that neither half needs the other in its tests: Panel is
// a gateway in memory, Agent a node that says what a test tells it to. Tests only.
package nodeapitest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"culvert/shared/id"
	"culvert/shared/nodeapi"
)

// Token is the one that a fake panel takes, as often as it is used.
const Token = "cvt_test"

// Panel is a fake gateway.
type Panel struct {
	t        testing.TB
	ca       *x509.Certificate
	caKey    crypto.Signer
	cert     tls.Certificate
	signer   ed25519.PrivateKey
	addr     string
	server   *http.Server
	listener net.Listener
	serving  sync.WaitGroup

	// Set these before the first connection.
	Node      string              // the id that enrolment gives
	Life      time.Duration       // of node certificates; 30 days
	Heartbeat time.Duration       // of held streams; 100 ms
	Queue     func(conn net.Conn) // serves culvert-queue connections; nil closes them
	Skew      time.Duration       // of the panel's clock

	mu      sync.Mutex
	update  *nodeapi.Update
	full    *nodeapi.Update
	streams map[chan struct{}]bool
	conns   map[net.Conn]bool
	beats   []nodeapi.AgentFrame
	hellos  []nodeapi.Hello
	acks    []nodeapi.Ack
	reports []nodeapi.Report
	leases  []nodeapi.LeaseRequest
	admits  []nodeapi.AdmitRequest
	without map[nodeapi.DeviceUse]bool // room
	results []nodeapi.JobResult
	fetched []string
	grants  []nodeapi.Allowance
	refuse  map[string]*nodeapi.Problem
	renewed int
}

// NewPanel starts a fake panel that ends with the test.
func NewPanel(t testing.TB) *Panel {
	t.Helper()
	p := &Panel{
		t: t, Node: id.New(id.Node), Life: 30 * 24 * time.Hour, Heartbeat: 100 * time.Millisecond,
		streams: map[chan struct{}]bool{}, conns: map[net.Conn]bool{}, refuse: map[string]*nodeapi.Problem{},
	}
	var err error
	if _, p.signer, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	p.ca, p.caKey = p.sign(root, root, key.Public(), key), key
	serverKey := newKey(t)
	leaf := p.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{nodeapi.GatewayName}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, p.ca, serverKey.Public(), key)
	p.cert = tls.Certificate{Certificate: [][]byte{leaf.Raw, p.ca.Raw}, PrivateKey: serverKey}
	p.addr = "127.0.0.1:0"
	p.Up()
	t.Cleanup(p.Down)
	return p
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *Panel) sign(tpl, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, tpl, parent, key, by)
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Addr is the gateway's address; it stays over Down and Up.
func (p *Panel) Addr() string { return p.addr }

// Pin is the SHA-256 of the CA certificate.
func (p *Panel) Pin() []byte {
	sum := sha256.Sum256(p.ca.Raw)
	return sum[:]
}

// JobKeys are the public keys of the panel.
func (p *Panel) JobKeys() []nodeapi.JobKey {
	pub, ok := p.signer.Public().(ed25519.PublicKey)
	if !ok {
		p.t.Fatal("not an Ed25519 key")
	}
	return []nodeapi.JobKey{{ID: "jk_test", Public: pub}}
}

// Sign signs a job as the panel would.
func (p *Panel) Sign(j *nodeapi.Job) {
	j.Key = "jk_test"
	j.Sign(p.signer)
}

// Up listens again.
func (p *Panel) Up() {
	p.t.Helper()
	raw, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.addr, p.listener = raw.Addr().String(), raw
	handed := make(chan net.Conn)
	p.server = &http.Server{Handler: p.routes(), ReadHeaderTimeout: time.Minute, ErrorLog: nil}
	hand := &handover{raw.Addr(), handed, make(chan struct{}), sync.Once{}}
	p.serving.Go(func() { _ = p.server.Serve(hand) })
	p.serving.Go(func() {
		for {
			c, err := raw.Accept()
			if err != nil {
				return
			}
			p.track(c, true)
			p.serving.Go(func() { p.meet(c, hand) })
		}
	})
}

// Down cuts every connection and stops listening.
func (p *Panel) Down() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	_ = p.server.Close()
	p.serving.Wait()
}

// Cut ends every connection and goes on listening.
func (p *Panel) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Panel) track(c net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

func (p *Panel) meet(raw net.Conn, hand *handover) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	pool := x509.NewCertPool()
	pool.AddCert(p.ca)
	c := tls.Server(raw, &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.cert}, NextProtos: []string{nodeapi.ALPNAPI, nodeapi.ALPNQueue},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, SessionTicketsDisabled: true,
	})
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		p.track(raw, false)
		return
	}
	state := c.ConnectionState()
	if state.NegotiatedProtocol != nodeapi.ALPNQueue {
		hand.give(c)
		return
	}
	defer p.track(raw, false)
	defer func() { _ = c.Close() }()
	if p.Queue != nil && len(state.PeerCertificates) > 0 {
		p.Queue(c)
	}
}

type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		_ = c.Close()
	}
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handover) Addr() net.Addr { return h.addr }

func (p *Panel) issue(csr string) (string, *nodeapi.Problem) {
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		return "", &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: "must be PEM", Path: "csr"}
	}
	req, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || req.CheckSignature() != nil {
		return "", &nodeapi.Problem{Code: nodeapi.CodeInvalid, Message: "must be a request", Path: "csr"}
	}
	now := time.Now()
	c := p.sign(&x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: p.Node}, NotBefore: now.Add(-time.Second), NotAfter: now.Add(p.Life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, p.ca, req.PublicKey, p.caKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), nil
}

func (p *Panel) caPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.Raw}))
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
