package wireguard_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"culvert/agent/foreigntest"
	"culvert/agent/internal/ingress/ingresstest"
	"culvert/shared/nodeapi"
	wg "culvert/shared/protocol/wireguard"
)

// What the throughput lab's machines listen on, and its size.
const (
	plainPort  = 51820 // wireguard-go
	nodePort   = 51821 // ours
	targetPort = 7777
	labBytes   = 256 << 20 // moved in one run
	labRounds  = 7         // pairs of runs; the median pair counts, because the machine is shared

	plainClient, plainServer = "10.90.0.1", "10.90.0.2" // inner addresses between the two wireguard-go
)

// labUser is the subscriber of the lab's node, who has the client's key.
func labUser() (*ingresstest.User, ingresstest.Credential) {
	u := ingresstest.NewUser("ann")
	c := u.Credential()
	c.Number = 2 // the first device of the first subscriber
	return u, c
}

// TestLabRole is what other processes of this binary run; in the test itself it has nothing to do.
func TestLabRole(t *testing.T) {
	switch os.Getenv(role) {
	case "node":
		u, _ := labUser()
		w := ingresstest.NewWorld(t, harness(t), u)
		w.Configure(func(s *nodeapi.Sections, x *nodeapi.Update) {
			s.Ingresses[0].Listen = fmt.Sprintf("%s:%d", serverEnd, nodePort)
			x.Ingresses = &s.Ingresses
		})
	case "target":
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", targetPort))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go serveBulk(c)
			}
		}()
	default:
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has ended
}

// order is a direction and a number of bytes.
type order struct {
	Up    bool
	Bytes int64
}

// serveBulk carries out one order: it sends, or takes and confirms.
func serveBulk(c net.Conn) {
	defer c.Close()
	var o order
	if err := binary.Read(c, binary.BigEndian, &o); err != nil {
		return
	}
	if !o.Up {
		pour(c, o.Bytes)
		return
	}
	if n, _ := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, o.Bytes)}, make([]byte, 256<<10)); n == o.Bytes {
		_, _ = c.Write([]byte{1})
	}
}

func pour(c net.Conn, n int64) error {
	block := make([]byte, 256<<10)
	for n > 0 {
		w, err := c.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return err
		}
		n -= int64(w)
	}
	return nil
}

// move carries out an order over a new connection.
func (l *lab) move(address string, o order) error {
	c, err := l.dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return err
	}
	if err := binary.Write(c, binary.BigEndian, o); err != nil {
		return err
	}
	if o.Up {
		if err := pour(c, o.Bytes); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{c}, make([]byte, 256<<10))
	if n != o.Bytes {
		return errors.Join(fmt.Errorf("%d of %d bytes came", n, o.Bytes), err)
	}
	return nil
}

// way is one path from the client to the target, and the process that serves it.
type way struct {
	address string
	server  *process
	others  []*process // that also work for it
}

// labCost is the time that a run took, the server process's CPU time, and that of all processes.
type labCost struct{ wall, server, all time.Duration }

// cpu is what the way's processes have used.
func (w way) cpu(b *testing.B) (server, all time.Duration) {
	var self unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &self); err != nil {
		b.Fatal(err)
	}
	server = w.server.cpu(b)
	all = server + time.Duration(self.Utime.Nano()+self.Stime.Nano())
	for _, p := range w.others {
		all += p.cpu(b)
	}
	return server, all
}

func (l *lab) measure(b *testing.B, w way, up bool, streams int) labCost {
	b.Helper()
	server, all := w.cpu(b)
	begin := time.Now()
	var wait sync.WaitGroup
	for range streams {
		wait.Go(func() {
			if err := l.move(w.address, order{up, labBytes / int64(streams)}); err != nil {
				b.Error(err)
			}
		})
	}
	wait.Wait()
	wall := time.Since(begin)
	serverAfter, allAfter := w.cpu(b)
	return labCost{wall, serverAfter - server, allAfter - all}
}

