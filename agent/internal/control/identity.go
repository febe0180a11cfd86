package control

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
	"culvert/shared/secret"
)

// IdentityFile is the file in the data directory that makes this machine a node.
const IdentityFile = "identity.json"

// Identity is who this node is.
type Identity struct {
	Node        string           `json:"node"`
	Key         string           `json:"key"`         // PEM, PKCS #8
	Certificate string           `json:"certificate"` // PEM chain, leaf first
	CA          string           `json:"ca"`          // PEM; the only root trusted for the gateway
	JobKeys     []nodeapi.JobKey `json:"job_keys"`    // as pinned at enrolment
	Token       string           `json:"token"`       // SHA-256 of the token it was made with, hex: a new token means a new enrolment
}

// JoinConfig says how to become a node.
type JoinConfig struct {
	Dir     string        // data directory
	Gateway string        // host:port
	Token   secret.String // one-time; may be empty once enrolled
	CAPin   []byte        // SHA-256 of the panel's CA certificate; needed with a token
	Version string
	Log     *slog.Logger
}

// ErrNotEnrolled says that there is no identity and no token to get one.
var ErrNotEnrolled = errors.New("this machine is not enrolled: give it a token from the panel (CULVERT_AGENT_TOKEN and CULVERT_AGENT_CA_PIN)")

// Join returns the node's identity. With a token that it has not used yet it enrols, waiting for a panel that is away;
// a token that the panel refuses is an error, unless there is an identity to go on with.
func Join(ctx context.Context, c JoinConfig) (*Identity, error) {
	have, err := loadIdentity(c.Dir)
	if err != nil {
		return nil, err
	}
	if c.Token.Empty() || have != nil && have.Token == tokenHash(c.Token) {
		if have == nil {
			return nil, ErrNotEnrolled
		}
		return have, nil
	}
	b := newBackoff(time.Second, 15*time.Second)
	for {
		made, err := enrol(ctx, c)
		if err == nil {
			return made, made.save(c.Dir)
		}
		code := nodeapi.CodeOf(err)
		if code == nodeapi.CodeDenied || code == nodeapi.CodeInvalid || errors.Is(err, errPin) {
			if have != nil {
				c.Log.WarnContext(ctx, "enrolment was refused, going on as the node we are", logging.KeyNode, have.Node, logging.KeyErr, err)
				return have, nil
			}
			return nil, fmt.Errorf("enrol: %w", err)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("enrol: %w", err)
		}
		c.Log.WarnContext(ctx, "cannot enrol yet", logging.KeyErr, err)
		if !b.wait(ctx) {
			return nil, fmt.Errorf("enrol: %w", context.Cause(ctx))
		}
	}
}

func tokenHash(t secret.String) string {
	sum := sha256.Sum256([]byte(t.Reveal()))
	return hex.EncodeToString(sum[:])
}

func enrol(ctx context.Context, c JoinConfig) (*Identity, error) {
	key, csr, err := newKey()
	if err != nil {
		return nil, err
	}
	api := newClient(c.Gateway, pinnedTLS(c.CAPin))
	defer api.close()
	var out nodeapi.EnrolResponse
	q := nodeapi.EnrolRequest{Token: c.Token.Reveal(), CSR: csr, Version: c.Version, Capability: nodeapi.Capability}
	if err := api.post(ctx, nodeapi.PathEnrol, q, &out); err != nil {
		return nil, err
	}
	made := &Identity{
		Node: out.Node, Key: key, Certificate: out.Certificate, CA: out.CA, JobKeys: out.JobKeys, Token: tokenHash(c.Token),
	}
	block, _ := pem.Decode([]byte(out.CA))
	if block == nil || !pinned(c.CAPin, block.Bytes) {
		return nil, errPin
	}
	if _, err := made.pair(); err != nil {
		return nil, err
	}
	return made, nil
}

// newKey makes a private key and a certificate request for it, both in PEM.
func newKey() (key, csr string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make node key: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", fmt.Errorf("make node key: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, k)
	if err != nil {
		return "", "", fmt.Errorf("make certificate request: %w", err)
	}
	return encode("PRIVATE KEY", pkcs8), encode("CERTIFICATE REQUEST", der), nil
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// pair is the client certificate; it fails when certificate and key do not belong together.
func (i *Identity) pair() (*tls.Certificate, error) {
	c, err := tls.X509KeyPair([]byte(i.Certificate), []byte(i.Key))
	if err != nil {
		return nil, fmt.Errorf("node certificate: %w", err)
	}
	return &c, nil
}

func (i *Identity) roots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(i.CA)) {
		return nil, errors.New("node identity holds no CA certificate")
	}
	return pool, nil
}

func loadIdentity(dir string) (*Identity, error) {
	b, err := os.ReadFile(filepath.Join(dir, IdentityFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // a machine that is no node yet
	}
	if err != nil {
		return nil, fmt.Errorf("node identity: %w", err)
	}
	var i Identity
	if err := nodeapi.DecodeStrict(bytes.NewReader(b), nodeapi.MaxBody, &i); err != nil {
		return nil, fmt.Errorf("node identity: %s is damaged; remove it and enrol the node again: %w", IdentityFile, err)
	}
	if _, err := i.pair(); err != nil {
		return nil, err
	}
	return &i, nil
}

// save stores the identity so that a crash leaves the old file or the new one.
func (i *Identity) save(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("store node identity: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("store node identity: %w", err)
	}
	f, err := os.CreateTemp(dir, ".identity-*") // mode 0600
	if err != nil {
		return fmt.Errorf("store node identity: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, IdentityFile))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("store node identity: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
