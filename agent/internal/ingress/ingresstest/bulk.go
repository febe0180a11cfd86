package ingresstest

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	benchBytes  = 1 << 30 // moved in one run
	benchRounds = 7       // pairs of runs; the median pair counts, because the machine is shared
)

// Bulk moves the same bytes through two sockets joined by io.Copy and through a tunnel of the ingress on the real engine,
// with one and eight streams. Client and target share the process, so the CPU figure is the sum of all.
func Bulk(b *testing.B, h Harness) {
	for _, streams := range []int{1, 8} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			target := Serve(b, func(c *net.TCPConn) {
				if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
					_, _ = io.CopyN(c, Zeros{}, int64(benchBytes/streams))
				}
			})
			u := NewUser("ann")
			tunnels := NewWorld(b, h, u).Connect(u)
			ours := func() (net.Conn, error) { return tunnels.Dial(context.Background(), target) }
			relay := bareRelay(b, target)
			bare := func() (net.Conn, error) { return net.Dial("tcp", relay) }
			move(b, ours, streams)
			move(b, bare, streams)
			for b.Loop() {
				Versus(b, benchBytes, func() { move(b, bare, streams) }, func() { move(b, ours, streams) })
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// Versus runs base and ours in turns, each of which moves the same bytes, and reports the ratios: throughput (higher is
// better) and CPU time for a byte (lower is better) of the whole process.
func Versus(b *testing.B, bytes int64, base, ours func()) {
	b.Helper()
	var speed, cpu []float64
	var last cost
	for i := range benchRounds {
		var of, it cost
		if i%2 == 0 {
			of, it = measure(b, base), measure(b, ours)
		} else {
			it, of = measure(b, ours), measure(b, base)
		}
		speed = append(speed, of.wall.Seconds()/it.wall.Seconds())
		cpu = append(cpu, it.cpu.Seconds()/of.cpu.Seconds())
		last = it
	}
	slices.Sort(speed)
	slices.Sort(cpu)
	b.ReportMetric(float64(bytes)*8/1e6/last.wall.Seconds(), "Mbit/s")
	b.ReportMetric(last.cpu.Seconds()/(float64(bytes)/1e9), "cpu-s/GB")
	b.ReportMetric(speed[len(speed)/2], "speed/base")
	b.ReportMetric(cpu[len(cpu)/2], "cpu/base")
}

type cost struct{ wall, cpu time.Duration }

func measure(b *testing.B, f func()) cost {
	wall, cpu := time.Now(), cpuTime(b)
	f()
	return cost{time.Since(wall), cpuTime(b) - cpu}
}

func move(b *testing.B, dial func() (net.Conn, error), streams int) {
	b.Helper()
	var wg sync.WaitGroup
	for range streams {
		wg.Go(func() {
			c, err := dial()
			if err != nil {
				b.Errorf("dial: %v", err)
				return
			}
			defer c.Close()
			if _, err := c.Write([]byte{1}); err != nil {
				b.Errorf("start: %v", err)
				return
			}
			want := int64(benchBytes / streams)
			if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, want)}, make([]byte, 256<<10)); err != nil || n != want {
				b.Errorf("got %d of %d bytes: %v", n, want, err)
			}
		})
	}
	wg.Wait()
}

// Zeros is a source without end.
type Zeros struct{}

// Read implements io.Reader.
func (Zeros) Read(b []byte) (int, error) { return len(b), nil }

// bareRelay joins every connection with one to target.
func bareRelay(b *testing.B, target string) string {
	b.Helper()
	return Serve(b, func(c *net.TCPConn) {
		t, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer t.Close()
		done := make(chan struct{})
		go func() {
			_, _ = io.Copy(t, c)
			close(done)
		}()
		_, _ = io.Copy(c, t)
		_ = c.CloseWrite()
		_ = t.(*net.TCPConn).CloseWrite()
		<-done
	})
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
