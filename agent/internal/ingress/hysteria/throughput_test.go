package hysteria

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/ingress/ingresstest"
)

const benchBytes = 192 << 20 // moved in one run

// BenchmarkAgainstBareServer moves the same bytes with the same client through a bare core/v2 server and through our
// ingress on the real engine, in turns, and reports the ratios: throughput (higher is better) and CPU time for a byte (lower is better). Client,
// server and target share the process, so the CPU figure is the sum of all three.
func BenchmarkAgainstBareServer(b *testing.B) {
	for _, dir := range []string{"down", "up"} {
		for _, streams := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/streams=%d", dir, streams), func(b *testing.B) {
				target := bulkTarget(b)
				u := ingresstest.NewUser("ann")
				ours := ingresstest.NewWorld(b, harness(`{}`), u).Connect(u).(device).Client
				bare := bareServer(b)
				move(b, bare, target, dir, streams, benchBytes/8) // warm up
				move(b, ours, target, dir, streams, benchBytes/8)
				for b.Loop() {
					compare(b, bare, ours, target, dir, streams)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkObfuscation compares salamander with plain packets, both ends ours.
func BenchmarkObfuscation(b *testing.B) {
	const options = `{"obfs":{"type":"salamander","password":"secret"}}`
	target := bulkTarget(b)
	plain := newRig(b, `{}`).connect(b, "user-bench")
	obfs := newRig(b, options).connect(b, "user-bench", obfuscated(options))
	for b.Loop() {
		compare(b, plain, obfs, target, "down", 8)
	}
	b.ReportMetric(0, "ns/op")
}

// compare moves the bytes through base and through subject in turns.
func compare(b *testing.B, base, subject hyclient.Client, target, dir string, streams int) {
	b.Helper()
	through := func(c hyclient.Client) func() {
		return func() { move(b, c, target, dir, streams, benchBytes) }
	}
	ingresstest.Versus(b, benchBytes, through(base), through(subject))
}

// move transfers total bytes over streams flows at once.
func move(b *testing.B, c hyclient.Client, target, dir string, streams, total int) {
	b.Helper()
	var wg sync.WaitGroup
	for range streams {
		wg.Go(func() {
			conn, err := c.TCP(target)
			if err != nil {
				b.Errorf("dial: %v", err)
				return
			}
			defer conn.Close()
			if err := bulk(conn, dir, int64(total/streams)); err != nil {
				b.Errorf("move: %v", err)
			}
		})
	}
	wg.Wait()
}

// bulk reads n bytes that the target sends, or sends n and waits for the target's word that it has them.
func bulk(conn net.Conn, dir string, n int64) error {
	if _, err := fmt.Fprintf(conn, "%-5s%019d", dir, n); err != nil {
		return err
	}
	if dir == "down" {
		_, err := io.CopyN(io.Discard, plainReader{conn}, n)
		return err
	}
	if _, err := io.CopyN(conn, ingresstest.Zeros{}, n); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

type plainReader struct{ io.Reader }

func bulkTarget(b *testing.B) string {
	b.Helper()
	return ingresstest.Serve(b, func(c *net.TCPConn) {
		head := make([]byte, 24)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		var dir string
		var n int64
		if _, err := fmt.Sscanf(string(head), "%s %d", &dir, &n); err != nil {
			return
		}
		if dir == "down" {
			_, _ = io.CopyN(c, ingresstest.Zeros{}, n)
			return
		}
		_, _ = io.CopyN(io.Discard, plainReader{c}, n)
		_, _ = c.Write([]byte{1})
	})
}

// bareServer is core/v2 with its own outbound and nothing of ours.
func bareServer(b *testing.B) hyclient.Client {
	b.Helper()
	cert, roots := ingresstest.FakeCertificate(b)
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	s, err := server.NewServer(&server.Config{
		TLSConfig:             server.TLSConfig{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }},
		Conn:                  pc,
		Authenticator:         anyone{},
		IgnoreClientBandwidth: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	b.Cleanup(func() { s.Close(); <-served })
	r := &rig{addr: pc.LocalAddr().(*net.UDPAddr), roots: roots}
	return r.connect(b, "anyone")
}

type anyone struct{}

func (anyone) Authenticate(net.Addr, string, uint64) (bool, string) { return true, "anyone" }
