package hysteria

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	hyclient "github.com/apernet/hysteria/core/v2/client"
	"github.com/apernet/hysteria/core/v2/server"

	"culvert/agent/internal/ingress/ingresstest"
)

const (
	benchBytes  = 192 << 20 // moved in one run
	benchRounds = 7         // pairs of runs; the median pair counts, because the machine is shared
)

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
	var speed, cpu []float64
	var last cost
	for i := range benchRounds {
		var of, it cost
		if i%2 == 0 {
			of = move(b, base, target, dir, streams, benchBytes)
			it = move(b, subject, target, dir, streams, benchBytes)
		} else {
			it = move(b, subject, target, dir, streams, benchBytes)
			of = move(b, base, target, dir, streams, benchBytes)
		}
		speed = append(speed, of.wall.Seconds()/it.wall.Seconds())
		cpu = append(cpu, it.cpu.Seconds()/of.cpu.Seconds())
		last = it
	}
	b.ReportMetric(benchBytes*8/1e6/last.wall.Seconds(), "Mbit/s")
	b.ReportMetric(last.cpu.Seconds()/(benchBytes/1e9), "cpu-s/GB")
	b.ReportMetric(median(speed), "speed/base")
	b.ReportMetric(median(cpu), "cpu/base")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

type cost struct{ wall, cpu time.Duration }

// move transfers total bytes over streams flows at once.
func move(b *testing.B, c hyclient.Client, target, dir string, streams, total int) cost {
	b.Helper()
	wall, cpu := time.Now(), cpuTime(b)
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
	return cost{time.Since(wall), cpuTime(b) - cpu}
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
	if _, err := io.CopyN(conn, zeros{}, n); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

type plainReader struct{ io.Reader }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func bulkTarget(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
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
					_, _ = io.CopyN(c, zeros{}, n)
					return
				}
				_, _ = io.CopyN(io.Discard, plainReader{c}, n)
				_, _ = c.Write([]byte{1})
			})
		}
	})
	b.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// bareServer is core/v2 with its own outbound and nothing of ours.
func bareServer(b *testing.B) hyclient.Client {
	b.Helper()
	cert, roots := selfSigned(b)
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

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
