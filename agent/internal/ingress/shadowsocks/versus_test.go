package shadowsocks

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/agent/internal/ingress/ingresstest"
	options "culvert/shared/protocol/shadowsocks"
)

const (
	versusBytes   = 512 << 20 // moved in one turn
	versusStreams = 4
	versusRounds  = 7 // of turns; the median ratio counts, because the machine is shared
)

// turn is what one server's turn has cost.
type turn struct{ wall, cpu time.Duration }

// contest gives each server its turn in each round, and reports how ours compares: speed/x is how many times as fast as x we
// are, cpu/x what we use of the processor where x uses 1. per is the unit of work in one turn, and its name.
func contest(b *testing.B, servers []*process, per float64, unit string, work func(p *process)) {
	b.Helper()
	for _, p := range servers {
		work(p)
	}
	turns := make([][]turn, len(servers))
	for range versusRounds {
		for i, p := range servers {
			begin, before := time.Now(), p.cpu(b)
			work(p)
			turns[i] = append(turns[i], turn{time.Since(begin), p.cpu(b) - before})
		}
		slices.Reverse(servers) // who is next to whom changes
		slices.Reverse(turns)
	}
	if servers[0].name != "ours" {
		slices.Reverse(servers)
		slices.Reverse(turns)
	}
	median := func(f func(round int) float64) float64 {
		all := make([]float64, versusRounds)
		for i := range all {
			all[i] = f(i)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	ours := turns[0]
	for i, p := range servers {
		its := turns[i]
		b.ReportMetric(median(func(r int) float64 { return per / its[r].wall.Seconds() }), p.name+":"+unit+"/s")
		b.ReportMetric(median(func(r int) float64 { return its[r].cpu.Seconds() / per }), p.name+":cpu-s/"+unit)
		if i > 0 {
			b.ReportMetric(median(func(r int) float64 { return its[r].wall.Seconds() / ours[r].wall.Seconds() }), "speed/"+p.name)
			b.ReportMetric(median(func(r int) float64 { return ours[r].cpu.Seconds() / its[r].cpu.Seconds() }), "cpu/"+p.name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkVersus moves bytes through our server and through those of sing-box and xray, with the same client. Targets:
// speed at least 1.0, cpu at most 0.95.
func BenchmarkVersus(b *testing.B) {
	for _, method := range allMethods() {
		for _, up := range []bool{false, true} {
			direction := map[bool]string{false: "download", true: "upload"}[up]
			b.Run(method+"/"+direction, func(b *testing.B) {
				o := optionsOf(b, method, 10_000)
				servers := []*process{startOurs(b, o, 1), startForeign(b, "sing-box", o, 1), startForeign(b, "xray", o, 1)}
				target := bulkTarget(b, up)
				for b.Loop() {
					contest(b, servers, versusBytes/1e9, "GB", func(p *process) { bulkThrough(b, p.client(o, 0), target, up) })
				}
			})
		}
	}
}

// bulkTarget sends, or takes and then says one byte.
func bulkTarget(b *testing.B, up bool) string {
	const each = versusBytes / versusStreams
	return ingresstest.Serve(b, func(c *net.TCPConn) {
		if up {
			if n, _ := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, each)}, make([]byte, 256<<10)); n == each {
				_, _ = c.Write([]byte{1})
			}
		} else if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
			_, _ = io.CopyN(c, ingresstest.Zeros{}, each)
		}
	})
}

func bulkThrough(b *testing.B, client *tester, target string, up bool) {
	b.Helper()
	const each = versusBytes / versusStreams
	var wg sync.WaitGroup
	for range versusStreams {
		wg.Go(func() {
			c, err := client.Dial(context.Background(), target)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			if !up {
				if _, err := c.Write([]byte{1}); err != nil {
					b.Error(err)
					return
				}
				if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{io.LimitReader(c, each)}, make([]byte, 256<<10)); n != each {
					b.Errorf("%d bytes, %v", n, err)
				}
				return
			}
			block := make([]byte, 256<<10)
			for range each / len(block) {
				if _, err := c.Write(block); err != nil {
					b.Error(err)
					return
				}
			}
			if _, err := io.ReadFull(c, block[:1]); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

// greet opens a connection from an address, says one byte and waits for it to come back. It reports how long that took, and
// false when nothing came.
func greet(client *tester, from netip.Addr, target string) (time.Duration, error) {
	begin := time.Now()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	raw, err := d.Dial("tcp", client.server.String())
	if err != nil {
		return 0, err
	}
	defer raw.Close()
	_ = raw.(*net.TCPConn).SetLinger(0) // thousands of connections would use up the ports
	if err := raw.SetDeadline(begin.Add(soon)); err != nil {
		return 0, err
	}
	_, _, hello := client.hello(target, forge{payload: []byte{1}})
	if _, err := raw.Write(hello); err != nil {
		return 0, err
	}
	// Whatever comes back is sealed for us; its first byte will do.
	_, err = io.ReadFull(raw, make([]byte, 1))
	return time.Since(begin), err
}

// addressOf gives each subscriber an address of their own.
func addressOf(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1, byte(n / 250), byte(1 + n%250)})
}

// BenchmarkConnections counts new connections a second, each with a byte there and back: 1,000 subscribers of one AEAD port
// who come from where they came from before, against xray, which tries all keys each time (target: five times as many), and
// one subscriber against shadowsocks-libev (target: as many).
func BenchmarkConnections(b *testing.B) {
	for _, c := range []struct {
		rival string
		users int
		count int // connections in one turn
	}{{"xray", 1000, 2000}, {"ss-server", 1, 5000}} {
		for _, method := range []string{"aes-128-gcm", "chacha20-ietf-poly1305"} {
			b.Run(fmt.Sprintf("%s/users=%d/%s", method, c.users, c.rival), func(b *testing.B) {
				o := optionsOf(b, method, 1000)
				servers := []*process{startOurs(b, o, c.users), startForeign(b, c.rival, o, c.users)}
				echo := ingresstest.Echo(b)
				clients := map[*process][]*tester{}
				for _, p := range servers {
					clients[p] = clientsOf(p, o, c.users)
				}
				introduce(b, clients[servers[0]], echo)
				for b.Loop() {
					contest(b, servers, float64(c.count), "conn", func(p *process) { connections(b, clients[p], echo, c.count) })
				}
			})
		}
	}
}

func clientsOf(p *process, o options.Options, users int) []*tester {
	all := make([]*tester, users)
	for i, u := range crowd(users) {
		all[i] = newTester(o, p.addr, u.Clear())
	}
	return all
}

// introduce makes each subscriber's address known. Searches are rationed, so some have to come again.
func introduce(b *testing.B, clients []*tester, target string) {
	b.Helper()
	for i, c := range clients {
		for deadline := time.Now().Add(time.Minute); ; {
			if _, err := greet(c, addressOf(i), target); err == nil {
				break
			} else if time.Now().After(deadline) {
				b.Fatalf("subscriber %d: %v", i, err)
			}
		}
	}
}

func connections(b *testing.B, clients []*tester, target string, count int) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > count {
					return
				}
				n := i * 617 % len(clients) // everybody in turn, neighbours far apart
				if _, err := greet(clients[n], addressOf(n), target); err != nil {
					b.Errorf("connection %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkKnownAddress measures how long a connection takes among 5,000 subscribers of one AEAD port, from an address that
// is known, until the first byte of its answer. Target: 99 of 100 under 10 ms.
func BenchmarkKnownAddress(b *testing.B) {
	o := optionsOf(b, "aes-128-gcm", 1000)
	p := startOurs(b, o, 5000)
	echo := ingresstest.Echo(b)
	all := clientsOf(p, o, 5000)[4900:]
	introduce(b, all, echo)
	var took []time.Duration
	for b.Loop() {
		for i := range 2000 {
			d, err := greet(all[i%len(all)], addressOf(i%len(all)), echo)
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, d)
		}
	}
	slices.Sort(took)
	for _, q := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*q/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", q))
	}
	b.ReportMetric(0, "ns/op")
}
