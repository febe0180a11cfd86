package fleet

import (
	"bytes"
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
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"

	"culvert/panel/internal/errs"
	"culvert/shared/nodeapi"
)

// Lives of certificates. Clients renew after two thirds.
const (
	caLife      = 10 * 365 * 24 * time.Hour
	nodeLife    = 30 * 24 * time.Hour
	gatewayLife = 30 * 24 * time.Hour
	// Certificates begin a little in the past: a node whose clock is slow by less may use them at once.
	clockSlack = 5 * time.Minute
	caSlack    = 7 * 24 * time.Hour
)

// authority is the CA with its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  []byte
}

type caCache struct {
	mu   sync.Mutex
	made *authority
}

// authority loads the CA, making it in a new installation.
func (s *Service) authority(ctx context.Context) (*authority, error) {
	s.ca.mu.Lock()
	defer s.ca.mu.Unlock()
	if s.ca.made != nil {
		return s.ca.made, nil
	}
	stored, err := s.vault.Installation(ctx, "fleet_ca", func() ([]byte, error) { return newCA(time.Now()) })
	if err != nil {
		return nil, err
	}
	a, err := parseCA(stored)
	if err != nil {
		return nil, err
	}
	s.ca.made = a
	return a, nil
}

func newCA(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Culvert node authority", Organization: []string{"Culvert"}},
		NotBefore: now.Add(-caSlack), NotAfter: now.Add(caLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)...), nil
}

func parseCA(stored []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(stored, stored)
	if err != nil {
		return nil, fmt.Errorf("node authority: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("node authority: its key does not sign")
	}
	return &authority{cert: pair.Leaf, key: key, pem: encode("CERTIFICATE", pair.Leaf.Raw)}, nil
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[0] &= 0x7f
	b[0] |= 0x40 // always 16 bytes long, so that the text form has one length
	return new(big.Int).SetBytes(b)
}

// Serial is the text under which a certificate is listed.
func Serial(c *x509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }

// Roots is the pool that holds our CA alone.
func (s *Service) Roots(ctx context.Context) (*x509.CertPool, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool, nil
}

// Pin is the SHA-256 of the CA certificate in hex: what an agent is told before its first connection.
func (s *Service) Pin(ctx context.Context) (string, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(a.cert.Raw)
	return hex.EncodeToString(sum[:]), nil
}

// GatewayCertificate issues a server certificate for the gateway, with a key that lives in memory only. Its name is
// nodeapi.GatewayName whatever address agents dial: they trust our CA for nothing else.
func (s *Service) GatewayCertificate(ctx context.Context) (*tls.Certificate, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: nodeapi.GatewayName}, DNSNames: []string{nodeapi.GatewayName},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(gatewayLife), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("issue gateway certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue gateway certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// parseCSR reads a request and checks that it is signed by the key it is for. Names in it are ignored.
func parseCSR(text string) (crypto.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, errs.Bad("csr", "must be one certificate request in PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, errs.Bad("csr", "cannot be read as a certificate request")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errs.Bad("csr", "is not signed by its own key")
	}
	switch key := csr.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return key, nil
		}
	case ed25519.PublicKey:
		return key, nil
	}
	return nil, errs.Bad("csr", "must be for an ECDSA P-256 or an Ed25519 key")
}

// issue signs a client certificate for node.
func (a *authority) issue(node string, key crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: node},
		URIs:      []*url.URL{{Scheme: "culvert", Host: "node", Path: "/" + node}},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(nodeLife).Truncate(time.Second), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue node certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}
