package hysteria

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
)

// singBox runs sing-box as a Hysteria 2 client of r and returns its local proxy.
func (r *rig) singBox(t *testing.T, user, obfsKey string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	cert, err := r.spec.TLS(nil)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	outbound := map[string]any{
		"type": "hysteria2", "server": r.addr.IP.String(), "server_port": r.addr.Port, "password": user,
		"tls": map[string]any{"enabled": true, "server_name": "node.test", "certificate_path": file},
	}
	if obfsKey != "" {
		outbound["obfs"] = map[string]any{"type": "salamander", "password": obfsKey}
	}
	return foreigntest.SingBox(t, outbound)
}

// TestSingBox: an independent implementation of Hysteria 2 understands ours, TCP and UDP, with and without obfuscation.
func TestSingBox(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, key string }{
		"plain":      {`{}`, ""},
		"salamander": {`{"obfs":{"type":"salamander","password":"secret"}}`, "secret"},
		"brutal":     {`{"up_mbps":200,"down_mbps":200}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.options)
			proxy := r.singBox(t, "user-a", c.key)
			bulkThroughSOCKS(t, proxy, ingresstest.Echo(t))
			datagramsThroughSOCKS(t, proxy, ingresstest.EchoUDP(t))
			if id := r.host.Session(t, "user-a").P.ID; id != "user-a" {
				t.Errorf("session of %q", id)
			}
		})
	}
}

// TestSingBoxIsCut: a suspended subscriber's foreign client loses what it has, and gets nothing new.
func TestSingBoxIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{}`)
	proxy, target := r.singBox(t, "user-a", ""), ingresstest.Echo(t)
	conn, err := foreigntest.DialSOCKS(proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ping(t, conn)
	r.host.Session(t, "user-a").Cut()
	started := time.Now()
	within(t, "end of the flow", readEnd(conn))
	if took := time.Since(started); took > time.Second {
		t.Errorf("the client noticed after %v", took)
	}
}

// bulkThroughSOCKS moves 16 MB there and back.
func bulkThroughSOCKS(t *testing.T, proxy, target string) {
	t.Helper()
	conn, err := foreigntest.DialSOCKS(proxy, target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	go func() { _, _ = conn.Write(payload) }()
	sum := sha256.New()
	if n, err := io.CopyN(sum, conn, int64(len(payload))); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if want := sha256.Sum256(payload); !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Error("bytes were changed on the way")
	}
}

// datagramsThroughSOCKS sends datagrams that fit and one that must be cut into pieces.
func datagramsThroughSOCKS(t *testing.T, proxy, target string) {
	t.Helper()
	a, err := foreigntest.AssociateSOCKS(proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.SetReadDeadline(time.Now().Add(3 * soon)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 512, 1100, 3000} {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		if err := a.Send(msg, target); err != nil {
			t.Fatal(err)
		}
		got, from, err := a.Receive()
		if err != nil || from != target || !bytes.Equal(got, msg) {
			t.Fatalf("sent %d bytes, received %d from %s: %v", n, len(got), from, err)
		}
	}
}