// ways sets the lab up: one wireguard-go client with two peers, wireguard-go and ours.
func (l *lab) ways(b *testing.B) (plain, ours way) {
	program := foreigntest.Program(b, "wireguard-go")
	_, c := labUser()
	client, other := deviceKey(c), wg.Key(sha256.Sum256([]byte("the other server")))
	theirs, node := public(b, other), public(b, serverKey())
	mine := public(b, client)
	opts, err := wg.Parse(fmt.Appendf(nil, `{"private_key":%q}`, serverKey()))
	if err != nil {
		b.Fatal(err)
	}
	inner, _ := opts.Inner(c.Number)

	plain.server = l.wireguardGo(l.server, program, "cvs"+l.tag, fmt.Sprintf(
		"private_key=%x\nlisten_port=%d\npublic_key=%x\nallowed_ip=%s/32\n", other[:], plainPort, mine[:], plainClient))
	l.ip(fmt.Sprintf("-n %s addr add %s/32 dev cvs%s", l.server, plainServer, l.tag))
	l.ip(fmt.Sprintf("-n %s link set cvs%s mtu %d up", l.server, l.tag, opts.MTU))
	l.ip(fmt.Sprintf("-n %s route add %s/32 dev cvs%s", l.server, plainClient, l.tag))

	at := l.wireguardGo(l.client, program, "cvc"+l.tag, fmt.Sprintf(
		"private_key=%x\npublic_key=%x\nendpoint=%s:%d\nallowed_ip=%s/32\npublic_key=%x\nendpoint=%s:%d\nallowed_ip=0.0.0.0/0\n",
		client[:], theirs[:], serverEnd, plainPort, plainServer, node[:], serverEnd, nodePort))
	l.ip(fmt.Sprintf("-n %s link set cvc%s mtu %d up", l.client, l.tag, opts.MTU))
	for to, from := range map[string]string{plainServer: plainClient, ingresstest.Alias().String(): inner[0].String()} {
		l.ip(fmt.Sprintf("-n %s addr add %s/32 dev cvc%s", l.client, from, l.tag))
		l.ip(fmt.Sprintf("-n %s route add %s/32 dev cvc%s src %s", l.client, to, l.tag, from))
	}
	others := []*process{at, l.act(l.server, "target")}
	plain.others, ours.others = others, others
	ours.server = l.act(l.server, "node")
	plain.address = fmt.Sprintf("%s:%d", plainServer, targetPort)
	ours.address = fmt.Sprintf("%s:%d", ingresstest.Alias(), targetPort)
	return plain, ours
}

// BenchmarkAgainstWireGuardGo measures TCP through our whole pipe against two wireguard-go processes over real TUN
// devices, in turns and with the same client process. It reports the median ratios of throughput (higher is better) and of
// CPU time for a byte (lower is better): the server process's, and that of all processes, client and target included. On a
// machine that does nothing else, and has no core to spare, the latter is the throughput's ratio upside down.
func BenchmarkAgainstWireGuardGo(b *testing.B) {
	l := newLab(b)
	plain, ours := l.ways(b)
	for _, up := range []bool{false, true} {
		for _, streams := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/streams=%d", map[bool]string{false: "down", true: "up"}[up], streams), func(b *testing.B) {
				for _, w := range []way{plain, ours} {
					l.measure(b, w, up, streams) // keys are agreed on, buffers have grown
				}
				for b.Loop() {
					l.compare(b, plain, ours, up, streams)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func (l *lab) compare(b *testing.B, plain, ours way, up bool, streams int) {
	b.Helper()
	var speed, server, all, of, it []float64
	mbit := func(c labCost) float64 { return labBytes * 8 / 1e6 / c.wall.Seconds() }
	for i := range labRounds {
		var p, o labCost
		if i%2 == 0 {
			p, o = l.measure(b, plain, up, streams), l.measure(b, ours, up, streams)
		} else {
			o, p = l.measure(b, ours, up, streams), l.measure(b, plain, up, streams)
		}
		of, it = append(of, mbit(p)), append(it, mbit(o))
		speed = append(speed, p.wall.Seconds()/o.wall.Seconds())
		server = append(server, o.server.Seconds()/p.server.Seconds())
		all = append(all, o.all.Seconds()/p.all.Seconds())
	}
	for name, values := range map[string][]float64{
		"Mbit/s": it, "base-Mbit/s": of, "speed/base": speed, "server-cpu/base": server, "all-cpu/base": all,
	} {
		slices.Sort(values)
		b.ReportMetric(values[len(values)/2], name)
	}
}
